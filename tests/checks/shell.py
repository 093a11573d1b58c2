"""shellcheck has nothing to say about any shell script."""

import subprocess

import house


def is_shell(path):
    if path.suffix == ".sh":
        return True
    with open(house.ROOT / path, "rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and first.rstrip().endswith((b"/sh", b" sh", b"bash"))


def main():
    scripts = [str(path) for path in house.files() if is_shell(path)]
    result = subprocess.run(["shellcheck", "--format=gcc", *scripts], cwd=house.ROOT, capture_output=True, text=True)
    house.finish((result.stdout + result.stderr).splitlines(), f"{len(scripts)} shell scripts are sound")


main()
