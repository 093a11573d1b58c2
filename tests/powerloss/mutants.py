"""The sweep proves itself: bugs are planted in the outbox, one at a time, and each must be found.

usage: mutants.py --room DIR --patches DIR --work DIR --objects FILE[,FILE...] -- COMPILER FLAG...

Each patch (patch -p1, paths from the root of this repository) is applied to a copy of the outbox's sources in the work
directory, built with the sweep, and swept. A patch that doesn't apply or build, and a bug that isn't found, fail the test; so does
a failure of the sweep without any planted bug, because then finding proves nothing.
Figures: $IFL_FIGURES_DIR/powerloss_mutants.json."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOM = pathlib.Path("components/outbox/src")


def build(patch, options, compiler):
    """The sweep with this bug (None: with none); raises with the tool's words when patch or compiler fail."""
    work = pathlib.Path(options.work) / (patch.stem if patch else "as_it_is")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(options.room, work / ROOM)
    if patch:
        subprocess.run(["patch", "-p1", "--no-backup-if-mismatch", "--fuzz=1", "-i", str(patch)], cwd=work, check=True,
                       stdin=subprocess.DEVNULL, capture_output=True, text=True)
    sources = sorted(str(path) for path in (work / ROOM).glob("*.c"))
    program = work / "powerloss"
    subprocess.run([*compiler, f"-I{work / ROOM}", *sources, *options.objects.split(","), "-o", str(program)], check=True,
                   stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return program


def first_line_of(output, beginning):
    return next((line for line in output.splitlines() if line.startswith(beginning)), "")


def try_mutant(patch, options, compiler):
    """(found, what happened)"""
    try:
        program = build(patch, options, compiler)
    except subprocess.CalledProcessError as error:
        return False, f"can't be planted: {(error.stdout + error.stderr).strip()[:600]}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IFL_")}
    try:
        run = subprocess.run([str(program), "--store", "outbox", "--quick"], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, env=environment, timeout=240, check=False)
    except subprocess.TimeoutExpired:
        return False, "the sweep didn't end"
    failure = first_line_of(run.stdout, "FAILED: ")
    if run.returncode == 1 and failure:
        return True, failure.split("  replay:")[0].removeprefix("FAILED: ")
    return False, f"not found (exit {run.returncode})"


def main():
    parser = argparse.ArgumentParser()
    for name in ("room", "patches", "work", "objects"):
        parser.add_argument(f"--{name}", required=True)
    split = sys.argv.index("--")
    options, compiler = parser.parse_args(sys.argv[1:split]), sys.argv[split + 1:]
    patches = sorted(pathlib.Path(options.patches).resolve().glob("*.patch"))
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(lambda patch: try_mutant(patch, options, compiler), [None, *patches]))
    accused, text = results.pop(0)
    if accused or "exit 0" not in text:
        print(f"WRONG  without any planted bug: {text}")
        accused = True
    for patch, (found, text) in zip(patches, results):
        print(f"{'found ' if found else 'MISSED'} {patch.stem}: {text}")
    found_count = sum(found for found, _ in results)
    print(f"{len(patches)} bugs planted, {found_count} found")
    directory = os.environ.get("IFL_FIGURES_DIR")
    if directory:
        figures = {"powerloss.planted": len(patches), "powerloss.planted_found": found_count}
        (pathlib.Path(directory) / "powerloss_mutants.json").write_text(json.dumps(figures) + "\n", encoding="utf-8")
    sys.exit(0 if patches and found_count == len(patches) and not accused else 1)


main()
