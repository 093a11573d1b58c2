#!/usr/bin/env python3
"""What one POST costs on the wire beyond its payload: TLS records and HTTP headers, TCP/IP not counted.

As a real tenant would see it: a host of 60 characters, a path of 21, `SAP_ApplicationID` and `SAP_Sender` set, on an open connection. The bytes
are counted by the stand-in's TCP front. The port behind the host in `Host`, which a real endpoint on 443 doesn't have, is taken off.
Fails above the limit. Writes post.overhead_bytes (TLS 1.2) and post.overhead_tls13_bytes into $IFL_FIGURES_DIR/post.json."""

import argparse
import json
import os
import shutil
import sys

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.dont_write_bytecode = True

from daemon import Daemon, Failure, wait_until  # noqa: E402
from endpoint import StandIn  # noqa: E402

LIMIT = 290
PATH = "/http/plant/telemetry"
MESSAGES = 12
PAYLOAD_SIZE = 300


def measure(options, tls):
    """The largest overhead of a POST on an open connection, in bytes."""
    work = os.path.join(options.work, tls)
    with StandIn(os.path.join(work, "stand-in"), tls=tls) as stand_in:
        assert len(stand_in.host) == 60 and len(PATH) == 21
        config = os.path.join(work, "iflow.json")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"device": "gw-0042", "identity": stand_in.service_key(), "trust": stand_in.ca_file,
                       "network": {"resolve": stand_in.address}, "backoff": {"boot_jitter_ms": 0},
                       "routes": {"telemetry": PATH}}, file)  # fmt: skip
        daemon = Daemon(os.path.join(options.bin, "iflowd"), config, work)
        try:
            daemon.start()
            for _ in range(MESSAGES):
                daemon.send([f"telemetry {'x' * PAYLOAD_SIZE}\n"])
            wait_until("all messages accepted", lambda: len(stand_in.accepted()) == MESSAGES)
        finally:
            daemon.kill()
        known = [record for record in stand_in.records() if record.get("wire_request_bytes")]
        for record in known:
            if record["sender"] != "gw-0042" or not record["id"]:
                raise Failure("SAP_ApplicationID or SAP_Sender is missing")
        if len(known) < MESSAGES // 2:
            raise Failure("the messages didn't share a connection")
        return max(record["wire_request_bytes"] - record["body_size"] for record in known) - len(f":{stand_in.port}")


def write_figures(figures):
    directory = os.environ.get("IFL_FIGURES_DIR")
    if directory:
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, "post.json"), "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "host", "bin"))
    parser.add_argument("--work", default=os.path.join(ROOT, "build", "post-overhead"))
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    figures = {"post.overhead_bytes": measure(options, "1.2"), "post.overhead_tls13_bytes": measure(options, "1.3")}
    write_figures(figures)
    for name, value in figures.items():
        print(f"{name} {value}")
    if figures["post.overhead_bytes"] > LIMIT:
        print(f"a POST costs more than {LIMIT} bytes beyond its payload", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
