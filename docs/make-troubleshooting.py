#!/usr/bin/env python3
"""Writes docs/troubleshooting.md from components/base/include/base/diag.def.

    docs/make-troubleshooting.py            write the page
    docs/make-troubleshooting.py --check    exit 1 if the page isn't what would be written
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "cmake"))
from diag_def import ROW, rows, text_of  # noqa: E402
SOURCE = ROOT / "components/base/include/base/diag.def"
PAGE = ROOT / "docs/troubleshooting.md"

ACTIONS = {
    "NONE": "–",
    "DONE": "done",
    "RETRY_HOST": "retries; the host backs off",
    "RETRY_ROUTE": "retries; the route backs off",
    "HOLD_ROUTE": "holds the route, probes slowly",
    "HOLD_HOST": "holds all routes, probes slowly",
    "HOLD_IDENTITY": "holds all routes, probes slowly",
    "DEAD_LETTER": "moves the message to the dead letters",
    "CSRF": "fetches a token, tries once more",
    "STOP": "doesn't start",
}

HEAD = """# Troubleshooting

Every error that `iflowd`, `iflowctl` and a node show has a number, a cause and a remedy. This page lists them all; it's generated from
`components/base/include/base/diag.def` by `docs/make-troubleshooting.py`, so it says what the programs say.

*Hold* means: nothing is lost or dropped, the messages stay queued, and a slow probe (a minute, growing to an hour) finds out by itself when the other side
was repaired; `iflowctl retry` tries at once.
"""

SECTION = re.compile(r"/\* (\d+)-(\d+) (.*?) \*/", re.S)


def sentence(literals):
    return text_of(literals).replace("|", "\\|")


def page():
    source = SOURCE.read_text()
    out = [HEAD]
    found = sorted([(m.start(), "section", m) for m in SECTION.finditer(source)] + [(m.start(), "row", m) for m in ROW.finditer(source)])
    for _, kind, match in found:
        if kind == "section":
            title = " ".join(match.group(3).split())
            out.append(f"\n## {title[0].upper()}{title[1:]}\n\n| number | cause | remedy | what the agent does |\n|---|---|---|---|\n")
        elif match.group(3) != "INFO" or match.group(4) not in ("NONE", "DONE"):
            name, number, _, action = match.group(1, 2, 3, 4)
            out.append(f"| **E{number}** `{name}` | {sentence(match.group(5))} | {sentence(match.group(6))} | {ACTIONS[action]} |\n")
    assert len(rows(source)) == sum(kind == "row" for _, kind, _ in found)
    return "".join(out)


def main():
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page())
        return 0
    if PAGE.exists() and PAGE.read_text() == page():
        return 0
    print("docs/troubleshooting.md isn't what diag.def says. Remedy: run docs/make-troubleshooting.py and commit the page.")
    return 1


sys.exit(main())
