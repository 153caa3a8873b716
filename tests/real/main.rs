//! `hekad` against real servers and clients: carbon, prometheus, promtool, chromium, statsd and its proxy, the clients of
//! PyPI, what it is installed by: dpkg and systemd, and the schemas of who reads its files: Grafana and Kubernetes.
//!
//! A plain `cargo test` leaves this binary out; `cargo test --test real` runs it. `.ci/install` installs what it
//! needs. Where something is missing the test says so and passes, unless `HEKA_REAL=1` is set: then it fails.
//! `HEKAD_BINARY` names another binary than the one built beside the tests, `HEKA_VENV` the environment with the
//! clients, `HEKA_NODE` the folder whose `node_modules` has statsd, `HEKA_BURST=samples,rate` sizes the burst, and
//! `HEKA_RESTARTS=100` the number of stops and starts, `HEKA_TAIL=60` for how many seconds a log is rotated,
//! `HEKA_ROTATIONS=200` how often one that is counted.

#![allow(
    clippy::disallowed_methods,
    reason = "real servers have real clocks: waiting for them and asking the environment is the work of this binary"
)]

mod admin;
mod alerting;
mod books;
mod burst;
mod carbon;
mod clients;
mod compare;
mod console;
mod exporter;
mod exposition;
mod file_output;
mod flood;
mod formats;
mod grafana;
mod graphite;
mod graphite_web;
mod handed;
mod harness;
mod hekad;
mod imported;
mod load;
mod log;
mod openssl;
mod packaging;
mod page;
mod picture;
mod prometheus;
mod reference;
mod relay;
mod restarting;
mod roles;
mod rotations;
mod schemas;
mod sink;
mod stopping;
mod tailing;
mod tls;
mod top_series;
mod two_fronts;
mod unix;
mod upstreams;
mod webdriver;
