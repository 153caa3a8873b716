"""The servers that are compared: how to get each, its configuration, and how its sums are read.

A peer writes its configuration into a temporary folder and gives the command that starts it. All flush at the same
interval; everything else is left as it comes, but for what makes them do the same work (counts of counters are written,
idle series are not). A new peer is one more class here and its name in `PEERS`. Those that take log lines: `logs.py`.
"""

import glob
import os
import pwd
import shutil
import socket

from sink import Graphite, GraphiteTotals, Otlp, Scrapes

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
    refuses = {}  # workloads that it cannot take, with the reason
    leaves_out = 0  # the share of the timings of a load that it does not count by design
    patience = 1  # intervals after which it has said everything

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
    refuses = {"W2T": "it has no tags", "W3": "it cuts datagrams after 4,096 bytes"}
    patience = 2
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
# The last lines of an interval would wait for those of the next.
<LoadPlugin write_graphite>
  FlushInterval {self.interval}
</LoadPlugin>
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


class Telegraf(Peer):
    name = "telegraf"
    get = (
        f"GOBIN={SHOWN}/go/bin go install -tags custom,inputs.statsd,outputs.graphite,serializers.graphite "
        "github.com/influxdata/telegraf/cmd/telegraf@v1.37.2 (with all its plugins it builds for very long)"
    )
    # What was gathered at one interval may be written at the next.
    patience = 2

    @classmethod
    def find(cls):
        return program("telegraf", f"{CACHE}/go/bin")

    def start(self):
        # `bench.c.NAME;metric_type=counter 5 1700000000`, and of a timer `bench.t.NAME.count;metric_type=timing`.
        self.sink = Graphite(rb"bench\.c\.[^ \n]* ([-+.\de]+) ", TIMERS)
        path = self.write("telegraf.conf", f"""
[agent]
  interval = "{self.interval}s"
  flush_interval = "{self.interval}s"
  # As many as there are series: of more than its 10,000 it would drop the rest.
  metric_buffer_limit = 2000000
  omit_hostname = true
[[inputs.statsd]]
  service_address = "127.0.0.1:{self.port}"
  metric_separator = "."
  datadog_extensions = true
  percentiles = [90.0]
[[outputs.graphite]]
  servers = ["127.0.0.1:{self.sink.port}"]
  graphite_tag_support = true
""")
        return [self.find(), "--config", path]


class Netdata(Peer):
    name = "netdata"
    get = "apt-get install --no-install-recommends netdata-core"
    patience = 2
    refuses = {
        "W2T": "it does not tell series by their tags",
        "W3": "it makes a chart of each name, and 100,000 take it longer than an interval",
        "W4": "it makes a chart of each name, and a million take it longer than an interval",
    }
    # Everything else that it collects.
    OFF = ("apps", "cgroups", "charts.d", "checks", "diskspace", "ebpf", "enable running new plugins", "fping", "freeipmi",
           "go.d", "idlejitter", "ioping", "netdata monitoring", "netdata monitoring extended", "node.d", "perf", "proc",
           "profile", "python.d", "slabinfo", "tc", "timex")

    @classmethod
    def find(cls):
        return program("netdata")

    def start(self):
        # Totals since the start: `netdata.host.statsd_bench.c.NAME_counter.counter 5 1700000000`, and of a timer
        # `..._timer.events`.
        counter, timer = rb"(bench\.c\.[^ \n]*\.counter) ([-+.\de]+) ", rb"(bench\.t\.[^ \n]*\.events) ([-+.\de]+) "
        self.sink = GraphiteTotals(counter, timer)
        # It empties that of its cache.
        for name in ("cache", "other"):
            os.makedirs(os.path.join(self.folder, name))
        others = ("home", "lib", "lock", "log", "plugins", "registry", "stock config")
        others = "\n".join(f"  {name} = {self.folder}/other" for name in others)
        off = "\n".join(f"  {name} = no" for name in self.OFF)
        path = self.write("netdata.conf", f"""
[global]
  run as user = {pwd.getpwuid(os.getuid()).pw_name}
  hostname = host
[directories]
  config = {self.folder}
  cache = {self.folder}/cache
{others}
[db]
  mode = none
  update every = {self.interval}
[health]
  enabled = no
[ml]
  enabled = no
[registry]
  enabled = no
[cloud]
  enabled = no
[web]
  mode = none
[logs]
  debug = none
  access = none
[plugins]
  statsd = yes
{off}
[statsd]
  bind to = udp:127.0.0.1:{self.port}
  default port = {self.port}
  update every (flushInterval) = {self.interval}
  max private charts hard limit = 2000000
  private charts memory mode = none
  add dimension for number of events received = yes
""")
        self.write("exporting.conf", f"""
[exporting:global]
  enabled = yes
  send configured labels = no
  send automatic labels = no
[graphite:sink]
  enabled = yes
  destination = 127.0.0.1:{self.sink.port}
  data source = as collected
  hostname = host
  update every = {self.interval}
  send charts matching = statsd_*
""")
        return [self.find(), "-D", "-P", os.path.join(self.folder, "pid"), "-c", path]


PEERS = [Hekad, HekadScraped, Statsd, StatsdExporter, Collectd, Collector, Telegraf, Netdata]
# Known, not started: why.
OTHERS = {
    "gostatsd": "the Go module proxy refuses it (403): git clone https://github.com/atlassian/gostatsd builds it, and a "
                "class in peers.py would run it",
}
