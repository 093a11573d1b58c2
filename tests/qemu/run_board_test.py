"""The board's start-up, drivers and network in QEMU: UART, time, faults, NOR flash over power cuts, DHCP, DNS, SNTP, TCP, cable.

usage: run_board_test.py BOARD_TEST.elf [name of a test …]

Each test boots the image board_test and talks with it on UART 0. No port is fixed, nothing keeps running."""

import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import machine

IDENTITY_A, STATE, OUTBOX = 2, 7, 11
SECTOR = 65536


class Board(machine.Machine):
    """board_test in QEMU: ask() sends a line and returns the answer's fields."""

    def __enter__(self):
        super().__enter__()
        self.read_to = self.console.expect("ready\n")
        return self

    def ask(self, line, timeout_s=machine.LIMIT_S):
        self.console.send(line + "\n")
        return self.read_answer(line, timeout_s)

    def read_answer(self, line, timeout_s=machine.LIMIT_S):
        start = self.console.expect("=", timeout_s, self.read_to)
        self.read_to = self.console.expect("\n", timeout_s, start)
        text = bytes(self.console.received[start:self.read_to]).decode().strip()
        return Answer(line, text)

    def provoke(self, line):
        """A command that ends in a reset; the answer to `hello` after it."""
        self.console.send(line + "\n")
        self.read_to = self.console.expect("ready\n", start=self.read_to)
        return self.ask("hello")


class Answer:
    def __init__(self, question, text):
        self.question, self.text = question, text
        self.fields = {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|\S+)', text)}

    def __getitem__(self, name):
        value = self.fields[name]
        return int(value) if value.isdigit() else value

    def ok(self):
        assert self.fields.get("status") == "OK", f"'{self.question}' was answered: {self.text}"
        return self


class Server:
    """A TCP server on a free port of this machine that treats each connection in a thread of its own."""

    def __init__(self, treat):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.treat = treat
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                self.treat(connection)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Who still waits at a number that is closed takes what comes to the next socket with that number, once a signal starts his call again.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()


def echo(connection):
    while data := connection.recv(4096):
        connection.sendall(data)


class NtpServer:
    """SNTP on a free UDP port; always the same time."""

    TIME = 1_800_000_000

    def __init__(self, unix_s=TIME):
        self.unix_s = unix_s
        self.knows = True  # the time; else it says that it doesn't, by leap indicator and stratum (RFC 4330 section 4)
        self.answers = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            request, peer = self.socket.recvfrom(512)
            if not request:
                return  # our own word that it's over
            seconds = (self.unix_s + 2_208_988_800) & 0xFFFFFFFF
            answer = struct.pack("!BBbbIII", *((0x24, 2) if self.knows else (0xE4, 16)), 6, -20, 0, 0, 0) + struct.pack("!II", seconds, 0)
            answer += request[40:48] + struct.pack("!IIII", seconds, 0, seconds, 0)
            self.socket.sendto(answer, peer)
            self.answers += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()


# ---- The tests: the name is the sentence that must hold ----------------------------------------------------------------------


def a_first_start_knows_that_power_came(image):
    with Board(image, second_uart=True) as board:
        hello = board.ask("hello")
        assert "smartfusion2_som" in hello.text and hello["reason"] == "power on" and hello["boots"] == 1, hello.text
        board.ask("log")
        board.log.expect("a line of the log\n")


def time_goes_by_while_the_cpu_sleeps(image):
    with Board(image) as board:
        slept = board.ask("wait 250")["slept_ms"]
        assert 250 <= slept < 100_000, slept  # the machine may be slow; the unit of time is right all the same


def bytes_that_come_while_the_loop_is_busy_wait_in_the_ring(image):
    with Board(image) as board:
        board.console.send("hang 300\n" + "wait 1\n" * 50)
        for _ in range(51):
            board.read_answer("wait 1")
        assert board.ask("memory")["lost"] == 0


def every_fault_is_recorded_with_its_place(image):
    symbols = code_symbols(image)
    cases = {"null-read": "null_read", "null-write": "null_write", "write-to-code": "write_to_code",
             "beyond-ram": "beyond_ram", "undefined": "undefined_instruction", "divide": "divide_by_zero"}
    with Board(image) as board:
        for boots, (name, function) in enumerate(cases.items(), 2):
            hello = board.provoke(f"fault {name}")
            assert hello["reason"] == "fault" and hello["boots"] == boots, f"{name}: {hello.text}"
            assert symbols.function_at(hello["pc"]) == function, f"{name}: {hello.text} is in {symbols.function_at(hello['pc'])}"
        hello = board.provoke("fault run-data")
        assert hello["reason"] == "fault" and 0x20000000 <= hello["pc"] < 0x20010000, hello.text


def a_stack_overflow_hits_the_guard_and_is_told_as_such(image):
    symbols = code_symbols(image)
    with Board(image) as board:
        hello = board.provoke("fault recursion")
        assert hello["reason"] == "stack overflow", hello.text
        assert symbols.function_at(hello["lr"]) == "recurse" or symbols.function_at(hello["pc"]) == "recurse", hello.text
        hello = board.provoke("fault large-frame")
        assert hello["reason"] == "stack overflow", hello.text


def a_requested_reboot_keeps_reason_and_uptime(image):
    with Board(image) as board:
        board.ask("wait 100")
        hello = board.provoke("reboot")
        assert hello["reason"] == "requested" and hello["boots"] == 2 and hello["uptime_ms"] >= 100, hello.text


def a_reset_from_outside_is_told_apart(image):
    with Board(image) as board:
        board.qmp.command("system_reset")
        board.read_to = board.console.expect("ready\n", start=board.read_to)
        hello = board.ask("hello")
        assert hello["reason"] == "reset from outside", hello.text


def the_regions_lie_apart_from_each_other(image):
    with flash_image() as flash, Board(image, flash=flash) as board:
        spans = sorted((int(start, 16), int(size, 16)) for start, size in re.findall(r"(\w{6})\+(\w{6})", board.ask("regions").text))
        assert len(spans) == 12, spans
        for (start, size), (following, _) in zip(spans, spans[1:] + [(machine.FLASH_SIZE, 0)]):
            assert start + size <= following and start % SECTOR == 0 and size % SECTOR == 0, spans


def flash_keeps_what_was_programmed_over_a_power_cut(image):
    with flash_image() as flash:
        with Board(image, flash=flash) as board:
            board.ask(f"erase {STATE} 0").ok()
            board.ask(f"program {STATE} 16 5008 7").ok()
            before = board.ask(f"crc {STATE} 0 {SECTOR}").ok()["crc"]
            board.cut_power()
        with Board(image, flash=flash) as board:
            assert board.ask(f"crc {STATE} 0 {SECTOR}").ok()["crc"] == before
            board.ask(f"erase {STATE} 0").ok()
            blank = board.ask(f"crc {STATE} 0 {SECTOR}").ok()["crc"]
            board.cut_power()
        with Board(image, flash=flash) as board:
            assert board.ask(f"crc {STATE} 0 {SECTOR}").ok()["crc"] == blank != before


def what_is_out_of_order_for_the_flash_is_refused(image):
    with flash_image() as flash, Board(image, flash=flash) as board:
        for line in (f"erase {STATE} 4096", f"program {STATE} 8 16 1", f"program {STATE} 16 20 1", f"program {IDENTITY_A} 65536 16 1"):
            assert board.ask(line)["status"] == "FLASH_GEOMETRY", line


def no_finished_page_is_lost_whenever_the_power_goes(image):
    cuts = 12 if os.environ.get("IFL_TEST_FULL") else 4
    with flash_image() as flash:
        for cut in range(cuts):
            with Board(image, flash=flash) as board:
                board.ask(f"erase {OUTBOX} 0").ok()
                board.console.send(f"pages {OUTBOX} 250\n")
                board.console.expect(f"page {cut * 97 % 200 + 1}\n", start=board.read_to)
                board.qmp.command("stop")
                told = [int(n) for n in re.findall(r"page (\d+)\n", board.console_text())]
                board.cut_power()
            data = pathlib.Path(flash).read_bytes()[0x200000:0x200000 + SECTOR]
            stored = [struct.unpack_from("<I", data, at)[0] for at in range(0, SECTOR, 256)]
            assert stored[:told[-1]] == list(range(1, told[-1] + 1)), f"cut {cut}: {told[-1]} pages were told, {stored[:told[-1]]}"


def dhcp_gives_an_address_within_a_second(image):
    with Board(image) as board:
        board.ask("ip dhcp").ok()
        board.ask("until address 3000").ok()
        status = board.ask("show")
        assert status["address"].startswith("10.0.2.") and status["now_ms"] < 3000, status.text


def bytes_come_back_unchanged_over_tcp(image):
    with Server(echo) as server, Board(image) as board:
        board.ask("ip dhcp").ok()
        board.ask("until address 60000").ok()
        board.ask(f"open 10.0.2.2 {server.port} 60000").ok()
        board.ask("echo 200000 1").ok()
        board.ask("close")
        board.ask(f"open 10.0.2.2 {server.port} 60000").ok()
        board.ask("echo 3000 2").ok()


def a_fixed_address_works_without_dhcp(image):
    with Server(echo) as server, Board(image) as board:
        board.ask("ip 10.0.2.77/24 - 10.0.2.2").ok()
        assert board.ask("show")["address"] == "10.0.2.77"
        board.ask(f"open 10.0.2.2 {server.port} 60000").ok()
        board.ask("echo 1000 3").ok()


def a_bad_address_is_refused(image):
    with Board(image) as board:
        for line in ("ip 10.0.2.77", "ip 10.0.2/24", "ip 10.0.2.77/33", "ip dhcp host:0", "ip 10.0.2.1/24 - 10.0.2.2.2"):
            assert board.ask(line)["status"] == "CONFIG_VALUE", line


def more_than_the_receive_buffers_is_taken_in_order(image):
    body = bytes(i * 31 % 251 for i in range(300_000))
    with Server(lambda connection: connection.sendall(body)) as server, Board(image) as board:
        board.ask("ip dhcp").ok()
        board.ask("until address 60000").ok()
        board.ask(f"open 10.0.2.2 {server.port} 60000").ok()
        board.ask("wait 300")  # the window fills, nobody reads
        answer = board.ask(f"receive {len(body)} 60000")
        assert answer["count"] == len(body) and answer["crc"] == crc32c(body), answer.text
        assert board.ask("receive 10 60000")["status"] == "CLOSED"


def many_tiny_segments_that_nobody_reads_do_not_stop_the_node(image):
    def dribble(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(400):
            connection.sendall(bytes([i % 256]))
            if i % 40 == 39:
                time.sleep(0.02)
        echo(connection)

    with Server(dribble) as server, Board(image) as board:
        board.ask("ip dhcp").ok()
        board.ask("until address 60000").ok()
        board.ask(f"open 10.0.2.2 {server.port} 60000").ok()
        board.ask("wait 400")
        answer = board.ask("receive 400 60000")
        assert answer["count"] == 400 and answer["crc"] == crc32c(bytes(i % 256 for i in range(400))), answer.text
        board.ask("echo 5000 4").ok()


def a_port_that_nobody_listens_on_refuses(image):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with Board(image) as board:
            board.ask("ip dhcp").ok()
            board.ask("until address 60000").ok()
            answer = board.ask(f"open 10.0.2.2 {unused.getsockname()[1]} 60000")
            assert answer["status"] == "NET_REFUSED", answer.text


def a_name_that_nobody_resolves_ends_in_an_error(image):
    with Board(image) as board:
        board.ask("ip 10.0.2.77/24 - 10.0.2.2 10.0.2.99").ok()  # no DNS server there
        assert board.ask("open host.example 443 60000")["status"] == "NET_DNS"


def a_peer_that_resets_is_told(image):
    def reset(connection):
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with Server(reset) as server, Board(image) as board:
        board.ask("ip dhcp").ok()
        board.ask("until address 60000").ok()
        board.ask(f"open 10.0.2.2 {server.port} 60000").ok()
        answer = board.ask("echo 5 5")  # one segment: its acknowledgement and the reset fit the ring of two frames
        assert answer["status"] in ("NET_RESET", "CLOSED"), answer.text


def a_pulled_cable_is_noticed_and_a_plugged_one_too(image):
    with Server(echo) as server, Board(image) as board:
        board.ask("ip dhcp").ok()
        board.ask("until address 60000").ok()
        board.set_cable(False)
        board.ask("until no-link 60000").ok()
        assert board.ask(f"open 10.0.2.2 {server.port} 60000")["status"] == "NET_DOWN"
        board.set_cable(True)
        board.ask("until address 60000").ok()
        board.ask(f"open 10.0.2.2 {server.port} 60000").ok()
        board.ask("echo 1000 6").ok()


def the_time_comes_from_a_time_server(image):
    with NtpServer() as ntp, Server(echo) as server, Board(image) as board:
        board.ask(f"ip dhcp 10.0.2.2:{ntp.port}").ok()
        board.ask("until time 60000").ok()
        assert board.ask("show")["time"] == NtpServer.TIME
        board.ask(f"open 10.0.2.2 {server.port} 60000").ok()  # all timers of the stack run at once
        board.ask("echo 1000 7").ok()


def memory_in_use_is_told_and_the_watchdog_is_fed(image):
    with Board(image) as board:
        board.ask("wait 50")
        memory = board.ask("memory")
        assert 0 < memory["stack_used"] < memory["stack_size"], memory.text
        assert 0 < memory["interrupt_stack_used"] < memory["interrupt_stack_size"], memory.text
        assert memory["feeds"] > 1 and memory["lost"] == 0, memory.text


TESTS = [value for name, value in list(globals().items())
         if callable(value) and getattr(value, "__code__", None) and value.__code__.co_varnames[:1] == ("image",)
         and value.__code__.co_argcount == 1 and "_" in name and name != "code_symbols"]


# ---- Helpers -----------------------------------------------------------------------------------------------------------------


class flash_image:
    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="flash-")
        path = pathlib.Path(self.directory.name) / "flash.img"
        machine.blank_flash(path)
        return path

    def __exit__(self, *_):
        self.directory.cleanup()


class code_symbols:
    """Function names by address, from the ELF file's own symbol table."""

    def __init__(self, image):
        listing = subprocess.run(["arm-none-eabi-nm", "-n", "-S", image], capture_output=True, text=True, check=True).stdout
        self.functions = []
        for start, size, name in re.findall(r"^(\w{8}) (\w{8}) [tT] (\S+)$", listing, re.MULTILINE):
            self.functions.append((int(start, 16), int(size, 16), name))

    def function_at(self, address):
        for start, size, name in self.functions:
            if start <= address & ~1 < start + size:
                return name
        return None


def crc32c(data):
    table = getattr(crc32c, "table", None)
    if table is None:
        table = []
        for byte in range(256):
            for _ in range(8):
                byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
            table.append(byte)
        crc32c.table = table
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def main():
    image, wanted = sys.argv[1], sys.argv[2:]
    failures = 0
    for test in TESTS:
        if wanted and test.__name__ not in wanted:
            continue
        try:
            test(image)
            print(f"{test.__name__}: PASS", flush=True)
        except Exception as error:  # the next test has a board of its own
            failures += 1
            print(f"{test.__name__}: FAIL: {type(error).__name__}: {error}", flush=True)
    print("OK" if not failures else f"{failures} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
