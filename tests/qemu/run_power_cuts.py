"""The power of the running node is cut again and again while it stores and sends: QMP `stop`, then kill -9. Nothing that its console acknowledged may
be lost, reordered, doubled or changed, in the receiver's records.

usage: run_power_cuts.py NODE.elf IFLOWCTL NODE_TORN.elf [CUTS [SEED]]

In every second cut the flash operation under way is torn: NODE_TORN is the same firmware, but one operation, drawn by lot, is done in part only, and then
the power goes. CUTS: 300 with IFL_TEST_FULL, else 12. Figures: qemu.kills, qemu.torn_kills, qemu.kill_failures."""

import json
import os
import pathlib
import random
import sys
import threading
import time

import world

WORLDS = 2  # at the same time
LONGEST_RUN_S = 2.2  # from the start: boot, handshake, some messages
MESSAGES_MAX = 30
OPERATIONS_MAX = 60
TORN_ORDER_AT = 0xA1000000
TORN = "torn!"
FAULTS = ("503", "404_not_deployed", "500_flow", "reset_after_processing")


class Lane:
    """One world and its dice."""

    def __init__(self, elf, iflowctl, torn_elf, cuts, seed):
        self.elf, self.iflowctl, self.torn_elf, self.cuts, self.dice = elf, iflowctl, torn_elf, cuts, random.Random(seed)
        self.torn, self.problems, self.messages = 0, [], 0

    def run(self):
        try:
            with world.World(self.elf, self.iflowctl) as self.world:
                for cut in range(self.cuts):
                    self.one_cut(cut)
                self.world.stand_in.repair()
                with self.world.node() as board:
                    self.world.wait_delivered(board)
                self.problems = self.world.problems()
                self.messages = len(self.world.accepted())
        except Exception as error:
            self.problems.append(f"{type(error).__name__}: {error}")

    def one_cut(self, cut):
        self.world.stand_in.repair()
        if self.dice.random() < 0.4:
            name = self.dice.choice(FAULTS)
            self.world.stand_in.fault(name, route=world.TELEMETRY, times=1 if name.startswith("reset") else 0)
        if cut % 2:
            self.torn_run(cut)
        else:
            self.plain_run(cut)

    def talk(self, board, cut, limit_s):
        """Store messages until the power goes, by lot at once or with pauses. What was sent, in order."""
        sent, end = [], time.monotonic() + limit_s
        while len(sent) < MESSAGES_MAX and time.monotonic() < end and not board.console.closed and TORN not in board.console_text():
            payload = f'{{"cut":{cut},"message":{len(sent)},"filler":"{"x" * self.dice.randrange(200)}"}}'
            try:
                board.console.send(f"json send telemetry {payload}\n")
                sent.append(payload)
                self.wait_answers(board, len(sent), end)
            except OSError:
                break
            time.sleep(self.dice.choice((0, 0, 0.05, 0.2)))
        time.sleep(max(0, end - time.monotonic()) if TORN not in board.console_text() else 0)
        return sent

    @staticmethod
    def wait_answers(board, count, end):
        while len(answers(board)) < count and time.monotonic() < end and TORN not in board.console_text():
            time.sleep(0.005)

    def note(self, board, sent):
        """After the cut: what the console said OK to. An answer that was cut off acknowledges nothing."""
        board.console.reader.join(world.LIMIT_S)
        for payload, answer in zip(sent, answers(board)):
            if answer.get("ok"):
                if answer["id"] in self.world.acknowledged:
                    self.problems.append(f"{answer['id']} was given twice")
                self.world.acknowledged[answer["id"]] = ("telemetry", payload)

    def plain_run(self, cut):
        """The power goes at any moment, also during the start."""
        lasts_s = self.dice.uniform(0.02, LONGEST_RUN_S)
        with self.world.node() as board:
            began = time.monotonic()
            sent = []
            while time.monotonic() - began < lasts_s and "log: ready" not in board.console_text():
                time.sleep(0.005)
            rest_s = lasts_s - (time.monotonic() - began)
            if rest_s > 0:
                sent = self.talk(board, cut, rest_s)
            board.cut_power()
            self.note(board, sent)

    def torn_run(self, cut):
        """The power goes in the middle of a flash operation; at the latest as in a plain run."""
        order = self.dice.randrange(1, OPERATIONS_MAX), self.dice.getrandbits(32)
        options = [part for i, value in enumerate(order)
                   for part in ("-device", f"loader,addr={TORN_ORDER_AT + 4 * i},data={value},data-len=4")]  # fmt: skip
        with self.world.node(self.torn_elf, options=options) as board:
            began = time.monotonic()
            while "log: ready" not in board.console_text() and TORN not in board.console_text():
                time.sleep(0.005)
                assert time.monotonic() - began < world.LIMIT_S, "it doesn't start:\n" + board.console_text()
            sent = self.talk(board, cut, LONGEST_RUN_S)
            self.torn += TORN in board.console_text()
            board.cut_power()
            self.note(board, sent)


def answers(board):
    """The whole answers of the console so far."""
    found = []
    for line in board.console_text().split("\n")[:-1]:
        if line.startswith("{"):
            found.append(json.loads(line))
    return found


def main():
    elf, iflowctl, torn_elf = sys.argv[1:4]
    cuts = int(sys.argv[4]) if len(sys.argv) > 4 else 300 if os.environ.get("IFL_TEST_FULL") else 12
    seed = int(sys.argv[5]) if len(sys.argv) > 5 else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    lanes = [Lane(elf, iflowctl, torn_elf, cuts // WORLDS, f"{seed}/{number}") for number in range(WORLDS)]
    threads = [threading.Thread(target=lane.run) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    problems = [problem for lane in lanes for problem in lane.problems]
    figures = {"qemu.kills": sum(lane.cuts for lane in lanes), "qemu.torn_kills": sum(lane.torn for lane in lanes),
               "qemu.kill_failures": len(problems)}  # fmt: skip
    if "IFL_FIGURES_DIR" in os.environ:
        pathlib.Path(os.environ["IFL_FIGURES_DIR"], "qemu_kills.json").write_text(json.dumps(figures) + "\n", encoding="utf-8")
    acknowledged = sum(len(lane.world.acknowledged) for lane in lanes)
    print(f"{figures['qemu.kills']} power cuts, {figures['qemu.torn_kills']} of them in the middle of a flash operation; {acknowledged} messages "
          f"acknowledged, {sum(lane.messages for lane in lanes)} accepted")  # fmt: skip
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
