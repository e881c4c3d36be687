"""Sends requests at a steady rate over connections that stay open: ``python -m tests.bench.load``.

Each connection has its own times to send at. An answer's latency counts from the time at which its
request was due if that had to wait for the answer before, so that a slow answer makes the next one
slow too, and else from when it was sent: this process waking up late is no work of the server's.
"""

import argparse
import json
import math
import os
import sys
import threading
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from time import perf_counter, sleep
from urllib.parse import urlsplit

CONNECTIONS = 16


@dataclass
class Tally:
    """What came of the requests of one connection. Latencies are in seconds."""

    latencies: list[float] = field(default_factory=list)
    errors: int = 0


def main() -> int:
    """Send, and print answers a second, errors and latencies in milliseconds as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, required=True, help="a second; 0: without pause")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--encoding", required=True)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    options = parser.parse_args()
    headers = {"PRIVATE-TOKEN": os.environ["TOKEN"], "Accept-Encoding": options.encoding}
    tallies = [Tally() for _ in range(options.connections)]
    began = perf_counter()
    threads = [
        threading.Thread(
            target=_send,
            args=(options.url, headers, tally),
            kwargs={
                "begin": began + number / options.rate if options.rate else began,
                "pause": options.connections / options.rate if options.rate else 0.0,
                "end": began + options.seconds,
            },
        )
        for number, tally in enumerate(tallies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = perf_counter() - began
    latencies = sorted(1e3 * one for tally in tallies for one in tally.latencies)
    report = {
        "answers": len(latencies),
        "errors": sum(tally.errors for tally in tallies),
        "per_second": len(latencies) / seconds,
        "p50": percentile(latencies, 50) if latencies else None,
        "p99": percentile(latencies, 99) if latencies else None,
    }
    sys.stdout.write(json.dumps(report))
    return 0


def percentile(ordered: list[float], percent: int) -> float:
    """Return the smallest value that so many percent of all do not exceed."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def _send(
    url: str, headers: dict[str, str], tally: Tally, *, begin: float, pause: float, end: float
) -> None:
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}"
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    due = begin
    while due < end:
        began = due
        early = due - perf_counter()
        if early > 0:
            sleep(early)
            began = perf_counter()
        try:
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            good = bool(response.read()) and response.status == 200
        except (OSError, HTTPException):
            connection.close()
            good = False
        now = perf_counter()
        if good:
            tally.latencies.append(now - began)
        else:
            tally.errors += 1
        due = due + pause if pause else now
    connection.close()


if __name__ == "__main__":
    sys.exit(main())
