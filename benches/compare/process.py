"""What is started for a comparison: a program in a group of its own, pinned to a core, and what it took of the machine."""

import os
import signal
import statistics
import subprocess
import sys
import time

TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
SERVER, LOAD = {CORES[0]}, {CORES[-1]}


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
                self.child.wait(1)
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
            try:
                with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                    peak += sum(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
            except OSError:  # it has ended meanwhile
                continue
        return peak / 1024


class Failed(Exception):
    """A run that says nothing, with the reason."""


def until(condition, seconds):
    """Whether it held before the time was over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def tell(text):
    print(text, file=sys.stderr, flush=True)


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


def ratio(figures, base):
    """How many times the CPU time of `base` it took, both lists of runs."""
    middle, ours = ([row["cpu"] for row in rows if row["cpu"]] for rows in (figures, base))
    return f"{statistics.median(middle) / statistics.median(ours):.1f}" if middle and ours else "-"
