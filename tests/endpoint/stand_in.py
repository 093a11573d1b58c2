#!/usr/bin/env python3
"""Runs the stand-in for SAP Cloud Integration in the foreground until Ctrl-C (`./dev stand-in`).

Prints what was started in plain sentences and each request in one line; with --json instead one line of JSON on stdout,
then silence. The same JSON is in state.json of the work directory. It ends when its parent process ends."""

import argparse
import json
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.dont_write_bytecode = True

from endpoint import StandIn  # noqa: E402
from endpoint.server import DEFAULT_PKI  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description="Stand-in for a tenant of SAP Cloud Integration on this machine.")
    parser.add_argument("--work", default=os.path.join(os.path.dirname(DEFAULT_PKI), "run"), help="directory of this run")
    parser.add_argument("--pki", default=DEFAULT_PKI, help="directory of the certificates, kept from run to run")
    parser.add_argument("--tls", choices=("auto", "1.2", "1.3"), default="auto")
    parser.add_argument("--server-root", choices=("rsa2048", "rsa4096", "p384"), default="rsa2048")
    parser.add_argument("--ca-names", type=int, default=0, help="number of CA names in the CertificateRequest, like 83")
    parser.add_argument("--no-tickets", action="store_true", help="no TLS session tickets")
    parser.add_argument("--no-session-cache", action="store_true", help="no resumption by session id")
    parser.add_argument("--flow", action="append", default=[], metavar="PATH", help="deploy a flow, like /http/plant/x")
    parser.add_argument("--csrf", action="append", default=[], metavar="PATH", help="the same, CSRF protected")
    parser.add_argument("--json", action="store_true", help="print one JSON record when ready, and nothing else")
    parser.add_argument("--log", action="store_true", help="with --json: each request as a line on stderr")
    parser.add_argument("--stay", action="store_true", help="go on when the parent process ends")
    return parser.parse_args()


def request_line(record):
    """One line for people about one request."""
    what = f"{record['method']} {record['target']}"
    who = f"id={record['id'] or '-'} sender={record['sender'] or '-'} {record['body_size']} B"
    tls = f"{record['tls']}{' resumed' if record['resumed'] else ''} connection {record['connection']}"
    if not record["complete"]:
        end = "cut off in the middle"
    elif record["effect"]:
        end = f"{record['scenario']}: {record['effect']}"
    else:
        end = f"{record['status']}" + (f" ({record['scenario']})" if record["scenario"] else "")
    if record["mpl"]:
        end += f" MPL {record['mpl']}"
    for mark in ("duplicate", "conflict"):
        end += f" {mark.upper()}" if record[mark] else ""
    return f"{time.strftime('%H:%M:%S')}  {what}  {who}  {tls}  ->  {end}"


def connection_line(connection):
    """One line for people about a connection on which no request arrived; of others the requests tell enough."""
    fault = f" by order ({json.dumps(connection['fault'])})" if connection["fault"] else ""
    return (f"{time.strftime('%H:%M:%S')}  connection {connection['number']} ended without a request{fault}: "
            f"{connection['up_bytes']} B from the client, {connection['down_bytes']} B to it, {connection['closed_by']}")  # fmt: skip


def introduce(ready):
    """What people need to send a first message."""
    root = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    pem = os.path.join(ready["work"], "keys", "servicekey-pem")
    route = ready["routes"][0]

    def near(path):
        relative = os.path.relpath(path)
        return relative if len(relative) < len(path) else path

    return f"""A stand-in for SAP Cloud Integration is running on this machine. It is no SAP product and proves nothing about SAP's own
systems; tests/endpoint/README.md says what it models and what is inferred.

  Tenant       {ready["url"]}   (on {ready["address"]}, TLS {ready["tls"]})
  Flows        {"  ".join(ready["routes"])}
  Service key  {near(ready["key"])}
  Server CA    {near(ready["ca"])}
  Proxy        127.0.0.1:{ready["proxy_port"]} (HTTP CONNECT)
  Control      {ready["control"]}   (GET /records, /accepted, /scenarios; POST /faults ...)

A first message, with iflowctl:
  {near(os.path.join(root, "build", "host", "bin", "iflowctl"))} send --key {near(ready["key"])} --ca {near(ready["ca"])} \\
      --resolve {ready["resolve"]} --route {route} --file README.md

The same with curl:
  curl -i --cert {near(os.path.join(pem, "cert.pem"))} --key {near(os.path.join(pem, "key.key"))} --cacert {near(ready["ca"])} \\
      --resolve {ready["resolve"]} \\
      -H 'SAP_ApplicationID: first-1' -H 'Content-Type: application/json' -d '{{"t":21.5}}' {ready["url"]}{route}

Let the next message be answered with 503 and Retry-After:
  curl -d '{{"scenario":"503_retry_after"}}' {ready["control"]}/faults

Each request follows in one line. Ctrl-C ends the stand-in.
"""


def main():
    options = arguments()
    parent = os.getppid()
    end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: end.set())
    log = log_connection = None
    if not options.json or options.log:
        stream = sys.stderr if options.json else sys.stdout

        def log(record):
            print(request_line(record), file=stream, flush=True)

        def log_connection(connection):
            if not connection["requests"]:
                print(connection_line(connection), file=stream, flush=True)

    stand_in = StandIn(options.work, tls=options.tls, pki_dir=options.pki, server_root=options.server_root,
                       ca_names=options.ca_names, tickets=not options.no_tickets,
                       session_cache=not options.no_session_cache, log=log, log_connection=log_connection)  # fmt: skip
    if not options.json and not os.path.isdir(os.path.join(options.pki, "client")):
        print("Making certificates and service keys; this happens once and takes some seconds ...", flush=True)
    try:
        stand_in.start()
    except (RuntimeError, OSError) as error:
        if end.is_set():
            return 130
        print(f"The stand-in can't start: {error}", file=sys.stderr)
        return 1
    try:
        for path in options.flow + options.csrf:
            stand_in.deploy(path, csrf=path in options.csrf)
        stand_in.service_key(form="pem")
        ready = stand_in.ready()
        print(json.dumps(ready) if options.json else introduce(ready), flush=True)
        while not end.wait(0.25):
            if os.getppid() != parent and not options.stay:
                break
    finally:
        stand_in.stop()
    if not options.json:
        print(f"The stand-in has ended; {len(stand_in.accepted())} messages were accepted.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
