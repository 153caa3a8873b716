//! Tests of what a browser is given.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::*;

#[test]
fn the_policy_names_every_part_by_its_hash() {
    let wrong: Vec<String> = STYLES
        .iter()
        .chain(&SCRIPTS)
        .map(|part| (part, STANDARD.encode(Sha256::digest(part.text))))
        .filter(|(part, hash)| part.hash != hash)
        .map(|(part, hash)| format!("{}: {hash}", part.mark))
        .collect();
    assert!(wrong.is_empty(), "other hashes are right:\n{}", wrong.join("\n"));
    let header = policy();
    assert!(STYLES.iter().chain(&SCRIPTS).all(|part| header.contains(part.hash)), "{header}");
    assert!(header.starts_with("default-src 'none'; script-src 'sha256-"), "{header}");
}

#[test]
fn the_page_holds_every_part_as_it_was_hashed_and_nothing_that_is_fetched() {
    let page = Page::new();
    for (part, tag) in
        STYLES.iter().map(|part| (part, "style")).chain(SCRIPTS.iter().map(|part| (part, "script")))
    {
        let element = format!("<{tag}>{}</{tag}>", part.text);
        assert_eq!(page.text.matches(&element).count(), 1, "{}", part.mark);
        assert!(!part.text.contains("</"), "{} would end its element", part.mark);
    }
    assert_eq!(page.text.matches("<script").count(), SCRIPTS.len());
    assert_eq!(page.text.matches("<style").count(), STYLES.len());
    let fetched = [" src=", "<link rel=\"stylesheet", "@import", "url(", "<iframe"];
    assert_eq!(fetched.map(|way| FRAME.contains(way)), [false; 5]);
}

#[test]
fn a_browser_is_told_to_run_nothing_else() {
    let answer = Page::new().response().collect();
    let header = |name: &str| {
        answer.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    };
    let policy = header("content-security-policy");
    for directive in [
        "default-src 'none'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.split("; ").any(|known| known == directive), "{directive} is not in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "text/html; charset=utf-8"));
    assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control")));
}
