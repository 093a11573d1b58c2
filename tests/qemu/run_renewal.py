"""Renewals that go wrong on the running node, with power cuts in between: a new identity that is refused, one that can't be tried for a while, and one that is
needed because the old one is refused meanwhile. In every case the right one of the two is in use: the receiver's records say with which certificate each
message came.

usage: run_renewal.py NODE.elf IFLOWCTL [SEED]

The power goes 6 times in each, at moments drawn by lot; 20 times with IFL_TEST_FULL. Figures: qemu.renewal_cuts, qemu.renewal_wrong (1: a
test failed)."""

import json
import os
import pathlib
import random
import sys
import time

import world
from run_node_test import chain_for, in_force, make_request, paste, states

CUTS = 20 if os.environ.get("IFL_TEST_FULL") else 6
LONGEST_RUN_S = 1.5  # from the start: boot, handshakes of a trial and its control
cuts = 0
dice = random.Random()


class World(world.World):
    """Between two trials that decide nothing there is time for a handshake and a message, also where QEMU gets little of the machine."""

    def config(self):
        return {**super().config(), "probe": {"first_ms": 15000, "cap_ms": 30000}}


def subjects(node_world):
    """With which certificates the messages came that were accepted."""
    return [record["subject"] for record in node_world.stand_in.records() if record["method"] == "POST" and 200 <= record["status"] < 300]


def subject(node_world, leaf):
    return node_world.stand_in.pki.certificate_details(leaf)["subjectdn"]


def deliver(node_world, board, payload, expected):
    """All that waits goes out, and the last of it with the certificate of this subject."""
    node_world.store(board, payload)
    node_world.wait_delivered(board)
    assert subjects(node_world)[-1] == expected, (subjects(node_world)[-1], expected, board.console_text()[-1500:])


def cut_again_and_again(node_world, expected):
    """Every second time a message is stored before the power goes; it must come all the same, with the right certificate."""
    global cuts
    for number in range(CUTS):
        with node_world.node() as board:
            board.wait_ready()
            if number % 2:
                node_world.store(board, f"before cut {number}")
            time.sleep(dice.uniform(0, LONGEST_RUN_S))
            board.cut_power()
            cuts += 1
    assert set(subjects(node_world)) == expected, subjects(node_world)


def bring_second(node_world):
    """A new identity is stored, and the power goes before anything is known about it."""
    with node_world.node() as board:
        old = subject(node_world, "default")
        deliver(node_world, board, "with the first key", old)
        answer = paste(board, pathlib.Path(node_world.stand_in.service_key(leaf="second")).read_text())
        assert answer["ok"], answer
        board.cut_power()
    return old


def a_refused_identity_is_never_used(elf, iflowctl):
    with World(elf, iflowctl) as node_world:
        node_world.stand_in.tenant.set_key("second", "delete")
        old = bring_second(node_world)
        cut_again_and_again(node_world, {old})
        with node_world.node() as board:
            world.wait_until("the new identity is refused", lambda: "refused" in states(board), board)
            deliver(node_world, board, "after it was refused", old)
            board.cut_power()
        node_world.stand_in.tenant.set_key("second", "restore")  # too late: it isn't tried again by itself
        with node_world.node() as board:
            assert states(board) == {"active", "refused"}
            deliver(node_world, board, "after another start", old)
        assert set(subjects(node_world)) == {old}
        node_world.judge()


def a_postponed_identity_is_used_once_it_is_proven(elf, iflowctl):
    with World(elf, iflowctl) as node_world:
        node_world.stand_in.fault("503", times=0, methods=("HEAD",))
        old = bring_second(node_world)
        cut_again_and_again(node_world, {old})
        with node_world.node() as board:
            assert states(board) == {"active", "pending"}
            deliver(node_world, board, "while it can't be tried", old)
            first = in_force(board)
            board.cut_power()
        node_world.stand_in.repair()
        with node_world.node() as board:
            world.wait_until("the new identity is proven", lambda: in_force(board) != first, board)
            deliver(node_world, board, "once it is proven", subject(node_world, "second"))
        cut_again_and_again(node_world, {old, subject(node_world, "second")})
        with node_world.node() as board:
            deliver(node_world, board, "after all", subject(node_world, "second"))
        node_world.judge()


def a_postponed_identity_is_used_when_the_old_one_is_refused(elf, iflowctl):
    with World(elf, iflowctl) as node_world:
        node_world.stand_in.fault("503", times=0, methods=("HEAD",))
        old = bring_second(node_world)
        cut_again_and_again(node_world, {old})
        node_world.stand_in.repair()
        node_world.stand_in.tenant.set_key("default", "delete")
        with node_world.node() as board:
            deliver(node_world, board, "nobody knows the old one any more", subject(node_world, "second"))
            world.wait_until("the new identity is in force", lambda: "pending" not in states(board), board)
        node_world.judge()


def a_certificate_for_a_key_made_here_that_is_refused_leaves_the_old_one(elf, iflowctl):
    with World(elf, iflowctl) as node_world:
        old = subject(node_world, "default")
        with node_world.node() as board:
            board.wait_ready()
            request = make_request(node_world, board)
            chain = chain_for(node_world, request)
            node_world.stand_in.tenant.set_key("made-here", "delete")
            board.cut_power()
        cut_again_and_again(node_world, {old})
        with node_world.node() as board:
            board.wait_ready()
            assert "a key waits for its certificate" in states(board)
            assert paste(board, chain, "identity certificate")["ok"]
            board.cut_power()
        cut_again_and_again(node_world, {old})
        with node_world.node() as board:
            world.wait_until("the new identity is refused", lambda: "refused" in states(board), board)
            deliver(node_world, board, "with the old one", old)
            make_request(node_world, board, name="next.pem")  # its slot is free for the next key
        node_world.judge()


TESTS = [a_refused_identity_is_never_used, a_postponed_identity_is_used_once_it_is_proven, a_postponed_identity_is_used_when_the_old_one_is_refused,
         a_certificate_for_a_key_made_here_that_is_refused_leaves_the_old_one]  # fmt: skip


def keep_figures(wrong):
    figures = {"qemu.renewal_cuts": cuts, "qemu.renewal_wrong": wrong}
    if "IFL_FIGURES_DIR" in os.environ:
        pathlib.Path(os.environ["IFL_FIGURES_DIR"], "qemu_renewal.json").write_text(json.dumps(figures) + "\n", encoding="utf-8")
    print(f"{cuts} power cuts")


if __name__ == "__main__":
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    dice.seed(seed)
    try:
        world.run_tests(TESTS, sys.argv[1], sys.argv[2], [])
    except SystemExit as end:
        keep_figures(0 if not end.code else 1)
        raise
