"""The node in the longest handshakes that it is made for: does it deliver, and what of arena and stack is left?

usage: run_budget.py NODE.elf IFLOWCTL

For TLS 1.2 and 1.3: RSA-4096 root and intermediate, a request for our certificate with 83 CA names (13 KB in one message), our own chain of three
certificates, and an answer in records of 16 KB. Of the arena and of the stack a twentieth at least must stay unused. The node itself says how much it
has used; flash and RAM come from the linker's map. Figures: $IFL_FIGURES_DIR/node.json."""

import json
import os
import pathlib
import sys

import footprint
import world

LONG_ANSWER = "x" * 40000


def handshake(elf, iflowctl, tls):
    with world.World(elf, iflowctl, tls=tls, server_root="rsa4096", ca_names=83) as node_world, node_world.node() as board:
        board.console.expect("a time server told the time", world.LIMIT_S)
        node_world.stand_in.fault("long answer", route=world.TELEMETRY, times=1, status=503, body=LONG_ANSWER)
        node_world.store(board, "{}")
        node_world.wait_delivered(board)
        node_world.judge()
        assert all(record["tls"] == f"TLSv{tls}" for record in node_world.stand_in.records())
        status = board.ask("status")
        assert status["counters"]["handshakes_full"] > 0 and status["host"]["status"] is None, status
        print(f"TLS {tls}: arena {status['arena_peak']} of {status['arena_size']} bytes, stack {status['stack_peak']} of {status['stack_size']}")
        return status


def main():
    elf, iflowctl = sys.argv[1], sys.argv[2]
    flash, ram = footprint.footprint(elf)
    runs = [handshake(elf, iflowctl, tls) for tls in ("1.2", "1.3")]
    figures = {
        "node.ram_bytes": sum(ram.values()),
        "node.flash_bytes": sum(flash.values()),
        "node.arena_peak_bytes": max(run["arena_peak"] for run in runs),
        "node.arena_reserved_bytes": runs[0]["arena_size"],
        "node.stack_peak_bytes": max(run["stack_peak"] for run in runs),
        "node.stack_reserved_bytes": runs[0]["stack_size"],
    }
    for name, value in figures.items():
        print(f"{name} = {value}")
    if "IFL_FIGURES_DIR" in os.environ:
        pathlib.Path(os.environ["IFL_FIGURES_DIR"], "node.json").write_text(json.dumps(figures) + "\n", encoding="utf-8")
    for what in ("arena", "stack"):
        peak, reserved = figures[f"node.{what}_peak_bytes"], figures[f"node.{what}_reserved_bytes"]
        assert peak * 20 <= reserved * 19, f"{what}: {peak} of {reserved} bytes, that leaves less than a twentieth"


if __name__ == "__main__":
    main()
