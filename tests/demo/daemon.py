"""iflowd as a child process of a test: started, fed with lines, killed, and never left behind."""

import ctypes
import os
import queue
import signal
import subprocess
import threading
import time

WAIT_S = 120  # a step that takes longer has failed
PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """Something isn't as promised."""


def wait_until(what, condition):
    """Poll until condition() is true; its value is returned."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise Failure(f"this didn't happen within {WAIT_S} s: {what}")


def die_with_parent():
    """In the child: the kernel kills it when this program ends, however that happens."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Daemon:
    """iflowd, fed through its standard input; answers are read in a thread, in order."""

    def __init__(self, program, config, work):
        self.command = [program, "--config", config, "--state", os.path.join(work, "state"),
                        "--run", os.path.join(work, "run"), "--stdin"]  # fmt: skip
        self.log_path = os.path.join(work, "iflowd.log")
        self.process = None
        self.answers = queue.Queue()

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                            preexec_fn=die_with_parent)  # fmt: skip
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()

    def _read(self, stream):
        for line in stream:
            self.answers.put(line.decode().rstrip("\n"))

    def send(self, lines):
        """Send lines and wait for their answers: the ids."""
        self.process.stdin.write("".join(lines).encode())
        self.process.stdin.flush()
        ids = []
        for line in lines:
            try:
                answer = self.answers.get(timeout=WAIT_S)
            except queue.Empty:
                raise Failure(f"iflowd gave no answer; its log: {self.tail()}") from None
            if not answer.startswith("OK "):
                raise Failure(f"iflowd refused a line: {answer}")
            ids.append(answer[3:])
        return ids

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process = None

    def stop(self):
        """SIGTERM; the exit status."""
        self.process.terminate()
        status = self.process.wait(WAIT_S)
        self.process.stdin.close()
        self.process = None
        return status

    def tail(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return "\n" + "".join(log.readlines()[-12:])
