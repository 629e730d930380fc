"""Debian's Pushgateway, an exporter of client_golang's, after somebody pushed an exposition to it.

It adds the labels ``instance`` and ``job`` to each series, and a few series of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import httpx

from benchmarks.peers.subject import say

LISTENING = re.compile(r'msg="Listening on" address=127\.0\.0\.1:(\d+)')


def main() -> None:
    """Serve until standard input ends."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("exposition", type=Path, help="in Prometheus's text format 0.0.4")
    exposition = parser.parse_args().exposition
    asked = subprocess.run(["prometheus-pushgateway", "--version"], capture_output=True, text=True, check=True)
    said = asked.stdout or asked.stderr
    command = ["prometheus-pushgateway", "--web.listen-address=127.0.0.1:0", "--persistence.file="]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            port = _port(server)
            url = f"http://127.0.0.1:{port}/metrics/job/vlmrun"
            httpx.put(url, content=exposition.read_bytes(), timeout=120).raise_for_status()
            say({"ready": True, "version": said.split()[2], "port": port, "pid": server.pid})
            sys.stdin.read()
        finally:
            server.terminate()


def _port(server: subprocess.Popen[str]) -> int:
    """Wait for the line that names it. Raises RuntimeError if the server ends instead."""
    assert server.stderr is not None
    for line in server.stderr:
        if found := LISTENING.search(line):
            return int(found[1])
    raise RuntimeError("the Pushgateway did not start")


if __name__ == "__main__":
    main()
