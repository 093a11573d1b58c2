"""A test proves itself: bugs are planted in the rooms, one at a time, and each must be found.

usage: mutants.py --figure NAME --root DIR --rooms ROOM[,ROOM...] --patches DIR --work DIR --objects FILE[,FILE...] --run "{program} ARGUMENT..."
                  -- COMPILER FLAG...

Each patch (patch -p1, paths from the root of this repository; little context, so that it survives other changes) is applied to a copy of the rooms'
sources in the work directory, built with the test's own objects, and run. A patch that doesn't apply or build, and a bug that isn't found (exit 1 and a
line `FAILED: …`), fail the test; so does a failure without any planted bug, because then finding proves nothing.
Figures: $IFL_FIGURES_DIR/<NAME>_mutants.json."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

RUN_LIMIT_S = 600


def call(command, **more):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, **more)


def changed_sources(patch):
    """What has to be compiled anew, or None: everything, because a header is touched."""
    names = re.findall(r"^\+\+\+ (?:b/)?(\S+)", patch.read_text(encoding="utf-8"), re.MULTILINE)
    return None if any(name.endswith(".h") for name in names) else names


def compile_sources(sources, tree, compiler):
    flags = [flag for flag in compiler if not flag.startswith("-l")]
    objects = {}
    for source in sources:
        target = tree / (source.replace("/", "_") + ".o")
        call([*flags, "-c", str(tree / source), "-o", str(target)], check=True)
        objects[source] = target
    return objects


def build(patch, options, compiler, sound):
    """(program with this bug, or with none; its objects by source); raises with the tool's words when patch or compiler fail."""
    tree = pathlib.Path(options.work) / (patch.stem if patch else "as_it_is")
    shutil.rmtree(tree, ignore_errors=True)
    for room in options.rooms.split(","):
        shutil.copytree(pathlib.Path(options.root) / "components" / room, tree / "components" / room)
    if patch:
        call(["patch", "-p1", "--no-backup-if-mismatch", "--fuzz=2", "-i", str(patch)], cwd=tree, check=True)
    names = changed_sources(patch) if patch else None
    sources = names or sorted(str(path.relative_to(tree)) for path in tree.glob("components/*/src/*.c"))
    objects = {**sound, **compile_sources(sources, tree, compiler)}
    program = tree / "program"
    libraries = [flag for flag in compiler if flag.startswith("-l")]
    call([compiler[0], *map(str, objects.values()), *options.objects.split(","), *libraries, "-o", str(program)], check=True)
    return program, objects


def first_line_of(output, beginning):
    return next((line for line in output.splitlines() if line.startswith(beginning)), "")


def try_program(program, options):
    """(found, what happened)"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IFL_")}
    try:
        run = call(shlex.split(options.run.replace("{program}", str(program))), env=environment, timeout=RUN_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return False, "the test didn't end"
    failure = first_line_of(run.stdout, "FAILED: ")
    if run.returncode == 1 and failure:
        return True, failure.split("  replay:")[0].removeprefix("FAILED: ")
    return False, f"not found (exit {run.returncode})"


def try_mutant(patch, options, compiler, sound):
    try:
        program, _ = build(patch, options, compiler, sound)
    except subprocess.CalledProcessError as error:
        return False, f"can't be planted: {(error.stdout + error.stderr).strip()[:600]}"
    return try_program(program, options)


def main():
    parser = argparse.ArgumentParser()
    for name in ("figure", "root", "rooms", "patches", "work", "objects", "run"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--only", default="", help="patches with this in their name")
    split = sys.argv.index("--")
    options, compiler = parser.parse_args(sys.argv[1:split]), sys.argv[split + 1 :]
    patches = sorted(path for path in pathlib.Path(options.patches).resolve().glob("*.patch") if options.only in path.name)
    program, sound = build(None, options, compiler, {})
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        as_it_is = pool.submit(try_program, program, options)
        results = list(pool.map(lambda patch: try_mutant(patch, options, compiler, sound), patches))
    accused, text = as_it_is.result()
    if accused or "exit 0" not in text:
        print(f"WRONG  without any planted bug: {text}")
        accused = True
    for patch, (found, text) in zip(patches, results):
        print(f"{'found ' if found else 'MISSED'} {patch.stem}: {text}")
    found_count = sum(found for found, _ in results)
    print(f"{len(patches)} bugs planted, {found_count} found")
    directory = os.environ.get("IFL_FIGURES_DIR")
    if directory:
        figures = {f"{options.figure}.planted": len(patches), f"{options.figure}.planted_found": found_count}
        (pathlib.Path(directory) / f"{options.figure}_mutants.json").write_text(json.dumps(figures) + "\n", encoding="utf-8")
    sys.exit(0 if patches and found_count == len(patches) and not accused else 1)


main()
