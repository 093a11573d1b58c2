"""What of the loop goes on while the node computes a signature or a key exchange (firmware/node/src/node.h): readings are stored, characters are taken.

usage: run_duties.py NODE.elf IFLOWCTL NODE_MIDWAY.elf [name of a test …]

NODE_MIDWAY is the firmware with an application that tells in the middle of what it has its turn (target/app_midway.c)."""

import pathlib
import re
import struct
import subprocess
import sys

import run_node_test
import wire
import world

ORDER_AT = 0xA1000000
STAND_STILL = ["-device", f"loader,addr={ORDER_AT:#x},data=1,data-len=4"]
PIECE = 64  # characters; the UART of QEMU isn't paced
ATTEMPTS = 20  # a slow machine may be through with the handshake before all is typed
MIDWAY = ""


def a_reading_due_in_mid_handshake_is_durable_before_it_ends(elf, iflowctl):
    with world.World(elf, iflowctl) as node_world:
        with node_world.node(MIDWAY, options=STAND_STILL) as board:
            board.console.expect("stored in the middle", world.LIMIT_S)
            board.cut_power()  # the node stands still: the handshake has never ended
        assert not node_world.stand_in.records(), "a request came before the handshake was over"
        with node_world.node() as board:
            node_world.wait_accepted(2, board)
            bodies = [message["body"] for message in node_world.accepted()]
            assert bodies[:2] == [b"first", b"midway"], bodies
            node_world.judge()


class Variables:
    """Words of the firmware, by name."""

    def __init__(self, board):
        self.board = board
        symbols = subprocess.run(["arm-none-eabi-nm", MIDWAY], capture_output=True, text=True, check=True).stdout
        self.address = {name: int(address, 16) for address, name in re.findall(r"^(\w+) \w (midway_\w+)$", symbols, re.MULTILINE)}

    def read(self, name):
        file = self.board.directory / "word"
        self.board.qmp.command("pmemsave", val=self.address[name], size=4, filename=str(file))
        return struct.unpack("<I", file.read_bytes())[0]


def type_slowly(board, variables, text):
    """Piece by piece, each when the one before has been looked for. False: the handshake was over before all was typed."""
    for at in range(0, len(text), PIECE):
        before = variables.read("midway_turns")
        board.console.send(text[at:at + PIECE])
        world.wait_until("the node looks for characters", lambda: variables.read("midway_turns") - before >= 2 or variables.read("midway_phase") != 1,
                         board, every_s=0.001)  # fmt: skip
    return variables.read("midway_phase") == 1


def typed_in_mid_handshake(node_world, payloads):
    with node_world.node(MIDWAY) as board:
        variables = Variables(board)
        board.console.expect("in the middle of a handshake", world.LIMIT_S)
        in_time = type_slowly(board, variables, "".join(f"json send telemetry {payload}\n" for payload in payloads))
        if not in_time:
            return False
        board.wait_ready()
        for _ in payloads:
            line, board.read_to = board.line_behind(board.read_to)
            assert line.startswith('{"ok":true'), line
        world.wait_until("all of them are accepted", lambda: set(payloads) <= {m["body"].decode() for m in node_world.accepted()}, board)
        return True


def characters_typed_in_mid_handshake_are_not_lost(elf, iflowctl):
    payloads = [str(number) * 190 for number in range(3)]  # more than the ring of the UART holds
    for _ in range(ATTEMPTS):
        with world.World(elf, iflowctl) as node_world:
            if typed_in_mid_handshake(node_world, payloads):
                node_world.judge()
                return
    raise AssertionError("the handshake was always over before all was typed")


ADDRESS, NEIGHBOUR = "10.0.2.15", "10.0.2.99"  # the node's, by DHCP of QEMU; somebody who asks for it


class Ear:
    """Hears the answers to NEIGHBOUR on the wire."""

    def __init__(self, line):
        self.count = 0
        line.drop = self.hear

    def hear(self, frame):
        self.count += wire.is_answer_to(frame, NEIGHBOUR)
        return False


def asked_in_mid_handshake(node_world):
    """True: a question was answered, and the loop hadn't had a turn meanwhile."""
    with wire.Wire() as line, node_world.node(MIDWAY, wire=line) as board:
        variables, ear = Variables(board), Ear(line)
        board.console.expect("in the middle of a handshake", world.LIMIT_S)
        while variables.read("midway_phase") == 1:
            loops, answers = variables.read("midway_loops"), ear.count
            line.give(wire.question_who_has(ADDRESS, NEIGHBOUR))
            world.wait_until("the node answers", lambda: ear.count > answers, board, every_s=0.001)
            if variables.read("midway_loops") == loops:
                return True
        return False


def a_frame_that_comes_in_mid_handshake_is_answered_at_once(elf, iflowctl):
    for _ in range(ATTEMPTS):
        with world.World(elf, iflowctl) as node_world:
            if asked_in_mid_handshake(node_world):
                return
    raise AssertionError("the loop always had a turn before the answer came")


def the_deepest_turn_leaves_a_twentieth_of_the_stack(elf, iflowctl):
    for tls in ("1.2", "1.3"):
        with world.World(elf, iflowctl, tls=tls, server_root="rsa4096", ca_names=83) as node_world, node_world.node(MIDWAY) as board:
            node_world.wait_accepted(2, board)
            board.wait_ready()
            answer = run_node_test.paste(board, pathlib.Path(node_world.stand_in.service_key(leaf="second")).read_text())
            assert answer["ok"], answer
            node_world.store(board, "behind the import")
            node_world.wait_delivered(board)
            status = board.ask("status")
            print(f"TLS {tls}: stack {status['stack_peak']} of {status['stack_size']}")
            assert status["stack_peak"] * 20 <= status["stack_size"] * 19, status


TESTS = [a_frame_that_comes_in_mid_handshake_is_answered_at_once, the_deepest_turn_leaves_a_twentieth_of_the_stack,
         a_reading_due_in_mid_handshake_is_durable_before_it_ends, characters_typed_in_mid_handshake_are_not_lost]  # fmt: skip


if __name__ == "__main__":
    MIDWAY = sys.argv[3]
    world.run_tests(TESTS, sys.argv[1], sys.argv[2], sys.argv[4:])
