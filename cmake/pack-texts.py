#!/usr/bin/env python3
"""Packs the texts of diag.def (name, cause and remedy of each row) to about half their size: byte pair encoding.

    pack-texts.py diag.def OUT.inc

A code below 0x20 or from 0x80 on stands for two other codes, found in PAIRS at (code - 0x80) mod 256; every other code is a character. The pair
that occurs most often becomes the next code, until none occurs three times. components/base/src/status.c is the reader.
"""
import collections
import pathlib
import sys

sys.dont_write_bytecode = True
import diag_def  # noqa: E402

PAIR_COUNT = 160  # 0x80 to 0xFF, and 1 to 0x1F; the one between them would be 0, the end of a text


def replace(codes, pair, by):
    out, i = [], 0
    while i < len(codes):
        if tuple(codes[i:i + 2]) == pair:
            out.append(by)
            i += 2
        else:
            out.append(codes[i])
            i += 1
    return out


def pack(texts):
    """The texts as lists of codes, and the pairs."""
    pairs = [(0, 0)] * PAIR_COUNT
    for index in range(PAIR_COUNT):
        code = (index + 0x80) % 256
        if code == 0:
            continue
        counts = collections.Counter(pair for text in texts for pair in zip(text, text[1:]))
        pair, count = max(counts.items(), key=lambda item: (item[1], item[0]))
        if count < 3:
            break
        pairs[index] = pair
        texts = [replace(text, pair, code) for text in texts]
    return texts, pairs


def depth(code, pairs):
    index = (code - 0x80) % 256
    return 1 + max(depth(part, pairs) for part in pairs[index]) if index < PAIR_COUNT and pairs[index] != (0, 0) else 0


def lines_of(values):
    return "".join("    " + ", ".join(str(value) for value in values[i:i + 24]) + ",\n" for i in range(0, len(values), 24))


def main():
    source, target = sys.argv[1:]
    plain = [text for row in diag_def.rows(pathlib.Path(source).read_text()) for text in (row["name"], row["cause"], row["remedy"])]
    strange = [text for text in plain if not all(" " <= character <= "~" for character in text)]
    if strange:
        sys.exit(f"diag.def: only printable ASCII can be packed, but here is another character: {strange[0]}")
    packed, pairs = pack([list(text.encode()) for text in plain])
    starts, stream = [], []
    for i, text in enumerate(packed):
        if i % 3 == 0:
            starts.append(len(stream))
        stream += text + [0]
    deepest = max(depth(code, pairs) for code in range(1, 256))
    pathlib.Path(target).write_text(
        f"/* Made from diag.def by cmake/pack-texts.py: {sum(len(text) + 1 for text in plain)} bytes of text. */\n"
        f"#define PAIR_COUNT {PAIR_COUNT}u\n#define PAIR_DEPTH {deepest}u\n#define TEXT_LEN_MAX {max(map(len, plain))}u\n"
        f"static const uint8_t PAIRS[PAIR_COUNT][2] = {{\n{lines_of([f'{{{a}, {b}}}' for a, b in pairs])}}};\n"
        f"static const uint16_t STARTS[] = {{\n{lines_of(starts)}}};\n"
        f"static const uint8_t TEXTS[] = {{\n{lines_of(stream)}}};\n")


main()
