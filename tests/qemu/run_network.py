"""The node and a network that fails: cable, DHCP, name server, silent peer, lost frames. Each time the right cause is named, nothing is lost, and the
node goes on when the fault ends.

usage: run_network.py NODE.elf IFLOWCTL [name of a test …]"""

import contextlib
import random
import socket
import sys

import wire
import world


@contextlib.contextmanager
def wired_node(elf, iflowctl, prepare=lambda line: None, **options):
    with world.World(elf, iflowctl, **options) as node_world, wire.Wire() as line:
        prepare(line)
        with node_world.node(wire=line) as board:
            board.wait_ready()
            yield node_world, line, board


def recovers(node_world, board):
    node_world.wait_delivered(board, retry=False)
    node_world.judge()


def a_pulled_cable_is_named_and_only_delays(elf, iflowctl):
    with world.World(elf, iflowctl) as node_world, node_world.node() as board:
        node_world.store(board, "before")
        node_world.wait_delivered(board)
        for pull in range(2):
            board.set_cable(False)
            node_world.store(board, f"pull {pull}")
            board.wait_cause("NET_DOWN")
            board.set_cable(True)
            recovers(node_world, board)


def a_start_without_a_cable_is_made_good(elf, iflowctl):
    with world.World(elf, iflowctl) as node_world, node_world.node(cable=False) as board:
        board.wait_ready()
        node_world.store(board, "no cable yet")
        board.wait_cause("NET_DOWN")
        board.set_cable(True)
        recovers(node_world, board)


def a_silent_dhcp_server_is_named(elf, iflowctl):
    def silent(line):
        line.drop = wire.is_dhcp
    with wired_node(elf, iflowctl, silent) as (node_world, line, board):
        node_world.store(board, "no address yet")
        board.wait_cause("NET_NO_ADDRESS")
        assert line.dropped > 0
        line.drop = lambda frame: False
        recovers(node_world, board)


def an_unknown_name_is_named(elf, iflowctl):
    def unknown(line):
        line.answer = ""
    with wired_node(elf, iflowctl, unknown, resolve=False) as (node_world, line, board):
        node_world.store(board, "no such name yet")
        board.wait_cause("NET_DNS")
        line.answer = world.GUEST_SEES_US_AT
        node_world.wait_delivered(board)
        node_world.judge()


def a_silent_name_server_is_named(elf, iflowctl):
    def silent(line):
        line.answer, line.drop = world.GUEST_SEES_US_AT, wire.is_dns
    with wired_node(elf, iflowctl, silent, resolve=False) as (node_world, line, board):
        node_world.store(board, "no answer yet")
        board.wait_cause("NET_DNS")
        line.drop = lambda frame: False
        node_world.wait_delivered(board)
        node_world.judge()


def the_name_servers_of_the_configuration_are_asked(elf, iflowctl):
    """Though DHCP gives another one."""
    asked = set()

    def watched(line):
        line.answer, line.drop = world.GUEST_SEES_US_AT, lambda frame: bool(wire.is_dns(frame) and asked.add(socket.inet_ntoa(frame[30:34])))
    with wired_node(elf, iflowctl, watched, resolve=False, network={"dns": ["192.0.2.53"]}) as (node_world, _, board):
        node_world.store(board, "who is asked?")
        node_world.wait_delivered(board)
        node_world.judge()
    assert asked == {"192.0.2.53"}, asked


def a_time_server_that_does_not_know_the_time_is_not_believed(elf, iflowctl):
    """A router that has just started as the node has, from the same power: it answers all the same."""
    with world.World(elf, iflowctl) as node_world:
        right = node_world.ntp.unix_s
        node_world.ntp.knows, node_world.ntp.unix_s = False, right + 400 * 86400
        with node_world.node() as board:
            board.wait_ready()
            world.wait_until("it was asked twice", lambda: node_world.ntp.answers >= 2, board, every_s=0.2)
            status = board.ask("status")
            assert status["time_quality"] != "sntp", status
            node_world.ntp.knows, node_world.ntp.unix_s = True, right
            world.wait_until("it's believed", lambda: board.ask("status")["time_quality"] == "sntp", board, every_s=0.2)


def a_refused_connection_is_named(elf, iflowctl):
    with world.World(elf, iflowctl) as node_world, node_world.node() as board:
        node_world.store(board, "first")
        node_world.wait_delivered(board)
        node_world.stand_in.front.listen(False)
        node_world.stand_in.command("reset")
        node_world.store(board, "nobody listens")
        board.wait_cause("NET_REFUSED")
        node_world.stand_in.front.listen(True)
        recovers(node_world, board)


def a_peer_that_says_nothing_is_named(elf, iflowctl):
    with world.World(elf, iflowctl) as node_world:
        node_world.stand_in.connection_fault("silence", times=0)
        with node_world.node() as board:
            board.wait_ready()
            node_world.store(board, "silence")
            board.wait_event("NET_TIMEOUT")
            node_world.stand_in.repair()
            node_world.wait_delivered(board)
            node_world.judge()


def a_connection_that_falls_silent_is_named(elf, iflowctl):
    with world.World(elf, iflowctl) as node_world, node_world.node() as board:
        node_world.store(board, "first")
        node_world.wait_delivered(board)
        node_world.stand_in.command("freeze")
        node_world.store(board, "frozen")
        board.wait_event("HTTP_TIMEOUT")
        recovers(node_world, board)


def a_connection_that_the_network_forgets_stands_in_no_others_way(elf, iflowctl):
    """A firewall drops its frames from one moment on, without a word, while lwIP's memory is full of a request; new connections pass."""
    route = {"path": world.TELEMETRY, "timeout_ms": 4000, "max_rate": 60000, "batch": {"max_count": 8, "max_delay_ms": 3000}}

    def queued(board):
        return sum(each["queued"] for each in board.ask("status")["routes"])
    with wired_node(elf, iflowctl, routes={"telemetry": route}) as (node_world, line, board):
        node_world.store(board, "1")
        world.wait_until("the first is accepted", lambda: queued(board) == 0, board)
        forgotten = set()
        for _ in range(2):
            line.drop = lambda frame: bool(wire.is_tcp(frame) and (forgotten.add(frame[34:36]) or True))
            for number in range(8):
                node_world.store(board, f'"{number}{"x" * 400}"')
            board.wait_cause("HTTP_TIMEOUT")
            line.drop = lambda frame: wire.is_tcp(frame) and frame[34:36] in forgotten
            world.wait_until("all are accepted", lambda: queued(board) == 0, board, every_s=0.2)


def every_tenth_frame_may_get_lost(elf, iflowctl):
    dice = random.Random(4)

    def lossy(line):
        line.drop = lambda frame: wire.is_tcp(frame) and dice.random() < 0.1
    with wired_node(elf, iflowctl, lossy) as (node_world, line, board):
        for number in range(5):
            node_world.store(board, f"message {number}")
        recovers(node_world, board)


TESTS = [a_pulled_cable_is_named_and_only_delays, a_start_without_a_cable_is_made_good, a_silent_dhcp_server_is_named,
         an_unknown_name_is_named, a_silent_name_server_is_named, the_name_servers_of_the_configuration_are_asked,
         a_time_server_that_does_not_know_the_time_is_not_believed, a_refused_connection_is_named, a_peer_that_says_nothing_is_named,
         a_connection_that_falls_silent_is_named, a_connection_that_the_network_forgets_stands_in_no_others_way,
         every_tenth_frame_may_get_lost]  # fmt: skip

if __name__ == "__main__":
    world.run_tests(TESTS, sys.argv[1], sys.argv[2], sys.argv[3:])
