"""Measures the process it runs in: time, CPU, memory, connections. The same for every contestant."""

import os
import resource
import threading
import time

# Seconds between two looks at the open connections: often enough for runs of a second, and no load.
LOOK = 0.2


def sockets():
    """Sockets this process has open."""
    many = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            many += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except OSError:
            pass
    return many


def peak_rss():
    """The most memory this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def cpu():
    """CPU seconds of all threads of this process, in user and in system mode."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Meter:
    """Measures what is inside of `with meter:`."""

    def __enter__(self):
        self.before, self.most, self.rss_before = sockets(), 0, peak_rss()
        self.stopped = threading.Event()
        self.looking = threading.Thread(target=self.look, daemon=True)
        self.looking.start()
        self.wall, self.cpu = time.perf_counter(), cpu()
        return self

    def look(self):
        while not self.stopped.wait(LOOK):
            self.most = max(self.most, sockets() - self.before)

    def __exit__(self, *_):
        self.wall, self.cpu = time.perf_counter() - self.wall, cpu() - self.cpu
        self.most = max(self.most, sockets() - self.before)
        self.stopped.set()
        self.looking.join()

    def line(self, tally):
        """What is printed of it."""
        records = max(1, tally.ok + tally.lost)
        return {
            "wall_seconds": round(self.wall, 3),
            "cpu_seconds": round(self.cpu, 3),
            "cpu_us_per_record": round(self.cpu / records * 1e6, 1),
            "rss_before_bytes": self.rss_before,
            "peak_rss_bytes": peak_rss(),
            "connections_peak": self.most,
            "sent": tally.sent,
            "ok": tally.ok,
            "lost": tally.lost,
            "failures": dict(sorted(tally.failures.items())),
            **percentiles(tally.seconds),
        }


def percentiles(seconds):
    """The times that half, 95 and 99 of 100 did not exceed, in milliseconds; None if there are none."""
    ordered = sorted(seconds)
    place = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))]
    return {f"p{p}_ms": round(place(p / 100) * 1e3, 1) if ordered else None for p in (50, 95, 99)}
