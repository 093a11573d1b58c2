#!/usr/bin/env python3
"""README.md, "With your tenant": each command runs as it's printed there, with the stand-in as the tenant. Only what tells the stand-in
from a real tenant is added: its CA and its address."""

import json
import os
import re
import shlex
import shutil
import subprocess

import harness
from harness import BIN_DIR, ROOT, TELEMETRY, StandIn, directory, run, wait_for


def blocks(section):
    """The fenced blocks of one section of README.md, without their indentation."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        text = re.search(rf"^## {section}\n(.*?)^## ", file.read(), re.M | re.S).group(1)
    return [re.sub(rf"^{indentation}", "", body, flags=re.M)
            for indentation, body in re.findall(r"^( *)```\w*\n(.*?)^ *```$", text, re.M | re.S)]


class WithYourTenant(harness.TestCase):
    def setUp(self):
        self.work = self.enter(directory())
        self.s = self.enter(StandIn(os.path.join(self.work, "stand-in")))
        self.place = os.path.join(self.work, "checkout")
        os.makedirs(os.path.join(self.place, "build", "host"))
        os.symlink(BIN_DIR, os.path.join(self.place, "build", "host", "bin"))
        shutil.copy(self.s.service_key(), os.path.join(self.place, "my-key.json"))
        self.key_check, self.send, self.configuration, self.daemon = blocks("With your tenant")

    def here(self):
        return f" --ca {shlex.quote(self.s.ca_file)} --resolve {self.s.host}:{self.s.port}:{self.s.address}"

    def shell(self, command):
        return run(["sh", "-c", command], cwd=self.place)

    def test_step_2_shows_what_is_in_the_key(self):
        done = self.shell(self.key_check)
        self.assertEqual(done.status, 0, done)
        self.assertIn(self.s.host, done.out)
        self.assertNotIn("PRIVATE KEY", done.out)

    def test_step_3_sends_a_message_and_says_a_tick_and_the_mpl_id(self):
        done = self.shell(self.send.rstrip("\n") + self.here())
        self.assertEqual(done.status, 0, done)
        message = self.s.accepted(TELEMETRY)[0]
        self.assertEqual(message["body"], b'{"hello":"world"}\n')
        self.assertIn("✔", done.out)
        self.assertIn(message["mpl"], done.out)

    def test_step_4_runs_the_daemon(self):
        with open(os.path.join(self.place, "iflow.json"), "w", encoding="utf-8") as file:
            file.write(self.configuration)
        json.loads(self.configuration)
        check, start, line, answer = self.daemon.rstrip("\n").split("\n")
        done = self.shell(check)
        self.assertEqual(done.status, 0, done)
        self.assertRegex(answer, r"^OK [0-9a-f]{16}-\d+-\d+$")
        arguments = shlex.split(start + self.here())
        with open(os.path.join(self.work, "log"), "wb") as log:
            daemon = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *arguments], cwd=self.place, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=log)  # fmt: skip
        try:
            daemon.stdin.write(line.encode() + b"\n")
            daemon.stdin.flush()
            said = daemon.stdout.readline().decode()
            self.assertRegex(said, r"^OK [0-9a-f]{16}-1-1\n$")
            wait_for(lambda: self.s.accepted(TELEMETRY), "the message is accepted", lambda: self.read_log())
            self.assertEqual(self.s.accepted(TELEMETRY)[0]["body"], line.split(" ", 1)[1].encode())
            status = self.shell("build/host/bin/iflowctl status --run run")
            self.assertEqual(status.status, 0, status)
            self.assertIn("gw-0042", status.out)
            self.assertTrue(os.path.exists(os.path.join(self.place, "run", "ingest.sock")))
            daemon.terminate()
            self.assertEqual(daemon.wait(harness.PATIENCE_S), 0, self.read_log())
        finally:
            daemon.kill()
            daemon.wait()
            daemon.stdin.close()
            daemon.stdout.close()

    def read_log(self):
        with open(os.path.join(self.work, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()


if __name__ == "__main__":
    harness.main()
