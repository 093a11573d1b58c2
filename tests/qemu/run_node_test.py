"""The firmware against the stand-in for Cloud Integration: a flash image made by iflowctl, the SoM in QEMU, and what the stand-in recorded.

usage: run_node_test.py NODE.elf IFLOWCTL [name of a test …]

Each test makes an image of its own and boots it. No port is fixed, nothing keeps running."""

import contextlib
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
        board.console.expect("a time server told the time", world.LIMIT_S)


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
        return subprocess.run([iflowctl, "node", "console", *words], input=said, capture_output=True, text=True, timeout=world.LIMIT_S, check=False)

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
    board.read_to = board.console.expect("log: paste the ", world.LIMIT_S, board.read_to)
    board.type(text + "\n.\n")
    while True:
        line, board.read_to = board.line_behind(board.read_to)
        if line.startswith("{"):
            return json.loads(line)


def paste(board, text, command="import"):
    """The answer to what is pasted. A machine that gives QEMU no
    time may lose characters; the node says so, and it's pasted again, as a person would."""
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


def make_request(node_world, board, words="", name="request.pem"):
    """The file of the request that the node shows; checked by openssl."""
    answer = board.ask(f"identity csr{words}")
    assert answer["ok"], (answer, board.console_text()[-800:])
    path = node_world.work / name
    path.write_text(answer["request"])
    checked = openssl("req", "-in", path, "-verify", "-noout", "-subject", "-nameopt", "RFC2253")
    assert checked == f"subject=CN={node_world.device}\n", checked
    return path


def openssl(*words):
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=world.LIMIT_S, check=True).stdout


def public_key(request):
    return openssl("req", "-in", request, "-noout", "-pubkey")


def chain_for(node_world, request, name="made-here"):
    """The chain that the authority answers; the tenant knows it from now on."""
    stand_in = node_world.stand_in
    leaf = node_world.work / f"{name}.crt"
    stand_in.tenant.add_key(name, stand_in.pki.sign_request(str(request), str(leaf)))
    return leaf.read_text() + "".join(stand_in.pki.client_chain()[1:])


def states(board):
    return {slot["state"] for slot in board.ask("identity")["slots"]}


def a_key_made_here_gets_its_certificate_and_is_used(elf, iflowctl):
    with World(elf, iflowctl) as node_world:
        with node_world.node() as board:
            node_world.store(board, "with the first key")
            node_world.wait_delivered(board)
            old = in_force(board)
            request = make_request(node_world, board)
            assert "a key waits for its certificate" in states(board)
            node_world.store(board, "while the key waits")
            node_world.wait_delivered(board)
            board.cut_power()  # the key is there when the answer comes, days later
        with node_world.node() as board:
            again = make_request(node_world, board, name="again.pem")
            assert public_key(request) == public_key(again)
            answer = paste(board, chain_for(node_world, request), "identity certificate")
            assert answer["ok"] and {slot["state"] for slot in answer["slots"]} == {"pending", "active"}, (answer, board.console_text()[-800:])
            node_world.store(board, "with the key made here")
            world.wait_until("the new identity is proven", lambda: in_force(board) != old, board)
            node_world.wait_delivered(board)
            assert f"CN={node_world.device}" in node_world.stand_in.records()[-1]["subject"], node_world.stand_in.records()[-1]
            status = board.ask("status")
            assert status["stack_peak"] * 20 <= status["stack_size"] * 19 and status["arena_peak"] * 20 <= status["arena_size"] * 19, status
            board.cut_power()
        with node_world.node() as board:
            assert in_force(board) != old
            assert board.ask("identity rollback")["ok"] and in_force(board) == old
            node_world.store(board, "with the first key again")
            node_world.wait_delivered(board)
        node_world.judge()


def a_new_key_is_made_only_when_it_is_asked_for(elf, iflowctl):
    with World(elf, iflowctl) as node_world, node_world.node() as board:
        board.wait_ready()
        first = make_request(node_world, board)
        second = make_request(node_world, board, " ec", "second.pem")
        assert public_key(first) != public_key(second)
        assert public_key(make_request(node_world, board, name="again.pem")) == public_key(second)
        answer = board.ask("identity csr rsa")
        assert not answer["ok"] and answer["error"]["name"] == "KEY_UNSUPPORTED", answer
        node_world.stand_in.fault("503", times=0)
        assert paste(board, pathlib.Path(node_world.stand_in.service_key(leaf="second")).read_text())["ok"]
        answer = board.ask("identity csr")
        assert not answer["ok"] and answer["error"]["name"] == "IDENTITY_ON_TRIAL", answer
        assert "pending" in states(board)
        make_request(node_world, board, " ec", "third.pem")
        assert "pending" not in states(board)
        node_world.stand_in.repair()
        node_world.store(board, "it goes on")
        node_world.wait_delivered(board)
        node_world.judge()


def certificates_for_another_key_or_for_none_change_nothing(elf, iflowctl):
    with World(elf, iflowctl) as node_world, node_world.node() as board:
        stand_in = node_world.stand_in
        board.wait_ready()
        old = in_force(board)
        answer = board.ask("identity certificate")
        assert not answer["ok"] and answer["error"]["name"] == "NOT_FOUND", answer
        request = make_request(node_world, board)
        chain = chain_for(node_world, request)
        for text, name in (("".join(stand_in.pki.client_chain("second")), "KEY_MISMATCH"),
                           (pathlib.Path(stand_in.service_key(leaf="second")).read_text(), "KEY_AMBIGUOUS"),
                           (request.read_text(), "KEY_NO_CERTIFICATE"), (chain[:chain.index("-----END") + 30], "KEY_CHAIN_INCOMPLETE"),
                           (chain.replace("MII", "MI", 1), None)):  # fmt: skip
            answer = paste(board, text, "identity certificate")
            assert not answer["ok"] and name in (None, answer["error"]["name"]), (name, answer, board.console_text()[-800:])
            assert "a key waits for its certificate" in states(board) and in_force(board) == old
        node_world.store(board, "it goes on")
        node_world.wait_delivered(board)
        assert paste(board, chain, "identity certificate")["ok"]
        world.wait_until("the new identity is proven", lambda: in_force(board) != old, board)
        node_world.judge()


SLOW = ["-icount", "shift=10,sleep=off"]  # a million instructions a second, and no waiting: ten minutes of the node pass in seconds
NO_END = (b"0123456789abcdef" * 4 + b"\n") * 64


def a_paste_that_never_ends_is_given_up(elf, iflowctl):
    """Its characters keep coming; after ten minutes of the node's clock it delivers again."""
    with World(elf, iflowctl) as node_world:
        with node_world.node(options=SLOW, cable=False) as board:
            board.wait_ready()
            given_up = threading.Event()

            def write():
                with contextlib.suppress(OSError):  # the power has gone
                    board.console.send(b"json import\n" + NO_END)
                    while not given_up.is_set():
                        board.console.send(NO_END)
            writer = threading.Thread(target=write, daemon=True)
            writer.start()
            try:
                board.console.expect("log: E807 ", 3 * world.LIMIT_S)
            finally:
                given_up.set()
            board.cut_power()
            writer.join(10)
        with node_world.node() as board:
            node_world.store(board, "it goes on")
            node_world.wait_delivered(board)
        node_world.judge()


def iflowctl_brings_identities_over_the_serial_line(elf, iflowctl):
    with World(elf, iflowctl) as node_world, node_world.node() as board:
        board.wait_ready()
        stand_in, old = node_world.stand_in, in_force(board)
        port = Port(board, False, node_world.work).path

        def run(verb, *words, timeout_s=120):
            done = subprocess.run([iflowctl, "identity", verb, *map(str, words), "--port", port, "--timeout", "60"], capture_output=True, text=True,
                                  timeout=timeout_s, check=False)  # fmt: skip
            assert "PRIVATE KEY" not in done.stdout + done.stderr, "a key was shown"
            return done

        def shown(verb, *words):
            done = run(verb, *words, "--json")
            answer = json.loads(done.stdout)
            assert done.returncode == (0 if answer["ok"] else 1), done
            return answer

        def in_force_now():
            return next(slot["leaf_sha256"] for slot in shown("show")["slots"] if slot["in_force"])

        assert in_force_now() == old
        answer = shown("certificate", stand_in.pki.client_file("second.crt"))
        assert answer["error"]["name"] == "NOT_FOUND", answer
        done = run("csr")
        assert done.returncode == 0 and done.stdout.startswith("-----BEGIN CERTIFICATE REQUEST-----\n"), done
        request, chain = node_world.work / "request.pem", node_world.work / "chain.pem"
        request.write_text(done.stdout)
        chain.write_text(chain_for(node_world, request))
        answer = shown("certificate", stand_in.pki.client_file("second.crt"), stand_in.pki.client_file("intermediate.crt"))
        assert answer["error"]["name"] == "KEY_MISMATCH", answer
        done = run("certificate", chain)
        assert done.returncode == 0 and done.stdout.startswith("slot A") and "Paste" not in done.stdout, done
        world.wait_until("the key made by the node is proven", lambda: in_force_now() != old, board)
        made = in_force_now()
        answer = shown("install", stand_in.service_key(leaf="second"))
        assert answer["ok"], answer
        world.wait_until("the installed key is proven", lambda: in_force_now() not in (old, made), board)
        board.read_to = len(board.console.received)  # the answers so far were iflowctl's
        node_world.store(board, "with the installed key")
        node_world.wait_delivered(board)
        assert stand_in.records()[-1]["subject"] == stand_in.pki.certificate_details("second")["subjectdn"]
        done = run("rollback")
        assert done.returncode == 0 and in_force_now() == made, done
        done = run("install", stand_in.service_key(defect="wrong_key"))
        assert done.returncode == 1 and "E407" in done.stderr, done
        done = run("rollback", "--timeout")
        assert done.returncode == 2, done
        node_world.judge()


TESTS = [iflowctl_brings_identities_over_the_serial_line, a_paste_that_never_ends_is_given_up, a_key_made_here_gets_its_certificate_and_is_used, a_new_key_is_made_only_when_it_is_asked_for,
         certificates_for_another_key_or_for_none_change_nothing, a_service_key_is_pasted_proven_used_and_taken_back, what_can_not_be_imported_is_refused_and_changes_nothing, readings_are_delivered, over_tls_1_2_with_rsa_4096_and_83_ca_names, over_tls_1_3_with_rsa_4096_and_83_ca_names,
         over_tls_1_3_with_a_root_on_p_384, the_console_says_how_it_goes, the_time_of_a_time_server_is_taken,
         a_heartbeat_says_how_it_is, iflowctl_talks_to_the_console, a_node_without_an_image_says_what_is_missing]  # fmt: skip


if __name__ == "__main__":
    world.run_tests(TESTS, sys.argv[1], sys.argv[2], sys.argv[3:])
