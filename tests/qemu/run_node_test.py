"""The firmware against the stand-in for Cloud Integration: a flash image made by iflowctl, the SoM in QEMU, and what the stand-in recorded.

usage: run_node_test.py NODE.elf IFLOWCTL [name of a test …]

Each test makes an image of its own and boots it. No port is fixed, nothing keeps running."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tty

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


class Port:
    """The board's console as something that iflowctl opens: a pseudo-terminal as a serial port is one, or a Unix socket."""

    def __init__(self, board, as_socket, directory):
        self.board = board
        if as_socket:
            self.path = str(directory / "port")
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(self.path)
            self.listener.listen(1)
        else:
            self.master, slave = os.openpty()
            tty.setraw(slave)
            self.path, self.listener = os.ttyname(slave), None
        threading.Thread(target=self._carry, daemon=True).start()

    def _carry(self):
        if self.listener is not None:
            self.connection, _ = self.listener.accept()
            self.master = self.connection.fileno()
        threading.Thread(target=self._bring, daemon=True).start()
        try:
            while data := os.read(self.master, 4096):
                self.board.console.send(data)
        except OSError:
            pass

    def _bring(self):
        console = self.board.console
        at = len(console.received)
        while not console.closed:
            with console.changed:
                console.changed.wait_for(lambda: len(console.received) > at or console.closed)
                data, at = bytes(console.received[at:]), len(console.received)
            try:
                os.write(self.master, data.replace(b"\n", b"\r\n"))  # as some terminals want it
            except OSError:
                return


def iflowctl_talks_to_the_console(elf, iflowctl):
    def run(*words, said=""):
        return subprocess.run([iflowctl, "node", "console", *words], input=said, capture_output=True, text=True, timeout=60, check=False)

    with World(elf, iflowctl) as node_world, node_world.node() as board:
        board.wait_ready()
        for as_socket in (False, True):
            port = Port(board, as_socket, node_world.work).path
            if not as_socket:
                answer = run(port, "status")
                assert answer.returncode == 0 and "node-1, iflow-node" in answer.stdout and "log: " not in answer.stdout, answer
                answer = run(port, "nonsense")
                assert answer.returncode == 1 and "E106" in answer.stderr, answer
                answer = run(port, "send", "telemetry", '{"a b": 1}', "--json")
                assert answer.returncode == 0, answer
                node_world.acknowledged[json.loads(answer.stdout)["id"]] = ("telemetry", '{"a b": 1}')
            answer = run(port, said="send telemetry by hand\nhelp\n")
            assert answer.returncode == 0 and "Stored as" in answer.stdout and "queue [ROUTE]" in answer.stdout, answer
        node_world.wait_delivered(board)
        world.wait_until("what was said by hand is accepted", lambda: [m for m in node_world.accepted() if m["body"] == b"by hand"], board)
        answer = run("/nowhere", "status")
        assert answer.returncode == 1 and "E104" in answer.stderr, answer
        silent_master, silent = os.openpty()
        answer = run(os.ttyname(silent), "status", "--timeout", "1", "--json")
        assert answer.returncode == 1 and json.loads(answer.stdout)["error"]["name"] == "NODE_SILENT", answer
        os.close(silent_master)
        assert run().returncode == 2


def a_node_without_an_image_says_what_is_missing(elf, iflowctl):
    with tempfile.TemporaryDirectory(prefix="node-") as work:
        flash = pathlib.Path(work) / "flash.img"
        machine.blank_flash(flash)
        with machine.Machine(elf, flash=flash) as board:
            board.console.expect("nameplate", world.LIMIT_S, board.console.expect("E814", world.LIMIT_S))


def paste_once(board, text, command):
    board.console.send(f"json {command}\n")
    board.read_to = board.console.expect("log: paste the key now", world.LIMIT_S, board.read_to)
    for at in range(0, len(text), 64):
        board.console.send(text[at:at + 64])
        time.sleep(0.005)
    board.console.send("\n.\n")
    while True:
        line, board.read_to = board.line_behind(board.read_to)
        if line.startswith("{"):
            return json.loads(line)


def paste(board, text, command="import"):
    """The answer to what is pasted. In pieces: all of it at once would be more than the ring of a UART that isn't paced. A machine that gives QEMU no
    time may still lose characters; the node says so, and it's pasted again, as a person would."""
    for _ in range(20):
        start = len(board.console.text())
        answer = paste_once(board, text, command)
        if "characters were lost" not in board.console.text()[start:]:
            return answer
    raise AssertionError("each paste lost characters")


def in_force(board):
    return next(slot["leaf_sha256"] for slot in board.ask("identity")["slots"] if slot["in_force"])


def a_service_key_is_pasted_proven_used_and_taken_back(elf, iflowctl):
    with World(elf, iflowctl) as node_world, node_world.node() as board:
        stand_in = node_world.stand_in
        node_world.store(board, "with the first key")
        node_world.wait_delivered(board)
        old = in_force(board)
        key = pathlib.Path(stand_in.service_key(leaf="second")).read_text()
        answer = paste(board, key)
        assert answer["ok"] and {"pending", "active"} >= {slot["state"] for slot in answer["slots"]}, answer
        world.wait_until("the new identity is proven", lambda: in_force(board) != old, board)
        node_world.store(board, "with the second key")
        node_world.wait_delivered(board)
        assert stand_in.records()[-1]["subject"] == stand_in.pki.certificate_details("second")["subjectdn"]
        assert board.ask("identity rollback")["ok"] and in_force(board) == old
        node_world.store(board, "with the first key again")
        node_world.wait_delivered(board)
        node_world.judge()
        said = board.console_text()
        assert json.loads(key)["oauth"]["key"].split("\n")[3] not in said, "the key was echoed"


def what_can_not_be_imported_is_refused_and_changes_nothing(elf, iflowctl):
    with World(elf, iflowctl) as node_world, node_world.node() as board:
        stand_in = node_world.stand_in
        board.wait_ready()
        before = board.ask("identity")["slots"]
        second = pathlib.Path(stand_in.service_key(leaf="second")).read_text()
        wrong = pathlib.Path(stand_in.service_key(defect="wrong_key")).read_text()
        for text, name in ((wrong, "KEY_MISMATCH"), (second.replace(stand_in.host, "other-tenant.example"), "KEY_OTHER_TENANT"),
                           ("no key at all", "KEY_UNREADABLE"), (second.replace("MII", "MI", 1), None), ("x" * 20000, "TOO_LARGE")):
            answer = paste(board, text)
            assert not answer["ok"] and name in (None, answer["error"]["name"]), (name, answer, board.console_text()[-800:])
        assert [slot.get("leaf_sha256") for slot in board.ask("identity")["slots"]] == [slot.get("leaf_sha256") for slot in before]
        assert not board.ask("identity rollback")["ok"]
        node_world.store(board, "it goes on")
        node_world.wait_delivered(board)
        node_world.judge()


TESTS = [a_service_key_is_pasted_proven_used_and_taken_back, what_can_not_be_imported_is_refused_and_changes_nothing, readings_are_delivered, over_tls_1_2_with_rsa_4096_and_83_ca_names, over_tls_1_3_with_rsa_4096_and_83_ca_names,
         over_tls_1_3_with_a_root_on_p_384, the_console_says_how_it_goes, the_time_of_a_time_server_is_taken,
         a_heartbeat_says_how_it_is, iflowctl_talks_to_the_console, a_node_without_an_image_says_what_is_missing]  # fmt: skip


if __name__ == "__main__":
    world.run_tests(TESTS, sys.argv[1], sys.argv[2], sys.argv[3:])
