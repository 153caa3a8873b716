//! The page in a real browser: what it draws, how soon, by keyboard, on a phone, and over a restart.

use std::time::{Duration, Instant};

use crate::harness::wait_until;
use crate::hekad::Hekad;
use crate::webdriver::{Browser, ESCAPE, TAB};

#[test]
fn the_page_draws_what_is_sent_and_works_by_keyboard_and_on_a_phone() {
    let hekad = Hekad::start(10, None);
    let Some(browser) = Browser::start() else { return };
    browser.resize(1280, 800);
    browser.open(&format!("http://127.0.0.1:{}/", hekad.scrape));
    browser.wait_for("document.getElementById('state').textContent", "live");
    browser.wait_for("document.getElementById('hints').hidden", false);

    // The machine may be busy: the quickest of three counts.
    let soonest = (0..3).map(|number| seen_after(&hekad, &browser, &format!("soon.n{number}"))).min();
    assert!(soonest.is_some_and(|time| time < SOON), "a counter was seen after {soonest:?}");
    browser.wait_for("document.getElementById('hints').hidden", true);

    // Names and tags are text, whatever is in them.
    hekad.send(["odd:1|c|#k:<img src=x onerror=alert(1)>", "web.load:3|g|#zone:b", "web.time:5:7:9|ms"]);
    browser.wait_for(
        "[...document.querySelectorAll('.tag')].map(tag => tag.textContent).sort()[0]",
        "k:<img src=x onerror=alert(1)>",
    );
    browser.wait_for("document.querySelectorAll('article canvas').length", 6);
    assert_eq!(browser.value("document.querySelectorAll('img').length"), 0);

    let texts = |selector: &str| {
        format!("[...document.querySelectorAll('{selector}')].map(found => found.textContent).join()")
    };
    browser.wait_for(&texts("#prefixes td:first-child"), "soon,web,(none)");
    browser.wait_for(&texts("#newest li:first-child .name"), "web.time");

    by_keyboard(&browser);
    on_a_phone(&browser);
    assert_eq!(browser.console(), [""; 0]);
    hekad.stop_cleanly();
}

#[test]
fn an_open_page_does_not_hold_a_stop_and_comes_back_after_it() {
    let mut hekad = Hekad::start(10, None);
    let Some(browser) = Browser::start() else { return };
    browser.open(&format!("http://127.0.0.1:{}/?glob=web.*", hekad.scrape));
    hekad.send(["web.requests:1|c", "api.requests:1|c"]);
    browser.wait_for(
        "[...document.querySelectorAll('article .name')].map(name => name.textContent).join()",
        "web.requests",
    );
    let began = Instant::now();
    assert_eq!(hekad.pause().code, Some(0));
    assert!(began.elapsed() < STOPPED, "the stop took {:?}", began.elapsed());
    browser.wait_for("document.getElementById('state').className", "lost");
    hekad.start_again();
    browser.wait_for("document.getElementById('state').textContent", "live");
    hekad.send(["web.requests:1|c"]);
    // Before the break, after it, and the gap between.
    browser.wait_for("document.querySelectorAll('article').length", 1);
    hekad.stop_cleanly();
}

/// How long it took until a counter was seen that was sent now.
fn seen_after(hekad: &Hekad, browser: &Browser, name: &str) -> Duration {
    let sent = Instant::now();
    hekad.send([format!("{name}:1|c").as_str()]);
    wait_until(Duration::from_secs(15), || {
        let names =
            browser.value("[...document.querySelectorAll('article .name')].map(name => name.textContent)");
        let seen = names.as_array().is_some_and(|names| names.iter().any(|known| known == name));
        seen.then_some(()).ok_or(format!("no {name} in {names}"))
    });
    sent.elapsed()
}

fn by_keyboard(browser: &Browser) {
    let focus = "document.activeElement.id || document.activeElement.className";
    browser.press(TAB);
    browser.wait_for(focus, "skip");
    browser.press(TAB);
    browser.wait_for(focus, "pause");
    browser.press(" ");
    browser.wait_for("document.getElementById('state').textContent", "paused");
    browser.press(" ");
    browser.wait_for("document.getElementById('state').textContent", "live");
    browser.press("/");
    browser.wait_for(focus, "glob");
    browser.press("web.*");
    browser.wait_for("location.search", "?glob=web.*");
    // Series that rest are drawn from the end of their interval on.
    browser.wait_for(
        "[...document.querySelectorAll('#names button')].map(name => name.textContent).join()",
        "web.load zone:b,web.time",
    );
    browser.press(ESCAPE);
    browser.wait_for("document.getElementById('glob').value + location.search", "*");
}

/// Nothing has to be moved sideways; the pictures are for whoever changes the page.
fn on_a_phone(browser: &Browser) {
    let directory = std::env::temp_dir().join("hekad-page");
    std::fs::create_dir_all(&directory).expect("a directory can be made");
    browser.picture(&directory.join("1280x800.png"));
    browser.resize(360, 740);
    browser.wait_for("[innerWidth, document.documentElement.scrollWidth].join()", "360,360");
    browser.picture(&directory.join("360x740.png"));
}

const SOON: Duration = Duration::from_millis(1500);

/// Far less than a stop may wait for requests under way and outputs together.
const STOPPED: Duration = Duration::from_secs(4);
