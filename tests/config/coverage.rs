//! Which cases show which mistake: a case that is lost, or a check that is, shows here by its name.

use std::collections::BTreeMap;

use super::cases;

/// The name of each variant of `ProblemKind` that the corpus shows, with the cases that show it.
fn shown() -> BTreeMap<String, Vec<String>> {
    let mut shown = BTreeMap::<String, Vec<String>>::new();
    for case in cases("bad").into_iter().chain(cases("good")) {
        for problem in case.planned().problems {
            let written = format!("{:?}", problem.kind);
            let variant = written.split([' ', '{']).next().expect("a split has a first part").to_owned();
            let names = shown.entry(variant).or_default();
            if names.last() != Some(&case.name) {
                names.push(case.name.clone());
            }
        }
    }
    shown
}

#[test]
fn every_mistake_is_shown_by_two_cases_at_least() {
    let shown = shown();
    for (variant, names) in COVERED {
        assert_eq!(shown.get(*variant).map(Vec::as_slice).unwrap_or_default(), *names, "{variant}");
        assert!(names.len() >= 2, "{variant} is shown by {names:?} alone");
    }
    let listed: Vec<&str> = COVERED.iter().map(|(variant, _)| *variant).collect();
    assert_eq!(shown.keys().collect::<Vec<_>>(), listed);
    assert!(COVERED.len() >= 25, "{} variants are shown", COVERED.len());
}

/// Variants of `ProblemKind` by name, each with all its cases by name. What concerns files is in `files`.
const COVERED: &[(&str, &[&str])] = &[
    (
        "AddressTaken",
        &[
            "address-taken",
            "address-taken-by-all",
            "address-taken-by-itself",
            "address-taken-handed",
            "address-taken-http",
            "address-taken-http-of-many-paths",
            "address-taken-ipv6",
            "address-taken-tcp-and-http",
            "address-taken-unix",
        ],
    ),
    (
        "BadAddress",
        &[
            "address-of-a-list",
            "address-of-no-socket",
            "address-without-port",
            "many-in-one-section",
            "many-sections",
            "variable-of-wrong-type",
        ],
    ),
    ("BadDuration", &["duration", "duration-unit", "many-in-one-section", "many-sections"]),
    (
        "BadMatcher",
        &[
            "many-in-an-output",
            "matcher-behind-variable",
            "matcher-empty",
            "matcher-escaped",
            "matcher-literal",
            "matcher-multi-line",
            "matcher-of-variable",
            "matcher-operator",
        ],
    ),
    ("BadReference", &["variable-bad-name", "variable-not-closed"]),
    ("BadSize", &["size", "size-negative"]),
    ("CannotBlock", &["block-on-datagrams", "block-on-filter"]),
    ("CannotTake", &["warning-cannot-take", "warning-cannot-take-in-a-filter"]),
    ("Cycle", &["cycle-of-one", "cycle-of-three", "cycle-of-two"]),
    ("EmptyConfiguration", &["empty", "empty-but-for-hekad", "empty-but-for-outputs"]),
    ("ExclusiveKeys", &["keys-exclusive", "keys-exclusive-twice"]),
    (
        "FeedsItself",
        &[
            "feeds-itself",
            "feeds-itself-udp",
            "feeds-itself-unix",
            "feeds-itself-upstream",
            "feeds-own-endpoint",
        ],
    ),
    ("FileTaken", &["file-taken", "file-taken-by-filter"]),
    ("IntegerOutOfRange", &["integer-negative", "integer-too-large"]),
    ("InvalidValue", &["duration-unit", "size-negative"]),
    ("KeyOutsideSection", &["key-outside-section", "key-outside-section-dotted-value"]),
    ("MessagesForPayloads", &["messages-for-multi", "messages-for-payloads"]),
    (
        "MisplacedKey",
        &[
            "key-of-consumer-in-input",
            "key-of-hekad-in-plugin",
            "key-of-input-in-output",
            "key-of-output-in-encoder",
            "key-of-output-in-filter",
            "key-of-splitter-in-decoder",
            "key-unsupported-framing",
        ],
    ),
    (
        "MissingKey",
        &[
            "http-keys",
            "key-missing",
            "key-missing-decoder-and-splitter",
            "key-missing-encoder",
            "key-missing-in-table",
            "key-missing-of-file",
            "mapping-keys",
            "metric-keys",
            "threshold-keys",
        ],
    ),
    ("MissingMatcher", &["many-sections", "matcher-missing", "matcher-missing-of-filter"]),
    ("MissingType", &["type-missing", "type-missing-and-near"]),
    ("NeedsSection", &["needs-section", "needs-section-as-sub"]),
    ("NeverMatches", &["warning-default-matcher", "warning-never-matches"]),
    ("NothingTakes", &["least", "warning-default-matcher", "warning-never-matches", "warning-nothing-takes"]),
    (
        "OutOfRange",
        &[
            "dialect",
            "glob-in-decoder",
            "glob-of-a-list",
            "health-of-upstreams",
            "limits-burst-alone",
            "logstreamer-groups",
            "many-sections",
            "open-page",
            "percentile-of-a-list",
            "percentile-out-of-range",
            "range-accumulator",
            "range-admin",
            "range-carbon",
            "range-dashboard",
            "range-decoders",
            "range-file",
            "range-hekad",
            "range-http",
            "range-key-flush",
            "range-lanes",
            "range-limits",
            "range-logstreamer",
            "range-mapping",
            "range-own-metrics",
            "range-prometheus",
            "range-retries",
            "range-splitters",
            "range-stat",
            "range-statsd",
            "range-tcp",
            "range-threshold",
            "range-ticker",
            "range-timers",
            "range-udp",
            "range-upstreams",
            "signer-empty",
            "tag-names",
            "tag-names-in-decoder",
            "tags-and-prefix",
            "template-not-closed",
            "template-without-name",
            "unix-sockets",
            "unixgram-upstreams",
        ],
    ),
    ("PartOfItself", &["decoder-of-itself", "decoders-of-each-other"]),
    ("PathTaken", &["path-taken", "path-taken-on-all"]),
    ("PayloadsForMessages", &["payloads-for-messages", "payloads-for-multi", "payloads-without-decoder"]),
    ("RepeatedKey", &["key-repeated", "key-repeated-but-for-case"]),
    ("RepeatedSection", &["many-beside-syntax", "section-repeated", "section-repeated-hekad"]),
    ("SectionIsList", &["section-is-list", "section-is-list-twice"]),
    (
        "Syntax",
        &[
            "many-beside-syntax",
            "syntax-missing-equals",
            "syntax-missing-value",
            "syntax-unclosed-header",
            "syntax-unclosed-string",
        ],
    ),
    ("TypeWithoutClass", &["many-sections", "type-without-class", "type-without-class-for-case"]),
    (
        "UnknownChoice",
        &[
            "choice",
            "choice-of-file",
            "choice-with-a-slip",
            "http-keys",
            "many-in-one-section",
            "mapping-keys",
            "metric-keys",
        ],
    ),
    (
        "UnknownDecoder",
        &["decoder-unknown", "decoder-unknown-section", "decoder-unknown-sub", "many-in-one-section"],
    ),
    ("UnknownEncoder", &["encoder-unknown", "encoder-unknown-section", "many-in-an-output"]),
    (
        "UnknownFilter",
        &["accumulator-unknown", "accumulator-unknown-of-filter", "accumulator-unknown-with-a-slip"],
    ),
    (
        "UnknownKey",
        &[
            "key-of-splitter-in-decoder",
            "key-of-statsd",
            "key-unknown",
            "key-unknown-in-hekad",
            "key-unknown-in-retries",
            "key-unknown-with-a-slip",
            "many-beside-syntax",
            "many-in-an-output",
            "many-in-one-section",
            "many-sections",
            "mapping-keys",
            "metric-keys",
            "threshold-keys",
        ],
    ),
    ("UnknownSplitter", &["splitter-unknown", "splitter-unknown-section"]),
    ("UnknownType", &["reference-to-unknown-type", "type-unknown", "type-unknown-with-a-slip"]),
    ("UnsetVariable", &["many-sections", "variable-unset", "variable-unset-as-heka-had-it"]),
    (
        "UnsupportedKey",
        &[
            "key-unsupported-encoder",
            "key-unsupported-encoder-of-prometheus",
            "key-unsupported-framing",
            "key-unsupported-matcher",
            "key-unsupported-ticker",
            "key-unsupported-ticker-of-statsd",
        ],
    ),
    ("VariableInName", &["variable-in-header", "variable-in-name"]),
    ("WrongClass", &["class-wrong-input", "class-wrong-section", "class-wrong-type", "decoder-unknown-sub"]),
    (
        "WrongType",
        &[
            "address-no-string",
            "http-keys",
            "many-in-an-output",
            "many-in-one-section",
            "many-sections",
            "mapping-keys",
            "metric-keys",
            "threshold-keys",
            "type-is-no-string",
            "value-date",
            "value-integer-for-string",
            "value-list-for-one",
            "value-of-retries",
            "value-one-for-list",
            "value-string-for-boolean",
            "value-string-for-integer",
            "value-table-for-one",
            "variable-of-wrong-type",
        ],
    ),
];
