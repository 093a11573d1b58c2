"""Where an image's memory goes: flash and RAM by room, from the linker's map.

usage: footprint.py IMAGE.elf.map"""

import collections
import re
import sys

RAM_START, RAM_END = 0x20000000, 0x20010000
FLASH_SECTIONS, RAM_SECTIONS = (".text", ".data"), (".stack", ".noinit", ".data", ".bss")


def room_of(path):
    library = re.search(r"lib(?:ifl_)?(\w+?)\.a\(", path)
    if library:
        return {"c_nano": "libc", "g_nano": "libc", "c": "libc", "gcc": "libgcc"}.get(library.group(1), library.group(1))
    if "ifl_board_" in path:
        return "board"
    return "image"


def parse(text):
    """(output section, room, bytes) of each piece, and of what the linker script itself adds."""
    text = text[text.index("Linker script and memory map"):]
    text = re.sub(r"\n (\S+)\n +0x", r"\n \1 0x", text)  # long names have a line of their own
    section, end, pieces = None, 0, []
    for line in text.splitlines():
        output = re.match(r"^(\.\w+)\s+0x(\w+)\s+0x(\w+)", line)
        if output:
            section, end = output.group(1), int(output.group(2), 16)
            if section == ".stack":
                pieces.append((section, "stacks", int(output.group(3), 16)))
            continue
        if re.match(r"^\S", line):
            section = None
        piece = re.match(r"^ (?:\S+|\*fill\*)\s+0x(\w+)\s+0x(\w+)\s*(.*)$", line)
        if piece and section in FLASH_SECTIONS + RAM_SECTIONS and section != ".stack":
            size, path = int(piece.group(2), 16), piece.group(3)
            if size and ("." in path or "*fill*" in line):
                pieces.append((section, room_of(path) if "*fill*" not in line else "padding", size))
    return pieces


def footprint(path):
    flash, ram = collections.Counter(), collections.Counter()
    with open(path, encoding="utf-8") as file:
        for section, room, size in parse(file.read()):
            if section in FLASH_SECTIONS:
                flash[room] += size
            if section in RAM_SECTIONS:
                ram[room] += size
    return flash, ram


def main():
    flash, ram = footprint(sys.argv[1])
    print(f"{'':16}{'flash':>8}{'RAM':>8}")
    for room in sorted(set(flash) | set(ram), key=lambda name: -flash[name]):
        print(f"{room:16}{flash[room]:8}{ram[room]:8}")
    print(f"{'sum':16}{sum(flash.values()):8}{sum(ram.values()):8}")


if __name__ == "__main__":
    main()
