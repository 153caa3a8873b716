//! A real browser: chromium driven over HTTP (<https://www.w3.org/TR/webdriver2/>).

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Process, free_port, program, skip, wait_until};

/// A headless browser with one page; it ends with the test.
pub(crate) struct Browser {
    _driver: Process,
    _directory: TempDir,
    port: u16,
    session: String,
}

impl Browser {
    /// Starts one; says so and gives nothing where there is none.
    pub(crate) fn start() -> Option<Browser> {
        let (Some(driver), Some(chromium)) = (program("chromedriver"), program("chromium")) else {
            skip("chromium and chromium-driver are not installed");
            return None;
        };
        let directory = TempDir::new().expect("a directory can be made");
        let port = free_port();
        let mut command = Command::new(driver);
        command.arg(format!("--port={port}"));
        let driver = Process::start(&mut command, &directory.path().join("log"));
        wait_until(START, || call(port, "GET", "/status", &Value::Null));
        let flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--hide-scrollbars",
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"binary": chromium, "args": flags},
        }}});
        let session = call(port, "POST", "/session", &wanted).expect("chromium can be started");
        let session = session["sessionId"].as_str().expect("a session has an id").to_owned();
        Some(Browser { _driver: driver, _directory: directory, port, session })
    }

    /// Shows the page at `url`.
    pub(crate) fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url }));
    }

    /// Makes the page so many points wide and high.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.post("/goog/cdp/execute", json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": size}));
    }

    /// What `expression` is in the page.
    pub(crate) fn value(&self, expression: &str) -> Value {
        self.post("/execute/sync", json!({"script": format!("return {expression};"), "args": []}))
    }

    /// Waits until `expression` is `expected` in the page.
    pub(crate) fn wait_for(&self, expression: &str, expected: impl Into<Value>) {
        let expected = expected.into();
        wait_until(SEEN, || match self.value(expression) {
            value if value == expected => Ok(()),
            value => Err(format!("{expression} is {value}, not {expected}")),
        });
    }

    /// Presses and lets go of each key; those without a letter are in the table of WebDriver.
    pub(crate) fn press(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()})))
            .collect();
        self.post("/actions", json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}));
    }

    /// What the page has written to the console since it was last asked, refused requests and violations included.
    pub(crate) fn console(&self) -> Vec<String> {
        let entries = self.post("/se/log", json!({"type": "browser"}));
        entries.as_array().into_iter().flatten().map(|entry| entry["message"].to_string()).collect()
    }

    /// Writes what is seen to `file`.
    pub(crate) fn picture(&self, file: &Path) {
        let path = format!("/session/{}/screenshot", self.session);
        let picture = call(self.port, "GET", &path, &Value::Null).expect("a picture can be taken");
        let bytes = base64(picture.as_str().expect("a picture is text"));
        assert!(bytes.starts_with(b"\x89PNG"), "a picture is a PNG");
        std::fs::write(file, bytes).expect("the picture can be written");
    }

    fn post(&self, path: &str, body: Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        call(self.port, "POST", &path, &body).expect("the browser does what it is told")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without it the browser would outlive its driver. If it fails, the browser is gone already.
        drop(call(self.port, "DELETE", &format!("/session/{}", self.session), &Value::Null));
    }
}

/// The key that goes to the next element.
pub(crate) const TAB: &str = "\u{e004}";

/// The key that goes back.
pub(crate) const ESCAPE: &str = "\u{e00c}";

fn call(port: u16, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let exchange = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(START))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )?;
        answer(&mut stream)
    };
    let answer = exchange().map_err(|error| format!("{method} {path}: {error}"))?;
    let answer: Value =
        serde_json::from_slice(&answer).map_err(|error| format!("{method} {path}: {error}"))?;
    match &answer["value"]["error"] {
        Value::Null => Ok(answer["value"].clone()),
        error => Err(format!("{method} {path}: {error} {}", answer["value"]["message"])),
    }
}

/// The body of an answer, which is as long as its header says.
fn answer(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|end| end + 4);
        let length = head.and_then(|head| {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            length.and_then(|length| length.trim().parse::<usize>().ok())
        });
        if let (Some(head), Some(length)) = (head, length)
            && bytes.len() >= head + length
        {
            return Ok(bytes.split_off(head));
        }
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for digit in text.chars().filter_map(|letter| LETTERS.find(letter)) {
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

const START: Duration = Duration::from_secs(30);
const SEEN: Duration = Duration::from_secs(15);
