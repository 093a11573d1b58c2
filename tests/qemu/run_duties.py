"""What of the loop goes on while the node computes a signature or a key exchange (firmware/node/src/node.h): readings are stored, characters are taken.

usage: run_duties.py NODE.elf IFLOWCTL NODE_MIDWAY.elf [name of a test …]

NODE_MIDWAY is the firmware with an application that tells in the middle of what it has its turn (target/app_midway.c)."""

import re
import struct
import subprocess
import sys

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


TESTS = [a_reading_due_in_mid_handshake_is_durable_before_it_ends, characters_typed_in_mid_handshake_are_not_lost]


if __name__ == "__main__":
    MIDWAY = sys.argv[3]
    world.run_tests(TESTS, sys.argv[1], sys.argv[2], sys.argv[4:])
