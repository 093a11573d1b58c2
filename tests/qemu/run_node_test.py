"""The firmware against the stand-in for Cloud Integration: a flash image made by iflowctl, the SoM in QEMU, and what the stand-in recorded.

usage: run_node_test.py NODE.elf IFLOWCTL [name of a test …]

Each test makes an image of its own and boots it. No port is fixed, nothing keeps running."""

import json
import pathlib
import sys
import tempfile

import machine
import world
from world import HEARTBEAT, World


def readings_are_delivered(elf, iflowctl, **options):
    with World(elf, iflowctl, **options) as node_world, node_world.node() as board:
        node_world.wait_accepted(3, board)
        node_world.wait_accepted(1, board, HEARTBEAT)
        node_world.judge()
        version = options.get("tls")
        assert version in (None, "auto") or all(record["tls"] == f"TLSv{version}" for record in node_world.stand_in.records())


def over_tls_1_2_with_rsa_4096_and_83_ca_names(elf, iflowctl):
    readings_are_delivered(elf, iflowctl, tls="1.2", server_root="rsa4096", ca_names=83)


def over_tls_1_3_with_rsa_4096_and_83_ca_names(elf, iflowctl):
    readings_are_delivered(elf, iflowctl, tls="1.3", server_root="rsa4096", ca_names=83)


def over_tls_1_3_with_a_root_on_p_384(elf, iflowctl):
    readings_are_delivered(elf, iflowctl, tls="1.3", server_root="p384")


def the_console_says_how_it_goes(elf, iflowctl):
    with World(elf, iflowctl) as node_world, node_world.node() as board:
        node_world.wait_accepted(2, board)
        status = board.ask("status")
        assert status["ok"] and status["device"] == "node-1" and status["time_quality"] == "sntp", status


def the_time_of_a_time_server_is_taken(elf, iflowctl):
    with World(elf, iflowctl) as node_world, node_world.node() as board:
        board.console.expect("a time server told the time", 30)


def a_heartbeat_says_how_it_is(elf, iflowctl):
    with World(elf, iflowctl) as node_world, node_world.node() as board:
        node_world.wait_accepted(1, board, HEARTBEAT)
        beat = json.loads(node_world.accepted(HEARTBEAT)[0]["body"])
        assert beat["device"] == "node-1" and beat["board"] == world.BOARD and beat["reboot_reason"] == "power on", beat
        assert beat["starts"] == 1 and beat["days_left"] > 300 and beat["watchdog_feeds"] > 0 and beat["oldest_s"] == 0, beat


def a_node_without_an_image_says_what_is_missing(elf, iflowctl):
    with tempfile.TemporaryDirectory(prefix="node-") as work:
        flash = pathlib.Path(work) / "flash.img"
        machine.blank_flash(flash)
        with machine.Machine(elf, flash=flash) as board:
            board.console.expect("nameplate", 20, board.console.expect("E103", 20))


TESTS = [readings_are_delivered, over_tls_1_2_with_rsa_4096_and_83_ca_names, over_tls_1_3_with_rsa_4096_and_83_ca_names,
         over_tls_1_3_with_a_root_on_p_384, the_console_says_how_it_goes, the_time_of_a_time_server_is_taken,
         a_heartbeat_says_how_it_is, a_node_without_an_image_says_what_is_missing]  # fmt: skip


if __name__ == "__main__":
    world.run_tests(TESTS, sys.argv[1], sys.argv[2], sys.argv[3:])
