"""The comparison of what reads log files: lines of an access log, from a file to another one.

Each program gets the same file, which is complete when it starts, reads it from its beginning and writes every line to
a file of its own as it was. It is ended when that file has all bytes, which are then compared. How it looks for growth,
how it queues and when it brings the file to the disk is left as it comes. CPU is all that it took since it was started.
Lines a second are those while it wrote, so that its start is not in them; as it has one core they are those of a core.
The files are where temporary ones are (TMPDIR).
"""

import filecmp
import glob
import os
import tempfile
import time

from peers import CACHE, SHOWN, Hekad, Peer, program
from process import SERVER, Failed, Process, ratio, significant, spread

LENGTH = 185
# How long nothing may come before a run is given up.
PATIENCE = 20


class Reader(Peer):
    """A program that copies lines, started for one run."""

    def __init__(self, folder, source):
        self.folder = folder
        self.source = source
        self.target = os.path.join(folder, "target.log")


class HekadLogs(Reader):
    name = Hekad.name
    get = Hekad.get
    find = Hekad.find

    def start(self):
        path = self.write("hekad.toml", f"""
[hekad]
base_dir = "{self.folder}"

[LogstreamerInput]
log_directory = "{os.path.dirname(self.source)}"
file_match = '{os.path.basename(self.source)}'

[FileOutput]
message_matcher = "Type == 'logfile'"
path = "{self.target}"
encoder = "PayloadEncoder"

# A line has its newline still.
[PayloadEncoder]
append_newlines = false
""")
        return [self.find(), "--config", path]


class Rsyslog(Reader):
    name = "rsyslog"
    get = "apt-get install --no-install-recommends rsyslog"

    @classmethod
    def find(cls):
        return program("rsyslogd")

    def start(self):
        path = self.write("rsyslog.conf", f"""
global(workDirectory="{self.folder}")
module(load="imfile")
template(name="line" type="string" string="%msg%\\n")
input(type="imfile" file="{self.source}" tag="log" ruleset="copy")
ruleset(name="copy") {{
  action(type="omfile" file="{self.target}" template="line")
}}
""")
        return [self.find(), "-n", "-f", path, "-i", os.path.join(self.folder, "pid")]


class SyslogNg(Reader):
    name = "syslog-ng"
    get = (
        "apt-get install --no-install-recommends syslog-ng-core, which removes rsyslog; or beside it: apt-get download "
        f"syslog-ng-core libivykis0 libnet1 libpcre3 libwrap0 && for deb in *.deb; do dpkg -x $deb {SHOWN}/syslog-ng; done"
    )
    ROOT = f"{CACHE}/syslog-ng"

    @classmethod
    def find(cls):
        return program("syslog-ng", f"{cls.ROOT}/usr/sbin")

    def start(self):
        path = self.write("syslog-ng.conf", f"""@version: current
source access {{ file("{self.source}" flags(no-parse)); }};
destination copy {{ file("{self.target}" template("${{MESSAGE}}\\n")); }};
log {{ source(access); destination(copy); flags(flow-control); }};
""")
        own = [os.path.join(self.folder, name) for name in ("persist", "pid", "control")]
        command = [self.find(), "-F", "-f", path, "--no-caps", "-R", own[0], "-p", own[1], "-c", own[2]]
        unpacked = glob.glob(f"{self.ROOT}/usr/lib/syslog-ng/*/libaffile.so")
        if not self.find().startswith(self.ROOT) or not unpacked:
            return command
        modules = os.path.dirname(unpacked[0])
        libraries = glob.glob(f"{self.ROOT}/usr/lib/*-linux-gnu") + glob.glob(f"{self.ROOT}/lib/*-linux-gnu")
        paths = os.pathsep.join([*libraries, os.path.dirname(modules)])
        return ["env", f"LD_LIBRARY_PATH={paths}", *command, f"--module-path={modules}"]


READERS = [HekadLogs, Rsyslog, SyslogNg]


def make(folder, lines):
    """Writes the file: lines of the combined format, no two of them the same."""
    path = os.path.join(folder, "access.log")
    os.makedirs(folder)
    with open(path, "w", encoding="ascii") as file:
        for number in range(lines):
            line = (f'93.184.{number >> 8 & 255}.{number & 255} - - [10/Oct/2000:13:55:36 -0700] '
                    f'"GET /articles/{number:07} HTTP/1.1" 200 {number % 90_000} "https://www.example.com/start" '
                    '"Mozilla/5.0 (X11; Linux x86_64; rv:26.0)')
            file.write(f'{line:x<{LENGTH - 2}}"\n')
    return path


def run(reader_class, source, lines):
    """One run of one program; the figures."""
    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        reader = reader_class(folder, source)
        command = reader.start()
        with open(os.path.join(folder, "log"), "w+", encoding="utf-8", errors="replace") as log:
            with Process(command, log, SERVER) as server:
                try:
                    rate = copied(reader, server)
                except Failed as error:
                    log.seek(0)
                    raise Failed(f"{error} {log.read()[-300:].strip()}".strip()) from None
                figures = {"cpu": server.cpu() * 1e6 / lines, "memory": server.memory(), "lost": 0, "rate": rate}
        if not filecmp.cmp(source, reader.target, shallow=False):
            raise Failed("it wrote other bytes than it read")
        return figures


def copied(reader, server):
    """Waits until all is written; how many lines a second those were that were written while somebody looked."""
    whole = os.path.getsize(reader.source)
    first, size, since = None, 0, time.monotonic()
    while size < whole:
        time.sleep(0.002)
        now = time.monotonic()
        found = os.path.getsize(reader.target) if os.path.exists(reader.target) else 0
        if found > size:
            size, since = found, now
            first = first or (size, now)
        elif server.child.poll() is not None:
            raise Failed(f"it ended during the run, {server.child.returncode}:")
        elif now - since > PATIENCE:
            raise Failed(f"it wrote {size:,} of {whole:,} bytes and no more for {PATIENCE} s:")
    return (size - first[0]) / LENGTH / (since - first[1]) if size > first[0] else None


def table(results, failures, lines):
    """The results as Markdown."""
    rows = [f"**LOGS**: {lines:,} lines of an access log, {LENGTH} bytes each, from a file to a file", ""]
    rows += ["| program | CPU seconds per million lines | ratio | lines a second | memory, MB |", "|---|---|---|---|---|"]
    for name, figures in results.items():
        rate = spread(figures, "rate", lambda value: f"{value / 1000:,.0f} k")
        rows.append(f"| {name} | {spread(figures, 'cpu', significant)} | {ratio(figures, results.get(Hekad.name, []))} | "
                    f"{rate} | {spread(figures, 'memory', lambda value: f'{value:.0f}')} |")
    rows += [f"| {name} | no run: {why} | - | - | - |" for name, why in failures.items() if name not in results]
    return "\n".join([*rows, ""])
