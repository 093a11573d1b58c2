"""Many seeds of the simulator, in one process for each CPU.

usage: run.py --programs DIR [--seeds N] [--first SEED] [--replay SEED] [--fleet]

Odd seeds run with the gateway's profile (sim_gateway), even ones with a node's (sim_node). A seed that breaks a promise is printed with the command that
replays it as a story. A share runs twice: the same seed must give the same trace. Without --seeds: 2,200 with IFL_TEST_FULL=1, else 60.
Figures: $IFL_FIGURES_DIR/sim.json."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

CHUNK = 10
MS_A_YEAR = 365.25 * 86_400_000


def program_for(options, seed):
    return str(pathlib.Path(options.programs) / ("sim_gateway" if seed % 2 else "sim_node"))


def run_chunk(options, first, count, step, twice):
    """(failures in words, sums) of `count` seeds first, first + step, …"""
    command = [program_for(options, first), *(["--twice"] if twice else []), str(first), str(count), str(step)]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    failures = [line.removeprefix("FAILED: ") for line in run.stdout.splitlines() if line.startswith("FAILED: ")]
    sums = re.search(r"^SUMS: (.*)$", run.stdout, re.MULTILINE)
    if sums is None:
        return [f"{' '.join(command[1:])}: {command[0]} ended with {run.returncode}: {run.stderr[-400:]}", *failures], {}
    return failures, {name: int(value) for name, value in (pair.split("=") for pair in sums.group(1).split())}


def chunks(first, count):
    """(first seed, seeds, step, twice): odd and even seeds apart, the last tenth a second time."""
    for parity in (0, 1):
        seeds = range(first + parity, first + count, 2)
        for at in range(0, len(seeds), CHUNK):
            yield seeds[at], len(seeds[at : at + CHUNK]), 2, False
        if len(seeds) > 0:
            yield seeds[0], max(1, min(CHUNK, len(seeds) // 10)), 2, True


def tell(seed, failure):
    print(f"FAILED: {failure}\n  replay: ./dev sim --replay {seed}")


def write_figures(sums, failure_count):
    figures = {
        "sim.seeds": sums.get("seeds", 0),
        "sim.virtual_years": round(sums.get("virtual_ms", 0) / MS_A_YEAR, 2),
        "sim.failures": failure_count,
        "sim.power_cuts": sums.get("cuts", 0),
        "sim.requests": sums.get("requests", 0),
        "sim.messages_accepted": sums.get("accepted", 0),
    }
    directory = os.environ.get("IFL_FIGURES_DIR")
    if directory:
        (pathlib.Path(directory) / "sim.json").write_text(json.dumps(figures) + "\n", encoding="utf-8")
    return figures


def run_seeds(options):
    count = options.seeds or (2200 if os.environ.get("IFL_TEST_FULL") == "1" else 60)
    sums, failures = {}, []
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        jobs = [pool.submit(run_chunk, options, *chunk) for chunk in chunks(options.first, count)]
        twice = [chunk[3] for chunk in chunks(options.first, count)]
        for job, again in zip(jobs, twice):
            words, part = job.result()
            failures += words
            for name, value in part.items():
                sums[name] = sums.get(name, 0) + (0 if again else value)
    for failure in failures:
        seed = re.search(r"seed (\d+)", failure)
        tell(seed.group(1) if seed else "?", failure)
    print(", ".join(f"{name} = {value:,}" for name, value in write_figures(sums, len(failures)).items()))
    print("and: " + ", ".join(f"{value:,} {name}" for name, value in sums.items()))
    return 1 if failures or sums.get("seeds", 0) < count else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", required=True, help="directory of sim_gateway and sim_node")
    parser.add_argument("--seeds", type=int, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first one")
    parser.add_argument("--replay", type=int, metavar="SEED", help="tell the story of one run")
    options = parser.parse_args()
    if options.replay is not None:
        sys.exit(subprocess.run([program_for(options, options.replay), "--story", str(options.replay)], check=False).returncode)
    sys.exit(run_seeds(options))


main()
