"""Components include only themselves and lower rooms, no OS header, and branch on no board, CPU or OS."""

import re

import house

# Headers of C11 that a compiler without an OS has too; memory and string functions; third parties that a room may use.
SYSTEM_HEADERS = {"stdint.h", "stddef.h", "stdbool.h", "limits.h", "stdalign.h", "stdarg.h", "stdnoreturn.h", "string.h",
                  "inttypes.h", "cJSON.h"}
THIRD_PARTY = ("mbedtls/", "psa/")

# What a condition of the preprocessor may ask: include guards, our own switches, the configuration of Mbed TLS, the language.
CONDITION_WORDS = re.compile(r"^(defined|\w+_H|IFL_\w+|MBEDTLS_\w+|UINT\w*_MAX|SIZE_MAX|__cplusplus|__GNUC__|__has_attribute"
                             r"|[0-9][0-9A-Fa-fxXuUlL]*)$")


def include_findings(room, path, layers, number, line):
    found = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
    if not found:
        return
    quote, name = found.groups()
    where = f"{path}:{number}: room '{room}' (layer {layers[room]}) includes {name}"
    other = name.split("/")[0] if "/" in name else None
    if other in layers:
        if other != room and layers[other] >= layers[room]:
            yield f"{where} of layer {layers[other]}: a room uses only lower rooms. Turn the dependency round or pass a callback."
    elif quote == "<":
        if name not in SYSTEM_HEADERS and not name.startswith(THIRD_PARTY):
            yield f"{where}: not a header that a node without an OS has. Move the code to boards/."
    elif other is None or not name.startswith(THIRD_PARTY):
        own = house.ROOT / "components" / room
        beside = (house.ROOT / path).parent / name
        made = name.endswith(".inc") and name in (own / "CMakeLists.txt").read_text()
        if not made and not beside.exists() and not (own / "src" / name).exists() and name not in SYSTEM_HEADERS:
            yield f"{where}: neither a public header of a room nor a private one of its own src/."


def condition_findings(path, number, line):
    found = re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b(.*)", line)
    if not found:
        return
    condition = re.sub(r"/\*.*?\*/|//.*", "", found.group(2))
    for word in re.findall(r"\w+", condition):
        if not CONDITION_WORDS.match(word) or word.startswith("IFL_BOARD"):
            yield f"{path}:{number}: the core branches on '{word}'. A board picks files, not branches: move it to boards/."


def main():
    layers = house.rooms()
    findings = []
    for path in house.c_files():
        if path.parts[0] != "components" or len(path.parts) < 3:
            continue
        room = path.parts[1]
        if room not in layers:
            findings.append(f"{path}: '{room}' is no room: components/{room}/CMakeLists.txt has no ifl_room() line")
            continue
        for number, line in enumerate(house.text(path).splitlines(), 1):
            findings += include_findings(room, path, layers, number, line)
            findings += condition_findings(path, number, line)
    house.finish(findings, f"{len(layers)} rooms keep their layers")


main()
