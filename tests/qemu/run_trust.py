"""New roots for a running node: pasted at its console, tried with the tenant, in force once its chain ends at one of them, taken back.

usage: run_trust.py NODE.elf IFLOWCTL [name of a test …]"""

import pathlib
import random
import sys

import world
from run_node_test import paste
from world import World


def roots(node_world, *kinds):
    return "".join(pathlib.Path(node_world.stand_in.pki.server_ca(kind)).read_text() for kind in kinds)


def shown(board):
    """state: (bundle, number of roots)"""
    return {each["state"]: (each["source"], each["roots"]) for each in board.ask("trust")["bundles"]}


def move_to(node_world, kind):
    """The tenant's server has a certificate below another root from now on."""
    node_world.stand_in.reconfigure(server_root=kind)
    node_world.stand_in.command("close")


def install(node_world, board, *kinds):
    answer = paste(board, roots(node_world, *kinds), "trust install")
    assert answer["ok"], answer
    return answer


def deliver(node_world, board, payload):
    node_world.store(board, payload)
    node_world.wait_delivered(board)


def wait_shown(board, expected):
    world.wait_until(f"`trust` shows {expected}", lambda: shown(board) == expected, board, every_s=0.1)


def new_roots_are_in_force_once_the_tenant_chains_to_them(elf, iflowctl):
    with World(elf, iflowctl) as node_world:
        with node_world.node() as board:
            deliver(node_world, board, "with the root of the image")
            assert shown(board) == {"in force": ("bundle A", 1)}, shown(board)
            install(node_world, board, "rsa2048", "p384")
            deliver(node_world, board, "on trial")
            wait_shown(board, {"in force": ("bundle B", 2), "before": ("bundle A", 1)})
            assert "TRUST_PROVEN" in board.events()
            move_to(node_world, "p384")
            deliver(node_world, board, "after the server has moved to the new root")
            board.cut_power()
        with node_world.node() as board:
            deliver(node_world, board, "after a power cut")
            assert shown(board) == {"in force": ("bundle B", 2), "before": ("bundle A", 1)}, shown(board)
            assert board.ask("trust rollback")["ok"]
            assert shown(board) == {"in force": ("bundle A", 1), "before": ("bundle B", 2)}, shown(board)
            node_world.store(board, "the old root doesn't know this server")
            board.wait_cause("TLS_UNTRUSTED")
            assert board.ask("trust rollback")["ok"]
            node_world.wait_delivered(board)
        node_world.judge()


def roots_that_the_tenant_does_not_chain_to_are_given_up(elf, iflowctl):
    with World(elf, iflowctl) as node_world, node_world.node() as board:
        deliver(node_world, board, "first")
        install(node_world, board, "p384")
        deliver(node_world, board, "the roots of before count on trial, too")
        wait_shown(board, {"in force": ("bundle A", 1)})
        assert "TRUST_REFUSED" in board.events()
        node_world.stand_in.connection_fault("silence", times=0)  # nothing is decided before it's taken back
        install(node_world, board, "p384")
        assert board.ask("trust rollback")["ok"] and shown(board) == {"in force": ("bundle A", 1)}, shown(board)
        node_world.stand_in.repair()
        deliver(node_world, board, "last")
        node_world.judge()


def what_is_no_bundle_is_refused_and_changes_nothing(elf, iflowctl):
    with World(elf, iflowctl) as node_world, node_world.node() as board:
        board.wait_ready()
        good, key = roots(node_world, "rsa2048"), pathlib.Path(node_world.stand_in.pki.client_file("default.key")).read_text()
        for bad in ("no certificate\n", good[:400] + good[500:], good.replace("MII", "MIJ", 1), good + key, good + good[:300], ""):
            answer = paste(board, bad, "trust install")
            assert not answer["ok"] and answer["error"]["name"] == "TRUST_BAD", (bad[:60], answer)
        answer = paste(board, good * 17, "trust install")
        assert not answer["ok"] and answer["error"]["name"] == "TOO_LARGE", answer
        assert shown(board) == {"in force": ("bundle A", 1)} and board.ask("trust rollback")["error"]["name"] == "NOT_FOUND"
        assert key.splitlines()[3] not in board.console_text(), "a key was echoed"
        deliver(node_world, board, "with the root of before")
        node_world.judge()


def a_power_cut_leaves_the_roots_of_before(elf, iflowctl):
    dice = random.Random(5)
    with World(elf, iflowctl) as node_world:
        for number in range(6):
            with node_world.node() as board:
                board.wait_ready()
                board.console.send("json trust install\n")
                board.console.expect("log: paste", world.LIMIT_S, board.read_to)
                text = roots(node_world, "rsa2048", "rsa4096") + ".\n"
                board.type(text if dice.random() < 0.7 else text[:len(text) // 2])
                world.time.sleep(dice.random() * 0.05)
                board.cut_power()
            with node_world.node() as board:
                deliver(node_world, board, f"after power cut {number}")
                assert len([state for state in shown(board) if state == "in force"]) == 1
        node_world.judge()


TESTS = [new_roots_are_in_force_once_the_tenant_chains_to_them, roots_that_the_tenant_does_not_chain_to_are_given_up,
         what_is_no_bundle_is_refused_and_changes_nothing, a_power_cut_leaves_the_roots_of_before]  # fmt: skip

if __name__ == "__main__":
    world.run_tests(TESTS, sys.argv[1], sys.argv[2], sys.argv[3:])
