"""Every symbol that the libraries of the rooms need is one of ours, of Mbed TLS or cJSON, or a pure function of libc.

usage: symbols.py BUILD_DIRECTORY

Reads the undefined symbols of libifl_*.a, so it sees what the compiler really made of the code."""

import pathlib
import re
import subprocess
import sys

import house

PURE_LIBC = {"memchr", "memcmp", "memcpy", "memmove", "memset", "strchr", "strcmp", "strcspn", "strlen", "strncmp", "strnlen",
             "strpbrk", "strrchr", "strspn", "strstr", "bsearch"}
THIRD_PARTY = re.compile(r"^(mbedtls_|psa_|cJSON_)")
# Helpers that gcc and clang call for integer arithmetic, switch tables and position-independent code.
COMPILER = re.compile(r"^(__u?(div|mod|divmod)[dst]i\d|__(mul|ashl|ashr|lshr|clz|ctz|popcount|ffs|bswap|neg|ucmp|cmp)[dst]i\d"
                      r"|__aeabi_(u?ldivmod|u?idiv|u?idivmod|lmul|llsl|llsr|lasr|u?lcmp|uread[48]|uwrite[48]|mem\w+)"
                      r"|__gnu_thumb1_case_\w+|_GLOBAL_OFFSET_TABLE_|__stack_chk_\w+)$")
FLOAT = re.compile(r"^__(aeabi_([df]|u?[il]2[df])|(add|sub|mul|div|float|fix|ext|trunc)\w*[sdt]f)")


def symbols(library):
    """(member, symbol, is defined) of a static library."""
    listing = subprocess.run(["nm", "-P", "-A", str(library)], capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        found = re.match(r".*\[(.*)\]: (\S+) (\w)", line)
        if found:
            member, symbol, kind = found.groups()
            yield member, symbol, kind not in "Uwv"


def promised_by_headers():
    """Functions that a public header declares and another part (a board) may define."""
    names = set()
    for header in (house.ROOT / "components").glob("*/include/**/*.h"):
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
        names.update(re.findall(r"^[a-z][\w *]*\b(\w+)\(", code, flags=re.MULTILINE))
    return names


def complaint(symbol):
    if FLOAT.match(symbol):
        return "floating point; use integers"
    return "the core calls no OS, allocates nothing and prints nothing; pass it in as a callback or move it to boards/"


def main():
    directory = pathlib.Path(sys.argv[1])
    libraries = sorted(directory.glob("components/*/libifl_*.a"))
    if not libraries:
        sys.exit(f"{directory} holds no library of a room. Remedy: ./dev build {directory.name}")
    known = [(library, *entry) for library in libraries for entry in symbols(library)]
    allowed = PURE_LIBC | promised_by_headers() | {symbol for _, _, symbol, defined in known if defined}
    findings = []
    for library, member, symbol, _ in known:
        if symbol in allowed or THIRD_PARTY.match(symbol) or COMPILER.match(symbol):
            continue
        room = library.parent.name
        findings.append(f"components/{room}/src/{member.split('.')[0]}.c needs '{symbol}': {complaint(symbol)}")
    house.finish(sorted(set(findings)), f"{len(libraries)} libraries in {directory.name} need nothing of an OS")


main()
