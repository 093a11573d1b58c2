"""Merge the figures and add up the test runs.

usage: summary.py [--figures-only] LOG_DIRECTORY BENCH_DIRECTORY

Figures: every test or benchmark writes its own BENCH_DIRECTORY/parts/<name>.json, one flat object of numbers. They are merged
into BENCH_DIRECTORY/figures.json; a figure that several parts count (the cuts of three sweeps) is their sum.
Runs: LOG_DIRECTORY/tests-<preset>.xml as ctest writes them. The last line is `N passed, M failed`; exit 1 if M is not 0."""

import json
import pathlib
import sys
import xml.etree.ElementTree


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


def count_run(report):
    """(passed, names of the failed) of one ctest run. A test that could not be started has failed; one that skipped itself or
    is disabled counts as neither."""
    passed, failed = 0, []
    for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
        if case.get("status") == "run":
            passed += 1
        elif case.get("status") != "disabled" and not has_skipped_itself(case):
            failed.append(case.get("name"))
    return passed, failed


def main():
    figures_only = "--figures-only" in sys.argv
    logs, bench = (pathlib.Path(argument) for argument in sys.argv[-2:])
    show_figures(merge_figures(bench))
    if figures_only:
        return
    print("\ntests")
    passed_sum, failed_sum = 0, 0
    for report in sorted(logs.glob("tests-*.xml")):
        passed, failed = count_run(report)
        print(f"  {report.stem.removeprefix('tests-'):12} {passed:4} passed, {len(failed)} failed  {' '.join(failed)}")
        passed_sum, failed_sum = passed_sum + passed, failed_sum + len(failed)
    print(f"{passed_sum} passed, {failed_sum} failed")
    sys.exit(1 if failed_sum or not passed_sum else 0)


main()
