"""Where an image's memory goes: flash and RAM by room.

usage: footprint.py IMAGE.elf

The sizes are those of the image itself: its map says what lies where, and what overlaps (equal strings) counts once. The whole image is optimised in
one piece, so the map doesn't say any more which source a function or a table came from. That is looked up by its name in the symbol tables of the
objects that were linked; where two rooms have the same name, its line information decides, then its size. A function that was merged into another one
counts where it went; strings in initialisers of tables have no name, and a line of their own."""

import collections
import pathlib
import re
import subprocess
import sys

FLASH_SECTIONS, RAM_SECTIONS = (".text", ".data"), (".stack", ".noinit", ".data", ".bss")
LOADED = r"\.(?:text|rodata|data|bss|noinit|vectors)"  # what a program consists of, as opposed to what a debugger reads
KINDS = r"^\.(?:text|rodata|data|bss|noinit)\.(?:unlikely\.|startup\.|exit\.|hot\.)?"
COPY = r"(?:\.(?:lto_priv|part|isra|constprop|cold|localalias|str1|cst\d+|\d+))+$"  # what the compiler appends to a name
OUTSIDE = {"c_nano": "libc", "g_nano": "libc", "c": "libc", "gcc": "libgcc"}


def room_of(path):
    library = re.search(r"lib(?:ifl_)?(\w+?)\.a", path)
    if library:
        return OUTSIDE.get(library.group(1), library.group(1))
    return "board" if "ifl_board_" in path else "image"


def room_of_source(path):
    place = re.search(r"/(?:components|boards)/(\w+)/|/(mbedtls|lwip)/|/firmware/node/(image)/", path)
    if not place:
        return "image"
    room = place.group(1) or place.group(2) or "node_image"
    return {"lwip": "ip", "smartfusion2_som": "board"}.get(room, room) if place.group(1) else room


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def plain(name):
    return re.sub(COPY, "", name)


# ---- What lies where: the map ----------------------------------------------------------------------------------------------------


def sections(elf):
    """name: (address, bytes)"""
    rows = re.findall(r"^(\.\w+) +(\d+) +(\d+)$", run("arm-none-eabi-size", "-A", "-d", str(elf)), re.MULTILINE)
    return {name: (int(address), int(size)) for name, size, address in rows}


def pieces(text):
    """(address, bytes, section's name, file) of each input section of the map."""
    text = text[text.index("Linker script and memory map"):]
    text = re.sub(r"\n (\.\S+)\n +0x", r"\n \1 0x", text)  # long names have a line of their own
    for piece in re.finditer(rf"^ ({LOADED}\S*|COMMON)\s+0x(\w+)\s+0x(\w+) (\S+)$", text, re.MULTILINE):
        if int(piece.group(3), 16):
            yield int(piece.group(2), 16), int(piece.group(3), 16), piece.group(1), piece.group(4)


def cut(found, start, size):
    """The pieces within [start, start + size), each as long as nothing begins inside it, and the gaps (name None)."""
    inside, at = sorted(piece for piece in found if start <= piece[0] < start + size), start
    for number, (address, length, name, path) in enumerate(inside):
        if address > at:
            yield address - at, at, None, None
        end = inside[number + 1][0] if number + 1 < len(inside) else start + size
        length = min(length, end - address)
        if length:
            yield length, address, name, path
        at = max(at, address + length)
    if start + size > at:
        yield start + size - at, at, None, None


# ---- Where it comes from: symbol tables ------------------------------------------------------------------------------------------


def linked_files(elf, text):
    """The objects and libraries, found from the directory in which the linker ran: one above the image."""
    for path in re.findall(r"^LOAD (\S+\.(?:a|o|obj))$", text, re.MULTILINE):
        for directory in elf.resolve().parents:
            if (directory / path).exists():
                yield str(directory / path)
                break


class Origins:
    """name of a symbol: the rooms that have one so called, with its sizes."""

    def __init__(self, elf, text):
        self.rooms = collections.defaultdict(lambda: collections.defaultdict(set))
        for path in linked_files(elf, text):
            for size, name in re.findall(r"^ *\d+: \w+ +(\w+) (?:FUNC|OBJECT) +\w+ +\w+ +\d+ (\S+)", run("arm-none-eabi-readelf", "-sW", path), re.MULTILINE):
                self.rooms[plain(name)][room_of(path)].add(int(size, 0))
        rows = re.findall(r"^(\w+) \w+ \w (\S+)\t(\S+):\d+$", run("arm-none-eabi-nm", "-lS", "--defined-only", str(elf)), re.MULTILINE)
        self.by_address = {int(address, 16): room_of_source(path) for address, _, path in rows}
        self.by_name = {plain(name): room_of_source(path) for _, name, path in rows}

    def room(self, address, size, section):
        if section == ".vectors":
            return "board"
        if section.startswith(".rodata.str"):
            return "texts of tables"
        name = plain(re.sub(KINDS, "", section))
        candidates = self.rooms.get(name, {})
        if len(candidates) == 1:
            return next(iter(candidates))
        # A function that stands alone in this image only, or one of several so called.
        source = self.by_address.get(address) or self.by_name.get(name)
        if not candidates or source in candidates:
            return source or "image"
        return next((room for room in candidates if size in candidates[room]), sorted(candidates)[0])


def footprint(elf):
    """(flash, RAM): bytes by room. Their sums are exact."""
    elf = pathlib.Path(elf)
    text = pathlib.Path(f"{elf}.map").read_text(encoding="utf-8")
    origins, found = Origins(elf, text), list(pieces(text))
    flash, ram = collections.Counter(), collections.Counter()
    for section, (start, size) in sections(elf).items():
        if section not in FLASH_SECTIONS + RAM_SECTIONS:
            continue
        whole = [(size, start, None, None)] if section == ".stack" else cut(found, start, size)
        for length, address, name, path in whole:
            if name is None:
                room = "stacks" if section == ".stack" else "padding"
            else:
                room = origins.room(address, length, name) if "ltrans" in path else room_of(path)
            if section in FLASH_SECTIONS:
                flash[room] += length
            if section in RAM_SECTIONS:
                ram[room] += length
    return flash, ram


def main():
    flash, ram = footprint(sys.argv[1])
    print(f"{'':16}{'flash':>8}{'RAM':>8}")
    for room in sorted(set(flash) | set(ram), key=lambda name: -flash[name]):
        print(f"{room:16}{flash[room]:8}{ram[room]:8}")
    print(f"{'sum':16}{sum(flash.values()):8}{sum(ram.values()):8}")


if __name__ == "__main__":
    main()
