"""Which lines and branches of outbox, catalogue, body, sender and http the tests run through.

usage: run.py BUILD_DIRECTORY [--list]

Runs in a build of the preset `coverage` the unit tests of these rooms (and of ingest), power cuts at a reduced count and the simulator with a few seeds, each of which must
pass; then adds up what gcov says of every object made from a room's sources. Nothing is left out. A line or branch that nothing runs through must be
explained in uncovered.txt beside this file: one that isn't is an error, like a room below its bounds, or, where it has never reached them, below what KNOWN_MISSES
says. An explanation that nothing needs any more must go; it's shown and counted, and no error, because a compiler may lay out a condition in another way. --list shows what isn't explained, in the form of that file. Figures: $IFL_FIGURES_DIR/coverage.json; the table: coverage.md in the directory above it."""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXPLAINED = pathlib.Path(__file__).with_name("uncovered.txt")
ROOMS = "outbox", "catalogue", "body", "sender", "http"
LINES_LEAST, BRANCHES_LEAST = 98, 95
LENT = {"http": ("base", "date.c")}  # what a lower room does for this one counts to it
KNOWN_MISSES = {}  # {"room branches": percent}; raise it with what you reach
SEEDS = 20


class Source:
    """What is known of one file: how often each line ran, and each way out of each branch."""

    def __init__(self):
        self.lines = collections.Counter()
        self.branches = {}  # line: counts of its ways, in gcov's order

    def add(self, data):
        for line in data["lines"]:
            number = line["line_number"]
            self.lines[number] += line["count"]
            counts = [branch["count"] for branch in line["branches"]]
            known = self.branches.setdefault(number, counts)
            if known is not counts and len(known) == len(counts):  # another profile may fold a condition: then the first one counts
                self.branches[number] = [a + b for a, b in zip(known, counts)]


def programs(build):
    for room in (*ROOMS, "ingest"):
        yield from ([str(path)] for path in sorted((build / "tests").glob(f"test_{room}*")))
    yield [str(build / "tests/powerloss/powerloss"), "--store", "outbox", "--quick"]
    for first, name in (1, "sim_gateway"), (2, "sim_node"):
        yield [str(build / "tests/sim" / name), str(first), str(SEEDS), "2"]


def run_all(build):
    for old in build.rglob("*.gcda"):
        old.unlink()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IFL_")}

    def run(command):
        return command, subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment)

    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for command, done in pool.map(run, programs(build)):
            if done.returncode != 0:
                sys.exit(f"{' '.join(command)} failed ({done.returncode}):\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def objects(build, room):
    """Data files of a room's own objects. Those of the room's library come first: their branches are the ones that count."""
    lower, file = LENT.get(room, (room, "none"))
    for directory in "components/{0}/CMakeFiles/ifl_{0}.dir", "tests/sim/CMakeFiles/ifl_sim_gateway_{0}.dir", "tests/sim/CMakeFiles/ifl_sim_node_{0}.dir":
        yield from sorted((build / directory.format(room)).rglob("*.gcda"))
        yield from sorted((build / directory.format(lower)).rglob(file + ".gcda"))


def read(build, room):
    """{path below the root: Source}"""
    sources = collections.defaultdict(Source)
    lent = ROOT.joinpath("components", LENT[room][0], "src", LENT[room][1]) if room in LENT else None
    for data in objects(build, room):
        out = subprocess.run(["gcov", "--branch-probabilities", "--json-format", "--stdout", str(data)], cwd=build, capture_output=True, text=True, check=True)
        for text in filter(None, out.stdout.split("\n")):
            for file in json.loads(text)["files"]:
                path = pathlib.Path(os.path.normpath(build / file["file"]))
                if ROOT / "components" / room in path.parents or path == lent:
                    sources[str(path.relative_to(ROOT))].add(file)
    missing = {str(path.relative_to(ROOT)) for path in (ROOT / "components" / room / "src").glob("*.c")} - set(sources)
    missing |= {str(lent.relative_to(ROOT))} - set(sources) if lent else set()
    if missing:
        sys.exit(f"gcov knows nothing of {', '.join(sorted(missing))}")
    return sources


def uncovered(sources):
    """{(path, text of the line): what of it isn't covered}; the text, because numbers change with every edit."""
    found = {}
    for path, source in sorted(sources.items()):
        text = (ROOT / path).read_text(encoding="utf-8").splitlines()
        for number in sorted(source.lines):
            ways = source.branches.get(number, [])
            key = (path, text[number - 1].strip())
            if source.lines[number] == 0:
                found.setdefault(key, []).append(f"{number}: never")
            elif 0 in ways:
                found.setdefault(key, []).append(f"{number}: {ways.count(0)} of {len(ways)} ways")
    return found


def read_explanations():
    """{(path, text of the line): why}. Blocks: a line `why: …`, then lines `path: text`."""
    explained, why = {}, ""
    for line in EXPLAINED.read_text(encoding="utf-8").splitlines():
        if line.startswith("why: "):
            why = line.removeprefix("why: ")
        elif line.strip() and not line.startswith("#"):
            path, _, text = line.partition(": ")
            explained[path, text.strip()] = why
    return explained


def figures_of(sources):
    lines = [count for source in sources.values() for count in source.lines.values()]
    ways = [count for source in sources.values() for line, counts in source.branches.items() for count in counts]
    return len(lines), sum(count > 0 for count in lines), len(ways), sum(count > 0 for count in ways)


def percent(part, whole):
    return int(10000 * part / whole) / 100 if whole else 100.0


def table(rows, found, explained):
    out = ["# Coverage of the delivery", "Unit tests, power cuts at a reduced count, the simulator with a few seeds; `./dev coverage`.", ""]
    out += ["| room | lines | | branches | |", "|---|---|---|---|---|"]
    for room, (lines, ran, ways, taken) in rows.items():
        out.append(f"| {room} | {ran} of {lines} | {percent(ran, lines)} % | {taken} of {ways} | {percent(taken, ways)} % |")
    out += ["", "## What nothing runs through", "", "| where | what | why |", "|---|---|---|"]
    for (path, text), where in found.items():
        code = re.sub(r"\|", r"\\|", text)
        out.append(f"| {path} {'; '.join(where)} | `{code}` | {explained.get((path, text), 'not explained yet')} |")
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--list", action="store_true", help="show what isn't explained yet")
    options = parser.parse_args()
    build = options.build.resolve()
    run_all(build)
    explained, rows, found, figures, errors = read_explanations(), {}, {}, {}, []
    for room in ROOMS:
        sources = read(build, room)
        rows[room] = lines, ran, ways, taken = figures_of(sources)
        found.update(uncovered(sources))
        figures[f"coverage.{room}_line"], figures[f"coverage.{room}_branch"] = percent(ran, lines), percent(taken, ways)
        print(f"{room}: {percent(ran, lines)} % of {lines} lines, {percent(taken, ways)} % of {ways} branches")
        for what, value, least in ("lines", percent(ran, lines), LINES_LEAST), ("branches", percent(taken, ways), BRANCHES_LEAST):
            if value < KNOWN_MISSES.get(f"{room} {what}", least):
                errors.append(f"{room}: {value} % of its {what}; at least {least} % are wanted. Remedy: a test that states what they promise")
    unexplained = [key for key in found if key not in explained]
    stale = [key for key in explained if key not in found]
    figures["coverage.unexplained"], figures["coverage.explained_in_vain"] = len(unexplained), len(stale)
    directory = pathlib.Path(os.environ.get("IFL_FIGURES_DIR", ROOT / "build/bench/parts"))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "coverage.json").write_text(json.dumps(figures) + "\n", encoding="utf-8")
    (directory.parent / "coverage.md").write_text(table(rows, found, explained), encoding="utf-8")
    for path, text in unexplained:
        if options.list:
            print(f"{path}: {text}    # {'; '.join(found[path, text])}")
    if unexplained:
        errors.append(f"{len(unexplained)} places that nothing runs through aren't explained. Remedy: a test, or a line in {EXPLAINED.relative_to(ROOT)} (--list)")
    for path, text in stale:
        print(f"{path}: {text}: is covered or gone, but explained. Remedy: take it out of {EXPLAINED.relative_to(ROOT)}")
    for text in errors:
        print("coverage: " + text)
    print(f"coverage: the table is {(directory.parent / 'coverage.md')}")
    sys.exit(1 if errors else 0)


main()
