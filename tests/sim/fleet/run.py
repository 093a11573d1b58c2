"""The load curve of a fleet after an outage of one hour, with and without jitter and limit.

usage: run.py --program FILE [--agents N]

It fails where the peak after the outage exceeds five times the steady rate, where an agent isn't drained half an hour after it, and where the limit wouldn't
be missed. 100,000 agents; the comparisons with 10,000 (the curve is the same). Figures: $IFL_FIGURES_DIR/fleet.json; the plot: fleet.svg in the
directory above it."""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

KINDS = {"": "as it is", "no-jitter": "without jitter", "no-limit": "backlog without limit",
         "no-jitter no-limit": "with neither"}  # fmt: skip
COLOURS = ("#0a6ed1", "#bb0000", "#107e3e", "#6a6d70")
WIDTH, HEIGHT, EDGE = 900, 360, 50
PEAK_MOST, DRAINED_MINUTES_MOST = 5, 30


def run(program, agents, kind):
    """([(second, requests in 10 s over the steady number)], figures)"""
    out = subprocess.run([program, str(agents), *kind.split()], capture_output=True, text=True, check=True).stdout
    figures = {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", out.splitlines()[-1])}
    pairs = [line.split() for line in out.splitlines()[:-1]]
    return [(int(second), int(count) / 10 / figures["steady"]) for second, count in pairs], figures


def plot(curves):
    most = max(value for curve in curves.values() for _, value in curve)
    end = max(second for curve in curves.values() for second, _ in curve)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
             f'<text x="{EDGE}" y="20">Requests in 10 s, as a multiple of the steady number; minutes; the tenant is gone from 30 to 90</text>']
    for minute in range(0, end // 60 + 1, 30):
        x = EDGE + minute * 60 / end * (WIDTH - 2 * EDGE)
        parts.append(f'<text x="{x:.0f}" y="{HEIGHT - 25}">{minute}</text>')
    for level in range(0, int(most) + 1, max(1, int(most) // 8)):
        y = HEIGHT - EDGE - level / most * (HEIGHT - 2 * EDGE)
        parts.append(f'<text x="20" y="{y:.0f}">{level}</text><path d="M{EDGE} {y:.1f}H{WIDTH - EDGE}" stroke="#ddd"/>')
    for number, (kind, curve) in enumerate(curves.items()):
        points = " ".join(f"{EDGE + second / end * (WIDTH - 2 * EDGE):.1f},{HEIGHT - EDGE - value / most * (HEIGHT - 2 * EDGE):.1f}"
                          for second, value in curve)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[number]}"/>'
                     f'<text x="{EDGE + 200 * number}" y="{HEIGHT - 6}" fill="{COLOURS[number]}">{KINDS[kind]}</text>')
    return "\n".join(parts) + "\n</svg>\n"


def errors_in(figures):
    peak, minutes = figures["fleet.peak_over_steady"], figures["fleet.drained_minutes"]
    if figures["fleet.undrained"] > 0:
        yield f"{figures['fleet.undrained']:.0f} agents aren't drained at the end"
    if peak > PEAK_MOST:
        yield f"the peak after the outage is {peak} x steady; it must not exceed {PEAK_MOST}"
    if minutes > DRAINED_MINUTES_MOST:
        yield f"the last agent is drained after {minutes} minutes; it must not take more than {DRAINED_MINUTES_MOST}"
    if figures["fleet.peak_over_steady_without_limit"] < 2 * peak:
        yield "without limit the peak is hardly higher: then the limit does nothing"


def suffix_of(kind):
    return "_" + kind.replace("no-", "without_").replace(" ", "_") if kind else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--agents", type=int, default=100_000)
    options = parser.parse_args()
    curves, figures = {}, {}
    for kind, name in KINDS.items():
        agents = options.agents if kind == "" else max(10_000, options.agents // 10)
        curves[kind], part = run(options.program, agents, kind)
        print(f"{name}: {agents} agents, peak {part['peak_over_steady']} x steady, all drained after {part['drained_minutes']} min")
        figures["fleet.peak_over_steady" + suffix_of(kind)] = part["peak_over_steady"]
        figures["fleet.drained_minutes" + suffix_of(kind)] = part["drained_minutes"]
        if kind == "":
            figures["fleet.undrained"] = part["undrained"]
            figures["fleet.outage_peak_over_steady"] = part["outage_peak_over_steady"]
    figures["fleet.agents"] = options.agents
    directory = os.environ.get("IFL_FIGURES_DIR")
    if directory:
        (pathlib.Path(directory) / "fleet.json").write_text(json.dumps(figures) + "\n", encoding="utf-8")
        (pathlib.Path(directory).parent / "fleet.svg").write_text(plot(curves), encoding="utf-8")
    errors = list(errors_in(figures))
    print("".join(f"fleet: {text}\n" for text in errors), end="")
    sys.exit(1 if errors else 0)


main()
