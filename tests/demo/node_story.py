"""The second half of the demo: the same core as firmware of a microcontroller, in QEMU, against the same stand-in.

The verdict comes from the stand-in's records again."""

import contextlib
import json
import os
import sys

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "qemu"))

import footprint  # noqa: E402
import world  # noqa: E402

READINGS, HEALTH = "/http/press-7/readings", "/http/press-7/health"
DEVICE = "node-0007"
RAM_SIZE, FLASH_SIZE = 64 << 10, 256 << 10


class NodeStory:
    def __init__(self, options, stand_in, say, chapter):
        self.elf, self.stand_in, self.say, self.chapter = options.node, stand_in, say, chapter
        for path in (READINGS, HEALTH):
            stand_in.deploy(path)
        self.world = world.World(options.node, os.path.join(options.bin, "iflowctl"), stand_in=stand_in, device=DEVICE,
                                 work=os.path.join(options.work, "node"),
                                 routes={"telemetry": {"path": READINGS, "timeout_ms": 4000}, "heartbeat": HEALTH})  # fmt: skip

    def accepted(self):
        return len(self.world.accepted(READINGS))

    def wait_more(self, board, count):
        """Wait for `count` more readings; the sensor makes one a second."""
        wanted = self.accepted() + count
        self.world.wait_accepted(wanted, board, READINGS)
        self.say(f"Cloud Integration has accepted {wanted} readings of the node", 1)

    # The story

    def image(self, number):
        self.chapter(number, "A microcontroller node: iflowctl makes its flash image out of a service key")
        self.say("$ iflowctl node image --key … --config iflow.json --board smartfusion2_som -o flash.img", 1)
        self.say("\n".join(self.world.image_report.splitlines()), 2)
        flash, ram = (sum(part.values()) for part in footprint.footprint(self.elf))
        self.say(f"the firmware takes {flash:,} of {FLASH_SIZE:,} bytes of code flash and {ram:,} of {RAM_SIZE:,} bytes of RAM, "
                 "everything included: TCP/IP, TLS 1.2 and 1.3, stacks, the arena of TLS", 1)  # fmt: skip

    def first_start(self, number, board):
        self.chapter(number, "The real firmware boots in QEMU: a Cortex-M3 with Ethernet and 16 MB of SPI NOR")
        board.wait_ready()
        board.console.expect("a time server told the time", world.LIMIT_S)
        self.say("it got its address by DHCP and the time by SNTP, and stores a reading of its sensor each second", 1)
        self.wait_more(board, 3)
        record = next(record for record in self.stand_in.records() if record["sender"] == DEVICE)
        self.say(f"over mutual TLS ({record['tls']}), straight from flash", 1)

    def trouble(self, number, board):
        self.chapter(number, "Cloud Integration misbehaves again: 503, a reset in the middle of a request, an undeployed flow")
        self.stand_in.fault("503_retry_after", route=READINGS)
        self.stand_in.fault("cut", route=READINGS, body_bytes=20)
        self.stand_in.fault("reset_after_processing", route=READINGS)
        self.wait_more(board, 3)
        self.stand_in.undeploy(READINGS)
        route = world.wait_until("the console says why it waits", lambda: self.route_that_waits(board), board)
        self.say(f"console: telemetry is {route['state']}: E{route['status']['code']} {route['status']['cause']}", 1)
        self.stand_in.deploy(READINGS)
        self.wait_more(board, 2)

    @staticmethod
    def route_that_waits(board):
        """The route with its cause; None while a probe is under way."""
        route = next(route for route in board.ask("routes")["routes"] if route["name"] == "telemetry")
        return route if route["status"] and route["status"]["name"] == "ANSWER_NOT_DEPLOYED" else None

    def power_cut(self, number, board):
        self.chapter(number, "The network is down, readings queue up in the flash, and the power is cut")
        self.stand_in.front.listen(False)
        self.stand_in.command("reset")
        for reading in range(6):
            self.world.store(board, json.dumps({"device": DEVICE, "by": "hand", "reading": reading + 1}))
        waiting = next(route for route in board.ask("routes")["routes"] if route["name"] == "telemetry")["queued"]
        board.cut_power()
        self.say(f"QEMU is stopped and killed with -9: {waiting} messages are only in the flash image", 1)
        self.stand_in.front.listen(True)

    def second_start(self, number, board):
        self.chapter(number, "The power is back")
        board.wait_ready()
        self.world.wait_delivered(board)
        self.wait_more(board, 2)
        self.world.wait_accepted(1, board, HEALTH)
        wanted = len(self.world.accepted(HEALTH))
        beat = json.loads(self.world.accepted(HEALTH)[-1]["body"])
        self.say(f"heartbeat {wanted}: start number {beat['starts']}, last reboot: {beat['reboot_reason']}, {beat['queued']} queued then, "
                 f"certificate good for {beat['days_left']} days", 1)  # fmt: skip
        status = board.ask("status")
        self.say(f"the TLS arena needed {status['arena_peak']:,} of its {status['arena_size']:,} bytes at most, "
                 f"the main stack {beat['stack_used']:,} bytes", 1)  # fmt: skip

    def verdict(self):
        problems = self.world.problems()
        for text in problems:
            self.say("✘ " + text)
        ours = [record for record in self.stand_in.records() if record["sender"] == DEVICE]
        repeated = sum(record["duplicate"] for record in ours)
        if not problems:
            self.say(f"✔ the node: {self.accepted()} readings accepted in {len(ours)} requests: none lost, order kept, ids stable and gapless "
                     f"({repeated} repeated under the same id and recognised by it).")  # fmt: skip
        return 1 if problems else 0

    def tell(self, number):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.world)
            self.image(number)
            with self.world.node() as board:
                self.first_start(number + 1, board)
                self.trouble(number + 2, board)
                self.power_cut(number + 3, board)
            with self.world.node() as board:
                self.second_start(number + 4, board)
            self.say()
            return self.verdict()
