#!/usr/bin/env python3
"""Compares hekad with other statsd servers, and with what reads log files: `python3 benches/compare/run.py`.

Each server gets the same loads from `hekad flood`, one at a time, pinned to one core; the load and the sink have another.
Runs are interleaved (A B C A B C ...), so that what else the machine does falls on all; a figure is the median of the
runs, with the lowest and the highest. What a server passes on is compared with what was sent: the sum of all counters
and the number of timings. A server that is not installed is left out, with a line that says how to get it; one that
cannot do a workload has a row that says why.

Needs Linux and Python 3.9 and nothing else; everything stays on the loopback. What it starts ends with it, also at
Ctrl-C. `peers.py` has the servers and their configurations, `sink.py` what adds up, `logs.py` the comparison of log
files, `process.py` what starts programs and reads what they took, `plot.py` the picture.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # a clone stays as it is

import logs
from peers import OTHERS, PEERS, Hekad
from plot import drawn
from process import CORES, LOAD, SERVER, Failed, Process, ratio, significant, spread, tell, until

WORKLOADS = {
    "W1": "one counter a datagram, 1,000 names, 50,000 samples/s",
    "W2": "datagrams of 1,432 bytes, 10,000 names, 70 % counters, 20 % timers, 9 % gauges, 1 % sets, 250,000 samples/s",
    "W2T": "W2 with three tags a sample, 150,000 samples/s",
    "W3": "W2 with datagrams of 8,000 bytes and 100,000 names",
    "W4": "datagrams of 1,432 bytes, a million counters in order, 250,000 samples/s",
    "W5": "datagrams of 1,432 bytes, 1,000 timers, 250,000 samples/s",
}
# Seconds of load that they need, for each name to come once.
LEAST = {"W4": 4}
LOGS = "LOGS"
# What counts as nothing lost, in the search for the highest rate.
LOSSLESS = 0.001
# Seconds that are waited for the sums of one run at most.
LONGEST = 60


def sockets(port):
    """What the kernel says of each socket that is bound to this UDP port."""
    rows = []
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        if os.path.exists(table):
            with open(table, encoding="utf-8") as file:
                rows += [line.split() for line in file.readlines()[1:]]
    return [row for row in rows if int(row[1].rpartition(":")[2], 16) == port]


def waiting(port):
    """Bytes that wait in the receive buffers of this UDP port; none if nobody has bound it."""
    queues = [int(row[4].split(":")[1], 16) for row in sockets(port)]
    return sum(queues) if queues else None


def dropped(port):
    """Datagrams that found the receive buffers of this UDP port full."""
    return sum(int(row[12]) for row in sockets(port))


def flood(port, workload, seconds, seed, rate):
    """Sends a load; what `hekad flood` says of it."""
    command = [Hekad.find(), "flood", f"127.0.0.1:{port}", "--workload", workload, "--duration", f"{seconds}s", "--seed",
               str(seed), "--json"] + (["--rate", str(int(rate))] if rate else [])
    with tempfile.TemporaryFile("w+") as output, Process(command, output, LOAD) as process:
        try:
            process.child.wait(seconds + 60)
        except subprocess.TimeoutExpired:
            raise Failed("hekad flood does not end") from None
        output.seek(0)
        said = output.read()
    if process.child.returncode != 0:
        raise Failed(f"hekad flood failed: {said.strip().splitlines()[-1:]}")
    return json.loads(said)


def run(peer_class, workload, options, seed=1, rate=None, hurry=False):
    """One run of one server: starts it, sends, waits for its sums; the figures. In a hurry it does not wait where it is
    plain that some will be missing."""
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
                    return measured(peer, server, workload, options, seed, rate, hurry)
        finally:
            peer.sink.close()


def measured(peer, server, workload, options, seed, rate, hurry):
    """Sends a load to a server that is up, and waits for what becomes of it; the figures."""
    # Programs that compile themselves, or fill a table at the start, are done with that.
    time.sleep(options.settle)
    before = server.cpu()
    seconds = options.seconds if rate else max(options.seconds, LEAST.get(workload, 0))
    try:
        sent = flood(peer.port, workload, seconds, seed, rate)
    except Failed:
        alive(server)
        raise
    until(lambda: not waiting(peer.port), 20)
    lost = dropped(peer.port) / sent["datagrams"]
    if hurry and lost > LOSSLESS:
        return {"lost": lost, "rate": sent["rate"]}
    expected = [sent["counter_sum"], sent["timers"] * (1 - peer.leaves_out)]
    spent = settle(peer.sink, server, expected, options.interval * peer.patience + 1)
    alive(server)
    found = peer.sink.sums()
    lost = max(loss(found, expected), 0)
    if any(have > want for have, want in zip(found, (sent["counter_sum"], sent["timers"]))):
        raise Failed(f"it counted more than was sent: {found} of {expected}")
    counted = sent["samples"] * (1 - lost)
    return {
        # Of what it counted: a server that drops half of the load has done half of the work.
        "cpu": (spent - before) * 1e6 / counted if counted > 0 else None,
        "memory": server.memory(),
        "flush": peer.sink.longest(),
        "lost": lost,
        "rate": sent["rate"],
    }


def alive(server):
    """Fails where the server is no more."""
    if server.child.poll() is not None:
        raise Failed(f"it ended during the run, {server.child.returncode}")


def settle(sink, server, expected, patience):
    """Waits until everything has arrived, or for so many seconds at least and until nothing more will; the server's CPU time
    when the last arrived."""
    found, at_last = list(sink.sums()), server.cpu()
    began = since = time.monotonic()
    while loss(found, expected) > 0 and server.child.poll() is None and time.monotonic() - began < LONGEST:
        time.sleep(0.05)
        sums, spent, now = list(sink.sums()), server.cpu(), time.monotonic()
        if sums != found:
            found, at_last, since = sums, spent, now
        elif now - began > patience and sink.is_over(now - since, spent - at_last):
            break
    return at_last


def loss(found, expected):
    """The share that is missing of the sum of which more is missing."""
    return max(1 - have / want for have, want in zip(found, expected) if want)


def highest(peer, workload, options):
    """The highest rate of which nothing is lost, to a tenth, and whether the load could send no more than that."""
    rate, good, bad = options.first_rate, 0, None
    while good == 0 or bad is None or bad / good > 1.1:
        figures = run(peer, workload, options, rate=rate, hurry=True)
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


def table(results, rates, failures, peers):
    """The results as Markdown."""
    lines = []
    for workload, rows in results.items():
        lines += [f"**{workload}**: {WORKLOADS[workload]}", ""]
        columns = ["server", "CPU seconds per million samples", "ratio", "highest lossless rate", "memory, MB", "flush, s"]
        lines += [f"| {' | '.join(columns)} | lost |", "|---|---|---|---|---|---|---|"]
        for name, figures in rows.items():
            rate, is_all = rates.get((workload, name), (None, False))
            rate = "-" if rate is None else f"{'over ' if is_all else ''}{rate / 1000:,.0f} k/s"
            lost = max((row["lost"] for row in figures), default=0)
            if not figures:
                why = failures.get((workload, name), "it was ended before")
                lines.append(f"| {name} | no run: {why} | - | - | - | - | - |")
                continue
            why = failures.get((workload, name))
            lines.append(f"| {name} | {spread(figures, 'cpu', significant)} | {ratio(figures, rows.get(Hekad.name, []))} | "
                         f"{rate} | {spread(figures, 'memory', lambda value: f'{value:.0f}')} | "
                         f"{spread(figures, 'flush', lambda value: f'{value:.3f}')} | "
                         f"{f'{lost * 100:.2f} %' if lost > 0 else 'nothing'}{f'; a run failed: {why}' if why else ''} |")
        lines.append("")
        out = [f"{peer.name}, since {peer.refuses[workload]}" for peer in peers if workload in peer.refuses]
        lines += [f"Not asked: {'; '.join(out)}.", ""] if out else []
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


def report(results, rates, failures, copies, options):
    """The whole page."""
    command = " ".join(["python3 benches/compare/run.py", *(argument or '""' for argument in options.said)])
    unread = {name: why for (workload, name), why in failures.items() if workload == LOGS}
    page = f"""# hekad and other servers

`{command}`

{machine()}
What is measured is pinned to one core, the load and the sink to another; runs are interleaved. A figure is the median of
{options.runs}, with the lowest and the highest in brackets; CPU is that of user and system, "ratio" is to hekad's.
"""
    if results:
        page += f"""
## Samples

{options.seconds} s of load (W4: {max(options.seconds, LEAST["W4"])} s), a flush each {options.interval} s. CPU has the flushes in it until the last sum arrived, and is
shared among the samples that were counted. The highest lossless rate is the one of which less than {LOSSLESS * 100:g} % is lost, to
a tenth; "over" says that the load could send no more, a dash that it was not looked for. "Flush" is the time from the
first byte of the longest flush to its last, or the longest scrape; what a server does before its first byte is in its
CPU alone. "Lost" is the worst run at the rate of the workload: a server that loses much has less to do, and its other
figures flatter it. Receive buffers are those that each server asks for itself, of which the two settings above are the
default and the limit: a larger default spares servers that ask for none a part of the loss.

{table(results, rates, failures, options.peers)}"""
    if copies or unread:
        page += f"""
## Lines of a log

Each program reads a file that is complete from its beginning, and writes its lines to another one, which is compared byte
for byte. CPU is all that it took since its start; lines a second are those while it wrote, on one core.

{logs.table(copies, unread, options.lines)}"""
    return page


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog=epilog())
    parser.add_argument("--peers", help="names, with commas between them; default: all that are there")
    parser.add_argument("--workloads", help=f"default: {','.join([*WORKLOADS, LOGS])}")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, interleaved; default: %(default)s")
    parser.add_argument("--seconds", type=int, default=5,
                        help="how long each load goes on, W4 at least 4; default: %(default)s")
    parser.add_argument("--interval", type=int, default=5, help="seconds between flushes; default: %(default)s")
    parser.add_argument("--settle", type=float, default=1.0, help="seconds between start and load; default: %(default)s")
    parser.add_argument("--rate", type=float, help="samples a second instead of those of the workload")
    parser.add_argument("--search", default="W1,W2",
                        help="those of them whose highest lossless rate is looked for; default: %(default)s")
    parser.add_argument("--first-rate", type=float, default=100_000, help="where that begins; default: %(default)s")
    parser.add_argument("--lines", type=int, default=1_000_000, help=f"lines of {LOGS}; default: %(default)s")
    parser.add_argument("--markdown", help="a file for the table, which is printed in any case")
    parser.add_argument("--svg", help="a file for the picture")
    parser.add_argument("--quick", action="store_true",
                        help="one run of one second at a low rate, of W2 unless workloads are named: does it work?")
    options = parser.parse_args()
    options.said = sys.argv[1:]
    workloads = options.workloads or ("W2" if options.quick else ",".join([*WORKLOADS, LOGS]))
    if options.quick:
        # So few that any receive buffer holds them, however busy the machine.
        options.search, options.rate, options.lines = "", 2_000, 5_000
        options.runs, options.seconds, options.interval, options.settle = 1, 1, 1, 0.3
    if min(options.runs, options.seconds, options.interval, options.lines) < 1:
        parser.error("runs, seconds, interval and lines are at least 1")
    options.workloads = [name for name in workloads.split(",") if name]
    for name in options.workloads:
        if name not in (*WORKLOADS, LOGS):
            parser.error(f"there is no workload {name}; there are {', '.join([*WORKLOADS, LOGS])}")
    options.search = [name for name in options.search.split(",") if name in options.workloads and name != LOGS]
    known = list(dict.fromkeys(peer.name for peer in [*PEERS, *logs.READERS]))
    names = options.peers.split(",") if options.peers else known
    for name in names:
        if name not in known:
            parser.error(f"there is no peer {name!r}; there are {', '.join(known)}")
    if Hekad.find() is None:
        parser.error(f"hekad, which makes the load, is not there: {Hekad.get}")
    wanted = PEERS if any(name in WORKLOADS for name in options.workloads) else []
    options.peers = there(peer for peer in wanted if peer.name in names)
    wanted = logs.READERS if LOGS in options.workloads else []
    options.readers = there(reader for reader in wanted if reader.name in names)
    if not options.quick:
        for name, why in OTHERS.items():
            tell(f"left out: {name}; {why}")
    return options


def epilog():
    """The workloads and the peers, for `--help`."""
    lines = ["workloads:", *(f"  {name:<4} {what}" for name, what in WORKLOADS.items())]
    lines += [f"  {LOGS} lines of an access log, from a file to a file", "", "peers, and how to get them:"]
    for peer in PEERS:
        lines.append(f"  {peer.name:<15} {peer.get}")
        lines += [f"  {'':<15} not of {workload}: {why}" for workload, why in peer.refuses.items()]
    lines += [f"  {reader.name:<15} {reader.get}; {LOGS} alone" for reader in logs.READERS if reader.name != Hekad.name]
    return "\n".join([*lines, *(f"  {name:<15} not started: {why}" for name, why in OTHERS.items())])


def there(peers):
    """Those of them that are installed; of the others it is said how to get them."""
    found = []
    for peer in peers:
        if peer.find():
            found.append(peer)
        else:
            tell(f"left out: {peer.name}; get it with: {peer.get}")
    return found


def attempted(workload, name, failures, work):
    """What a run comes to; none if it fails, and why is kept."""
    try:
        return work()
    except (Failed, OSError, subprocess.SubprocessError) as error:
        # In one line, and in one cell of a table.
        failures[workload, name] = " ".join(str(error).replace("|", "/").split())
        tell(f"{workload} {name}: {error}")
        return None


def compare(options, results, rates, failures):
    """Runs the servers; `results`, `rates` and `failures` are filled as it goes."""
    for workload in (name for name in options.workloads if name != LOGS):
        peers = [peer for peer in options.peers if workload not in peer.refuses]
        rows = results.setdefault(workload, {peer.name: [] for peer in peers})
        for seed in range(1, options.runs + 1):
            for peer in peers:
                work = lambda: run(peer, workload, options, seed, options.rate)
                figures = attempted(workload, peer.name, failures, work)
                if figures is None:
                    continue
                rows[peer.name].append(figures)
                cpu = "-" if figures["cpu"] is None else significant(figures["cpu"])
                tell(f"{workload} {peer.name}, run {seed}: {cpu} s a million, lost {figures['lost'] * 100:.2f} %")
    for workload, peer in ((workload, peer) for workload in options.search for peer in options.peers):
        if workload in peer.refuses:
            continue
        rate = attempted(workload, peer.name, failures, lambda: highest(peer, workload, options))
        if rate is not None:
            rates[workload, peer.name] = rate
            tell(f"{workload} {peer.name}: {rate[0]:,.0f} samples/s without loss")


def copy(options, copies, failures):
    """Runs the readers of log files; `copies` and `failures` are filled as it goes."""
    if not options.readers:
        return
    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        source = logs.make(os.path.join(folder, "logs"), options.lines)
        for number in range(1, options.runs + 1):
            for reader in options.readers:
                work = lambda: logs.run(reader, source, options.lines)
                figures = attempted(LOGS, reader.name, failures, work)
                if figures is not None:
                    copies.setdefault(reader.name, []).append(figures)
                    tell(f"{LOGS} {reader.name}, run {number}: {significant(figures['cpu'])} s a million lines")


def main():
    options = arguments()
    # What is started runs in blocks that end it; a signal has to leave through them.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.sched_setaffinity(0, LOAD)
    results, rates, failures, copies = {}, {}, {}, {}
    ended = ""
    try:
        compare(options, results, rates, failures)
        copy(options, copies, failures)
    except KeyboardInterrupt:
        ended = "ended by a signal; the tables have what was measured until then"
    text = report(results, rates, failures, copies, options)
    print(text)
    picture = drawn({**results, **({LOGS: copies} if copies else {})}) if options.svg else ""
    for path, content in ((options.markdown, text), (options.svg, picture)):
        if path:
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
    return ended or 0


if __name__ == "__main__":
    sys.exit(main())
