#!/usr/bin/env python3
"""Packs the texts of diag.def (name, cause and remedy of each row) and of words.def beside it to two fifths of their size: byte pair encoding with codes of ten bits.

    pack-texts.py diag.def OUT.inc [SOURCE… | --only NAME…]

Code 0 ends a text, 1 to 95 are the printable characters of ASCII, 96 is the end of a line, and a code from 97 on stands for two others: the numbers 2 (code - 97) and the next one of
the same stream, which begins with all pairs. The pair that occurs most often becomes the next code, until none occurs three times: it costs two codes
itself. Code n lies in the ten bits from bit 10 n on, the lowest bit of a byte first. components/base/src/status.c is the reader.

With --only, only the causes named have texts; behind theirs come the three that all others share. With SOURCEs, the firmware's: a cause whose name none of them has can't come up, and what it says is replaced by where to look it up.
"""
import collections
import pathlib
import re
import sys

sys.dont_write_bytecode = True
import diag_def  # noqa: E402

CHARACTERS = [chr(code) for code in range(0x20, 0x7F)] + ["\n"]
FIRST_PAIR = 1 + len(CHARACTERS)
CODE_BITS = 10
UNTOLD = dict(name="UNTOLD", cause="Its words can't be read now.", remedy="Look its number up in docs/troubleshooting.md.")
LEFT_OUT = dict(cause="This can't happen to a node.", remedy="Look its number up in docs/troubleshooting.md.")


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
    pairs = []
    while FIRST_PAIR + len(pairs) < 1 << CODE_BITS:
        counts = collections.Counter(pair for text in texts for pair in zip(text, text[1:]))
        pair, count = max(counts.items(), key=lambda item: (item[1], item[0]))
        if count < 3:
            break
        texts = [replace(text, pair, FIRST_PAIR + len(pairs)) for text in texts]
        pairs.append(pair)
    return texts, pairs


def depth(code, pairs):
    return 1 + max(depth(part, pairs) for part in pairs[code - FIRST_PAIR]) if code >= FIRST_PAIR else 0


def bytes_of(codes):
    bits = sum(code << CODE_BITS * index for index, code in enumerate(codes))
    return bits.to_bytes((CODE_BITS * len(codes) + 7) // 8 + 1, "little")  # two bytes are read for the last one, too


def lines_of(values):
    return "".join("    " + ", ".join(str(value) for value in values[i:i + 24]) + ",\n" for i in range(0, len(values), 24))


def texts_of(rows, mentioned):
    """The texts of all rows, three each; `mentioned`: the names that can come up, or None for all."""
    for row in rows:
        yield row["name"]
        for what in ("cause", "remedy"):
            yield row[what] if mentioned is None or row["name"] in mentioned else LEFT_OUT[what]


def main():
    source, target, *users = sys.argv[1:]
    rows, mentioned = list(diag_def.rows(pathlib.Path(source).read_text())), None
    words = diag_def.words(pathlib.Path(source).with_name("words.def").read_text())
    if users[:1] == ["--only"]:
        words = []
        rows = [row for row in rows if row["name"] in users[1:]]
    elif users:
        mentioned = {name for user in users for name in re.findall(r"\bIFL_(\w+)", pathlib.Path(user).read_text())}
    numbers = [row["number"] for row in rows + words]
    plain = list(texts_of(rows, mentioned)) + [text for row in words for text in ("", row["cause"], "")] + [UNTOLD[what] for what in ("name", "cause", "remedy")]
    strange = [text for text in plain if not set(text) <= set(CHARACTERS)]
    if strange:
        sys.exit(f"diag.def: only printable ASCII can be packed, but here is another character: {strange[0]}")
    packed, pairs = pack([[CHARACTERS.index(character) + 1 for character in text] for text in plain])
    codes = [code for pair in pairs for code in pair] + [code for text in packed for code in text + [0]]
    deepest = max(depth(code, pairs) for code in range(FIRST_PAIR + len(pairs)))
    pathlib.Path(target).write_text(
        f"/* Made from diag.def by cmake/pack-texts.py: {sum(len(text) + 1 for text in plain)} bytes of text. */\n"
        f"#define LINE_END {len(CHARACTERS)}u\n"
        f"#define TOLD {', '.join(str(number) for number in numbers)} /* whose texts these are; behind them those of all others */\n"
        f"#define FIRST_PAIR {FIRST_PAIR}u\n#define PAIR_COUNT {len(pairs)}u\n#define PAIR_DEPTH {deepest}u\n#define TEXT_LEN_MAX {max(map(len, plain))}u\n"
        f"static const uint8_t CODES[] = {{\n{lines_of(bytes_of(codes))}}};\n")


main()
