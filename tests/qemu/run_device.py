"""The node as a device in somebody's hands: started again from its console, locked with a PIN, decommissioned while the power fails.

usage: run_device.py NODE.elf IFLOWCTL [name of a test …]"""

import hashlib
import random
import struct
import subprocess
import sys

import world
from run_node_test import Port
from world import World

PIN = "correct-horse"
SECTOR_SIZE = 64 << 10
FIRMWARE_SIZE = 0x080000  # what stays (boards/smartfusion2_som/layout.c)
STATE, STATE_SIZE = 0x140000, 0x020000
FREE = 0x1A0000  # up to the outbox
BLANK, SOMETHING = b"\xff" * SECTOR_SIZE, b"something secret"
PARTS = 10


def error_of(answer):
    return None if answer["ok"] else answer["error"]["name"]


def it_starts_again_and_loses_nothing(elf, iflowctl):
    with World(elf, iflowctl) as node_world, node_world.node() as board:
        node_world.wait_accepted(1, board)
        node_world.stand_in.front.listen(False)
        node_world.stand_in.command("reset")
        for number in range(3):
            node_world.store(board, f"before {number}")
        assert board.ask("reboot")["ok"]
        board.read_to = board.console.expect("last reboot: requested", world.LIMIT_S, board.read_to)
        board.wait_ready()
        node_world.stand_in.front.listen(True)
        node_world.store(board, "after")
        node_world.wait_delivered(board)
        node_world.judge()


def settings_are_shown_without_secrets(elf, iflowctl):
    with World(elf, iflowctl, network={"proxy": "http://me:hunter2@10.0.2.9:3128"}) as node_world, node_world.node() as board:
        shown = board.ask("settings")
        assert shown["device"] == "node-1" and shown["proxy"] == "10.0.2.9:3128", shown
        assert "hunter2" not in board.console_text()


def a_pin_locks_what_changes_something(elf, iflowctl):
    with World(elf, iflowctl, pin=PIN) as node_world, node_world.node() as board:
        for command in ("send telemetry 1", "retry", "import", "identity rollback", "reboot", "wipe everything"):
            assert error_of(board.ask(command)) == "CONSOLE_LOCKED", command
        assert board.ask("status")["ok"] and board.ask("queue")["ok"] and board.ask("settings")["ok"]
        assert error_of(board.ask("unlock wrong-horse")) == "PIN_WRONG"
        world.wait_until("the pause is over", lambda: board.ask(f"unlock {PIN}")["ok"], board, every_s=0.3)
        node_world.store(board, "with the PIN")
        assert board.ask("lock")["ok"]
        assert error_of(board.ask("send telemetry 2")) == "CONSOLE_LOCKED"
        assert PIN not in board.console_text()  # no echo
        node_world.wait_delivered(board, retry=False)
        node_world.judge()


def iflowctl_unlocks_with_a_file(elf, iflowctl):
    def run(*words):
        return subprocess.run([iflowctl, "node", "console", *words], capture_output=True, text=True, timeout=world.LIMIT_S, check=False)

    with World(elf, iflowctl, pin=PIN) as node_world, node_world.node() as board:
        board.wait_ready()
        port, pin_file = Port(board, False, node_world.work).path, str(node_world.work / "pin")
        answer = run(port, "send", "telemetry", "by script")
        assert answer.returncode == 1 and "E811" in answer.stderr, answer
        answer = run(port, "send", "telemetry", "by script", "--pin-file", pin_file)
        assert answer.returncode == 0 and "Stored as" in answer.stdout and "nlocked" not in answer.stdout, answer
        (node_world.work / "pin").write_text("wrong-horse\n")
        answer = run(port, "retry", "--pin-file", pin_file)
        assert answer.returncode == 1 and "E812" in answer.stderr, answer
        world.wait_until("it's accepted", lambda: [m for m in node_world.accepted() if m["body"] == b"by script"], board)


def an_image_keeps_the_pin_only_as_its_hash(elf, iflowctl):
    del elf
    with World(None, iflowctl, pin=PIN) as node_world:
        flash = node_world.flash.read_bytes()
        assert PIN.encode() not in flash
        at = flash.index(b"IFLN", 0x180000) + 32 + 22
        iterations, salt, kept = struct.unpack("<I16s32s", flash[at:at + 52])
        assert kept == hashlib.pbkdf2_hmac("sha256", PIN.encode(), salt, iterations) and iterations >= 1000
        node_world.pin = "12345"
        try:
            node_world.make_image()
        except AssertionError as refused:
            assert "6 to 64" in str(refused), refused
        else:
            raise AssertionError("a PIN of five characters is taken")


def remains(flash):
    """Addresses of sectors that aren't blank, but for those of the firmware and the store of states."""
    return [hex(at) for at in range(FIRMWARE_SIZE, len(flash), SECTOR_SIZE)
            if flash[at:at + SECTOR_SIZE] != BLANK and not STATE <= at < STATE + STATE_SIZE]


def leave_something_everywhere(flash):
    """In the last granule of each sector that an image leaves blank, the outbox's excepted: else nobody would see that a region is forgotten."""
    with open(flash, "r+b") as image:
        for at in range(FIRMWARE_SIZE, FREE, SECTOR_SIZE):
            image.seek(at)
            if image.read(SECTOR_SIZE) == BLANK and not STATE <= at < STATE + STATE_SIZE:
                image.seek(at + SECTOR_SIZE - len(SOMETHING))
                image.write(SOMETHING)


def a_wiped_device_holds_nothing_whenever_the_power_fails(elf, iflowctl):
    dice = random.Random(3)
    with World(elf, iflowctl) as node_world:
        leave_something_everywhere(node_world.flash)
        with node_world.node() as board:
            node_world.wait_accepted(1, board)
            node_world.stand_in.front.listen(False)
            node_world.stand_in.command("reset")  # what is open would take it
            node_world.store(board, "payload that nobody may read")
            assert error_of(board.ask("wipe")) == "USAGE"
            assert board.ask("wipe everything")["ok"]
            board.console.expect("log: wiping, part 1 of", world.LIMIT_S, board.read_to)
            board.cut_power()
        for part in (1, 2, 4, 5, 5, 8, PARTS):
            with node_world.node() as board:
                # It may be faster than we are: then there's nothing left to interrupt.
                world.wait_until(f"part {part}, or the end", lambda: f"log: wiping, part {part} of" in board.console_text()
                                 or "E814" in board.console_text(), board, every_s=0.001)
                if dice.random() < 0.5:
                    world.time.sleep(dice.random() * 0.02)
                board.cut_power()
        with node_world.node() as board:
            board.console.expect("E814", world.LIMIT_S)
            board.cut_power()
        flash = node_world.flash.read_bytes()
        assert not remains(flash), remains(flash)
        assert b"payload that nobody" not in flash and b"plant" not in flash
        with node_world.node() as board:  # and it stays so
            board.console.expect("E814", world.LIMIT_S)
            assert "ready" not in board.console_text()


TESTS = [it_starts_again_and_loses_nothing, settings_are_shown_without_secrets, a_pin_locks_what_changes_something, iflowctl_unlocks_with_a_file,
         an_image_keeps_the_pin_only_as_its_hash, a_wiped_device_holds_nothing_whenever_the_power_fails]  # fmt: skip

if __name__ == "__main__":
    world.run_tests(TESTS, sys.argv[1], sys.argv[2], sys.argv[3:])
