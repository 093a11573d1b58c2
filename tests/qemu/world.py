"""A node's world for tests: the stand-in for Cloud Integration, a time server, a flash image made by iflowctl, the firmware in QEMU, and what may be
asked of all of them.

Waiting is for an event, with a generous limit that only ends a hopeless test; nothing here judges how long something took."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import machine  # noqa: E402
from endpoint import StandIn  # noqa: E402
from run_board_test import NtpServer  # noqa: E402

TELEMETRY, HEARTBEAT = "/http/plant/telemetry", "/http/plant/alarm"
GUEST_SEES_US_AT = "10.0.2.2"
LIMIT_S = machine.LIMIT_S
ALL_S = 10 * LIMIT_S  # a slow machine may need long for many messages, but it gets on
BOARD = "smartfusion2_som"
RETRY_EVERY_S = 1.0
LAST_WORDS = 4000


def wait_until(what, condition, board=None, limit_s=LIMIT_S, every_s=0.02):
    """The first true value of condition(). Says what the node said when it doesn't come."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            said = f"; the node's last words:\n{board.console_text()[-LAST_WORDS:]}" if board is not None else ""
            raise AssertionError(f"this didn't happen: {what}{said}")
        time.sleep(every_s)


class Node(machine.Machine):
    """The firmware at its console."""

    def __enter__(self):
        super().__enter__()
        self.read_to, self.ready = 0, False
        return self

    def line_behind(self, start):
        """(text of the next whole line that isn't the log's, position behind it)"""
        while True:
            end = self.console.expect("\n", LIMIT_S, start)
            line = bytes(self.console.received[start:end]).decode("utf-8", "replace").strip()
            assert "last reboot: stack overflow" not in line, "the node's stack is too small: it starts again and again"
            if line and not line.startswith("log: "):
                return line, end
            start = end

    def ask(self, command):
        """The answer to a command, as the object that `json` gives."""
        if not self.ready:
            self.wait_ready()
        self.console.send(f"json {command}\n")
        while True:
            line, self.read_to = self.line_behind(self.read_to)
            if line.startswith("{"):
                return json.loads(line)

    def wait_ready(self):
        self.read_to = self.console.expect("log: ready\n", LIMIT_S, self.read_to)
        self.ready = True

    def store(self, route, payload):
        """Store a message; its id. An erase of the flash under way is waited for, as a producer has to."""
        def stored():
            answer = self.ask(f"send {route} {payload}")
            if not answer["ok"] and answer["error"]["name"] != "FLASH_BUSY":
                raise AssertionError(f"it isn't stored: {answer}")
            return answer.get("id")
        return wait_until("a message is stored", stored, self)

    def causes(self):
        """Names of the reasons why something waits, on any surface of `status`."""
        status = self.ask("status")
        views = [status["host"], *status["routes"]]
        return {view["status"]["name"] for view in views if view["status"]}

    def events(self):
        return {event["status"]["name"] for event in self.ask("log 20")["events"] if event["status"]}

    def wait_event(self, name):
        """For a cause that is over by itself: `status` names it only until the next try, which may be between two questions."""
        wait_until(f"`log` names {name}", lambda: name in self.events(), self, every_s=0.05)

    def wait_cause(self, name):
        wait_until(f"`status` names {name}", lambda: name in self.causes(), self, every_s=0.05)


class World:
    """`options` are those of the stand-in, unless one that runs is given. `resolve` False: the node asks a name server for the tenant's host.
    `work`: a directory that stays. `pin`: what opens the console."""

    def __init__(self, elf, iflowctl, resolve=True, routes=None, network=None, stand_in=None, device="node-1", work=None, pin=None, **options):
        self.elf, self.iflowctl, self.options = str(elf), str(iflowctl), options
        self.stand_in, self.device, self.work = stand_in, device, work
        self.resolve, self.network, self.pin = resolve, network or {}, pin
        self.routes = routes or {"telemetry": {"path": TELEMETRY, "timeout_ms": 4000, "max_rate": 60000}, "heartbeat": HEARTBEAT}
        self.acknowledged = {}  # id -> payload of what the console said "stored" to

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.work = pathlib.Path(self.work or self.stack.enter_context(tempfile.TemporaryDirectory(prefix="node-")))
        self.work.mkdir(parents=True, exist_ok=True)
        self.flash = self.work / "flash.img"
        if self.stand_in is None:
            self.stand_in = self.stack.enter_context(StandIn(str(self.work / "run"), **self.options))
        self.ntp = self.stack.enter_context(NtpServer(int(time.time())))
        self.make_image()
        return self

    def __exit__(self, *error):
        self.stack.__exit__(*error)

    def config(self):
        network = {"ntp": [f"{GUEST_SEES_US_AT}:{self.ntp.port}"], **self.network}
        if self.resolve:
            network["resolve"] = GUEST_SEES_US_AT
        return {
            "device": self.device, "tls": self.options.get("tls", "auto"), "network": network,
            "backoff": {"base_ms": 100, "cap_ms": 500, "boot_jitter_ms": 0},
            "probe": {"first_ms": 300, "cap_ms": 600},
            "routes": self.routes,
        }  # fmt: skip

    def make_image(self):
        config = self.work / "iflow.json"
        config.write_text(json.dumps(self.config()))
        command = [self.iflowctl, "node", "image", "--key", self.stand_in.service_key(), "--config", str(config), "--board", BOARD,
                   "--ca", self.stand_in.ca_file, "-o", str(self.flash)]  # fmt: skip
        if self.pin:
            (self.work / "pin").write_text(self.pin + "\n")
            command += ["--pin-file", str(self.work / "pin")]
        result = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        self.image_report = result.stdout
        assert self.flash.stat().st_mode & 0o077 == 0, "others can read the private key"

    def node(self, elf=None, **more):
        return Node(elf or self.elf, flash=self.flash, **more)

    def store(self, board, payload, route="telemetry"):
        message_id = board.store(route, payload)
        assert message_id not in self.acknowledged, f"the node gave the id {message_id} twice"
        self.acknowledged[message_id] = (route, payload)
        return message_id

    def accepted(self, path=TELEMETRY):
        return self.stand_in.accepted(path)

    def accepted_ids(self):
        return {message["id"] for message in self.stand_in.accepted()}

    def wait_accepted(self, count, board, path=TELEMETRY):
        wait_until(f"{count} messages of {path} are accepted", lambda: len(self.accepted(path)) >= count, board)

    def wait_delivered(self, board, retry=True):
        """Until everything acknowledged has arrived. `retry`: don't wait for slow probes."""
        asked = [time.monotonic()]
        progress = [0, time.monotonic()]  # how many are accepted, since when

        def delivered():
            if len(self.stand_in.accepted()) != progress[0]:
                progress[:] = len(self.stand_in.accepted()), time.monotonic()
            if not set(self.acknowledged) - self.accepted_ids():
                return True
            if retry and time.monotonic() - asked[0] > RETRY_EVERY_S:
                board.ask("retry")
                asked[0] = time.monotonic()
            assert time.monotonic() - progress[1] < LIMIT_S, "nothing more is accepted; the node's last words:\n" + board.console_text()[-LAST_WORDS:]
            return False
        wait_until("everything acknowledged is accepted", delivered, board, ALL_S)

    def problems(self):
        """What of the promise doesn't hold in the receiver's records, as sentences: lost, reordered, doubled, two payloads under one id."""
        found, logs = [], set()
        accepted = {message["id"]: message for message in self.stand_in.accepted()}
        for message_id, (_, payload) in self.acknowledged.items():
            message = accepted.get(message_id)
            if message is None:
                found.append(f"{message_id} was acknowledged but isn't accepted")
            elif message["body"] != payload.encode():
                found.append(f"{message_id} has another payload than the acknowledged one")
        for path in {route if isinstance(route, str) else route["path"] for route in self.routes.values()}:
            ids = [re.fullmatch(r"([0-9a-f]{16})-(\d+)-(\d+)", message["id"]).groups() for message in self.accepted(path)]
            numbers = [int(n) for _, _, n in ids]
            logs |= {log for log, _, _ in ids}
            if numbers != list(range(1, len(numbers) + 1)):
                found.append(f"{path}: not 1, 2, 3 … but {numbers}")
        if len(logs) > 1:
            found.append(f"more than one log id: {logs}")
        payloads = {}
        for record in self.stand_in.records():
            if record["complete"] and record["method"] == "POST" and record["status"] != 0:
                if payloads.setdefault(record["id"], record["body"]) != record["body"]:
                    found.append(f"{record['id']} came with two payloads")
            if record["conflict"]:
                found.append(f"{record['id']}: the receiver saw a conflict")
        return found

    def judge(self):
        found = self.problems()
        assert not found, "\n".join(found)


def run_tests(tests, elf, iflowctl, wanted):
    """One line a test; exit 1 if one failed. Each test has a world of its own."""
    if not os.path.exists(iflowctl):
        sys.exit(f"{iflowctl} isn't there. Remedy: ./dev build host")
    failures = 0
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        try:
            test(elf, iflowctl)
            print(f"{test.__name__}: PASS", flush=True)
        except Exception as error:  # the next test has a world of its own
            failures += 1
            print(f"{test.__name__}: FAIL: {type(error).__name__}: {error}", flush=True)
    print("OK" if not failures else f"{failures} failed")
    sys.exit(1 if failures else 0)
