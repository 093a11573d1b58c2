"""Run one Unity test program of the target in QEMU; its output and exit code become ours.

usage: run_target.py IMAGE.elf

A fault resets the target, which ends the run: what counts is Unity's last word together with the exit code."""

import subprocess
import sys

import machine

LIMIT_S = 1500


def main():
    with machine.Machine(sys.argv[1], network=False, reboots=False) as board:
        try:
            code = board.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            code = f"it doesn't end within {LIMIT_S} s"
        text = board.console_text()
    sys.stdout.write(text)
    if code == 0 and not text.rstrip().endswith("OK"):
        code = "the target was reset in the middle: a fault, an overflow of its stack, or abort()"
    sys.exit(code)


if __name__ == "__main__":
    main()
