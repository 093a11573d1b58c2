"""Merge the figures and add up the test runs.

usage: summary.py [--figures-only] LOG_DIRECTORY BENCH_DIRECTORY

Figures: every test or benchmark writes its own BENCH_DIRECTORY/parts/<name>.json, one flat object of numbers. They are merged
into BENCH_DIRECTORY/figures.json; a figure that several parts count (the cuts of three sweeps) is their sum.
Runs: LOG_DIRECTORY/tests-<preset>.xml as ctest writes them. What a failed test said, as far as it's about the failure, comes once more at the end:
nobody finds it in an hour's output. The last line is `N passed, M failed`; exit 1 if M is not 0."""

import json
import pathlib
import re
import sys
import xml.etree.ElementTree


TELLING = re.compile(r"FAIL|Error\b|[Ee]rror:|didn't|[Aa]ssert|Timeout|ERROR:|!=|lost|not found|NOT |Sanitizer")
TELLING_MAX, AFTER, LINE_MAX = 40, 2, 400


def merge_figures(bench):
    figures = {}
    for part in sorted((bench / "parts").glob("*.json")):
        for name, value in json.loads(part.read_text(encoding="utf-8")).items():
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                sys.exit(f"{part}: the figure {name} is {value!r}; a figure is a plain number")
            figures[name] = figures.get(name, 0) + value
    figures = dict(sorted(figures.items()))
    (bench / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return figures


def show_figures(figures):
    if figures:
        print("\nfigures (build/bench/figures.json)")
    for name, value in figures.items():
        print(f"  {name:32} {value:>12,}")


def has_skipped_itself(case):
    skipped = case.find("skipped")
    return skipped is not None and "SKIP_" in skipped.get("message", "")


def words_about_failure(said):
    """The lines that tell of a failure with what follows them, at most TELLING_MAX; the last ones where none does."""
    lines = [line[:LINE_MAX] for line in said.strip().splitlines()]
    wanted = {i + k for i, line in enumerate(lines) if TELLING.search(line) for k in range(AFTER + 1) if i + k < len(lines)}
    return [lines[i] for i in sorted(wanted)][:TELLING_MAX] or lines[-AFTER:]


def count_run(report):
    """(passed, {name of a failed test: what it said}) of one ctest run. A test that could not be started has failed; one that skipped
    itself or is disabled counts as neither."""
    passed, failed = 0, {}
    for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
        if case.get("status") == "run":
            passed += 1
        elif case.get("status") != "disabled" and not has_skipped_itself(case):
            failed[case.get("name")] = case.findtext("system-out") or ""
    return passed, failed


def main():
    figures_only = "--figures-only" in sys.argv
    logs, bench = (pathlib.Path(argument) for argument in sys.argv[-2:])
    show_figures(merge_figures(bench))
    if figures_only:
        return
    runs = {report: count_run(report) for report in sorted(logs.glob("tests-*.xml"))}
    for report, (_, failed) in runs.items():
        for name, said in failed.items():
            print(f"\n{report.stem.removeprefix('tests-')}: {name}", *words_about_failure(said), sep="\n  ")
    print("\ntests")
    passed_sum, failed_sum = 0, 0
    for report, (passed, failed) in runs.items():
        print(f"  {report.stem.removeprefix('tests-'):12} {passed:4} passed, {len(failed)} failed  {' '.join(failed)}")
        passed_sum, failed_sum = passed_sum + passed, failed_sum + len(failed)
    print(f"{passed_sum} passed, {failed_sum} failed")
    sys.exit(1 if failed_sum or not passed_sum else 0)


main()
