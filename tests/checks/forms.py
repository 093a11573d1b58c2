"""The values behind each form of an answer are of the types that it names (components/console/include/console/answer.h), which no compiler checks.

usage: forms.py BUILD_DIRECTORY_OF_NODE

Looks at what clang makes of each call of answer_form() in the firmware. Both forms, a person's and JSON, are held against the values."""

import json
import pathlib
import re
import shlex
import subprocess
import sys

import house

FUNCTION = "answer_form"
TEXT = {"char *"}
WORD = {"unsigned int", "unsigned long", "int"}  # of 32 bits on a node; int is what smaller ones become
LONG, SIGNED_LONG = {"unsigned long long"}, {"long long"}
TYPES = {
    "s": TEXT, "m": TEXT, "c": TEXT, "l": TEXT, "u": WORD, "x": WORD, "U": LONG, "d": LONG, "I": SIGNED_LONG, "t": SIGNED_LONG,
    "b": {"int", "_Bool", "bool"}, "i": {"struct outbox_id *"}, "h": {"unsigned char *"}, "e": WORD, "-": TEXT,
}  # fmt: skip
WITHOUT_VALUE = "+n{}[]"


def type_of(expression):
    kind = expression["type"].get("desugaredQualType", expression["type"]["qualType"])
    kind = re.sub(r"\bconst\b ?", "", kind).strip()
    kind = re.sub(r"\buint8_t\b", "unsigned char", kind)
    return "int" if kind.startswith("enum ") else kind


def literals(expression):
    """The texts that it can be."""
    if expression.get("kind") == "StringLiteral":
        yield json.loads(expression["value"])
    parts = expression.get("inner", [])
    for part in parts[1:] if expression.get("kind") == "ConditionalOperator" else parts:
        yield from literals(part)


def calls(node):
    if node.get("kind") == "CallExpr":
        callee = node["inner"][0]
        while "referencedDecl" not in callee and callee.get("inner"):
            callee = callee["inner"][0]
        if callee.get("referencedDecl", {}).get("name") == FUNCTION:
            yield node["inner"][2], node["inner"][3:]
    for part in node.get("inner", []):
        yield from calls(part)


def faults(form, values):
    for part in form.split("|"):
        kinds = [kind for kind in re.findall(r"%(.)", part) if kind not in WITHOUT_VALUE]
        if len(kinds) > len(values):
            yield f"{part!r} wants {len(kinds)} values and gets {len(values)}"
        for kind, value in zip(kinds, values):
            if type_of(value) not in TYPES.get(kind, set()):
                yield f"{part!r}: %{kind} gets {type_of(value)}"


def parse(command):
    words = shlex.split(command["command"])
    options = [word for word in words if word.startswith(("-I", "-D", "-U", "-std="))]
    for flag, path in zip(words, words[1:]):
        options += [flag, path] if flag == "-isystem" else []
    tree = subprocess.run(["clang", "--target=thumbv7m-none-eabi", "-fshort-enums", "-fsyntax-only", "-w", "-Xclang", "-ast-dump=json", *options,
                           "-isystem", "/usr/lib/arm-none-eabi/include", command["file"]], cwd=command["directory"], capture_output=True, text=True)  # fmt: skip
    if tree.returncode:
        sys.exit(f"{command['file']}: clang can't read it: {tree.stderr[:400]}")
    return json.loads(tree.stdout)


def main():
    commands = json.loads(pathlib.Path(sys.argv[1], "compile_commands.json").read_text(encoding="utf-8"))
    sources = {command["file"]: command for command in commands if "/tests/" not in command["file"]}
    findings, count = [], 0
    for file, command in sorted(sources.items()):
        if f"{FUNCTION}(" not in pathlib.Path(file).read_text(encoding="utf-8", errors="replace"):
            continue
        for form, values in calls(parse(command)):
            for text in literals(form):
                count += 1
                findings += [f"{pathlib.Path(file).relative_to(house.ROOT)}: {fault}. Remedy: console/answer.h says what each place takes."
                             for fault in faults(text, values)]  # fmt: skip
    if count < 50:
        findings.append(f"only {count} forms were found in {sys.argv[1]}. Remedy: ./dev build node")
    house.finish(findings, f"{count} forms get the values that they name")


main()
