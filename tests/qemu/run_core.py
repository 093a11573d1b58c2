"""The firmware without whatever can be left out of it (firmware/node/CMakeLists.txt, CORE): it delivers as the whole one does, and says what it can't.

usage: run_core.py NODE_CORE.elf IFLOWCTL [name of a test …]"""

import sys

import run_node_test
import world


def what_was_left_out_is_refused(elf, iflowctl):
    with world.World(elf, iflowctl) as node_world, node_world.node() as board:
        board.wait_ready()
        for command in ("import", "identity csr", "identity certificate", "identity rollback"):
            answer = board.ask(command)
            assert not answer["ok"] and answer["error"]["name"] == "USAGE", (command, answer)
        board.console.send("help\n")
        board.console.expect("queue [ROUTE]", world.LIMIT_S)
        assert "import" not in board.console_text().split("queue [ROUTE]")[0].rsplit("help", 1)[-1], board.console_text()[-800:]
        assert any(slot["in_force"] for slot in board.ask("identity")["slots"])
        node_world.store(board, "it goes on")
        node_world.wait_delivered(board)
        node_world.judge()


TESTS = [what_was_left_out_is_refused, run_node_test.over_tls_1_2_with_rsa_4096_and_83_ca_names, run_node_test.over_tls_1_3_with_rsa_4096_and_83_ca_names,
         run_node_test.a_heartbeat_says_how_it_is]  # fmt: skip


if __name__ == "__main__":
    world.run_tests(TESTS, sys.argv[1], sys.argv[2], sys.argv[3:])
