"""What the integration tests share: the programs under test, the stand-in, and patience without a clock.

    IFL_BIN_DIR      where iflowd and iflowctl are; default: build/host/bin
    IFL_TEST_FULL    1: full counts
    IFL_FIGURES_DIR  where figures go

Nothing here measures time: wait_for() asks again until a condition holds, and its limit is there only so that a broken program ends
in a message instead of a hang. Every child ends with this process, whatever happens (PR_SET_PDEATHSIG)."""

import atexit
import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))
sys.dont_write_bytecode = True

from endpoint import StandIn, catalogue, tenant  # noqa: E402, F401 (the tests take them from here)

BIN_DIR = os.path.abspath(os.environ.get("IFL_BIN_DIR") or os.path.join(ROOT, "build", "host", "bin"))
IFLOWD = os.path.join(BIN_DIR, "iflowd")
IFLOWCTL = os.path.join(BIN_DIR, "iflowctl")
FULL = os.environ.get("IFL_TEST_FULL") == "1"
TELEMETRY = tenant.DEFAULT_ROUTE
ALARM = "/http/plant/alarm"
PATIENCE_S = 120  # far beyond anything that works, also on a machine that stands still for seconds


# What the programs call things: the enum's names, numbers and actions, from the one place where they stand.


@dataclasses.dataclass(frozen=True)
class Diag:
    name: str
    code: int
    severity: str
    action: str
    cause: str
    remedy: str


def _read_diag():
    with open(os.path.join(ROOT, "components", "base", "include", "base", "diag.def"), encoding="utf-8") as file:
        rows = re.findall(r'^IFL_DIAG\((\w+), (\d+), (\w+), (\w+), "((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\)',
                          file.read(), re.M)
    return {name: Diag(name, int(number), severity, action, *(text.replace('\\"', '"') for text in texts))
            for name, number, severity, action, *texts in rows}


DIAG = _read_diag()
CODES = {diag.code: diag for diag in DIAG.values()}


def code(name):
    return DIAG[name].code


def why(view):
    """Name of the status that a host or a route waits for; "" while it's going."""
    return view["status"]["name"] if view["status"] else ""


# Patience


def wait_for(condition, what, on_timeout=None):
    """The first true value of condition(). `on_timeout` gives text that helps to understand."""
    deadline_s = time.monotonic() + PATIENCE_S
    pause_s = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline_s:
            raise AssertionError(f"waited in vain: {what}" + (f"\n{on_timeout()}" if on_timeout else ""))
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.05)


@contextlib.contextmanager
def directory(prefix="iflow-test-"):
    path = tempfile.mkdtemp(prefix=prefix)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class TestCase(unittest.TestCase):
    """With things that are there for the time of a test, or of all tests of a class."""

    def enter(self, context):
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    @classmethod
    def enter_class(cls, context):
        value = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        return value


@contextlib.contextmanager
def closed_port():
    """A port of the loopback interface that refuses connections: it's taken, but nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def _with_parent(arguments):
    """The command, killed by the kernel when this process is gone."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *arguments]


# iflowctl


@dataclasses.dataclass
class Done:
    """A program that has ended."""

    arguments: list
    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def text(self):
        return self.out + self.err

    def __str__(self):
        return f"{' '.join(self.arguments)}\nexit status {self.status}\n{self.out}{self.err}"


def run(arguments, stdin=b"", cwd=None):
    done = subprocess.run(_with_parent(arguments), input=stdin, capture_output=True, timeout=PATIENCE_S, cwd=cwd, check=False)
    return Done(list(arguments), done.returncode, done.stdout.decode("utf-8", "replace"),
                done.stderr.decode("utf-8", "replace"))


def ctl(*arguments, stdin=b"", cwd=None):
    return run([IFLOWCTL, *map(str, arguments)], stdin, cwd)


def send(stand_in, *more, key=None, route=TELEMETRY, ca=None, resolve=None, payload=b'{"t":21.5}', timeout_s=60, json_form=True):
    """`iflowctl send` to the stand-in."""
    keys = key or stand_in.service_key()
    arguments = ["send"]
    for each in [keys] if isinstance(keys, str) else keys:
        arguments += ["--key", each]
    arguments += ["--route", route, "--ca", ca or stand_in.ca_file, "--timeout", str(timeout_s)]
    if resolve != "":
        arguments += ["--resolve", resolve or f"{stand_in.host}:{stand_in.port}:{stand_in.address}"]
    return ctl(*arguments, *(["--json"] if json_form else []), *more, stdin=payload)


# iflowd


class Notifications:
    """What iflowd tells systemd (sd_notify(3)). Read at once, whatever the test does meanwhile: the kernel keeps ten, then iflowd waits."""

    def __init__(self, path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.ready = 0  # how often it has said that it is ready
        self.changed = threading.Condition()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while data := self.socket.recv(4096):
            with self.changed:
                self.ready += "READY=1" in data.decode().split("\n")
                self.changed.notify_all()
        self.socket.close()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)


class Daemon:
    """iflowd with a directory of its own: iflow.json, state/, run/, log. Started, killed and started again at will."""

    def __init__(self, stand_in, work, key=None, routes=None, arguments=(), resolve=True, **configuration):
        self.s, self.work, self.resolve = stand_in, work, resolve
        os.makedirs(work, exist_ok=True)
        self.state_dir, self.run_dir = os.path.join(work, "state"), os.path.join(work, "run")
        self.config_file, self.log_file = os.path.join(work, "iflow.json"), os.path.join(work, "log")
        self.arguments = list(arguments)
        self.configuration = {
            "device": "gw-0042",
            "identity": key or stand_in.service_key(),
            "outbox": {"size": 4 << 20},
            "backoff": {"base_ms": 100, "cap_ms": 400, "boot_jitter_ms": 0},
            "probe": {"first_ms": 3600000, "cap_ms": 3600000},
            "routes": routes or {"telemetry": TELEMETRY, "alarm": ALARM},
            **configuration,
        }
        self.faults = None
        self.process = None
        self._notify = None
        self._console = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    def configure(self, **changes):
        self.configuration.update(changes)
        self.write_configuration(json.dumps(self.configuration, indent=1) + "\n")

    def write_configuration(self, text):
        with open(self.config_file, "w", encoding="utf-8") as file:
            file.write(text)

    def command_line(self):
        resolve = ["--resolve", f"{self.s.host}:{self.s.port}:{self.s.address}"] if self.resolve else []
        return [IFLOWD, "--config", self.config_file, "--state", self.state_dir, "--run", self.run_dir, "--ca", self.s.ca_file,
                *resolve, *self.arguments]

    def spawn(self, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
        """Start it, without waiting for anything."""
        if not os.path.exists(self.config_file):
            self.configure()
        os.makedirs(self.work, exist_ok=True)
        notify_path = os.path.join(self.work, "notify.sock")
        self._notify = Notifications(notify_path)
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(_with_parent(self.command_line()), stdin=stdin, stdout=stdout, stderr=log,
                                            env={**os.environ, "NOTIFY_SOCKET": notify_path,
                                                 **(self.faults.environment if self.faults else {})})  # fmt: skip
        atexit.register(self.kill)

    def start(self, **streams):
        """Start it and wait until it says that it is ready."""
        self.spawn(**streams)
        self.wait_ready(0)
        return self

    def wait_ready(self, before):
        """Until it has said more than `before` times that it's ready."""
        deadline_s = time.monotonic() + PATIENCE_S
        with self._notify.changed:
            while time.monotonic() < deadline_s:
                if self._notify.changed.wait_for(lambda: self._notify.ready > before, 0.1):
                    return
                if self.process.poll() is not None:
                    raise AssertionError(f"iflowd has ended with status {self.process.returncode}:\n{self.log()}")
        raise AssertionError(f"iflowd doesn't get ready:\n{self.log()}")

    def reload(self):
        """SIGHUP, and wait until it's ready again."""
        before = self._notify.ready
        self.process.send_signal(signal.SIGHUP)
        self.wait_ready(before)

    def wait_end(self):
        """Its exit status."""
        return self.process.wait(PATIENCE_S)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.wait_end()
        self._forget()
        return status

    def kill(self):
        """kill -9; nothing happens if it isn't running."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait(PATIENCE_S)
        self._forget()

    def _forget(self):
        atexit.unregister(self.kill)
        for sock in (self._notify, self._console):
            if sock is not None:
                sock.close()
        self.process = self._notify = self._console = None

    def log(self):
        with open(self.log_file, encoding="utf-8", errors="replace") as file:
            return file.read()

    # Its console

    def ask(self, command):
        """The JSON answer to a console command, over one connection that stays open."""
        if self._console is None:
            self._console = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._console.settimeout(PATIENCE_S)
            self._console.connect(os.path.join(self.run_dir, "console.sock"))
        self._console.sendall(f"json {command}\n".encode())
        answer = b""
        while not answer.endswith(b"\n"):
            piece = self._console.recv(1 << 20)
            if not piece:
                raise AssertionError(f"the console hung up after {answer!r}\n{self.log()}")
            answer += piece
        return json.loads(answer)

    def status(self):
        return self.ask("status")

    def route(self, name="telemetry"):
        return next(route for route in self.status()["routes"] if route["name"] == name)

    def queued(self):
        return sum(route["queued"] for route in self.status()["routes"])

    def dead_letters(self):
        return next(queue["messages"] for queue in self.ask("queue 1000")["queues"] if queue["lane"] == 0)

    def retry(self):
        return ctl("retry", "--run", self.run_dir)

    def wait_empty(self):
        wait_for(lambda: self.queued() == 0, "all messages are finished", self.explain)

    def explain(self):
        return json.dumps(self.status(), indent=1) + "\n" + self.log()[-4000:]

    # Producers

    def producer(self):
        return Producer(os.path.join(self.run_dir, "ingest.sock"))

    def put(self, payload, route="telemetry"):
        """Store one message through the socket; its id."""
        with self.producer() as producer:
            answer = producer.put(payload, route)
        if not answer.startswith("OK "):
            raise AssertionError(answer + "\n" + self.log())
        return answer[3:]


@contextlib.contextmanager
def daemon_with_faults(stand_in, template):
    """iflowd with a copy of the state of another one, and an operation on its files that goes wrong when `faults` is told to."""
    with directory() as work:
        shutil.copytree(os.path.join(template, "state"), os.path.join(work, "state"))
        daemon = Daemon(stand_in, work)
        daemon.faults = Faults(os.path.join(work, "faults"))
        with daemon:
            yield daemon


class Faults:
    """The operations of a program on its files, and one of them that ends it or fails (faults.c)."""

    def __init__(self, path):
        self.path = path
        self.environment = {"LD_PRELOAD": os.path.join(os.path.dirname(BIN_DIR), "tests", "integration", "faults.so"), "IFL_FAULTS": path}

    def order(self, text):
        """From now on: `kill N`, `tear N`, `fail N` or `nodata`."""
        with open(self.path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.rename(self.path + ".new", self.path)

    def end(self):
        """No more faults; the operations since order()."""
        os.unlink(self.path)
        operations = []
        with contextlib.suppress(FileNotFoundError):
            with open(self.path + ".log", encoding="utf-8") as file:
                operations = file.read().split("\n")[:-1]
            os.unlink(self.path + ".log")
        return operations


class Producer:
    """A local program that hands over lines and reads an answer for each."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(path)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def write(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def end(self):
        self.socket.shutdown(socket.SHUT_WR)

    def answer(self):
        """The next line, or "" when the other side has hung up."""
        while b"\n" not in self.rest:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                piece = b""
            if not piece:
                return ""
            self.rest += piece
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()

    def put(self, payload, route="telemetry"):
        self.write(route.encode() + b" " + (payload.encode() if isinstance(payload, str) else payload) + b"\n")
        return self.answer()


# Figures and the end


def write_figures(name, figures):
    target = os.environ.get("IFL_FIGURES_DIR")
    if target:
        os.makedirs(target, exist_ok=True)
        with open(os.path.join(target, name + ".json"), "w", encoding="utf-8") as file:
            json.dump(figures, file)
            file.write("\n")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a time limit still cleans up
    for program in (IFLOWD, IFLOWCTL, "setpriv"):
        if shutil.which(program) is None:
            sys.exit(f"{program} isn't there: build the programs first (./dev build), or name their directory in IFL_BIN_DIR")
    unittest.main(module="__main__", verbosity=2)

