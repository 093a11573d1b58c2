#!/usr/bin/env python3
"""No key material anywhere but where it belongs: not in any output or log, not in any file but the ones that are asked for (mode 0600), and not in the memory
of iflowctl when it ends, whichever way it ends (gdb takes the image)."""

import base64
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import unittest

import harness
from harness import IFLOWCTL, Daemon, StandIn, ctl, directory, send, wait_for
from endpoint import pki

WINDOW = 24  # bytes that are the same by chance never


def der_integers(der):
    """The INTEGERs of a PKCS#1 key: version, n, e, d, p, q, dp, dq, qinv."""
    at, found = 4, []
    while at < len(der):
        size, head = der[at + 1], 2
        if size & 0x80:
            head += size & 0x7F
            size = int.from_bytes(der[at + 2 : at + head], "big")
        found.append(der[at + head : at + head + size].lstrip(b"\0"))
        at += head + size
    return found


class Secrets(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = cls.enter_class(directory())
        cls.stand_in = cls.enter_class(StandIn(os.path.join(cls.work, "stand-in")))
        cls.key = cls.stand_in.service_key()
        text = cls.stand_in.pki.client_pem("default.key")
        cls.lines = [line for line in text.split("\n") if line and "-" not in line]
        cls.numbers = der_integers(base64.b64decode("".join(cls.lines)))[3:]
        cls.passphrase = os.path.join(cls.work, "passphrase")
        pki.write_private(cls.passphrase, "a passphrase that nobody else has\n")

    def path(self, name):
        return os.path.join(self.work, name)

    def found_in(self, data):
        """What of the key is in there: as text, as bytes, and as the words of a big number."""
        data = data if isinstance(data, bytes) else data.encode()
        pieces = [line.encode() for line in self.lines[8:-1]] + [b"a passphrase that nobody else has"]
        for number in self.numbers:
            for at in range(0, len(number) - WINDOW, WINDOW):
                piece = number[at : at + WINDOW]
                pieces += [piece, piece[::-1], piece.hex().encode(), piece.hex().upper().encode()]
        return [piece for piece in pieces if piece in data]

    def test_the_test_finds_what_it_looks_for(self):
        with open(self.key, "rb") as file:
            self.assertTrue(self.found_in(file.read()))
        self.assertTrue(self.found_in(self.numbers[1] + self.numbers[0]))
        self.assertTrue(self.found_in(self.numbers[1][::-1]))
        self.assertEqual(self.found_in(b"x" * 100000), [])

    def config(self):
        pki.write_private(self.path("iflow.json"), json.dumps({"device": "n", "routes": {"a": "/http/a"}}))
        return self.path("iflow.json")

    def verbs(self):
        """Each verb that sees a key, and whether it can be done."""
        s = self.stand_in
        with open(self.key, encoding="utf-8") as file:
            text = file.read()
        pki.write_private(self.path("broken.json"), text.replace('"', "\u201d").replace("-----", "\u2014"))
        pki.write_private(self.path("cut.json"), text[:5000])
        pki.write_private(self.path("mismatch.json"), json.dumps(s.pki.service_key("https://x.example", "https://y.example", defect="wrong_key"))
                          .replace(s.pki.client_pem("second.key").replace("\n", "\\n"), s.pki.client_pem("default.key").replace("\n", "\\n"))
                          .replace(s.pki.client_pem("default.crt").replace("\n", "\\n"), s.pki.client_pem("second.crt").replace("\n", "\\n")))  # fmt: skip
        yield ("key", "check", self.key), 0
        yield ("key", "check", "--json", self.path("broken.json")), 0
        yield ("key", "check", self.path("cut.json")), 1
        yield ("key", "check", self.path("mismatch.json")), 1
        yield ("key", "export", self.key, "--pem", self.path("pem"), "--force"), 0
        yield ("key", "export", self.key, "--der", self.path("der"), "--force"), 0
        yield ("key", "export", self.key, "--pfx", self.path("a.p12"), "--pfx-passphrase-file", self.passphrase, "--force"), 0
        yield ("key", "check", "--passphrase-file", self.passphrase, self.path("a.p12")), 0
        yield ("key", "export", self.key, "--secret-yaml", "x", "-o", self.path("secret.yaml"), "--force"), 0
        yield ("node", "image", "--key", self.key, "--config", self.config(), "--board", "smartfusion2_som", "--ca", s.ca_file,
               "-o", self.path("node.bin")), 0  # fmt: skip
        yield ("send", "--key", self.key, "--route", harness.TELEMETRY, "--ca", s.ca_file, "--resolve", f"{s.host}:{s.port}:{s.address}",
               "--file", self.path("iflow.json")), 0  # fmt: skip

    def test_no_output_holds_a_piece_of_the_key(self):
        for words, status in self.verbs():
            with self.subTest(" ".join(words[:2])):
                done = ctl(*words)
                self.assertEqual(done.status, status, done)
                self.assertEqual(self.found_in(done.text), [])

    def test_files_with_the_key_are_for_their_owner_only(self):
        for words, status in self.verbs():
            self.assertEqual(ctl(*words).status, status)
        holders = []
        for root, _, names in os.walk(self.work):
            for name in names:
                path = os.path.join(root, name)
                if root.startswith(self.path("stand-in")) or not stat.S_ISREG(os.lstat(path).st_mode):
                    continue
                with open(path, "rb") as file:
                    if self.found_in(file.read()):
                        holders.append(os.path.relpath(path, self.work))
                        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600, path)
        for name in ("pem/key.key", "der/key.der", "node.bin"):
            self.assertIn(name, holders)
        for name in ("pem/cert.pem", "der/leaf.der", "a.p12", "secret.yaml"):
            self.assertNotIn(name, holders)  # no key, or not in the clear

    def test_a_key_that_others_may_read_is_told_once_by_every_verb_that_reads_it(self):
        key, s = self.path("open.json"), self.stand_in
        self.addCleanup(os.unlink, key)
        shutil.copy(self.key, key)
        os.chmod(key, 0o644)
        secret = self.path("secret.json")
        self.addCleanup(os.unlink, secret)
        shutil.copy(s.service_key(defect="secret"), secret)
        os.chmod(secret, 0o644)
        way = ("--route", harness.TELEMETRY, "--ca", s.ca_file, "--resolve", f"{s.host}:{s.port}:{s.address}", "--json")
        with Daemon(s, self.path("daemon-of-install"), key=self.key) as daemon:
            for words in (("key", "check", key), ("key", "check", "--json", key), ("doctor", "--key", key, *way), ("send", "--key", key, *way),
                          ("send", "--key", secret, *way), ("key", "export", key, "--der", self.path("der"), "--force"),
                          ("node", "image", "--key", key, "--config", self.config(), "--board", "smartfusion2_som", "--ca", s.ca_file,
                           "-o", self.path("node.bin")), ("identity", "install", key, "--run", daemon.run_dir)):  # fmt: skip
                with self.subTest(" ".join(words[:2])):
                    done = ctl(*words)
                    told = f'"code": {harness.code("KEY_READABLE")},' if words[:3] == ("key", "check", "--json") else f"E{harness.code('KEY_READABLE')} "
                    self.assertEqual(done.text.count(told), 1, done)
                    self.assertIn(secret if secret in words else key, done.text)
                    os.chmod(key, 0o640)
                    os.chmod(secret, 0o640)
                    self.assertNotIn(told, ctl(*words).text)
                    os.chmod(key, 0o644)
                    os.chmod(secret, 0o644)

    def test_the_daemon_tells_nothing_and_keeps_the_key_in_its_slots_only(self):
        with Daemon(self.stand_in, self.path("daemon"), key=self.key) as daemon:
            daemon.put('{"t":1}')
            wait_for(lambda: daemon.queued() == 0, "it's delivered", daemon.explain)
            for verb in ("status", "routes", "identity", "queue", "log"):
                self.assertEqual(self.found_in(json.dumps(daemon.ask(verb))), [], verb)
            self.assertEqual(self.found_in(daemon.log()), [])
            with open(f"/proc/{daemon.process.pid}/limits", encoding="ascii") as file:
                self.assertRegex(file.read(), r"Max core file size +0 ")
            for root, _, names in os.walk(daemon.state_dir):
                for name in names:
                    path = os.path.join(root, name)
                    with open(path, "rb") as file:
                        if self.found_in(file.read()):
                            self.assertIn("identity", name)
                            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode) & 0o077, 0, path)

    def image(self, stop, words):
        """The memory of iflowctl when it comes to `stop`."""
        path = self.path("image")
        commands = ["set pagination off", "set follow-fork-mode parent", "set breakpoint pending on", stop, "run",
                    f"generate-core-file {path}", "kill"]  # fmt: skip
        arguments = [part for command in commands for part in ("-ex", command)]
        done = subprocess.run(["gdb", "-nx", "-batch", *arguments, "--args", IFLOWCTL, *words], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)  # fmt: skip
        self.assertTrue(os.path.exists(path), done.stdout + done.stderr)
        with open(path, "rb") as file:
            data = file.read()
        os.unlink(path)
        return data

    @unittest.skipUnless(shutil.which("gdb"), "gdb, which takes the images of memory, isn't installed")
    def test_no_piece_of_the_key_is_left_in_memory_when_iflowctl_ends(self):
        on_the_way = self.image("break key_files_judge", ["key", "check", self.key])
        self.assertTrue(self.found_in(on_the_way), "an image shows a key that is there")
        for words, _ in self.verbs():
            with self.subTest(" ".join(words[:3])):
                found = self.found_in(self.image("catch syscall exit_group", words))
                self.assertEqual([piece[:8] for piece in found], [])

    def debugger(self, process, *commands):
        """gdb at a running program."""
        arguments = [part for command in ("set pagination off", *commands) for part in ("-ex", command)]
        return subprocess.Popen(["gdb", "-nx", "-batch", "-p", str(process.pid), *arguments], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip

    def read_image(self, path, told):
        self.assertTrue(os.path.exists(path), told)
        with open(path, "rb") as file:
            data = file.read()
        os.unlink(path)
        return data

    def idle_daemon(self, name):
        """One that has delivered, has taken in the key by the console too, has made a key of its own, and has no connection."""
        daemon = Daemon(self.stand_in, self.path(name), key=self.key, idle_close_ms=100).start()
        self.addCleanup(daemon.kill)
        daemon.put('{"t":1}')
        wait_for(lambda: daemon.queued() == 0, "it's delivered", daemon.explain)
        self.assertEqual(ctl("identity", "install", self.key, "--run", daemon.run_dir).status, 0)
        self.assertEqual(ctl("identity", "csr", "--run", daemon.run_dir).status, 0)
        daemon.reload()
        daemon.put('{"t":2}')
        wait_for(lambda: daemon.queued() == 0, "it's delivered", daemon.explain)
        wait_for(lambda: not any(each["open"] for each in self.stand_in.connections()), "the connection is closed", daemon.explain)
        return daemon

    @unittest.skipUnless(shutil.which("gdb"), "gdb, which takes the images of memory, isn't installed")
    def test_an_idle_daemon_has_the_key_in_one_place_and_an_ended_one_in_none(self):
        daemon = self.idle_daemon("daemon-of-images")
        path = self.path("image-of-iflowd")
        gdb = self.debugger(daemon.process, f"generate-core-file {path}", "detach")
        data = self.read_image(path, gdb.communicate()[0])
        found = self.found_in(data)
        self.assertTrue(found, "it's in use")
        self.assertEqual([(piece[:8], data.count(piece)) for piece in found if data.count(piece) > 1], [])
        plain = b"".join(self.numbers)
        self.assertEqual([piece[:8] for piece in found if piece not in plain], [], "as DER only")
        gdb = self.debugger(daemon.process, "catch syscall exit_group", "continue", f"generate-core-file {path}", "kill")
        for line in gdb.stdout:  # it's at the process, and lets it go on
            if "Catchpoint 1" in line:
                break
        daemon.process.terminate()
        told = gdb.communicate()[0]
        data = self.read_image(path, told)
        self.assertEqual([piece[:8] for piece in self.found_in(data)], [])

    def test_an_aborted_daemon_leaves_no_core_file(self):
        daemon = self.idle_daemon("daemon-of-abort")
        before = set(os.listdir(daemon.work)) | set(os.listdir(os.getcwd()))
        daemon.process.send_signal(signal.SIGABRT)
        self.assertEqual(daemon.wait_end(), -signal.SIGABRT)
        after = set(os.listdir(daemon.work)) | set(os.listdir(os.getcwd()))
        self.assertEqual([name for name in after - before if "core" in name], [])


if __name__ == "__main__":
    harness.main()
