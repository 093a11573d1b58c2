"""Runs one fuzz target for IFL_FUZZ_SECONDS (60).

usage: run.py BUILD_DIRECTORY TARGET MAX_SIZE

Starts from seeds/TARGET and corpus/TARGET below the build directory; what is learned goes to corpus/TARGET, a finding to findings/."""

import json
import os
import re
import subprocess
import sys

KINDS = ("crash", "leak", "timeout", "oom")


def main():
    build, name, max_size = sys.argv[1:4]
    seconds = os.environ.get("IFL_FUZZ_SECONDS") or "60"
    corpus, seeds, findings = (os.path.join(build, kind, name) for kind in ("corpus", "seeds", "findings"))
    for path in (corpus, seeds, findings):
        os.makedirs(path, exist_ok=True)
    before = set(os.listdir(findings))
    dictionary = os.path.join(seeds + ".dict")
    arguments = [os.path.join(build, "tests", "fuzz_" + name), corpus, seeds, f"-max_total_time={seconds}", f"-max_len={max_size}",
                 "-timeout=60", "-rss_limit_mb=1024", "-print_final_stats=1", f"-artifact_prefix={findings}/"]  # fmt: skip
    if os.path.exists(dictionary):
        arguments.append("-dict=" + dictionary)
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    found = sorted(entry for entry in set(os.listdir(findings)) - before if entry.startswith(KINDS))
    executed = int((re.findall(r"stat::number_of_executed_units: *(\d+)", done.stdout) or ["0"])[-1])
    print(done.stdout[-4000:] if done.returncode or found else f"{name}: {executed} inputs in {seconds} s, nothing found")
    for entry in found:
        print(f"found: {os.path.join(findings, entry)}")
    if os.environ.get("IFL_FIGURES_DIR"):
        figures = {"fuzz.targets": 1, "fuzz.inputs": executed, "fuzz.findings": len(found) or int(done.returncode != 0)}
        with open(os.path.join(os.environ["IFL_FIGURES_DIR"], f"fuzz_{name}.json"), "w", encoding="utf-8") as file:
            json.dump(figures, file)
    sys.exit(1 if done.returncode or found else 0)


main()
