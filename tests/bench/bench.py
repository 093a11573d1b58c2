#!/usr/bin/env python3
"""Measures the firmware: flash and RAM by room, stacks and arena in the worst handshake, instructions of handshakes and of a message, bytes on the wire.

usage: bench.py [--short] [--update-baseline] [--prices] [--readme | --check-readme]

Instructions come from QEMU's virtual time (-icount shift=0: one instruction is one nanosecond) around each turn of the firmware's loop, so they repeat on
any machine. The result is compared with baseline.json: more than 2 % worse is an error; better asks for a new baseline. Beside it the load curve of a fleet after
an outage (tests/sim/fleet). Writes build/bench/report.md, SVG plots, and figures. --prices builds the firmware once
more without each of what can be left out, and keeps the differences in the baseline. --readme puts the table into README.md; --check-readme only looks whether it is
there."""

import argparse
import json
import os
import pathlib
import re
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "qemu")]
sys.dont_write_bytecode = True

import footprint  # noqa: E402
import plot  # noqa: E402
import prices  # noqa: E402
import run_budget  # noqa: E402
import world  # noqa: E402

OUT = ROOT / "build" / "bench"
NODE, CORE, BENCH = ROOT / "build/node/bin/node.elf", ROOT / "build/node/bin/node_core.elf", ROOT / "build/node/tests/node_bench.elf"
IFLOWCTL = ROOT / "build/host/bin/iflowctl"
FLEET, FLEET_RUN = ROOT / "build/host/tests/sim/fleet", ROOT / "tests/sim/fleet/run.py"
BASELINE = pathlib.Path(__file__).with_name("baseline.json")
README = ROOT / "README.md"
TOLERANCE = 0.02
CLOCK_HZ = 142_000_000
ICOUNT = ["-icount", "shift=0"]
KINDS = {1: "full", 2: "resumed", 3: "post"}
EVENT_COUNT = 40  # of bench.h
HEADER, EVENT = struct.Struct("<10I"), struct.Struct("<7I")
HEADER_NAMES = ("event_count", "turns", "longest_idle", "arena_peak", "arena_extent", "stack_used", "stack_size", "interrupt_stack_used",
                "interrupt_stack_size", "network_heap_peak")  # fmt: skip
POSTS, RESUMPTIONS = 5, 3

# name: (what it is, must, unit). A must is checked here; None: shown only.
FIGURES = {
    "node.flash_bytes": ("flash: code and constants, everything included", 184320, "B"),
    "node_core.flash_bytes": ("… of the image node_core, which has none of what can be left out", 163840, "B"),
    "node.ram_bytes": ("RAM: everything, arena and stacks at their reserved size", 63488, "B"),
    "node.arena_peak_bytes": ("arena in the worst handshake", None, "B"),
    "node.arena_reserved_bytes": ("arena reserved", None, "B"),
    "node.stack_peak_bytes": ("main stack in the worst handshake", None, "B"),
    "node.stack_reserved_bytes": ("main stack reserved", None, "B"),
    "node.interrupt_stack_used_bytes": ("interrupt stack used", None, "B"),
    "tls12.full_handshake_instructions": ("full handshake, TLS 1.2", 180_000_000, "instructions"),
    "tls13.full_handshake_instructions": ("full handshake, TLS 1.3", 220_000_000, "instructions"),
    "tls12.resumed_handshake_instructions": ("resumed handshake, TLS 1.2", 1_000_000, "instructions"),
    "tls13.resumed_handshake_instructions": ("resumed handshake, TLS 1.3", 50_000_000, "instructions"),
    "tls.signature_instructions": ("the step that signs with RSA-2048", None, "instructions"),
    "post.instructions": ("300 B stored, posted, cursor moved", 200_000, "instructions"),
    "loop.longest_step_instructions": ("longest time without the loop's duties, the signature included", 3_000_000, "instructions"),
    "loop.longest_crypto_instructions": ("longest turn of the loop, duties within it included, without the one that signs", None, "instructions"),
    "loop.idle_step_instructions": ("longest step while nothing is sent", None, "instructions"),
    "tls12.full_handshake_bytes_up": ("full handshake on the wire, TLS 1.2, up", None, "B"),
    "tls12.full_handshake_bytes_down": ("… down", None, "B"),
    "tls12.resumed_handshake_bytes_up": ("resumed handshake on the wire, TLS 1.2, up", None, "B"),
    "tls12.resumed_handshake_bytes_down": ("… down", None, "B"),
    "tls13.full_handshake_bytes_up": ("full handshake on the wire, TLS 1.3, up", None, "B"),
    "tls13.full_handshake_bytes_down": ("… down", None, "B"),
    "tls13.resumed_handshake_bytes_up": ("resumed handshake on the wire, TLS 1.3, up", None, "B"),
    "tls13.resumed_handshake_bytes_down": ("… down", None, "B"),
}
NOT_COMPARED = {"node.arena_reserved_bytes", "node.stack_reserved_bytes"}


def instructions(cycles):
    return round(cycles * 1_000_000_000 / CLOCK_HZ)


# ---- The firmware under the stop watch -----------------------------------------------------------------------------------------


class Watch:
    """The variable `bench` in the board's memory."""

    def __init__(self, board):
        symbols = subprocess.run(["arm-none-eabi-nm", str(BENCH)], capture_output=True, text=True, check=True).stdout
        self.address = int(re.search(r"^(\w+) \w bench$", symbols, re.MULTILINE).group(1), 16)
        self.board, self.file = board, board.directory / "memory"

    def read(self):
        size = HEADER.size + EVENT_COUNT * EVENT.size
        self.board.qmp.command("pmemsave", val=self.address, size=size, filename=str(self.file))
        data = self.file.read_bytes()
        header = dict(zip(HEADER_NAMES, HEADER.unpack_from(data)))
        events = [EVENT.unpack_from(data, HEADER.size + i * EVENT.size) for i in range(header["event_count"])]
        keys = ("kind", "cycles", "longest", "second_longest", "longest_gap", "bytes_sent", "bytes_received")
        return header, [dict(zip(keys, event), kind=KINDS[event[0]]) for event in events]

    def count(self, kind):
        return sum(event["kind"] == kind for event in self.read()[1])

    def wait(self, kind, count, meanwhile=lambda: None):
        def there():
            meanwhile()
            return self.count(kind) >= count
        world.wait_until(f"{count} × {kind}", there, self.board, every_s=0.2)


def bench_world(**options):
    return world.World(BENCH, IFLOWCTL, routes={"telemetry": world.TELEMETRY}, **options)


def measure_delivery(tls):
    """One start: a full handshake, messages on the open connection, resumed handshakes."""
    with bench_world(tls=tls) as bench, bench.node(options=ICOUNT) as board:
        watch = Watch(board)
        watch.wait("full", 1)
        watch.wait("post", POSTS)
        for number in range(RESUMPTIONS):
            close_after_an_answer(bench, watch, number + 1)
        return watch.read()


def close_after_an_answer(bench, watch, resumptions):
    """Until the next message has resumed a session: the connection ends while nothing is under way."""
    answers = [len(bench.accepted())]

    def close():
        if len(bench.accepted()) > answers[0]:
            answers[0] = len(bench.accepted())
            bench.stand_in.command("close")
    watch.wait("resumed", resumptions, close)


def measure_worst(tls):
    """16 KB records, RSA-4096 roots, 83 CA names, a chain of three certificates."""
    with bench_world(tls=tls, server_root="rsa4096", ca_names=83) as bench, bench.node(options=ICOUNT) as board:
        watch = Watch(board)
        watch.wait("full", 1)
        watch.wait("post", 1)
        return watch.read()


def measure_memory(figures):
    """The product itself in the worst handshake, as it says on its console."""
    runs = [run_budget.handshake(str(NODE), str(IFLOWCTL), version) for version in ("1.2", "1.3")]
    for what in ("arena", "stack"):
        figures[f"node.{what}_peak_bytes"] = max(run[f"{what}_peak"] for run in runs)
        figures[f"node.{what}_reserved_bytes"] = runs[0][f"{what}_size"]


def median(values):
    return sorted(values)[len(values) // 2]


def delivery_figures(version, header, events, figures):
    name = f"tls{version.replace('.', '')}"
    for kind in ("full", "resumed"):
        ours = [event for event in events if event["kind"] == kind]
        figures[f"{name}.{kind}_handshake_instructions"] = instructions(median([event["cycles"] for event in ours]))
        figures[f"{name}.{kind}_handshake_bytes_up"] = median([event["bytes_sent"] for event in ours])
        figures[f"{name}.{kind}_handshake_bytes_down"] = median([event["bytes_received"] for event in ours])
    # The least of them: while an answer is on its way the loop takes a turn now and then, more of them where the other side is slow.
    posts = min(event["cycles"] for event in events if event["kind"] == "post")
    raise_to(figures, "post.instructions", instructions(posts))
    raise_to(figures, "tls.signature_instructions", instructions(max(event["longest"] for event in events)))
    loop_figures(events, figures)
    raise_to(figures, "loop.idle_step_instructions", instructions(header["longest_idle"]))


def loop_figures(events, figures):
    """The longest step: the longest time in which none of the loop's duties had their turn, each run of them has watchdog, network, console and application in it
    (bench.h); a signature lets them run in its middle. And the longest turn of the loop as a whole, but for the one that signs."""
    raise_to(figures, "loop.longest_step_instructions", instructions(max(event["longest_gap"] for event in events)))
    turns = [event["second_longest" if event["kind"] == "full" else "longest"] for event in events]
    raise_to(figures, "loop.longest_crypto_instructions", instructions(max(turns)))


def raise_to(figures, name, value):
    figures[name] = max(figures.get(name, 0), value)


def measure(short):
    figures, rooms = {}, footprint.footprint(NODE)
    figures["node.flash_bytes"], figures["node.ram_bytes"] = (sum(part.values()) for part in rooms)
    figures["node_core.flash_bytes"] = sum(footprint.footprint(CORE)[0].values())
    print("bench: memory in the worst handshakes", flush=True)
    measure_memory(figures)
    for version in ("1.2", "1.3"):
        print(f"bench: TLS {version}: handshakes and messages", flush=True)
        delivery_figures(version, *measure_delivery(version), figures)
        if not short or version == "1.3":
            print(f"bench: TLS {version}: the worst handshake", flush=True)
            header, events = measure_worst(version)
            raise_to(figures, "node.interrupt_stack_used_bytes", header["interrupt_stack_used"])
            loop_figures(events, figures)
    return figures, rooms


# ---- The fleet -----------------------------------------------------------------------------------------------------------------


def figures_directory():
    directory = pathlib.Path(os.environ.get("IFL_FIGURES_DIR", OUT / "parts"))
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def measure_fleet(short):
    """(its table, errors). With --short what the test sim.fleet has just measured is taken."""
    part = figures_directory() / "fleet.json"
    errors = []
    if not (short and part.exists()):
        print("bench: 100,000 agents after an outage", flush=True)
        run = subprocess.run([sys.executable, str(FLEET_RUN), "--program", str(FLEET)], capture_output=True, text=True, check=False,
                             env={**os.environ, "IFL_FIGURES_DIR": str(part.parent)})  # fmt: skip
        errors = [] if run.returncode == 0 else [line for line in (run.stdout + run.stderr).splitlines() if line.startswith("fleet: ")]
        if run.returncode and not errors:
            sys.exit(f"bench: {FLEET_RUN.relative_to(ROOT)} failed: {run.stderr[-400:]}")
    return fleet_table(json.loads(part.read_text(encoding="utf-8"))), errors


def fleet_table(figures):
    lines = ["| | peak / steady | drained after |", "|---|---|---|"]
    kinds = ("as it is", ""), ("without jitter", "_without_jitter"), ("backlog without limit", "_without_limit"), ("with neither", "_without_jitter_without_limit")
    for what, suffix in kinds:
        lines.append(f"| {what} | {figures['fleet.peak_over_steady' + suffix]} | {figures['fleet.drained_minutes' + suffix]} min |")
    return "\n".join(lines)


# ---- What comes out ------------------------------------------------------------------------------------------------------------


def judge(figures):
    """(errors, advice)"""
    errors, advice = [], []
    baseline = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
    known = baseline.pop("known_misses", {})
    for name, value in figures.items():
        must = FIGURES[name][1]
        if must is not None and value > must and value > known.get(name, must) * (1 + TOLERANCE):
            errors.append(f"{name} is {value:,}; it must not exceed {must:,}")
        before = baseline.get(name)
        if before is None or name in NOT_COMPARED:
            continue
        if value > before * (1 + TOLERANCE):
            errors.append(f"{name} was {before:,} and is {value:,}: {100 * (value / before - 1):.1f} % worse")
        elif value < before * (1 - TOLERANCE):
            advice.append(f"{name} was {before:,} and is {value:,}: better; renew the baseline")
    for used, reserved in (("node.arena_peak_bytes", "node.arena_reserved_bytes"), ("node.stack_peak_bytes", "node.stack_reserved_bytes")):
        if figures[used] > figures[reserved] * 0.95:
            errors.append(f"{used} is {figures[used]:,}: less than 5 % below the reserved {figures[reserved]:,}")
    return errors, advice


def figure_table(figures):
    lines = ["| | measured | must | |", "|---|---|---|---|"]
    for name, (what, must, unit) in FIGURES.items():
        if name in figures:
            limit = f"≤ {must:,} {unit}" if must is not None else ""
            verdict = "" if must is None else "✔" if figures[name] <= must else "✘"
            lines.append(f"| {what} (`{name}`) | {figures[name]:,} {unit} | {limit} | {verdict} |")
    return "\n".join(lines)


def room_table(rooms):
    flash, ram = rooms
    lines = ["| room | flash | RAM |", "|---|---|---|"]
    for room in sorted(set(flash) | set(ram), key=lambda name: -(flash[name] + ram[name])):
        lines.append(f"| {room} | {flash[room]:,} | {ram[room]:,} |")
    lines.append(f"| **sum** | **{sum(flash.values()):,}** | **{sum(ram.values()):,}** |")
    return "\n".join(lines)


def readme_section(figures):
    def kb(name):
        return f"{figures[name] / 1024:.1f} KB"

    def millions(name):
        return f"{figures[name] / 1e6:.2f} M"
    rows = [
        ("flash: code and constants, everything included", kb("node.flash_bytes")),
        ("… of the image `node_core`, without import of keys and `identity csr`", kb("node_core.flash_bytes")),
        ("RAM: everything, with the TLS arena and the stacks at their reserved size", kb("node.ram_bytes")),
        ("of it the TLS arena, reserved / used in the worst handshake",
         f"{kb('node.arena_reserved_bytes')} / {kb('node.arena_peak_bytes')}"),
        ("main stack, reserved / used", f"{kb('node.stack_reserved_bytes')} / {kb('node.stack_peak_bytes')}"),
        ("full handshake, TLS 1.2 / 1.3, in instructions",
         f"{millions('tls12.full_handshake_instructions')} / {millions('tls13.full_handshake_instructions')}"),
        ("resumed handshake, TLS 1.2 / 1.3", f"{millions('tls12.resumed_handshake_instructions')} / {millions('tls13.resumed_handshake_instructions')}"),
        ("300 B: stored, posted on an open connection, cursor moved", millions("post.instructions")),
    ]  # fmt: skip
    rows += [(f"of the flash: {what} (`-D{option}=OFF` leaves it out)", f"{figures['prices'][option] / 1024:.1f} KB")
             for option, what in prices.OPTIONS.items() if option in figures.get("prices", {})]  # fmt: skip
    return "\n".join(["| on a Cortex-M3, TLS 1.2 and 1.3 | |", "|---|---|"] + [f"| {what} | {value} |" for what, value in rows])


BEGIN, END = "<!-- footprint: written by ./dev bench --readme -->", "<!-- end of footprint -->"


def readme_with(section):
    text = README.read_text(encoding="utf-8")
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return text[:start] + "\n" + section + "\n" + text[end:]


def write_report(figures, rooms, fleet, errors, advice):
    OUT.mkdir(parents=True, exist_ok=True)
    flash, ram = rooms
    (OUT / "flash.svg").write_text(plot.bars("Flash by room", dict(flash), "B"), encoding="utf-8")
    (OUT / "ram.svg").write_text(plot.bars("RAM by room", dict(ram), "B"), encoding="utf-8")
    handshakes = {name: value for name, value in figures.items() if name.endswith("handshake_instructions")}
    (OUT / "instructions.svg").write_text(plot.bars("Instructions of a handshake", handshakes, ""), encoding="utf-8")
    notes = [f"- ✘ {text}" for text in errors] + [f"- {text}" for text in advice]
    parts = ["# The node, measured", "Board smartfusion2_som, firmware of this tree; `./dev bench`.", figure_table(figures), "\n".join(notes),
             "## Where the memory goes", room_table(rooms), "![flash](flash.svg)", "![RAM](ram.svg)", "![instructions](instructions.svg)",
             "## A fleet after an outage of one hour", fleet, "![load](fleet.svg)"]  # fmt: skip
    (OUT / "report.md").write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def write_figures(figures):
    # In the place of what tests/qemu/run_budget.py measures of them: figures of two parts would be added up.
    (figures_directory() / "node.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def update_baseline(figures):
    misses = {name: value for name, value in figures.items() if FIGURES[name][1] is not None and value > FIGURES[name][1]}
    before = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
    content = {name: figures[name] for name in FIGURES if name in figures} | ({"known_misses": misses} if misses else {})
    write_baseline(content | {name: before[name] for name in ("prices",) if name in before})


def write_baseline(content):
    BASELINE.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"bench: {BASELINE.relative_to(ROOT)} is renewed")


def update_prices(whole):
    print("bench: the firmware without each of what can be left out", flush=True)
    write_baseline(json.loads(BASELINE.read_text(encoding="utf-8")) | {"prices": prices.measure(whole)})


def check_readme():
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    if readme_with(readme_section(baseline)) != README.read_text(encoding="utf-8"):
        sys.exit("README.md: its footprint table isn't that of tests/bench/baseline.json. Remedy: ./dev bench --update-baseline --readme")
    print("README.md says what the baseline says")


def main():
    parser = argparse.ArgumentParser(description="Measures the firmware.")
    parser.add_argument("--short", action="store_true", help="the worst handshake with TLS 1.3 only")
    parser.add_argument("--update-baseline", action="store_true", help="what was measured is the baseline from now on")
    parser.add_argument("--prices", action="store_true", help="measure what each switch of the build saves, and keep it in the baseline")
    parser.add_argument("--readme", action="store_true", help="put the baseline's table into README.md")
    parser.add_argument("--check-readme", action="store_true", help="only look whether README.md has the baseline's table")
    options = parser.parse_args()
    if options.check_readme:
        check_readme()
        return
    figures, rooms = measure(options.short)
    if options.update_baseline:
        update_baseline(figures)
    if options.prices:
        update_prices(figures["node.flash_bytes"])
    if options.readme:
        README.write_text(readme_with(readme_section(json.loads(BASELINE.read_text(encoding="utf-8")))), encoding="utf-8")
    fleet, fleet_errors = measure_fleet(options.short)
    errors, advice = judge(figures)
    errors += fleet_errors
    write_report(figures, rooms, fleet, errors, advice)
    write_figures(figures)
    print(figure_table(figures))
    for text in errors + advice:
        print("bench: " + text)
    if advice and not options.update_baseline:
        print("bench: to renew the baseline: ./dev bench --update-baseline --readme")
    print(f"bench: the report is {(OUT / 'report.md').relative_to(ROOT)}")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
