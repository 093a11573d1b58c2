"""A day of idle: the node alone with its heartbeat, in virtual time (-icount sleep=off jumps over sleep), without a way to its tenant. It doesn't start
again, its memory doesn't grow, the watchdog is fed, heartbeats keep their rhythm, and the CPU sleeps in between: else virtual time wouldn't get on.

usage: run_idle.py NODE.elf IFLOWCTL [HOURS]

Then the power is cut, and the same node delivers the day's heartbeats in real time: the receiver's records are what is judged. Figures: node.idle_hours,
node.idle_feeds_per_minute."""

import datetime
import json
import os
import pathlib
import sys

import world

PERIOD_S = 15 * 60
ALONE = "restrict=on"  # DHCP answers, nothing else does
VIRTUAL = ["-icount", "shift=3,sleep=off"]
LIMIT_S = 1500


class IdleWorld(world.World):
    """As in a plant: seconds to minutes between tries."""

    def config(self):
        config = super().config()
        del config["backoff"], config["probe"]
        return config


def unix_s(status):
    return datetime.datetime.strptime(status["time"], "%Y-%m-%dT%H:%M:%SZ").timestamp()


def pass_time(board, hours):
    """(seconds that passed, heartbeats stored)"""
    start = unix_s(board.ask("status"))
    last = [None]

    def over():
        last[0] = board.ask("status")
        return unix_s(last[0]) - start >= hours * 3600
    world.wait_until(f"{hours} hours pass", over, board, LIMIT_S, every_s=0.5)
    assert "last reboot" not in board.console_text().split("log: ready", 1)[1], "the node started again by itself"
    return unix_s(last[0]) - start, last[0]["counters"]["stored"], last[0]["arena_peak"]


def judge(beats, count, arena_peak):
    assert len(beats) >= count, f"{count} heartbeats were stored, {len(beats)} came"
    uptimes = [beat["uptime_s"] for beat in beats[:count]]
    rhythm = {later - earlier for earlier, later in zip(uptimes, uptimes[1:])}
    assert rhythm <= {PERIOD_S - 1, PERIOD_S, PERIOD_S + 1}, f"the heartbeats came at {uptimes}"
    for number, beat in enumerate(beats[:count]):
        assert beat["starts"] == 1 and beat["reboot_reason"] == "power on", beat
        assert beat["queued"] == number, beat
        assert beat["arena_peak"] == arena_peak, "the arena has grown"
    late = beats[min(2, count - 1):count]
    assert len({beat["stack_used"] for beat in late}) == 1, "the stack has grown"
    feeds = [beat["watchdog_feeds"] for beat in beats[:count]]
    assert all(later > earlier for earlier, later in zip(feeds, feeds[1:])), feeds
    return 60 * (feeds[-1] - feeds[0]) / max(1, uptimes[-1] - uptimes[0])


def main():
    elf, iflowctl = sys.argv[1:3]
    hours = float(sys.argv[3]) if len(sys.argv) > 3 else 24 if os.environ.get("IFL_TEST_FULL") else 1
    with IdleWorld(elf, iflowctl, routes={"heartbeat": {"path": world.HEARTBEAT, "max_rate": 3600}}) as idle:
        with idle.node(network=ALONE, options=VIRTUAL) as board:
            seconds, count, arena_peak = pass_time(board, hours)
            board.cut_power()
        assert seconds // PERIOD_S <= count - 1 <= seconds // PERIOD_S + 1, f"{count} heartbeats in {seconds} s"
        with idle.node() as board:
            idle.wait_accepted(count + 1, board, world.HEARTBEAT)
        idle.judge()
        feeds = judge([json.loads(message["body"]) for message in idle.accepted(world.HEARTBEAT)], count, arena_peak)
    figures = {"node.idle_hours": round(seconds / 3600, 2), "node.idle_feeds_per_minute": round(feeds, 1)}
    if "IFL_FIGURES_DIR" in os.environ:
        pathlib.Path(os.environ["IFL_FIGURES_DIR"], "qemu_idle.json").write_text(json.dumps(figures) + "\n", encoding="utf-8")
    print(f"{seconds / 3600:.1f} hours: {count} heartbeats, no reset, {feeds:.0f} turns of the loop a minute")


if __name__ == "__main__":
    main()
