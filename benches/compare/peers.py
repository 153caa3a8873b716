"""The servers that are compared: how to get each, its configuration, and how its sums are read.

A peer writes its configuration into a temporary folder and gives the command that starts it. All flush at the same
interval; everything else is left as it comes, but for what makes them do the same work (counts of counters are written,
idle series are not). A new peer is one more class here and its name in `PEERS`.
"""

import glob
import os
import shutil
import socket

from sink import Graphite, Otlp, Scrapes

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.expanduser("~/.cache/heka-ci")
SHOWN = "~/.cache/heka-ci"
# `stats.counters.bench.c.NAME.count;tag=value 5 1700000000`, whatever stands before it.
COUNTERS, TIMERS = (rb"bench\.%s\.[^ \n]*\.count(?:;[^ \n]*)? ([-+.\de]+) " % kind for kind in (b"c", b"t"))


def free_port():
    """A port of the loopback that is free for UDP and TCP."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def program(name, *folders):
    """The path of a program, on the search path or in one of these folders; none if it is not there."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *folders])
    return shutil.which(name, path=path)


class Peer:
    """A server that is to be started for one run."""

    name = None
    get = None  # how to get it
    takes_tags = True
    leaves_out = 0  # the share of the timings of a load that it does not count by design

    def __init__(self, folder, interval):
        self.folder = folder
        self.interval = interval
        self.port = free_port()

    @classmethod
    def find(cls):
        """What has to be there for it; none if it is not."""
        raise NotImplementedError

    def start(self):
        """Opens the sink, writes the configuration; gives the command."""
        raise NotImplementedError

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


class Hekad(Peer):
    name = "hekad"
    get = "cargo build --release (or HEKAD_BINARY=/path/to/hekad)"

    @classmethod
    def find(cls):
        given = os.environ.get("HEKAD_BINARY")
        target = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "../../target"))
        # With a target in Cargo's configuration its name is one folder more.
        built = [os.path.join(target, "release"), *glob.glob(os.path.join(target, "*", "release"))]
        return shutil.which(given) if given else program("hekad", *built)

    def start(self):
        self.sink = Graphite(COUNTERS, TIMERS)
        return self.run(f'[CarbonOutput]\naddress = "127.0.0.1:{self.sink.port}"\n')

    def run(self, output):
        path = self.write("hekad.toml", f"""
[hekad]
base_dir = "{self.folder}"
max_series = 2000000

[StatsdInput]
address = "127.0.0.1:{self.port}"

[StatAccumFilter]
ticker_interval = {self.interval}
delete_idle_stats = true

{output}""")
        return [self.find(), "--config", path]


class HekadScraped(Hekad):
    name = "hekad-scraped"

    def start(self):
        port = free_port()
        counter, timer = rb"^bench_c_\S*_total(?:{.*})? (\S+)", rb"^bench_t_\S*_count(?:{.*})? (\S+)"
        self.sink = Scrapes(port, self.interval, counter, timer)
        return self.run(f'[PrometheusOutput]\naddress = "127.0.0.1:{port}"\n')


class Statsd(Peer):
    name = "statsd-node"
    get = f"npm install --prefix {SHOWN}/node statsd@0.9.0 (and node; HEKA_NODE names another folder)"

    @classmethod
    def find(cls):
        script = os.path.join(os.environ.get("HEKA_NODE", f"{CACHE}/node"), "node_modules/statsd/stats.js")
        return script if program("node") and os.path.isfile(script) else None

    def start(self):
        self.sink = Graphite(COUNTERS, TIMERS)
        path = self.write("statsd.js", f"""{{
  port: {self.port}, address: "127.0.0.1", mgmt_port: {free_port()}, mgmt_address: "127.0.0.1",
  flushInterval: {self.interval * 1000}, deleteIdleStats: true, automaticConfigReload: false,
  backends: ["./backends/graphite"], graphiteHost: "127.0.0.1", graphitePort: {self.sink.port},
  graphite: {{ legacyNamespace: false }}
}}
""")
        return [program("node"), self.find(), path]


class StatsdExporter(Peer):
    name = "statsd_exporter"
    get = f"GOBIN={SHOWN}/go/bin go install github.com/prometheus/statsd_exporter@v0.31.0"

    @classmethod
    def find(cls):
        return program("statsd_exporter", f"{CACHE}/go/bin")

    def start(self):
        port = free_port()
        self.sink = Scrapes(port, self.interval, rb"^bench_c_\S* (\S+)", rb"^bench_t_[^ {]*_count(?:{.*})? (\S+)")
        return [self.find(), f"--statsd.listen-udp=127.0.0.1:{self.port}", "--statsd.listen-tcp=",
                f"--web.listen-address=127.0.0.1:{port}"]


class Collectd(Peer):
    name = "collectd"
    get = "apt-get install --no-install-recommends collectd-core"
    takes_tags = False
    # Timings of 0 ms, of which there is one in 200.
    leaves_out = 0.0065

    @classmethod
    def find(cls):
        return program("collectd") if os.path.exists("/usr/lib/collectd/statsd.so") else None

    def start(self):
        # `host.statsd.count-bench.c.NAME 5 1700000000`, and of a timer `host.statsd.gauge-bench.t.NAME-count`.
        self.sink = Graphite(rb"count-bench\.c\.[^ \n]* ([-+.\de]+) ", rb"bench\.t\.[^ \n]*-count ([-+.\de]+) ")
        path = self.write("collectd.conf", f"""
Hostname "host"
BaseDir "{self.folder}"
PIDFile "{self.folder}/pid"
Interval {self.interval}
LoadPlugin statsd
LoadPlugin write_graphite
<Plugin statsd>
  Host "127.0.0.1"
  Port "{self.port}"
  CounterSum true
  TimerCount true
  TimerLower true
  TimerUpper true
  TimerSum true
  TimerPercentile 90.0
  DeleteCounters true
  DeleteTimers true
  DeleteGauges true
  DeleteSets true
</Plugin>
<Plugin write_graphite>
  <Node "sink">
    Host "127.0.0.1"
    Port "{self.sink.port}"
    Protocol "tcp"
    EscapeCharacter "."
  </Node>
</Plugin>
""")
        return [self.find(), "-f", "-C", path]


class Collector(Peer):
    name = "otel-collector"
    get = (
        f"GOBIN={SHOWN}/go/bin go install go.opentelemetry.io/collector/cmd/builder@v0.165.0 && cd {SHOWN}/go && "
        f"bin/builder --config {HERE}/otel.yaml && cp otel/otelcol-statsd bin/ (some minutes)"
    )

    @classmethod
    def find(cls):
        return program("otelcol-statsd", f"{CACHE}/go/bin")

    def start(self):
        # One data point a metric: `"name":"bench.c.NAME","sum":{"dataPoints":[{...,"asInt":"5"}]...`.
        self.sink = Otlp(rb'"name":"bench\.c\..*?"asInt":"(\d+)"', rb'"name":"bench\.t\..*?"count":"(\d+)"')
        path = self.write("otel.yaml", f"""
receivers:
  statsd:
    endpoint: 127.0.0.1:{self.port}
    aggregation_interval: {self.interval}s
    ignore_host: true
    timer_histogram_mapping:
      - statsd_type: timing
        observer_type: summary
exporters:
  otlphttp:
    endpoint: http://127.0.0.1:{self.sink.port}
    encoding: json
    compression: none
service:
  telemetry:
    metrics:
      level: none
  pipelines:
    metrics:
      receivers: [statsd]
      exporters: [otlphttp]
""")
        return [self.find(), "--config", path]


PEERS = [Hekad, HekadScraped, Statsd, StatsdExporter, Collectd, Collector]
# Known, not started: why.
OTHERS = {
    "gostatsd": "no registry serves it: git clone https://github.com/atlassian/gostatsd builds it, and a class here would run it",
    "telegraf": "go install github.com/influxdata/telegraf/cmd/telegraf@latest builds for very long",
    "netdata": "apt-get install netdata; it keeps charts, at most 1000, so that its sums cannot be read",
}
