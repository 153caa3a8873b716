//! The table of the daemon's own metrics: every name once, with its labels and what it means.

use super::{OwnMetric, OwnMetricKind};

/// Every metric of the daemon's own.
pub const OWN_METRICS: &[OwnMetric] = &[
    counter("hekad_records_offered_total", JOINT, "Records a feed offered to a consumer."),
    counter("hekad_records_taken_total", JOINT, "Records a consumer took."),
    counter(
        "hekad_records_lost_total",
        &["producer", "consumer", "way", "reason"],
        "Records lost between a feed and a consumer, by reason.",
    ),
    counter("hekad_feed_records_total", &["producer"], "Records a producer sent."),
    counter(
        "hekad_feed_unmatched_total",
        &["producer"],
        "Records no consumer asked for; see `hekad check --routes`.",
    ),
    counter("hekad_datagrams_total", INPUT, "Datagrams, or chunks of a stream, an input decoded."),
    counter("hekad_lines_total", INPUT, "Non-empty statsd lines an input decoded, bad ones too."),
    counter(
        "hekad_bad_lines_total",
        &["input", "reason"],
        "Statsd values refused, by reason; the log shows an example of each.",
    ),
    counter(
        "hekad_split_faults_total",
        &["input", "reason"],
        "What an input's splitter could not take as it came: garbage (runs of bytes between frames), unknown_signer, \
         bad_signature, too_long (records beyond max_message_size, dropped), truncated (the same, cut short), incomplete \
         (the end of a stream within a record, dropped).",
    ),
    counter("hekad_decode_errors_total", INPUT, "Records a decoder refused as a whole."),
    counter(
        "hekad_spellings_unremembered_total",
        INPUT,
        "Names looked up anew because no more are remembered, of an input or of a filter that makes samples; stop the client \
         that makes ever new ones.",
    ),
    counter(
        "hekad_dropped_samples_total",
        INPUT,
        "Samples the `drop` globs of an input took out, or that clients sent about themselves and client_telemetry drops.",
    ),
    counter(
        "hekad_late_samples_total",
        INPUT,
        "Samples whose client gave them a time farther than late_after from now; aggregated unless late_samples refuses them.",
    ),
    counter(
        "hekad_kernel_drops_total",
        INPUT,
        "Datagrams the kernel dropped at a full socket; raise receive_buffer.",
    ),
    counter(
        "hekad_truncated_datagrams_total",
        INPUT,
        "Datagrams longer than 65,535 bytes, whose last line was refused.",
    ),
    counter("hekad_connections_total", INPUT, "Connections an input accepted."),
    counter("hekad_connections_ended_total", INPUT, "Those of them that ended; the others are open."),
    counter(
        "hekad_connections_refused_total",
        INPUT,
        "Connections closed at once: max_connections was reached.",
    ),
    counter(
        "hekad_connections_idle_total",
        INPUT,
        "Connections closed because nothing came within idle_timeout.",
    ),
    counter(
        "hekad_handshakes_failed_total",
        &["input", "reason"],
        "Connections by TLS closed before they said anything: late (no keys agreed on within handshake_timeout), refused (the \
         log has an example).",
    ),
    counter("hekad_long_lines_total", INPUT, "Lines of a stream longer than max_line_length, dropped whole."),
    counter(
        "hekad_unfinished_lines_total",
        INPUT,
        "Last lines of connections that were cut off within them.",
    ),
    counter(
        "hekad_accept_errors_total",
        INPUT,
        "Connections that could not be accepted; file descriptors may be short.",
    ),
    counter("hekad_tail_bytes_total", INPUT, "Bytes of log files that were read, uncompressed."),
    counter("hekad_tail_rotations_total", INPUT, "Log files that were left at their end for a newer one."),
    counter(
        "hekad_tail_truncations_total",
        INPUT,
        "Log files that were truncated or written anew while they were read.",
    ),
    counter(
        "hekad_tail_vanished_total",
        INPUT,
        "Positions whose file was nowhere to be found; keep rotated files among those that file_match takes.",
    ),
    counter(
        "hekad_tail_gap_bytes_total",
        INPUT,
        "Bytes of log files that are known to be lost: truncated before they were read, or passed over.",
    ),
    counter(
        "hekad_tail_unreadable_total",
        INPUT,
        "Log files that could not be read, each once; the log says why, and what to do.",
    ),
    counter(
        "hekad_tail_nul_bytes_total",
        INPUT,
        "NUL bytes between lines that were left out: the hole a writer leaves that goes on in a truncated file.",
    ),
    counter(
        "hekad_tail_journal_errors_total",
        INPUT,
        "Journals that could not be read or written; lines since the last one are read again after a stop.",
    ),
    gauge("hekad_tail_streams", INPUT, "Streams of log files."),
    gauge("hekad_tail_troubled_streams", INPUT, "Streams of log files that something keeps from being read."),
    gauge("hekad_tail_open_files", INPUT, "Log files that are open."),
    gauge("hekad_tail_behind_bytes", INPUT, "Bytes of log files that are there and were not read yet."),
    gauge(
        "hekad_tail_uncommitted_bytes",
        INPUT,
        "Bytes of log files that were read, and would be read again after a kill.",
    ),
    counter("hekad_table_poured_total", FILTER, "Samples poured into the tables of a filter."),
    counter("hekad_table_flushed_total", FILTER, "Samples of a filter's tables that are in a snapshot."),
    counter(
        "hekad_table_restored_total",
        FILTER,
        "Samples of the open interval that the former run left to a filter's tables.",
    ),
    counter(
        "hekad_table_kept_total",
        FILTER,
        "Samples of the open interval that a filter left to the next run.",
    ),
    counter(
        "hekad_negative_counters_total",
        FILTER,
        "Negative samples of counters: they are in the sums of flushes and left out of running totals.",
    ),
    gauge(
        "hekad_live_interval_seconds",
        FILTER,
        "How far apart live views are: live_interval, or more where one takes longer than a fiftieth of it.",
    ),
    counter(
        "hekad_table_lost_total",
        FILTER,
        "Samples lost in the tables of a filter: it ended by a fault, or somebody had their series deleted.",
    ),
    counter(
        "hekad_table_deleted_total",
        FILTER,
        "Samples of the open interval that were deleted with their series, through StatsdAdminOutput.",
    ),
    counter("hekad_flushes_total", FILTER, "Snapshots a filter made."),
    counter(
        "hekad_slots_skipped_total",
        FILTER,
        "Slots a filter flushed late into the next, because the clock moved.",
    ),
    counter(
        "hekad_clock_set_back_total",
        FILTER,
        "Times the clock went back far, so that slots were begun again.",
    ),
    gauge("hekad_series", NONE, "Series named since the start."),
    gauge("hekad_series_limit", NONE, "Most series that are named; the rest share an overflow series."),
    counter(
        "hekad_series_overflow_total",
        &["limit"],
        "Times a name was refused and given the overflow series of its type, by the limit it was beyond: series \
         (max_series), prefix (max_series_per_prefix, max_series_of), rate (max_new_series), tags (max_tags), name \
         (max_name). Refusals by prefix, tags and name are remembered, and counted once a spelling.",
    ),
    counter(
        "hekad_overflow_samples_total",
        &["input", "limit"],
        "Samples of an input, or of a filter that makes samples of messages, that went to an overflow series, by the limit \
         their name was beyond.",
    ),
    gauge(
        "hekad_prefix_series",
        &["prefix"],
        "Series of the ten prefixes with the most of them; \"(none)\" stands for names without a dot.",
    ),
    gauge("hekad_prefixes", NONE, "Prefixes that series have."),
    counter("hekad_delivered_total", OUTPUT, "Records an output delivered."),
    counter("hekad_retries_total", OUTPUT, "Attempts of an output that failed and were repeated."),
    gauge(
        "hekad_output_failing",
        OUTPUT,
        "1 while the last attempt of an output to deliver failed, else 0; the log says why.",
    ),
    gauge("hekad_output_send_seconds", OUTPUT, "How long the last delivery of an output took."),
    counter("hekad_plugin_faults_total", &["plugin"], "Faults and panics of a plugin."),
    gauge("hekad_queue_packs", &["consumer"], "Packs waiting in the queue of a consumer."),
    gauge(
        "hekad_queue_max_packs",
        &["consumer"],
        "Packs in the queue of a consumer at which who can wait is made to: plugin_chansize.",
    ),
    counter(
        "hekad_name_conflicts_total",
        OUTPUT,
        "Series whose exposition name was taken by another type or series; /-/conflicts lists them.",
    ),
    counter("hekad_names_reserved_total", OUTPUT, "Series renamed because their name begins with hekad_."),
    counter(
        "hekad_doubled_series_total",
        OUTPUT,
        "Points not shown because another aggregator's are, under the same name; narrow a message_matcher.",
    ),
    counter(
        "hekad_totals_fallen_total",
        OUTPUT,
        "Points not shown because their running total was smaller than before and had not begun anew.",
    ),
    gauge("hekad_exposed_series", OUTPUT, "Series on a scrape endpoint."),
    counter(
        "hekad_mapped_series_total",
        &["output", "result"],
        "Series the mapping was asked about, each once: mapped, unmapped, dropped, or nameless where the name came out \
         empty; see `hekad match`.",
    ),
    counter("hekad_scrapes_total", OUTPUT, "Scrapes answered."),
    counter("hekad_scrapes_refused_total", OUTPUT, "Scrapes answered 503: max_scrapes were under way."),
    counter(
        "hekad_scrapers_forgotten_total",
        OUTPUT,
        "Scrapers of which it is no longer known what they have seen, because there are more than 1024.",
    ),
    counter("hekad_http_connections_total", NONE, "Connections the HTTP servers took."),
    counter(
        "hekad_http_refused_total",
        NONE,
        "Connections the HTTP servers answered 503 because too many were open.",
    ),
    counter(
        "hekad_http_accept_errors_total",
        NONE,
        "Connections to the HTTP servers that could not be accepted; file descriptors may be short.",
    ),
    gauge("hekad_http_connections_open", NONE, "Connections to the HTTP servers that are open."),
    gauge("hekad_queue_bytes", &["consumer"], "Bytes waiting in the queue of a consumer, roughly."),
    gauge("hekad_queue_max_bytes", &["consumer"], "Bytes that the queue of a consumer holds: queue_size."),
    gauge(
        "hekad_tick_interval_seconds",
        FILTER,
        "How often a filter ticks: ticker_interval; of an accumulator, how often it flushes.",
    ),
    gauge(
        "hekad_tick_seconds",
        FILTER,
        "How long the last tick of a filter took: of an accumulator, its flush.",
    ),
    gauge(
        "hekad_tick_lag_seconds",
        FILTER,
        "How late the last tick of a filter was; a machine that is short of CPU is late.",
    ),
    gauge("hekad_process_resident_memory_bytes", NONE, "Memory of the process."),
    gauge("hekad_process_cpu_seconds", NONE, "CPU time of the process, user and system, since its start."),
    gauge("hekad_process_open_fds", NONE, "File descriptors that are open."),
    gauge("hekad_process_max_fds", NONE, "File descriptors that may be open."),
    gauge("hekad_dashboard_clients", OUTPUT, "Pages that are open."),
    counter(
        "hekad_dashboard_clients_refused_total",
        OUTPUT,
        "Pages that were not let in: max_clients was reached.",
    ),
    counter(
        "hekad_dashboard_events_skipped_total",
        OUTPUT,
        "Events that an open page did not take in time; its charts have a gap.",
    ),
    counter(
        "hekad_dashboard_requests_refused_total",
        &["output", "reason"],
        "Requests for the page that were refused, for the host they named, the site they came from or the password.",
    ),
    counter(
        "hekad_key_flush_left_out_total",
        FILTER,
        "Keys that came often enough and were not named because max_keys was reached.",
    ),
    counter(
        "hekad_key_flush_write_failures_total",
        FILTER,
        "Times the log of a filter could not be written to; its lines are kept and tried again at every tick.",
    ),
    counter(
        "hekad_key_flush_lost_total",
        FILTER,
        "Lines of a filter's log that were lost: more could not be written than are kept, or they could not at the stop.",
    ),
    counter(
        "hekad_sample_messages_refused_total",
        &["filter", "reason"],
        "Samples that came to an accumulator as messages and were refused, by reason; the log shows an example of each.",
    ),
    counter(
        "hekad_stat_late_total",
        FILTER,
        "Messages that made no samples because they were older than max_age when they were received.",
    ),
    counter(
        "hekad_stat_skipped_total",
        &["filter", "metric", "reason"],
        "Samples that were not made of a message, by reason: no_field (a variable has no value), or why a statsd line would be \
         bad.",
    ),
    gauge(
        "hekad_threshold_series",
        FILTER,
        "Series that are watched for alerts, once for every rule and accumulator.",
    ),
    gauge("hekad_threshold_firing", FILTER, "Alerts that are there now."),
    counter(
        "hekad_threshold_alerts_total",
        FILTER,
        "Messages about alerts: those that began, went on, or were over.",
    ),
    counter(
        "hekad_threshold_held_back_total",
        FILTER,
        "Alerts that began again before repeat_every was over and were not told of then.",
    ),
    counter(
        "hekad_threshold_refused_total",
        FILTER,
        "Series that were not watched when they came because max_series was reached; raise it, or name fewer.",
    ),
    counter(
        "hekad_threshold_unread_total",
        FILTER,
        "Records that are no flushes; see message_matcher: flushes of other daemons come as messages, and are not read.",
    ),
    counter("hekad_file_bytes_total", OUTPUT, "Bytes an output added to its file."),
    counter(
        "hekad_file_opened_total",
        OUTPUT,
        "Times an output opened its file: at the start, for the next interval, and where it was moved or removed.",
    ),
    counter("hekad_file_flushes_total", OUTPUT, "Times an output brought its file to the disk."),
    counter(
        "hekad_file_taken_back_total",
        OUTPUT,
        "Writes to a file that failed within and were taken back; see the disk, which is full or broken.",
    ),
    counter(
        "hekad_http_connects_total",
        OUTPUT,
        "Connections an output made to its HTTP server; one is kept for many requests.",
    ),
    counter(
        "hekad_http_answers_total",
        &["output", "status"],
        "Answers to an output's requests, by status; what 3xx and 4xx but 408, 425 and 429 answer is lost.",
    ),
    counter(
        "hekad_http_unanswered_total",
        OUTPUT,
        "Requests of an output that had no answer: the server was not reached, broke off, or took longer than http_timeout.",
    ),
    counter("hekad_upstream_lines_total", UPSTREAM, "Lines an output of statsd sent to an upstream."),
    counter("hekad_upstream_datagrams_total", UPSTREAM, "Datagrams an output of statsd sent to an upstream."),
    counter(
        "hekad_upstream_datagrams_refused_total",
        UPSTREAM,
        "Datagrams of which the upstream's host told that nobody listens there; it does not tell of all.",
    ),
    counter(
        "hekad_upstream_lines_lost_total",
        &["output", "upstream", "reason"],
        "Lines that did not go out to an upstream, by reason; where it is not the only one nobody waits for it.",
    ),
    counter(
        "hekad_upstream_dial_failures_total",
        UPSTREAM,
        "Connects to an upstream, or look-ups of its name, that failed.",
    ),
    counter(
        "hekad_upstream_health_failures_total",
        UPSTREAM,
        "Health checks after which a member was out of the ring: it did not answer, or not \"up\", or its host refused.",
    ),
    gauge("hekad_upstreams_down", OUTPUT, "Members that are out of the ring."),
    counter(
        "hekad_upstreams_all_down_lines_total",
        OUTPUT,
        "Lines nobody took because every member was out of the ring.",
    ),
    counter(
        "hekad_flush_series_unsent_total",
        &["output", "reason"],
        "Series of flushes that an output of statsd cannot send as lines, since not all of their interval is known.",
    ),
    counter(
        "hekad_flush_lines_too_long_total",
        OUTPUT,
        "Lines of flushes left out because they are longer than max_line_length, or than a datagram can be.",
    ),
    counter("hekad_admin_connections_total", OUTPUT, "Connections of the management interface."),
    counter(
        "hekad_admin_connections_refused_total",
        OUTPUT,
        "Connections of the management interface closed at once: max_connections was reached.",
    ),
    counter(
        "hekad_admin_connections_idle_total",
        OUTPUT,
        "Connections of the management interface closed because no whole line came within idle_timeout.",
    ),
    counter(
        "hekad_admin_connections_stalled_total",
        OUTPUT,
        "Connections of the management interface closed because an answer was not taken within idle_timeout.",
    ),
    counter(
        "hekad_admin_accept_errors_total",
        OUTPUT,
        "Connections of the management interface that could not be accepted; file descriptors may be short.",
    ),
    counter(
        "hekad_admin_long_lines_total",
        OUTPUT,
        "Lines of the management interface longer than max_line_length, answered ERROR.",
    ),
    counter("hekad_admin_commands_total", OUTPUT, "Commands of the management interface, unknown ones too."),
    counter(
        "hekad_admin_commands_unknown_total",
        OUTPUT,
        "Commands answered ERROR because there is no such.",
    ),
    counter(
        "hekad_admin_commands_refused_total",
        OUTPUT,
        "Commands that delete or switch refused for where they came from (allow_writes_from), and browsers hung up on.",
    ),
    counter(
        "hekad_admin_answers_cut_total",
        OUTPUT,
        "Answers of the management interface cut at max_answer.",
    ),
    counter("hekad_tcp_connects_total", OUTPUT, "Connections a TcpOutput made."),
    counter(
        "hekad_tcp_closed_total",
        &["output", "reason"],
        "Connections of a TcpOutput that ended: closed (by the peer, in order), broken, reconnect (reconnect_after).",
    ),
    counter(
        "hekad_tcp_resent_records_total",
        OUTPUT,
        "Records sent again because the connection ended within two ticks of sending them: the peer may have them twice.",
    ),
    counter("hekad_udp_datagrams_total", OUTPUT, "Datagrams a UdpOutput sent."),
    counter(
        "hekad_udp_refused_total",
        OUTPUT,
        "Datagrams of which the peer's host told that nobody listens there; it does not tell of all.",
    ),
    gauge("hekad_build_info", &["version"], "Always 1; the version is a label."),
    gauge("hekad_start_time_seconds", NONE, "Unix time of the start."),
];

const JOINT: Labels = &["producer", "consumer", "way"];
const INPUT: Labels = &["input"];
const FILTER: Labels = &["filter"];
const OUTPUT: Labels = &["output"];
const UPSTREAM: Labels = &["output", "upstream"];
const NONE: Labels = &[];

type Labels = &'static [&'static str];

const fn counter(name: &'static str, labels: Labels, help: &'static str) -> OwnMetric {
    OwnMetric { name, kind: OwnMetricKind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: Labels, help: &'static str) -> OwnMetric {
    OwnMetric { name, kind: OwnMetricKind::Gauge, labels, help }
}
