"""The SmartFusion2 SoM in QEMU, for tests: serial ports, flash image, QMP (power cut, cable), exit code. Python standard library only.

Everything lies in a temporary directory; connections are Unix sockets; no port is fixed; QEMU never outlives the `with` block."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time

FLASH_SIZE = 16 << 20
LIMIT_S = 120  # a hopeless wait ends; what works is far from it, also on a machine that stands still for seconds
QEMU = "qemu-system-arm"


def blank_flash(path):
    """A new 16 MiB NOR: all ones."""
    with open(path, "wb") as image:
        for _ in range(16):
            image.write(b"\xff" * (1 << 20))


class Console:
    """One serial port: collects what comes, sends what it's told."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.connection = None
        self.received = bytearray()
        self.changed = threading.Condition()
        self.closed = False

    def accept(self, timeout_s):
        self.listener.settimeout(timeout_s)
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(None)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            try:
                data = self.connection.recv(65536)
            except OSError:
                data = b""
            with self.changed:
                self.received += data
                self.closed = not data
                self.changed.notify_all()
            if not data:
                return

    def send(self, data):
        self.connection.sendall(data if isinstance(data, bytes) else data.encode())

    def text(self):
        with self.changed:
            return self.received.decode("utf-8", "replace").replace("\r\n", "\n")

    def expect(self, pattern, timeout_s=LIMIT_S, start=0):
        """Wait for the text; the position behind it. Raises with all of the output if it doesn't come."""
        wanted = pattern.encode()
        deadline = time.monotonic() + timeout_s
        with self.changed:
            while True:
                at = self.received.find(wanted, start)
                if at >= 0:
                    return at + len(wanted)
                rest = deadline - time.monotonic()
                if self.closed or rest <= 0 or not self.changed.wait(rest):
                    raise AssertionError(f"'{pattern}' didn't come; the console said:\n{self.received.decode('utf-8', 'replace')}")

    def close(self):
        if self.connection is not None:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            self.reader.join()
            self.connection.close()
        self.listener.close()


class Qmp:
    """QEMU's control connection."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.connected = False

    def accept(self, timeout_s):
        self.listener.settimeout(timeout_s)
        connection, _ = self.listener.accept()
        self.connected = True
        connection.settimeout(LIMIT_S)
        self.connection = connection
        self.file = connection.makefile("rw", encoding="utf-8")
        self.file.readline()  # the greeting
        self.command("qmp_capabilities")

    def command(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            line = self.file.readline()
            if not line:
                raise ConnectionError("QEMU has gone")
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(answer["error"]["desc"])

    def close(self):
        for part in (getattr(self, "file", None), getattr(self, "connection", None), self.listener):
            if part is not None:
                part.close()


class Machine:
    """`flash`: path of an image that survives us (None: no chip at all). `second_uart`: also have UART 1. `wire`: what stands between
    the board and its network (wire.py). `network`: False, True, or options of user networking."""

    def __init__(self, image, flash=None, second_uart=False, network=True, options=(), reboots=True, wire=None, cable=True):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="board-"))
        self.process = None
        self.console = Console(self.directory / "uart0")
        self.log = Console(self.directory / "uart1") if second_uart else None
        self.qmp = Qmp(self.directory / "qmp")
        self.wire, self.cable = wire, cable
        command = [QEMU, "-S", "-M", "emcraft-sf2", "-display", "none", "-monitor", "none", "-nodefaults",
                   "-kernel", str(image), "-semihosting-config", "enable=on,target=native,arg=image",
                   "-qmp", f"unix:{self.directory}/qmp", "-serial", f"unix:{self.directory}/uart0"]
        if second_uart:
            command += ["-serial", f"unix:{self.directory}/uart1"]
        if flash is not None:
            command += ["-drive", f"if=mtd,format=raw,file={flash}"]
        if network:
            command += ["-nic", "user,id=net,model=msf2-emac" + (f",{network}" if isinstance(network, str) else "")]
        if wire is not None:
            command += wire.options()
        if not reboots:
            command += ["-no-reboot"]
        self.command = command + list(options)

    def __enter__(self):
        try:
            self.errors = open(self.directory / "errors", "w+b")
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors,
                                            preexec_fn=_die_with_parent)
            for part in (self.qmp, self.console, self.log, self.wire):
                if part is not None:
                    self._accept(part)
            if not self.cable:
                self.set_cable(False)
            self.qmp.command("cont")  # only now: a short program would end before we are connected
        except BaseException:
            self.__exit__()
            raise
        return self

    def _accept(self, part):
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            try:
                part.accept(0.1)
                return
            except (TimeoutError, ConnectionError):
                if self.process.poll() is not None or isinstance(part, Qmp) and part.connected:
                    raise RuntimeError(f"QEMU ended at once:\n{self.error_text()}") from None
        raise RuntimeError(f"QEMU doesn't connect:\n{self.error_text()}")

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.process.wait()
        for part in (self.console, self.log, self.qmp):
            if part is not None:
                part.close()
        self.errors.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def wait(self, timeout_s):
        """Until the image ends by itself; its exit code."""
        code = self.process.wait(timeout_s)
        self.console.reader.join(LIMIT_S)  # the rest of what it said
        return code

    def console_text(self):
        return self.console.text()

    def error_text(self):
        self.errors.flush()
        with open(self.directory / "errors", "rb") as errors:
            return errors.read().decode("utf-8", "replace")

    def cut_power(self):
        """As if the supply failed now: what the flash chip has finished stays, nothing else. (QEMU writes the image behind the chip's
        back; `stop` makes it catch up, a bare kill would lose finished operations.)"""
        self.qmp.command("stop")
        self.process.kill()
        self.process.wait()

    def type(self, text, every_s=0.005):
        """To the console, slowly: the UART isn't paced, all at once would be more than the ring behind it. What is answered in between shows that
        QEMU has a turn: else the pieces would heap up on the way and come all at once."""
        for at in range(0, len(text), 64):
            self.console.send(text[at:at + 64])
            self.qmp.command("query-status")
            time.sleep(every_s)

    def set_cable(self, plugged):
        self.qmp.command("set_link", name="msf2-emac.0", up=plugged)


def _die_with_parent():
    """Linux: SIGKILL for the child when this process ends, however it ends."""
    import ctypes
    PR_SET_PDEATHSIG, SIGKILL = 1, 9
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, SIGKILL)
