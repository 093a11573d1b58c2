"""All C is formatted as .clang-format says."""

import subprocess

import house


def main():
    names = [str(path) for path in house.c_files()]
    result = subprocess.run(["clang-format", "--dry-run", "-Werror", *names], cwd=house.ROOT, capture_output=True, text=True)
    findings = [line for line in result.stderr.splitlines() if "error:" in line]
    if result.returncode and not findings:
        findings = [result.stderr]
    if findings:
        crooked = sorted({line.split(":")[0] for line in findings})
        findings = [f"{name}: not formatted as .clang-format says. Remedy: clang-format -i {name}" for name in crooked]
    house.finish(findings, f"{len(names)} C files are formatted")


main()
