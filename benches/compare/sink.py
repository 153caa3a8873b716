"""Where the peers' aggregates arrive: Graphites and an OTLP that add up, and a Prometheus that scrapes.

They keep what came as bytes and read it only when asked for sums, so that they cost the load, which shares their core,
next to nothing while it runs. `sums` gives the sum of all counters and the number of timings, which are compared with
what `hekad flood` says it sent; `longest` gives the seconds of the longest flush, from its first byte to its last.
"""

import http.client
import http.server
import re
import socket
import threading
import time
import urllib.request

# Between two flushes there is a longer pause than within one.
PAUSE = 0.15
# A server that takes this share of a core is at work, though nothing arrives; of another nothing more comes after so
# many seconds.
BUSY, QUIET = 0.5, 1


class Pushed:
    """What flushes bring: each has what came since the last."""

    def __init__(self, counter, timer):
        """`counter` and `timer` match what says the count of each, with the value as the only group."""
        self.patterns = re.compile(counter), re.compile(timer)
        self.found = [0.0, 0.0]
        self.pieces = []
        self.flushes = []
        self.lock = threading.Lock()

    def keep(self, number, piece):
        """Keeps what came on a connection."""
        now = time.monotonic()
        with self.lock:
            self.pieces.append((number, piece))
            if self.flushes and now - self.flushes[-1][1] < PAUSE:
                self.flushes[-1][1] = now
            else:
                self.flushes.append([now, now])

    def add(self, text):
        for kind, pattern in enumerate(self.patterns):
            self.found[kind] += sum(map(float, pattern.findall(text)))

    def taken(self):
        """What came since this was asked last."""
        with self.lock:
            pieces, self.pieces = self.pieces, []
        return pieces

    def is_over(self, quiet, worked):
        """Whether nothing more will come, when nothing has for so many seconds, of which the server worked so many."""
        return quiet > QUIET and worked < BUSY * quiet

    def longest(self):
        """Seconds from the first to the last byte of the longest flush."""
        with self.lock:
            return max((last - first for first, last in self.flushes), default=0.0)


class Graphite(Pushed):
    """Adds up lines of Graphite."""

    def __init__(self, counter, timer):
        super().__init__(counter, timer)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        number = 0
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:  # closed
                return
            number += 1
            threading.Thread(target=self._read, args=(number, connection), daemon=True).start()

    def _read(self, number, connection):
        with connection:
            while True:
                try:
                    piece = connection.recv(1 << 20)
                except OSError:  # reset by a peer that was ended
                    return
                if not piece:
                    return
                self.keep(number, piece)

    def sums(self):
        """The sum of all counters and the number of timings so far."""
        streams = {}
        for number, piece in self.taken():
            streams.setdefault(number, []).append(piece)
        for number, pieces in streams.items():
            text = b"".join(pieces)
            end = text.rfind(b"\n") + 1
            self.add(text[:end])
            if text[end:]:
                with self.lock:  # the beginning of a line, whose end may have come meanwhile
                    self.pieces.insert(0, (number, text[end:]))
        return self.found

    def close(self):
        self.listener.close()


class GraphiteTotals(Graphite):
    """Takes lines of Graphite whose values are totals since the start, so that the last one of a name counts."""

    def __init__(self, counter, timer):
        """`counter` and `timer` have two groups: the name, and the value."""
        self.totals = {}, {}
        super().__init__(counter, timer)

    def add(self, text):
        for kind, pattern in enumerate(self.patterns):
            self.totals[kind].update(pattern.findall(text))
            self.found[kind] = sum(map(float, self.totals[kind].values()))


class Otlp(Pushed):
    """Adds up requests of OTLP over HTTP, as JSON."""

    def __init__(self, counter, timer):
        super().__init__(counter, timer)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _handler(sink):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                sink.keep(0, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        return Handler

    def sums(self):
        """The sum of all counters and the number of timings so far."""
        for _, request in self.taken():
            self.add(request)
        return self.found

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Scrapes:
    """Scrapes a page each `interval`; every page has the totals since the start."""

    def __init__(self, port, interval, counter, timer):
        self.patterns = re.compile(counter, re.M), re.compile(timer, re.M)
        self.address = f"http://127.0.0.1:{port}/metrics"
        self.interval = interval
        self.page = b""
        self.added = (b"", [0.0, 0.0])
        self.is_same = False
        self.seconds = 0.0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._scrape, daemon=True)
        self.thread.start()

    def _scrape(self):
        # Not through a proxy, whatever the environment says.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while not self.over.wait(self.interval):
            began = time.monotonic()
            try:
                with opener.open(self.address, timeout=30) as answer:
                    self.page = answer.read()
            except (OSError, http.client.HTTPException):  # not yet up, or ended
                continue
            self.seconds = max(self.seconds, time.monotonic() - began)

    def sums(self):
        """The sum of all counters and the number of timings of the last page."""
        page = self.page
        if page is not self.added[0]:  # which of a million series takes a while
            sums = [sum(map(float, pattern.findall(page))) for pattern in self.patterns]
            self.is_same, self.added = sums == self.added[1], (page, sums)
        return self.added[1]

    def is_over(self, *_):
        """Whether the last page said no more than the one before it. A server is at work as long as it is scraped."""
        return self.is_same

    def longest(self):
        """Seconds of the longest scrape."""
        return self.seconds

    def close(self):
        self.over.set()
        self.thread.join(1)
