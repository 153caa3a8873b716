//! Tests of who is let in.

use super::*;
use crate::net::http::{Caller, HeaderMap, Method};

fn request(headers: &[(&'static str, &str)]) -> Request {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().unwrap());
    }
    let caller = Caller { peer: [127, 0, 0, 1].into(), connection: 1 };
    Request { method: Method::GET, path: "/".to_owned(), query: String::new(), headers: map, caller }
}

fn guard(host: &str, password: &str) -> Guard {
    Guard::new(&Address::new(host, 80), "ann", password, &OwnMetrics::default(), "page")
}

#[test]
fn on_loopback_only_names_of_this_machine_are_answered() {
    let guard = guard("127.0.0.1", "");
    let ours = ["localhost", "LocalHost:4352", "127.0.0.1:4352", "127.9.9.9", "[::1]:4352", "[::1]"];
    for host in ours {
        assert_eq!(guard.refusal(&request(&[("host", host)]), Purpose::Data), None, "{host}");
    }
    let others = [
        "evil.example",
        "localhost.evil.example:4352",
        "10.0.0.1",
        "[::2]:1",
        "[",
        "",
        "127.0.0.1.evil.example",
    ];
    for host in others {
        let refused = guard.refusal(&request(&[("host", host)]), Purpose::Page);
        assert_eq!(refused, Some(Refusal::Host), "{host}");
    }
    let two = request(&[("host", "localhost"), ("host", "evil.example")]);
    assert_eq!(guard.refusal(&two, Purpose::Page), Some(Refusal::Host));
    // No browser leaves it out.
    assert_eq!(guard.refusal(&request(&[]), Purpose::Data), None);
}

#[test]
fn the_configured_name_of_loopback_is_answered() {
    let guard = guard("127.0.0.2", "");
    assert_eq!(guard.refusal(&request(&[("host", "127.0.0.2:80")]), Purpose::Page), None);
}

#[test]
fn another_site_may_link_to_the_page_and_not_read_its_data() {
    let guard = guard("127.0.0.1", "");
    for (site, data) in [
        ("cross-site", Some(Refusal::Site)),
        ("same-site", Some(Refusal::Site)),
        ("same-origin", None),
        ("none", None),
    ] {
        let request = request(&[("host", "localhost"), ("sec-fetch-site", site)]);
        assert_eq!(guard.refusal(&request, Purpose::Page), None, "{site}");
        assert_eq!(guard.refusal(&request, Purpose::Data), data, "{site}");
    }
}

#[test]
fn elsewhere_user_and_password_are_needed_whatever_the_host() {
    let guard = guard("0.0.0.0", "söcret:x");
    let right = format!("Basic {}", STANDARD.encode("ann:söcret:x"));
    assert_eq!(right, "Basic YW5uOnPDtmNyZXQ6eA==");
    for sent in [right.as_str(), "basic  YW5uOnPDtmNyZXQ6eA== "] {
        let request = request(&[("host", "hekad.example"), ("authorization", sent)]);
        assert_eq!(guard.refusal(&request, Purpose::Data), None, "{sent}");
    }
    let wrong = [
        "",
        "Basic",
        "Basic ",
        "Basic YW5uOnPDtmNyZXQ6eA=",
        "Basic YW5uOnPDtmNyZXQ6eB==",
        "Bearer YW5uOnPDtmNyZXQ6eA==",
    ];
    for sent in wrong {
        let request = request(&[("host", "hekad.example"), ("authorization", sent)]);
        assert_eq!(guard.refusal(&request, Purpose::Page), Some(Refusal::Password), "{sent}");
    }
    let answer = guard.refuse(&request(&[]), Purpose::Page).unwrap().collect();
    assert_eq!(answer.status, 401);
    let challenge = ("www-authenticate".to_owned(), r#"Basic realm="hekad", charset="UTF-8""#.to_owned());
    assert_eq!(answer.headers, [challenge]);
    assert_eq!(guard.refused[Refusal::Password as usize].value(), 1);
}
