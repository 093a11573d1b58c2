"""Every file is text, tidy, and speaks of no machine of ours: no path of a checkout or home, no package mirror, no promise."""

import re
import subprocess

import house

PROMISE = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
HOME = re.compile(r"(?<![\w.])/(home/\w+|root)/")
CODE = {".c", ".h", ".def", ".py", ".sh", ".cmake", ".txt", ".json", ".ld", ""}
TEXT_MAX_BYTES = 400_000


def mirror_hosts():
    """Host names of the package mirrors that this machine uses: they are its business, not the repository's."""
    try:
        listing = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)"], capture_output=True, text=True)
    except FileNotFoundError:
        return set()
    return {re.sub(r"^\w+://|/.*", "", site) for site in listing.stdout.split()} - {""}


def foreign_words():
    words = [re.escape(host) for host in mirror_hosts()]
    if len(house.ROOT.parts) > 2:  # '/x' alone would be found everywhere
        words.append(r"(?<![\w.])" + re.escape(str(house.ROOT)) + r"(?=/|\b)")
    return re.compile("|".join(words)) if words else None


def line_findings(where, line, path, foreign):
    if line != line.rstrip() and path.suffix != ".patch":
        yield f"{where}: white space at the end of the line"
    if "\t" in line and path.suffix in CODE:
        yield f"{where}: a tab; this repository indents with spaces"
    if PROMISE.search(line):
        yield f"{where}: a promise left in the text; keep it now"
    if HOME.search(line) or (foreign and foreign.search(line)):
        yield f"{where}: names a path or package mirror of one machine: {line.strip()[:80]}"


def file_findings(path, foreign):
    data = (house.ROOT / path).read_bytes()
    if len(data) > TEXT_MAX_BYTES:
        yield f"{path}: {len(data)} bytes; large files are made by a script, not kept"
    try:
        content = data.decode("utf-8")
    except UnicodeDecodeError:
        yield f"{path}: not text; built and downloaded files don't belong here"
        return
    if "\0" in content:
        yield f"{path}: not text; built and downloaded files don't belong here"
        return
    if content and not content.endswith("\n"):
        yield f"{path}: the last line has no end"
    if "\r" in content and path.suffix in CODE:
        yield f"{path}: line ends with carriage returns"
    for number, line in enumerate(content.splitlines(), 1):
        yield from line_findings(f"{path}:{number}", line, path, foreign)


def main():
    foreign = foreign_words()
    paths = [path for path in house.files() if path.name != "LICENSE"]
    findings = [finding for path in paths for finding in file_findings(path, foreign)]
    house.finish(findings, f"{len(paths)} files are tidy")


main()
