"""Code and constants of the rooms for Cortex-M3; outbox + sender + http must fit their budget.

usage: sizes.py BUILD_DIRECTORY_OF_CORTEX_M3

Before the linker drops what nobody calls: an upper bound of what an image holds."""

import json
import os
import pathlib
import re
import subprocess
import sys

import house

DELIVERY = ("outbox", "sender", "http")
DELIVERY_MAX_BYTES = 16384


def code_bytes(library):
    """Sum of .text* and .rodata* over all members of a static library."""
    listing = subprocess.run(["arm-none-eabi-size", "-A", str(library)], capture_output=True, text=True, check=True).stdout
    return sum(int(size) for size in re.findall(r"^\.(?:text|rodata)\S*\s+(\d+)", listing, re.MULTILINE))


def main():
    directory = pathlib.Path(sys.argv[1])
    sizes = {library.parent.name: code_bytes(library) for library in sorted(directory.glob("components/*/libifl_*.a"))}
    absent = [room for room in DELIVERY if room not in sizes]
    if absent:
        sys.exit(f"{directory} holds no library of {', '.join(absent)}. Remedy: ./dev build cortex-m3")
    for room, size in sizes.items():
        print(f"{room:10} {size:7} bytes")
    delivery = sum(sizes[room] for room in DELIVERY)
    figures = {f"size.{room}_bytes": size for room, size in sizes.items()} | {"size.delivery_bytes": delivery}
    if "IFL_FIGURES_DIR" in os.environ:
        pathlib.Path(os.environ["IFL_FIGURES_DIR"], "size.json").write_text(json.dumps(figures, indent=2) + "\n")
    findings = []
    if delivery > DELIVERY_MAX_BYTES:
        findings.append(f"{' + '.join(DELIVERY)} are {delivery} bytes for Cortex-M3 -Os, {delivery - DELIVERY_MAX_BYTES} more "
                        f"than the budget of {DELIVERY_MAX_BYTES}. Look at `arm-none-eabi-nm --size-sort` of their libraries.")
    house.finish(findings, f"{' + '.join(DELIVERY)}: {delivery} of {DELIVERY_MAX_BYTES} bytes")


main()
