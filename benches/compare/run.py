#!/usr/bin/env python3
"""Compares hekad with other statsd servers: `python3 benches/compare/run.py`.

Each server gets the same loads from `hekad flood`, one at a time, pinned to one core; the load and the sink have another.
Runs are interleaved (A B C A B C ...), so that what else the machine does falls on all; a figure is the median of the
runs, with the lowest and the highest. What a server passes on is compared with what was sent: the sum of all counters
and the number of timings. A server that is not installed is left out, with a line that says how to get it.

Needs Linux and Python 3.9 and nothing else; everything stays on the loopback. What it starts ends with it, also at
Ctrl-C. `peers.py` has the servers and their configurations, `sink.py` what adds up, `plot.py` the picture.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # a clone stays as it is

from peers import OTHERS, PEERS, Hekad
from plot import drawn

TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
SERVER, LOAD = {CORES[0]}, {CORES[-1]}
WORKLOADS = {
    "W1": "one counter a datagram, 1,000 names, 50,000 samples/s",
    "W2": "datagrams of 1,432 bytes, 10,000 names, 70 % counters, 20 % timers, 9 % gauges, 1 % sets, 250,000 samples/s",
    "W2T": "W2 with three tags a sample, 150,000 samples/s",
    "W3": "W2 with datagrams of 8,000 bytes and 100,000 names",
    "W4": "datagrams of 1,432 bytes, a million counters in order, 250,000 samples/s",
    "W5": "datagrams of 1,432 bytes, 1,000 timers, 250,000 samples/s",
}
# What counts as nothing lost, in the search for the highest rate.
LOSSLESS = 0.001


class Process:
    """A program in a process group of its own, which ends with the block."""

    def __init__(self, command, log, cores):
        os.sched_setaffinity(0, cores)  # which a child inherits
        try:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        finally:
            os.sched_setaffinity(0, LOAD)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGTERM)
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                pass  # the next step is for those who do not listen
        if any(self.members()):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def members(self):
        """The fields of /proc/PID/stat behind the name, of every process of the group."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            if int(fields[2]) == self.child.pid:
                yield pid, fields

    def cpu(self):
        """CPU seconds of the group so far, of user and system, with children that have ended."""
        return sum(sum(map(int, fields[11:15])) for _, fields in self.members()) / TICKS

    def memory(self):
        """The peak of the resident set, in MB."""
        peak = 0
        for pid, _ in self.members():
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                peak += sum(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
        return peak / 1024


class Failed(Exception):
    """A run that says nothing, with the reason."""


def waiting(port):
    """Bytes that wait in the receive buffers of this UDP port; none if nobody has bound it."""
    rows = []
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        if os.path.exists(table):
            with open(table, encoding="utf-8") as file:
                rows += [line.split() for line in file.readlines()[1:]]
    queues = [int(row[4].split(":")[1], 16) for row in rows if int(row[1].rpartition(":")[2], 16) == port]
    return sum(queues) if queues else None


def until(condition, seconds):
    """Whether it held before the time was over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def flood(port, workload, seconds, seed, rate):
    """Sends a load; what `hekad flood` says of it."""
    command = [Hekad.find(), "flood", f"127.0.0.1:{port}", "--workload", workload, "--duration", f"{seconds}s", "--seed",
               str(seed), "--json"] + (["--rate", str(int(rate))] if rate else [])
    with tempfile.TemporaryFile("w+") as output, Process(command, output, LOAD) as process:
        process.child.wait(seconds + 60)
        output.seek(0)
        said = output.read()
    if process.child.returncode != 0:
        raise Failed(f"hekad flood failed: {said.strip()}")
    return json.loads(said)


def run(peer_class, workload, options, seed=1, rate=None):
    """One run of one server: starts it, sends, waits for its sums; the figures."""
    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        peer = peer_class(folder, options.interval)
        command = peer.start()
        try:
            with open(os.path.join(folder, "log"), "w+", encoding="utf-8", errors="replace") as log:
                with Process(command, log, SERVER) as server:
                    is_up = lambda: waiting(peer.port) is not None or server.child.poll() is not None
                    if not until(is_up, 20) or server.child.poll() is not None:
                        log.seek(0)
                        raise Failed("it did not come up: " + log.read()[-300:].strip())
                    return measured(peer, server, workload, options, seed, rate)
        finally:
            peer.sink.close()


def measured(peer, server, workload, options, seed, rate):
    """Sends a load to a server that is up, and waits for what becomes of it; the figures."""
    # Programs that compile themselves, or fill a table at the start, are done with that.
    time.sleep(options.settle)
    before = server.cpu()
    sent = flood(peer.port, workload, options.seconds, seed, rate)
    until(lambda: not waiting(peer.port), 20)
    expected = [sent["counter_sum"], sent["timers"] * (1 - peer.leaves_out)]
    settle(peer.sink, expected, options.interval + 1)
    if server.child.poll() is not None:
        raise Failed(f"it ended during the run, {server.child.returncode}")
    found = peer.sink.sums()
    lost = max(loss(found, expected), 0)
    if any(have > want for have, want in zip(found, (sent["counter_sum"], sent["timers"]))):
        raise Failed(f"it counted more than was sent: {found} of {expected}")
    counted = sent["samples"] * (1 - lost)
    return {
        # Of what it counted: a server that drops half of the load has done half of the work.
        "cpu": (server.cpu() - before) * 1e6 / counted if counted > 0 else None,
        "memory": server.memory(),
        "flush": peer.sink.longest(),
        "lost": lost,
        "rate": sent["rate"],
    }


def settle(sink, expected, patience):
    """Waits until everything has arrived, or until nothing more has for so many seconds."""
    found, since = list(sink.sums()), time.monotonic()
    while loss(found, expected) > 0 and time.monotonic() - since < patience:
        time.sleep(0.05)
        now = list(sink.sums())
        if now != found:
            found, since = now, time.monotonic()


def loss(found, expected):
    """The share that is missing of the sum of which more is missing."""
    return max(1 - have / want for have, want in zip(found, expected) if want)


def highest(peer, workload, options):
    """The highest rate of which nothing is lost, to a tenth, and whether the load could send no more than that."""
    rate, good, bad = options.first_rate, 0, None
    while good == 0 or bad is None or bad / good > 1.1:
        figures = run(peer, workload, options, rate=rate)
        if figures["rate"] < 0.95 * rate and figures["lost"] < LOSSLESS:
            return figures["rate"], True
        if figures["lost"] < LOSSLESS:
            good = rate
        else:
            bad = rate
        if bad is not None and bad < 1000:
            return 0, False
        rate = good * 2 if bad is None else bad / 2 if good == 0 else (good * bad) ** 0.5
    return good, False


def spread(figures, key, form):
    """`median (lowest to highest)`."""
    found = [row[key] for row in figures if row[key] is not None]
    if not found:
        return "-"
    low, middle, high = (form(value) for value in (min(found), statistics.median(found), max(found)))
    return middle if low == high else f"{middle} ({low} to {high})"


def significant(value):
    """Three digits or more."""
    return f"{value:.2f}" if value < 10 else f"{value:,.1f}"


def table(results, rates):
    """The results as Markdown."""
    lines = []
    for workload, rows in results.items():
        lines += [f"**{workload}**: {WORKLOADS[workload]}", ""]
        columns = ["server", "CPU seconds per million samples", "ratio", "highest lossless rate", "memory, MB", "flush, s"]
        lines += [f"| {' | '.join(columns)} | lost |", "|---|---|---|---|---|---|---|"]
        base = statistics.median(row["cpu"] or 0 for row in rows[Hekad.name]) if rows.get(Hekad.name) else 0
        for name, figures in rows.items():
            cpus = [row["cpu"] for row in figures if row["cpu"] is not None]
            ratio = f"{statistics.median(cpus) / base:.1f}" if base and cpus else "-"
            rate, is_all = rates.get((workload, name), (None, False))
            rate = "-" if rate is None else f"{'over ' if is_all else ''}{rate / 1000:,.0f} k/s"
            lost = max(row["lost"] for row in figures)
            lines.append(f"| {name} | {spread(figures, 'cpu', significant)} | {ratio} | {rate} | "
                         f"{spread(figures, 'memory', lambda value: f'{value:.0f}')} | "
                         f"{spread(figures, 'flush', lambda value: f'{value:.3f}')} | "
                         f"{f'{lost * 100:.2f} %' if lost > 0 else 'nothing'} |")
        lines.append("")
    return "\n".join(lines)


def machine():
    """What it ran on, in a sentence."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        kind = "virtual machine" if " hypervisor" in file.read() else "machine"
    words = {1: "one core", 2: "two cores"}
    buffers = []
    for key in ("rmem_default", "rmem_max"):
        with open(f"/proc/sys/net/core/{key}", encoding="utf-8") as file:
            buffers.append(f"`net.core.{key}={file.read().strip()}`")
    priority = f" Niceness {os.nice(0)}." if os.nice(0) else ""
    return f"A {kind} with {words.get(len(CORES), f'{len(CORES)} cores')}, {' and '.join(buffers)}.{priority}"


def report(results, rates, options):
    """The whole page."""
    command = " ".join(["python3 benches/compare/run.py", *options.said])
    return f"""# hekad and other statsd servers

`{command}`

{machine()}
The server is pinned to one core, the load and the sink to another. {options.runs} interleaved runs of {options.seconds} s of load,
a flush each {options.interval} s: the median, and in brackets the lowest and the highest. CPU is that of user and system, with the
flushes, shared among the samples that were counted; "ratio" is to hekad's. The highest lossless rate is the one of which
less than {LOSSLESS * 100:g} % is lost, to a tenth; "over" says that the load could send no more, a dash that it was not looked
for. "Flush" is the time from the first byte of the longest flush to its last, or the longest scrape; what a server does
before its first byte is in its CPU alone. "Lost" is the worst run at the rate of the workload: a server that loses much
has less to do, and its other figures flatter it. Receive buffers are those that each server asks for itself, of which the
two settings above are the default and the limit: a larger default spares servers that ask for none a part of the loss.

{table(results, rates)}"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="names, with commas between them; default: all that are there")
    parser.add_argument("--workloads", default="W1,W2,W2T,W3,W4,W5", help="default: %(default)s")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, interleaved; default: %(default)s")
    parser.add_argument("--seconds", type=int, default=5, help="how long each load goes on; default: %(default)s")
    parser.add_argument("--interval", type=int, default=5, help="seconds between flushes; default: %(default)s")
    parser.add_argument("--settle", type=float, default=1.0, help="seconds between start and load; default: %(default)s")
    parser.add_argument("--rate", type=float, help="samples a second instead of those of the workload")
    parser.add_argument("--search", default="W1,W2",
                        help="those of them whose highest lossless rate is looked for; default: %(default)s")
    parser.add_argument("--first-rate", type=float, default=100_000, help="where that begins; default: %(default)s")
    parser.add_argument("--markdown", help="a file for the table, which is printed in any case")
    parser.add_argument("--svg", help="a file for the picture")
    parser.add_argument("--quick", action="store_true", help="one run of one second of W2 at a low rate: does it work?")
    options = parser.parse_args()
    options.said = sys.argv[1:]
    if options.quick:
        # So few that any receive buffer holds them, however busy the machine.
        options.workloads, options.search, options.rate = "W2", "", 2_000
        options.runs, options.seconds, options.interval, options.settle = 1, 1, 1, 0.3
    options.workloads = [name for name in options.workloads.split(",") if name]
    options.search = [name for name in options.search.split(",") if name in options.workloads]
    for name in options.workloads:
        if name not in WORKLOADS:
            parser.error(f"there is no workload {name}; there are {', '.join(WORKLOADS)}")
    names = options.peers.split(",") if options.peers else [peer.name for peer in PEERS]
    for name in names:
        if name not in [peer.name for peer in PEERS]:
            parser.error(f"there is no peer {name!r}; there are {', '.join(peer.name for peer in PEERS)}")
    if Hekad.find() is None:
        parser.error(f"hekad, which makes the load, is not there: {Hekad.get}")
    options.peers = []
    for peer in (peer for peer in PEERS if peer.name in names):
        if peer.find():
            options.peers.append(peer)
        else:
            tell(f"left out: {peer.name}; get it with: {peer.get}")
    if not options.quick:
        for name, why in OTHERS.items():
            tell(f"left out: {name}; {why}")
    return options


def tell(text):
    print(text, file=sys.stderr, flush=True)


def compare(options, results, rates):
    """Runs everything; `results` and `rates` are filled as it goes."""
    for workload in options.workloads:
        peers = [peer for peer in options.peers if peer.takes_tags or workload != "W2T"]
        for seed in range(1, options.runs + 1):
            for peer in peers:
                try:
                    figures = run(peer, workload, options, seed, options.rate)
                except Failed as error:
                    tell(f"{workload} {peer.name}: {error}")
                    continue
                results.setdefault(workload, {}).setdefault(peer.name, []).append(figures)
                cpu = "-" if figures["cpu"] is None else significant(figures["cpu"])
                tell(f"{workload} {peer.name}, run {seed}: {cpu} s a million, lost {figures['lost'] * 100:.2f} %")
    for workload, peer in ((workload, peer) for workload in options.search for peer in options.peers):
        if not peer.takes_tags and workload == "W2T":
            continue
        try:
            rates[workload, peer.name] = highest(peer, workload, options)
        except Failed as error:
            tell(f"{workload} {peer.name}: {error}")
            continue
        tell(f"{workload} {peer.name}: {rates[workload, peer.name][0]:,.0f} samples/s without loss")


def main():
    options = arguments()
    # What is started runs in blocks that end it; a signal has to leave through them.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.sched_setaffinity(0, LOAD)
    results, rates = {}, {}
    ended = ""
    try:
        compare(options, results, rates)
    except KeyboardInterrupt:
        ended = "ended by a signal; the table has what was measured until then"
    text = report(results, rates, options)
    print(text)
    for path, content in ((options.markdown, text), (options.svg, drawn(results) if options.svg else "")):
        if path:
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
    return ended or 0


if __name__ == "__main__":
    sys.exit(main())
