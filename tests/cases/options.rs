//! Every option, of every builtin plugin and of the daemon, is turned by a case, or says here where else it is.

use heka::config::docs::options;
use heka::pipeline::{ConsumerOptions, Hekad, InputOptions, OutputOptions, SplitterOptions, builtin};

use super::case::Case;
use super::{case_files, root};

/// Options that a trial, which opens no socket, cannot show; and where they are shown.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("StatsdInput", "idle_timeout", "closes sockets: src/net/streams.rs"),
    ("StatsdInput", "max_connections", "refuses sockets: src/net/streams.rs"),
    ("StatsdInput", "lanes_share_socket", "is about sockets: src/net/receive/tests.rs"),
    ("StatsdInput", "max_line", "bounds what a socket buffers: src/net/lines.rs"),
    ("StatsdInput", "receive_buffer", "is a socket option: src/net/datagram.rs"),
    ("CarbonOutput", "connect_timeout", "bounds a real connect: src/net/dial.rs"),
    ("CarbonOutput", "format", "is bytes: src/graphite/pickle.rs, tests/real/carbon.rs"),
    ("CarbonOutput", "send_timeout", "bounds a real write: tests/real/carbon.rs"),
    ("PrometheusOutput", "max_scrapes", "bounds scrapes under way: src/outputs/prometheus/tests.rs"),
    (
        "PrometheusOutput",
        "native_histograms",
        "is for protobuf: src/exposition/protobuf/, tests/real/formats.rs",
    ),
    ("FileOutput", "path", "is a file: tests/file_output.rs"),
    ("FileOutput", "perm", "is of a file: src/outputs/file/tests.rs"),
    ("FileOutput", "folder_perm", "is of a folder: src/outputs/file/tests.rs"),
    ("FileOutput", "rotation_interval", "is about files: tests/file_output.rs"),
    ("FileOutput", "flush_count", "is seen by a disk: src/outputs/file/tests.rs"),
    ("FileOutput", "flush_operator", "is seen by a disk: src/outputs/file/flushing.rs"),
    ("HttpOutput", "http_timeout", "bounds a real answer: src/net/client/tests.rs"),
    ("HttpOutput", "connect_timeout", "bounds a real connect: src/net/dial.rs"),
    ("HttpOutput", "client_auth", "is for what listens, and refused: src/net/tls/options.rs"),
    ("HttpOutput", "client_cafile", "is for what listens, and refused: src/net/tls/options.rs"),
    ("HttpOutput", "prefer_server_ciphers", "is for what listens, and refused: src/net/tls/options.rs"),
    ("HttpOutput", "ciphers", "is refused: src/net/tls/options.rs"),
    ("HttpOutput", "sesion_ticket_key", "is refused: src/net/tls/options.rs"),
    ("KeyFlushFilter", "log", "is a file: tests/key_flush.rs"),
    ("StatsdOutput", "connect_timeout", "bounds a real connect: src/net/dial.rs"),
    ("StatsdOutput", "dns_ttl", "looks names up again: src/outputs/statsd/upstream.rs"),
    ("StatsdOutput", "health_timeout", "bounds a real question: src/outputs/statsd/health.rs"),
    ("StatsdOutput", "send_timeout", "bounds a real write: src/net/sending.rs"),
    ("StatsdAdminOutput", "allow_writes_from", "judges peers: tests/admin.rs"),
    ("StatsdAdminOutput", "max_answer", "cuts answers: tests/admin.rs"),
    ("StatsdAdminOutput", "max_connections", "refuses sockets: src/net/consoles/tests.rs"),
    ("StatsdAdminOutput", "idle_timeout", "closes sockets: src/net/consoles/tests.rs"),
    ("StatsdAdminOutput", "max_line", "bounds what a socket buffers: src/net/consoles/tests.rs"),
    (
        "PrometheusOutput",
        "native_histogram_bucket_factor",
        "is for protobuf: src/exposition/shapes.rs, src/exposition/families/tests/mapped.rs",
    ),
    (
        "PrometheusOutput",
        "native_histogram_max_buckets",
        "is for protobuf: src/exposition/shapes.rs, src/exposition/families/tests/mapped.rs",
    ),
    ("LogstreamerInput", "log_directory", "reads files: tests/logstreamer.rs"),
    ("LogstreamerInput", "file_match", "reads files: tests/logstreamer.rs"),
    ("LogstreamerInput", "priority", "reads files: tests/logstreamer.rs"),
    ("LogstreamerInput", "differentiator", "reads files: tests/logstreamer.rs"),
    ("LogstreamerInput", "translation", "reads files: tests/logstreamer.rs"),
    ("LogstreamerInput", "oldest_duration", "reads files: tests/logstreamer.rs"),
    ("LogstreamerInput", "initial_tail", "reads files: tests/logstreamer.rs"),
    ("LogstreamerInput", "rotate_wait", "reads files: tests/logstreamer.rs"),
    ("LogstreamerInput", "rescan_interval", "reads files: tests/logstreamer.rs"),
    ("LogstreamerInput", "check_data_interval", "reads files: tests/logstreamer.rs"),
    ("LogstreamerInput", "journal_directory", "reads files: tests/logstreamer.rs"),
    ("LogstreamerInput", "commit_interval", "reads files: tests/logstreamer.rs"),
    ("LogstreamerInput", "follow_links", "reads files: tests/logstreamer.rs"),
    ("LogstreamerInput", "max_open_files", "reads files: tests/logstreamer.rs"),
    ("TcpInput", "client_auth", "is about TLS: src/net/tls/tests.rs"),
    ("TcpInput", "prefer_server_ciphers", "is about TLS: src/net/tls/tests.rs"),
    ("TcpInput", "client_cafile", "is about TLS: src/net/tls/tests.rs"),
    ("TcpInput", "ciphers", "is refused: src/net/tls/options.rs"),
    ("TcpInput", "sesion_ticket_key", "is refused: src/net/tls/options.rs"),
    ("TcpOutput", "client_auth", "is about TLS: src/net/tls/tests.rs"),
    ("TcpOutput", "prefer_server_ciphers", "is about TLS: src/net/tls/tests.rs"),
    ("TcpOutput", "client_cafile", "is about TLS: src/net/tls/tests.rs"),
    ("TcpOutput", "ciphers", "is refused: src/net/tls/options.rs"),
    ("TcpOutput", "sesion_ticket_key", "is refused: src/net/tls/options.rs"),
    ("TcpInput", "keep_alive", "is a socket option: tests/network.rs"),
    ("TcpInput", "keep_alive_period", "is a socket option: tests/network.rs"),
    ("TcpInput", "max_connections", "refuses sockets: src/net/bytes/tests.rs"),
    ("TcpInput", "idle_timeout", "closes sockets: src/net/bytes/tests.rs"),
    ("TcpInput", "handshake_timeout", "closes sockets: src/net/bytes/tests.rs"),
    ("TcpOutput", "keep_alive", "is a socket option: src/outputs/tcp/tests.rs"),
    ("TcpOutput", "keep_alive_period", "is a socket option: src/outputs/tcp/tests.rs"),
    ("TcpOutput", "local_address", "is of a socket: src/outputs/tcp/tests.rs"),
    ("TcpOutput", "connect_timeout", "bounds a real connect: src/net/tls/tests.rs"),
    ("TcpOutput", "send_timeout", "bounds a real write: src/net/sending.rs"),
    ("UdpInput", "set_hostname", "asks sockets: tests/network.rs"),
    ("UdpInput", "receive_buffer", "is a socket option: src/net/datagram.rs"),
    ("UdpOutput", "local_address", "is of a socket: tests/network.rs"),
    ("UdpOutput", "send_timeout", "bounds a real write: src/net/unixgram.rs"),
    ("hekad", "base_dir", "is a folder: tests/real/"),
    ("hekad", "max_message_loops", "needs filters in a row: tests/faults.rs"),
    ("hekad", "queue_size", "weighs samples and messages differently: tests/faults.rs"),
    ("hekad", "stop_timeout", "needs real threads: tests/faults.rs"),
    ("an input", "can_exit", "needs real threads: tests/faults.rs"),
    ("a consumer", "can_exit", "needs real threads: tests/faults.rs"),
];

#[test]
fn every_option_is_turned_by_a_case() {
    let configs = configs();
    let is_turned = |owner: &str, key: &str| {
        ELSEWHERE.iter().any(|(name, other, _)| *name == owner && *other == key)
            || configs.iter().any(|config| turns(config, key))
    };
    let missing: Vec<String> = documented()
        .into_iter()
        .filter(|(owner, key)| !is_turned(owner, key))
        .map(|(owner, key)| format!("{owner}: {key}"))
        .collect();
    assert!(missing.is_empty(), "no case turns {}", missing.join(", "));
}

#[test]
fn every_option_that_is_shown_elsewhere_exists_and_no_case_turns_it() {
    let (documented, configs) = (documented(), configs());
    for (owner, key, _) in ELSEWHERE {
        let is_there = documented.iter().any(|(name, other)| name == owner && other == key);
        assert!(is_there, "{owner} has no {key}");
        assert!(!configs.iter().any(|config| turns(config, key)), "a case turns {key}: take it off the list");
    }
}

/// Every option with whose it is; those in a table by their last part.
fn documented() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for plugin in builtin().all() {
        all.extend((plugin.options)().into_iter().map(|option| (plugin.type_name, option.key)));
    }
    all.extend(options::<Hekad>().into_iter().map(|option| ("hekad", option.key)));
    all.extend(options::<InputOptions>().into_iter().map(|option| ("an input", option.key)));
    all.extend(options::<ConsumerOptions>().into_iter().map(|option| ("a consumer", option.key)));
    all.extend(options::<SplitterOptions>().into_iter().map(|option| ("a splitter", option.key)));
    all.extend(options::<OutputOptions>().into_iter().map(|option| ("an output", option.key)));
    let last = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let named = all.into_iter().filter(|(_, key)| !key.contains("<name>"));
    named.map(|(owner, key)| (owner.to_owned(), last(&key))).collect()
}

fn configs() -> Vec<String> {
    let read = |file| std::fs::read_to_string(file).expect("a case is readable text");
    case_files(&root())
        .into_iter()
        .map(|file| Case::parse(&read(file)).expect("it is a case").config)
        .collect()
}

/// Whether a line of `config` gives `key`, or is the header of its table.
fn turns(config: &str, key: &str) -> bool {
    config.lines().any(|line| {
        let given = line.split_once('=').is_some_and(|(left, _)| left.trim().eq_ignore_ascii_case(key));
        let header = line.trim_end_matches(']');
        given || header.len() < line.len() && header.ends_with(&format!(".{key}"))
    })
}
