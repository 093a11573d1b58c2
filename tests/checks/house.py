"""What the checks share: where the files are, and how a finding is told."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEFT_OUT = {"build", ".git", "__pycache__"}


def files():
    """All files that belong to the repository (tracked, or new and not ignored), as paths relative to ROOT."""
    listing = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z", "--cached",
                              "--others", "--exclude-standard"], capture_output=True)
    if listing.returncode == 0:
        names = sorted(name for name in os.fsdecode(listing.stdout).split("\0") if name)
        return [pathlib.Path(name) for name in names if (ROOT / name).is_file()]
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())  # a source archive without .git
    return sorted(path for path in found if not LEFT_OUT.intersection(path.parts))


def c_files():
    return [path for path in files() if path.suffix in (".c", ".h") and path.parts[0] != "build"]


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def rooms():
    """Room -> layer, from the ifl_room() lines."""
    layers = {}
    for path in (ROOT / "components").glob("*/CMakeLists.txt"):
        line = re.search(r"ifl_room\(\s*NAME\s+(\w+)\s+LAYER\s+(\d+)", path.read_text(encoding="utf-8"))
        if line:
            layers[line.group(1)] = int(line.group(2))
    return layers


def finish(findings, fine):
    """Print the findings and leave with 1, or say what is fine and leave with 0."""
    for finding in findings:
        print(finding)
    if findings:
        sys.exit(f"{len(findings)} finding(s)")
    print(fine)
    sys.exit(0)
