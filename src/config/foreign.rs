//! Names that options have in other servers: what somebody types who knows statsd, its exporter, telegraf or the agents.
//!
//! They are taken by nothing; "did you mean" knows them, which no distance between letters would find.

/// The option that `word` means of those a section of the type `type_name` has. Case, `_` and `-` are ignored.
pub(super) fn known_here<'a>(
    word: &str,
    type_name: &str,
    allowed: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = plain(word);
    // The port of a certain peer is the address of one type alone.
    let is_meant = |home: &str, key: &str| {
        home == type_name || home == GENERAL || !["address", "format", "protocol"].contains(&key)
    };
    let rows: Vec<&str> =
        rows(&word).filter(|(_, key, home)| is_meant(home, key)).map(|(_, key, _)| *key).collect();
    allowed.into_iter().find(|own| plain(own) == word || rows.contains(own))
}

/// The option of another type that `word` means, as `[Type] option`.
pub(super) fn known_elsewhere(word: &str) -> Option<String> {
    let word = plain(word);
    rows(&word).next().map(|(_, key, home)| format!("[{home}] {key}"))
}

fn rows(word: &str) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    FOREIGN_KEYS.iter().filter(move |(foreign, ..)| *foreign == word)
}

/// The type whose names are those of everything that has such an option.
const GENERAL: &str = "StatsdInput";

fn plain(name: &str) -> String {
    name.chars().filter(|letter| !['_', '-'].contains(letter)).collect::<String>().to_lowercase()
}

/// A name as others write it, in small letters without `_` and `-`; ours; and the type it is an option of.
pub const FOREIGN_KEYS: &[(&str, &str, &str)] = &[
    ("addr", "address", "StatsdInput"),
    ("aggregates", "timer_metrics", "StatAccumFilter"),
    ("bind", "address", "StatsdInput"),
    ("bindaddress", "address", "StatsdInput"),
    ("carbonhost", "address", "CarbonOutput"),
    ("carbonport", "address", "CarbonOutput"),
    ("datadogextensions", "dialect", "StatsdInput"),
    ("dogstatsdport", "address", "StatsdInput"),
    ("dogstatsdsocket", "socket", "StatsdInput"),
    ("dogstatsdsorcvbuf", "receive_buffer", "StatsdInput"),
    ("flushinterval", "ticker_interval", "StatAccumFilter"),
    ("graphitehost", "address", "CarbonOutput"),
    ("graphitepickleport", "address", "CarbonOutput"),
    ("graphiteport", "address", "CarbonOutput"),
    ("graphiteprotocol", "format", "CarbonOutput"),
    ("histogramaggregates", "timer_metrics", "StatAccumFilter"),
    ("histogrampercentiles", "percent_threshold", "StatAccumFilter"),
    ("host", "address", "StatsdInput"),
    ("interval", "ticker_interval", "StatAccumFilter"),
    ("keynamesanitize", "sanitize_names", "StatsdInput"),
    ("legacynamespace", "legacy_namespaces", "StatAccumFilter"),
    ("listen", "address", "StatsdInput"),
    ("listenaddress", "address", "StatsdInput"),
    ("mappingconfig", "mapping", "PrometheusOutput"),
    ("maxtcpconnections", "max_connections", "StatsdInput"),
    ("metricmaxlength", "max_line", "StatsdInput"),
    ("mgmtaddress", "address", "StatsdAdminOutput"),
    ("mgmtport", "address", "StatsdAdminOutput"),
    ("namespace", "prefix", "StatsdInput"),
    ("nodes", "upstreams", "StatsdOutput"),
    ("numreaders", "lanes", "StatsdInput"),
    ("numworkers", "lanes", "StatsdInput"),
    ("percentile", "percent_threshold", "StatAccumFilter"),
    ("percentilelimit", "exact_samples", "StatAccumFilter"),
    ("percentiles", "percent_threshold", "StatAccumFilter"),
    ("percentiles", "quantiles", "PrometheusOutput"),
    ("port", "address", "StatsdInput"),
    ("prefixcounter", "counter_prefix", "StatAccumFilter"),
    ("prefixgauge", "gauge_prefix", "StatAccumFilter"),
    ("prefixset", "set_prefix", "StatAccumFilter"),
    ("prefixstats", "statsd_prefix", "StatAccumFilter"),
    ("prefixtimer", "timer_prefix", "StatAccumFilter"),
    ("prettyprint", "pretty", "ConsoleOutput"),
    ("readbuffersize", "receive_buffer", "StatsdInput"),
    ("repeater", "upstreams", "StatsdOutput"),
    ("repeaterprotocol", "protocol", "StatsdOutput"),
    ("serviceaddress", "address", "StatsdInput"),
    ("socketmod", "socket_mode", "StatsdInput"),
    ("workers", "lanes", "StatsdInput"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_lead_to_ours() {
        let accumulator = ["percent_threshold", "ticker_interval", "type", "gauges_max_ttl"];
        let known = |word| known_here(word, "StatAccumFilter", accumulator);
        for word in ["flush_interval", "flushInterval", "flush-interval", "interval"] {
            assert_eq!(known(word), Some("ticker_interval"), "{word}");
        }
        assert_eq!(known("percentiles"), Some("percent_threshold"));
        assert_eq!(known("gaugesMaxTTL"), Some("gauges_max_ttl"));
        assert_eq!((known("graphite_host"), known("colour")), (None, None));
        assert_eq!(known_here("percentiles", "PrometheusOutput", ["quantiles"]), Some("quantiles"));
        assert_eq!(known_elsewhere("graphite_host").as_deref(), Some("[CarbonOutput] address"));
        assert_eq!(known_elsewhere("colour"), None);
    }

    #[test]
    fn the_port_of_a_certain_peer_is_meant_in_its_type_alone() {
        let known = |word, type_name| known_here(word, type_name, ["address", "net"]);
        assert_eq!(known("port", "StatsdInput"), Some("address"));
        assert_eq!(known("host", "TcpOutput"), Some("address"));
        assert_eq!(known("graphite_port", "CarbonOutput"), Some("address"));
        assert_eq!(known("graphite_port", "StatsdInput"), None);
    }

    #[test]
    fn the_table_is_sorted_and_written_as_it_is_looked_up() {
        assert!(FOREIGN_KEYS.is_sorted());
        assert!(FOREIGN_KEYS.iter().all(|(foreign, ..)| plain(foreign) == *foreign));
    }
}
