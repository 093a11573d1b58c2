"""What of the firmware can be left out when it's built, and what flash that saves: each switch alone, on the board of the preset `node`."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "qemu")]

import footprint  # noqa: E402

BUILD = ROOT / "build" / "prices"

# What costs more than 4 KB and isn't needed by everybody.
OPTIONS = {
    "IFL_NODE_IMPORT": "the console takes a pasted service key",
    "IFL_NODE_CSR": "the console makes a key and its certificate request",
    "IFL_NODE_TLS12": "TLS 1.2",
    "IFL_NODE_TLS13": "TLS 1.3",
}


def run(*command):
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"prices: {' '.join(command)} failed: {(result.stdout + result.stderr)[-800:]}")


def flash_without(option):
    run("cmake", "--preset", "node", "-B", str(BUILD), *[f"-D{name}={'OFF' if name == option else 'ON'}" for name in OPTIONS])
    run("cmake", "--build", str(BUILD), "--target", "node")
    return sum(footprint.footprint(BUILD / "bin" / "node.elf")[0].values())


def measure(whole):
    """option: bytes that the image is smaller without it."""
    return {option: whole - flash_without(option) for option in OPTIONS}
