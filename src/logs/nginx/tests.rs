//! Heka's cases of nginx's variables, and lines of real formats.

use proptest::prelude::*;

use super::*;
use crate::time::Stamp;

const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
                        \"$http_referer\" \"$http_user_agent\"";

fn read(format: &str, line: &str) -> Result<Message, LineError> {
    let format = AccessFormat::new(format, UserAgents::default()).unwrap();
    let mut message = Message::default();
    format.read(line.as_bytes(), &mut message)?;
    Ok(message)
}

fn field(value: &serde_json::Value) -> (Value, Text) {
    match value {
        serde_json::Value::Number(number) => (number.as_f64().unwrap().into(), Text::default()),
        serde_json::Value::String(text) => (text.as_str().into(), Text::default()),
        table => (field(&table["value"]).0, table["representation"].as_str().unwrap().into()),
    }
}

#[test]
fn variables_of_the_vectors_are_read_as_heka_reads_them() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/vectors/decoders.json")).unwrap();
    let rows = vectors["nginx_variables"]["rows"].as_array().unwrap();
    for row in rows {
        let (format, line) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
        let message = read(format, line).unwrap_or_else(|error| panic!("{row}: {error}"));
        if message.fields.is_empty() {
            // Doubles of Lua are good for 256 ns.
            assert!((message.timestamp.0 as f64 - row[2].as_f64().unwrap()).abs() < 256.0, "{row}");
        } else {
            let (value, representation) = field(&row[2]);
            let name = format.trim_matches(['"', '$']);
            assert_eq!(message.fields, [Field { name: name.into(), representation, value }], "{row}");
        }
    }
    assert_eq!(rows.len(), 26);
}

#[test]
fn a_line_of_the_combined_format_is_read() {
    let line = "2001:db8::1 - john doe [10/Feb/2014:08:46:41 -0800] \"GET /a?b=\\\"c\\\" HTTP/1.1\" 304 - \"-\" \"curl/7.88.1\"\r\n";
    let message = read(COMBINED, line).unwrap();
    assert_eq!(message.timestamp, Stamp(1_392_050_801_000_000_000));
    let expected = [
        Field::new("remote_addr", "2001:db8::1").shown_as("ipv6"),
        Field::new("remote_user", "john doe"),
        Field::new("request", "GET /a?b=\\\"c\\\" HTTP/1.1"),
        Field::new("status", 304.0),
        Field::new("http_referer", "-"),
        Field::new("http_user_agent", "curl/7.88.1"),
    ];
    assert_eq!(message.fields, expected);
}

#[test]
fn servers_that_were_asked_in_turn_are_lists() {
    let format = "$upstream_addr $upstream_status $upstream_response_time $upstream_response_length \"${request_time}s\"";
    let line = "10.0.0.1:80, 10.0.0.2:80 : unix:/s.sock 502, 200 : - 0.010, - : 1.5 12, 0 : 7 \"1.511s\"";
    let expected = [
        Field::new(
            "upstream_addr",
            Value::Strings(
                ["10.0.0.1:80", "10.0.0.2:80", "unix:/s.sock"].map(Text::new).into_iter().collect(),
            ),
        ),
        Field::new("upstream_status", Value::Doubles(vec![502.0, 200.0, 0.0].into())),
        Field::new("upstream_response_time", Value::Doubles(vec![0.01, 0.0, 1.5].into())).shown_as("s"),
        Field::new("upstream_response_length", Value::Doubles(vec![12.0, 0.0, 7.0].into())).shown_as("B"),
        Field::new("request_time", 1.511).shown_as("s"),
    ];
    assert_eq!(read(format, line).unwrap().fields, expected);
    let fields = read(format, "- - - - \"0.000s\"").unwrap().fields;
    let names: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["upstream_addr", "upstream_status", "upstream_response_time", "request_time"]);
}

#[test]
fn a_number_that_is_empty_is_one_that_nginx_had_none_for() {
    // As escape=json and escape=none write them.
    let format = r#"{"b":"$body_bytes_sent","urt":"$upstream_response_time","us":"$upstream_status","ul":"$upstream_response_length","a":"$upstream_addr"} $request_length"#;
    let names = |line: &str| -> Vec<String> {
        let fields = read(format, line).unwrap_or_else(|error| panic!("{line}: {error}")).fields;
        fields.iter().map(|field| field.name.to_string()).collect()
    };
    let without = ["upstream_response_time", "upstream_status", "upstream_addr"];
    assert_eq!(names(r#"{"b":"","urt":"","us":"","ul":"","a":""} "#), without);
    assert_eq!(names(r#"{"b":"-","urt":"-","us":"-","ul":"-","a":"-"} -"#), without);
    let fields = read(format, r#"{"b":"","urt":"","us":"502, ","ul":"","a":""} 7"#).unwrap().fields;
    assert_eq!(
        fields[0],
        Field::new("upstream_response_time", Value::Doubles(vec![0.0].into())).shown_as("s")
    );
    assert_eq!(fields[1], Field::new("upstream_status", Value::Doubles(vec![502.0, 0.0].into())));
    assert_eq!(fields[3], Field::new("request_length", 7.0).shown_as("B"));
    let refused = |line: &str| read(format, line).unwrap_err().to_string();
    assert_eq!(
        refused(r#"{"b":"x","urt":"","us":"","ul":"","a":""} "#),
        "$body_bytes_sent is not at its byte 6"
    );
    // Where one ends of two that adjoin is not told by nothing.
    assert!(read("$status$request", "GET").is_err());
}

#[test]
fn addresses_say_what_they_are() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/vectors/decoders.json")).unwrap();
    let grammars = &vectors["ip_address_grammars"];
    let texts = |key: &str| -> Vec<String> {
        grammars[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    for text in texts("v4_valid") {
        assert_eq!(address_kind(text.as_bytes()), "ipv4", "{text}");
    }
    for text in texts("v4_invalid_full_match") {
        assert_eq!(address_kind(text.as_bytes()), "hostname", "{text}");
    }
    for text in texts("v6_invalid_full_match") {
        assert_eq!(address_kind(text.as_bytes()), "", "{text}");
    }
    assert_eq!(address_kind(b"::ffff:1.2.3.4"), "ipv6");
}

#[test]
fn user_agents_are_read_and_kept_as_asked() {
    let names = |user_agents: UserAgents, agent: &str| {
        let format = AccessFormat::new("\"$http_user_agent\"", user_agents).unwrap();
        let mut message = Message::default();
        format.read(format!("\"{agent}\"").as_bytes(), &mut message).unwrap();
        message.fields.iter().map(|field| field.name.to_string()).collect::<Vec<_>>()
    };
    let three = ["user_agent_browser", "user_agent_version", "user_agent_os"];
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:26.0) Gecko/20100101 Firefox/26.0";
    let transform = UserAgents { transform: true, ..UserAgents::default() };
    assert_eq!(names(transform, firefox), three);
    assert_eq!(names(transform, "curl"), [""; 0]);
    let keep = UserAgents { keep: true, ..transform };
    assert_eq!(names(keep, firefox)[1..], three);
    let unknown = UserAgents { keep_unknown: true, ..transform };
    assert_eq!(
        (names(unknown, firefox).len(), names(unknown, "curl")),
        (3, vec!["http_user_agent".to_owned()])
    );
}

#[test]
fn errors_say_what_is_wrong() {
    let refused = |format: &str| AccessFormat::new(format, UserAgents::default()).unwrap_err().to_string();
    assert_eq!(refused("plain"), "has no variable, such as $remote_addr");
    assert_eq!(refused("$status $ "), "has a `$` without the name of a variable");
    assert_eq!(refused("${}"), "has a `$` without the name of a variable");
    assert_eq!(refused("$status\n$request"), "must be one line, as nginx writes it");
    assert_eq!(
        refused("$request$status"),
        "has nothing between $request and the variable behind it: where one ends cannot be told"
    );
    assert!(AccessFormat::new("$status$request", UserAgents::default()).is_ok());
    let error = |line: &str| read(COMBINED, line).unwrap_err().to_string();
    assert_eq!(error("bogus message"), "$remote_addr is not at its byte 0");
    assert_eq!(error("a - b [10/Fe/2014"), "$time_local is not at its byte 7");
    let line = "a - b [10/Feb/2014:08:46:41 -0800] \"x\" 200x 1 \"-\" \"-\"";
    assert_eq!(error(line), "the text behind $status is not found from its byte 42 on");
    assert_eq!(read("<$status>", "200").unwrap_err().to_string(), "it does not begin as the log_format does");
    for time in ["32/Jan/2014:08:46:41 -0800", "29/Feb/2014:08:46:41 -0800", "10/Feb/2014:24:46:41 -0800"] {
        assert_eq!(time_local(time.as_bytes()), None, "{time}");
    }
}

proptest! {
    #[test]
    fn any_line_is_read_or_an_error(line in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b' '), Just(b'-')], 0..80)) {
        let formats = [COMBINED, "$upstream_addr $upstream_status:$msec", "$time_iso8601 $request_time $host|$x"];
        for format in formats {
            let format = AccessFormat::new(format, UserAgents { transform: true, ..UserAgents::default() }).unwrap();
            let _ = format.read(&line, &mut Message::default());
        }
    }

    #[test]
    fn what_nginx_writes_is_read_again(
        status in 100..600u32, bytes in 0..u64::from(u32::MAX), seconds in -2_000_000_000i64..4_000_000_000,
        text in "[!#-\\[\\]-~]{0,40}", millis in 0..10_000_000u32
    ) {
        let at = jiff::Timestamp::from_second(seconds).unwrap().strftime("%d/%b/%Y:%H:%M:%S +0000");
        let format = "[$time_local] $status $bytes_sent \"$request\" $request_time";
        let (whole, part) = (millis / 1000, millis % 1000);
        let line = format!("[{at}] {status} {bytes} \"{text}\" {whole}.{part:03}");
        let message = read(format, &line).unwrap();
        prop_assert_eq!(message.timestamp, Stamp::from_seconds(seconds));
        let time: f64 = format!("{whole}.{part:03}").parse().unwrap();
        let expected = [
            Field::new("status", f64::from(status)),
            Field::new("bytes_sent", bytes as f64).shown_as("B"),
            Field::new("request", text),
            Field::new("request_time", time).shown_as("s"),
        ];
        prop_assert_eq!(&message.fields[..], &expected[..]);
    }
}
