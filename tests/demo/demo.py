#!/usr/bin/env python3
"""The demo (`./dev demo`): iflowd on a gateway, then a microcontroller node (node_story.py), deliver readings to a stand-in for Cloud Integration, while nearly
everything goes wrong.

What is done stands in `story()`, one function a chapter. The verdict at the end is computed from what the stand-in recorded, not
from what iflowd says. Exit status 0 only if every message that a producer got an OK for was accepted, once for each id, in order, without a
gap, and with the payload that it was acknowledged for. Everything lies below --work; nothing keeps running, also after Ctrl-C."""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.dont_write_bytecode = True

from daemon import Daemon, Failure, wait_until  # noqa: E402
from endpoint import StandIn  # noqa: E402
from endpoint.server import DEFAULT_PKI  # noqa: E402

ROUTES = {"telemetry": "/http/plant/telemetry", "alarm": "/http/plant/alarm"}
RETRY_AFTER_S = 1  # of the answer 503_retry_after
CTL_S = 120  # no question to iflowctl takes longer


def say(text="", indent=0):
    for line in text.splitlines() or [""]:
        print("  " * indent + line, flush=True)


def chapter(number, title):
    say()
    say(f"{number}. {title}")


def lines(number):
    return "1 line" if number == 1 else f"{number} lines"


def short(path):
    relative = os.path.relpath(path)
    return relative if len(relative) < len(path) else path


class Demo:
    def __init__(self, options, stand_in, seen):
        self.bin, self.work, self.stand_in = options.bin, options.work, stand_in
        self.seen = seen  # (monotonic seconds, seq) of each request's end
        self.config = os.path.join(self.work, "iflow.json")
        self.daemon = Daemon(os.path.join(self.bin, "iflowd"), self.config, self.work)
        self.sent = {}  # id that the producer was told -> (route, payload)
        self.count = {route: 0 for route in ROUTES}

    # Tools of the story

    def ctl(self, *words, check=True):
        command = [os.path.join(self.bin, "iflowctl"), *words]
        result = subprocess.run(command, capture_output=True, text=True, timeout=CTL_S, check=False)
        if check and result.returncode != 0:
            raise Failure(f"iflowctl {' '.join(words)} failed ({result.returncode}):\n{result.stdout}{result.stderr}")
        return result.stdout.rstrip()

    def console(self, *words):
        return json.loads(self.ctl(*words, "--run", os.path.join(self.work, "run"), "--json", check=False) or "{}")

    def feed(self, route, number):
        """Readings like those of a sensor; each is acknowledged by iflowd with its id."""
        texts, payloads = [], []
        for _ in range(number):
            self.count[route] += 1
            reading = {"sensor": f"press-7/{route}", "reading": self.count[route], "celsius": 20 + self.count[route] % 9}
            payloads.append(json.dumps(reading))
            texts.append(f"{route} {payloads[-1]}\n")
        ids = self.daemon.send(texts)
        for message_id, payload in zip(ids, payloads):
            if message_id in self.sent:
                raise Failure(f"iflowd gave the id {message_id} twice")
            self.sent[message_id] = (route, payload)
        say(f"producer: {lines(number)} for {route} → {number} × OK, the last one with id {ids[-1]}", 1)

    def delivered(self, route):
        return len(self.stand_in.accepted(ROUTES[route]))

    def wait_for(self, route, count=None):
        count = self.count[route] if count is None else count
        wait_until(f"{count} messages of {route} accepted", lambda: self.delivered(route) >= count)
        say(f"Cloud Integration has accepted {count} messages of {route}", 1)

    def route_state(self, name):
        routes = self.console("routes").get("routes", [])
        return next((route for route in routes if route["name"] == name), {})

    # The story

    def make_key(self):
        chapter(2, "A service key, exactly as SAP gives it")
        path = self.stand_in.service_key()
        with open(path, encoding="utf-8") as file:
            key = json.load(file)["oauth"]
        say(f"{short(path)}: JSON with {', '.join(key)}.", 1)
        count = key["certificate"].count("BEGIN CERTIFICATE")
        say(f"`certificate` holds {count} certificates in one string; `key` begins with "
            f"{key['key'].splitlines()[0].strip('-')} and is never shown.", 1)  # fmt: skip
        say("$ iflowctl key check " + short(path), 1)
        say(self.ctl("key", "check", path), 2)
        return path

    def configure(self, key):
        config = {
            "device": "gw-0042",
            "identity": os.path.relpath(key, self.work),
            "trust": self.stand_in.ca_file,
            "network": {"resolve": self.stand_in.address},
            # A plant waits seconds to minutes; a demo doesn't.
            "backoff": {"base_ms": 100, "cap_ms": 2000, "boot_jitter_ms": 0},
            "probe": {"first_ms": 300, "cap_ms": 600},
            "routes": ROUTES,
        }
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(config, file, indent=2)

    def start_daemon(self):
        chapter(3, "iflowd starts with that key and two routes")
        say(f"configuration {short(self.config)}: telemetry → {ROUTES['telemetry']}, alarm → {ROUTES['alarm']}", 1)
        self.daemon.start()
        self.feed("telemetry", 6)
        self.feed("alarm", 2)
        self.wait_for("telemetry")
        self.wait_for("alarm")

    def busy_answer(self):
        chapter(4, "Cloud Integration is busy: 503 with Retry-After, one second")
        self.stand_in.fault("503_retry_after", route=ROUTES["telemetry"])
        self.feed("telemetry", 4)
        self.wait_for("telemetry")
        busy = [record for record in self.stand_in.records() if record["status"] == 503]
        if len(busy) != 1:
            raise Failure(f"one request was to be answered with 503, but {len(busy)} were")
        waited_s = wait_until("the refused message comes again", lambda: self.seconds_until_repeated(busy[0]))
        if waited_s < RETRY_AFTER_S - 0.1:  # both are seen a little later than they were
            raise Failure(f"Retry-After said one second, but the message came again after {waited_s:.2f} s")
        say(f"the refused message came again under the same id after {waited_s:.1f} s; the others waited behind it", 1)

    def seconds_until_repeated(self, record):
        """From the end of this request to the end of the next one with the same id, as the stand-in saw them."""
        ends = [end_s for end_s, seq in self.seen if seq == record["seq"]]
        later = [other["seq"] for other in self.stand_in.records(record["seq"]) if other["id"] == record["id"]]
        ends += [end_s for end_s, seq in self.seen if later and seq == later[0]]
        return ends[1] - ends[0] if len(ends) == 2 else None

    def broken_connection(self):
        chapter(5, "The connection is reset in the middle of a request, and once more in the middle of an answer")
        self.stand_in.fault("cut", route=ROUTES["telemetry"], body_bytes=20)
        self.feed("telemetry", 2)
        self.wait_for("telemetry")
        if all(record["complete"] for record in self.stand_in.records()):
            raise Failure("no request was cut off")
        say("one request arrived only in part, so it was sent again under the same id", 1)
        self.stand_in.fault("reset_after_processing", route=ROUTES["telemetry"])
        self.feed("telemetry", 2)
        self.wait_for("telemetry")
        wait_until("the message whose answer was lost comes again", self.repeated)
        say("one message was accepted, but the answer got lost: it was repeated, and recognised by its id", 1)

    def repeated(self):
        return [record for record in self.stand_in.records() if record["duplicate"]]

    def undeployed_flow(self):
        chapter(6, "The flow of the alarms is undeployed: 404")
        self.stand_in.undeploy(ROUTES["alarm"])
        self.feed("alarm", 3)
        self.feed("telemetry", 3)
        state = wait_until("the route alarm is held", lambda: self.held_state("alarm"))
        say(f"iflowctl routes: alarm is {state['state']}: E{state['status']['code']} {state['status']['cause']}", 1)
        say(f"  {state['status']['remedy']}", 1)
        self.wait_for("telemetry")
        say("telemetry isn't held up by that", 1)
        wait_until("a slow probe", lambda: self.not_found_count() >= 2)
        say("a slow probe asks from time to time whether the flow is there; nothing is dropped", 1)

    def not_found_count(self):
        return sum(record["status"] == 404 for record in self.stand_in.records())

    def held_state(self, name):
        state = self.route_state(name)
        return state if state.get("state") == "held" else None

    def killed_daemon(self):
        chapter(7, "The network is down, messages queue up, and iflowd is killed with kill -9")
        self.stand_in.front.listen(False)
        self.stand_in.command("reset")
        self.feed("telemetry", 8)
        self.feed("alarm", 3)
        waiting = len(self.sent) - sum(self.delivered(route) for route in ROUTES)
        self.daemon.kill()
        say(f"iflowd is dead; {waiting} messages that it had said OK to are only in its state directory", 1)
        self.stand_in.front.listen(True)

    def second_start(self):
        chapter(8, "iflowd starts again; the flow of the alarms is deployed again")
        self.daemon.start()
        self.feed("telemetry", 3)
        self.stand_in.deploy(ROUTES["alarm"])
        self.feed("alarm", 1)
        for route in ROUTES:
            self.wait_for(route)
        queues = wait_until("the queues are empty", self.empty_queues)
        say("iflowctl queue list: " + ", ".join(f"{entry['route']} {entry['queued']}" for entry in queues), 1)
        status = self.daemon.stop()
        say(f"SIGTERM: iflowd has stopped with exit status {status}", 1)
        if status != 0:
            raise Failure(f"iflowd ended with {status}; its log: {self.daemon.tail()}")

    def empty_queues(self):
        queues = self.console("queue", "list").get("queues", [])
        return queues if queues and all(entry["queued"] == 0 for entry in queues) else None

    def story(self):
        self.configure(self.make_key())
        self.start_daemon()
        self.busy_answer()
        self.broken_connection()
        self.undeployed_flow()
        self.killed_daemon()
        self.second_start()


# The verdict, from the stand-in's records


def number_of(message_id):
    """<log id>-<lane>-<n>"""
    match = re.fullmatch(r"([0-9a-f]{16})-(\d+)-(\d+)", message_id)
    if not match:
        raise Failure(f"the receiver saw an id of another form: {message_id!r}")
    return match.group(1), int(match.group(2)), int(match.group(3))


def answer_of(record):
    if not record["complete"]:
        return "cut"
    return "lost" if record["effect"] == "reset" else str(record["status"])


def table(demo):
    records = [record for record in demo.stand_in.records() if record["method"] == "POST"]
    say(f"{'id':<26}{'route':<11}{'attempts':>8}  {'answers':<14}MPL id")
    for message_id, (route, _) in sorted(demo.sent.items(), key=lambda item: (item[1][0], number_of(item[0])[2])):
        tries = [record for record in records if record["id"] == message_id]
        answers = " ".join(answer_of(record) for record in tries)
        answers = re.sub(r"\b(404)( 404)+\b", lambda match: f"404×{len(match.group(0).split())}", answers)
        mpl = next((record["mpl"] for record in tries if record["accepted"]), "-")
        say(f"{message_id:<26}{route:<11}{len(tries):>8}  {answers or 'never seen':<14}{mpl}")


def check_route(demo, route, problem):
    accepted = demo.stand_in.accepted(ROUTES[route])
    ids = [message["id"] for message in accepted]
    numbers = [number_of(message_id)[2] for message_id in ids]
    problem(len(set(ids)) != len(ids), f"{route}: a message was accepted twice")
    problem(numbers != sorted(numbers), f"{route}: the order isn't kept: {numbers}")
    problem(sorted(numbers) != list(range(1, len(numbers) + 1)), f"{route}: the numbers have a gap: {numbers}")
    problem(len({number_of(message_id)[:2] for message_id in ids}) > 1, f"{route}: more than one log or lane")
    for message in accepted:
        sent = demo.sent.get(message["id"])
        problem(sent is None, f"{route}: {message['id']} was accepted but its producer never got an OK")
        problem(sent and (sent[0] != route or sent[1].encode() != message["body"]),
                f"{route}: {message['id']} has another payload than the one it was acknowledged for")  # fmt: skip
    for message_id, (of_route, _) in demo.sent.items():
        problem(of_route == route and message_id not in ids, f"{route}: {message_id} was acknowledged but never accepted")


def verdict(demo):
    """What is wrong, as sentences."""
    problems = []

    def problem(condition, text):
        if condition:
            problems.append(text)

    for route in ROUTES:
        check_route(demo, route, problem)
    payloads = {}
    for record in demo.stand_in.records():
        if record["complete"] and record["method"] == "POST":
            problem(payloads.setdefault(record["id"], record["body"]) != record["body"],
                    f"{record['id']} came with two payloads")  # fmt: skip
            problem(record["sender"] != "gw-0042", f"{record['id']} came without the device's name")
    problem(any(record["conflict"] for record in demo.stand_in.records()), "the receiver saw two payloads under one id")
    return problems


def finish(demo):
    chapter(9, "All messages, as the receiver recorded them")
    say()
    table(demo)
    problems = verdict(demo)
    say()
    for text in problems:
        say("✘ " + text)
    if problems:
        return 1
    repeated = sum(record["duplicate"] for record in demo.stand_in.records())
    say(f"✔ {len(demo.sent)} messages acknowledged, {len(demo.stand_in.accepted())} accepted: all delivered, none lost, order kept, "
        f"ids stable and gapless ({repeated} repeated under the same id and recognised by it).")  # fmt: skip
    return 0


def node_story(options, stand_in):
    if not options.node:
        return 0
    from node_story import NodeStory

    try:
        return NodeStory(options, stand_in, say, chapter).tell(10)
    except (AssertionError, OSError, RuntimeError) as error:
        say(f"\n✘ {error}")
        return 1


def arguments():
    parser = argparse.ArgumentParser(description="iflowd against a stand-in for Cloud Integration that misbehaves.")
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "host", "bin"), help="where iflowd and iflowctl are")
    parser.add_argument("--work", default=os.path.join(ROOT, "build", "demo"), help="directory for everything that is made")
    parser.add_argument("--node", default="", help="the node's firmware; without it only the gateway is shown")
    parser.add_argument("--tls", default="auto", choices=("auto", "1.2", "1.3"))
    return parser.parse_args()


def run(options):
    shutil.rmtree(options.work, ignore_errors=True)
    os.makedirs(options.work)
    say("1. The stand-in for SAP Cloud Integration starts (a real nginx before a model of the tenant)")
    if not os.path.isdir(os.path.join(DEFAULT_PKI, "client")):
        say("making its certificates, with RSA-4096 keys as SAP's: some seconds, only this once …", 1)
    with contextlib.ExitStack() as stack:
        seen = []
        stand_in = stack.enter_context(StandIn(os.path.join(options.work, "stand-in"), tls=options.tls,
                                               log=lambda record: seen.append((time.monotonic(), record["seq"]))))  # fmt: skip
        say(f"  {stand_in.url}, on {stand_in.address}", 0)
        demo = Demo(options, stand_in, seen)
        stack.callback(demo.daemon.kill)
        try:
            demo.story()
            return finish(demo) or node_story(options, stand_in)
        except Failure as failure:
            say(f"\n✘ {failure}\n  The daemon's log: {short(demo.daemon.log_path)}")
            return 1


def main():
    options = arguments()
    options.work = os.path.abspath(options.work)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: clean up, then end
    try:
        return run(options)
    except KeyboardInterrupt:
        say("\nstopped by Ctrl-C; nothing keeps running")
        return 130


if __name__ == "__main__":
    sys.exit(main())
