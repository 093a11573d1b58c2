"""The firmware against the stand-in for Cloud Integration: a flash image made by iflowctl, the SoM in QEMU, and what the stand-in recorded.

usage: run_node_test.py NODE.elf IFLOWCTL [name of a test …]

Each test makes an image of its own and boots it. No port is fixed, nothing keeps running."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import machine  # noqa: E402
from endpoint import StandIn  # noqa: E402
from run_board_test import NtpServer  # noqa: E402

ROUTE, HEARTBEAT = "/http/plant/telemetry", "/http/plant/alarm"
HOST_AS_SEEN_BY_GUEST = "10.0.2.2"
WAIT_S = 60


class World:
    """A stand-in, a time server, and a node's flash image."""

    def __init__(self, elf, iflowctl, **options):
        self.elf, self.iflowctl, self.options = elf, iflowctl, options

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.work = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="node-")))
        self.flash = self.work / "flash.img"
        self.stand_in = self.stack.enter_context(StandIn(str(self.work / "run"), **self.options))
        self.ntp = self.stack.enter_context(NtpServer(int(time.time())))
        self.make_image()
        return self

    def __exit__(self, *error):
        self.stack.__exit__(*error)

    def config(self):
        return {
            "device": "node-1", "tls": self.options.get("tls", "auto"),
            "network": {"resolve": HOST_AS_SEEN_BY_GUEST, "ntp": [f"{HOST_AS_SEEN_BY_GUEST}:{self.ntp.port}"]},
            "backoff": {"base_ms": 100, "cap_ms": 1000, "boot_jitter_ms": 0},
            "routes": {"telemetry": ROUTE, "heartbeat": HEARTBEAT},
        }  # fmt: skip

    def make_image(self):
        (self.work / "iflow.json").write_text(json.dumps(self.config()))
        command = [self.iflowctl, "node", "image", "--key", self.stand_in.service_key(), "--config", str(self.work / "iflow.json"),
                   "--board", "smartfusion2_som", "--ca", self.stand_in.ca_file, "-o", str(self.flash)]  # fmt: skip
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        assert self.flash.stat().st_mode & 0o077 == 0, "others can read the private key"

    def node(self):
        return machine.Machine(self.elf, flash=self.flash)

    def accepted(self, route=ROUTE):
        return self.stand_in.accepted(route)

    def wait_accepted(self, count, board, route=ROUTE):
        end = time.monotonic() + WAIT_S
        while len(self.accepted(route)) < count:
            assert time.monotonic() < end, f"{len(self.accepted(route))} of {count} were accepted; the node said:\n{board.console_text()}"
            time.sleep(0.05)

    def judge(self):
        """Every message once, in order, without a gap, under one log id."""
        ids = [message["id"].rsplit("-", 1) for message in self.accepted()]
        assert len({log_and_lane for log_and_lane, _ in ids}) == 1, ids
        assert [int(n) for _, n in ids] == list(range(1, len(ids) + 1)), ids
        assert not [record for record in self.stand_in.records() if record["conflict"]]


def readings_are_delivered(elf, iflowctl, **options):
    with World(elf, iflowctl, **options) as world, world.node() as board:
        world.wait_accepted(3, board)
        world.wait_accepted(1, board, HEARTBEAT)
        world.judge()
        version = options.get("tls")
        assert version in (None, "auto") or all(record["tls"] == f"TLSv{version}" for record in world.stand_in.records())


def over_tls_1_2_with_rsa_4096_and_83_ca_names(elf, iflowctl):
    readings_are_delivered(elf, iflowctl, tls="1.2", server_root="rsa4096", ca_names=83)


def over_tls_1_3_with_rsa_4096_and_83_ca_names(elf, iflowctl):
    readings_are_delivered(elf, iflowctl, tls="1.3", server_root="rsa4096", ca_names=83)


def over_tls_1_3_with_a_root_on_p_384(elf, iflowctl):
    readings_are_delivered(elf, iflowctl, tls="1.3", server_root="p384")


def the_console_says_how_it_goes(elf, iflowctl):
    with World(elf, iflowctl) as world, world.node() as board:
        world.wait_accepted(2, board)
        board.console.send("json status\n")
        start = board.console.expect('{"ok":true', 20) - len('{"ok":true')
        board.console.expect("\n", 20, start)
        status = json.loads(bytes(board.console.received[start:]).split(b"\n")[0])
        assert status["ok"], status


def the_time_of_a_time_server_is_taken(elf, iflowctl):
    with World(elf, iflowctl) as world, world.node() as board:
        board.console.expect("a time server told the time", 30)


def what_waits_survives_a_power_cut(elf, iflowctl):
    cuts = 10 if os.environ.get("IFL_TEST_FULL") else 2
    with World(elf, iflowctl) as world:
        for cut in range(cuts):
            with world.node() as board:
                world.wait_accepted(len(world.accepted()) + 2, board)
                world.stand_in.fault("busy", status=503, route=ROUTE, times=0)
                time.sleep(0.9 + 0.37 * cut)  # readings queue up; where exactly the power goes doesn't matter
                board.cut_power()
            world.stand_in.tenant.clear_faults()
        with world.node() as board:
            world.wait_accepted(len(world.accepted()) + 3, board)
        world.judge()


def a_pulled_cable_only_delays(elf, iflowctl):
    with World(elf, iflowctl) as world, world.node() as board:
        world.wait_accepted(2, board)
        board.set_cable(False)
        time.sleep(3)
        board.set_cable(True)
        world.wait_accepted(len(world.accepted()) + 4, board)
        world.judge()


def a_node_without_an_image_says_what_is_missing(elf, iflowctl):
    with tempfile.TemporaryDirectory(prefix="node-") as work:
        flash = pathlib.Path(work) / "flash.img"
        machine.blank_flash(flash)
        with machine.Machine(elf, flash=flash) as board:
            board.console.expect("nameplate", 20, board.console.expect("E103", 20))


TESTS = [readings_are_delivered, over_tls_1_2_with_rsa_4096_and_83_ca_names, over_tls_1_3_with_rsa_4096_and_83_ca_names,
         over_tls_1_3_with_a_root_on_p_384, the_console_says_how_it_goes, the_time_of_a_time_server_is_taken,
         what_waits_survives_a_power_cut, a_pulled_cable_only_delays, a_node_without_an_image_says_what_is_missing]  # fmt: skip


def main():
    elf, iflowctl, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]
    if not os.path.exists(iflowctl):
        sys.exit(f"{iflowctl} isn't there. Remedy: ./dev build host")
    failures = 0
    for test in TESTS:
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


if __name__ == "__main__":
    main()
