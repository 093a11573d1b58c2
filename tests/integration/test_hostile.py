#!/usr/bin/env python3
"""iflowd among local programs, operators and machines that mean no good, or don't think."""

import os
import resource
import socket
import subprocess
import unittest

import harness
from harness import TELEMETRY, code, wait_for
from test_daemon import DaemonTest


def place(directory, name, data, mode=0o600):
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Reload(DaemonTest):
    """SIGHUP takes all of a new configuration, or nothing."""

    def wait_closed(self, daemon):
        wait_for(lambda: not any(each["open"] for each in self.s.connections()), "the connection is closed", daemon.explain)

    def test_a_root_that_is_taken_out_of_the_trust_ends_resumption_too(self):
        daemon = self.prepared(idle_close_ms=100)
        trust = place(self.work, "trust.pem", read(self.s.ca_file))
        daemon.arguments = ["--ca", trust]
        daemon.start()
        first = daemon.put("to a trusted host")
        daemon.wait_empty()
        self.wait_closed(daemon)
        second = daemon.put("on a resumed session")
        daemon.wait_empty()
        self.assertEqual(daemon.status()["counters"]["handshakes_resumed"], 1)
        self.wait_closed(daemon)
        place(self.work, "trust.pem", read(self.s.pki.client_file("root.crt")))
        daemon.reload()
        daemon.put("to the same host, no longer trusted")
        wait_for(lambda: daemon.status()["host"]["state"] == "held" or daemon.queued() == 0, "a verdict", daemon.explain)
        self.assertEqual(harness.why(daemon.status()["host"]), "TLS_UNTRUSTED", daemon.explain())
        self.assertEqual(self.accepted(), [first, second])

    def test_a_configuration_that_leaves_no_host_changes_nothing(self):
        url = f"https://{self.s.host}:{self.s.port}"
        certificate, key = self.s.pki.write_service_key(self.work, url, url, form="pem")
        daemon = self.daemon(identity={"certificate": certificate, "key": key}, url=url)
        del daemon.configuration["url"]
        daemon.configure()
        daemon.reload()
        self.assertIsNone(daemon.process.poll(), daemon.log())
        self.assertIn(f"E{code('KEY_NO_URL')} ", daemon.log())
        self.assertIn("nothing is changed", daemon.log())
        sent = daemon.put("goes on")
        daemon.wait_empty()
        self.assertEqual(self.accepted(), [sent])


class Doors(DaemonTest):
    def cannot_spin(self, daemon):
        """It comes to sleep; a loop that is told the same thing for ever never does."""

        def sleeps():
            with open(f"/proc/{daemon.process.pid}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "S"

        for _ in range(20):
            wait_for(sleeps, "it sleeps", daemon.explain)

    def test_without_a_free_file_descriptor_it_waits_says_so_and_goes_on_later(self):
        daemon = self.daemon()
        daemon.put("one")
        daemon.wait_empty()
        pid = daemon.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = max(int(name) for name in os.listdir(f"/proc/{pid}/fd")) + 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, limits[1]))
        producers = [daemon.producer() for _ in range(3)]
        for producer in producers:
            producer.write("telemetry waits for a place\n")
        self.cannot_spin(daemon)
        wait_for(lambda: f"E{code('NO_DESCRIPTORS')} " in daemon.log(), "it's told", daemon.log)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        for producer in producers:
            self.assertRegex(producer.answer(), "^OK ")
            producer.socket.close()
        self.assertLess(daemon.log().count(f"E{code('NO_DESCRIPTORS')} "), 5)

    def test_many_questions_at_once_each_get_a_whole_answer(self):
        self.s.undeploy(TELEMETRY)
        daemon = self.daemon()
        waiting = 400
        with daemon.producer() as producer:
            for number in range(waiting):
                producer.put(f"{number}")
        count = 250  # their answers together are longer than any buffer
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as console:
            console.settimeout(harness.PATIENCE_S)
            console.connect(os.path.join(daemon.run_dir, "console.sock"))
            console.sendall(f"json queue {waiting}\n".encode() * count)
            answers = b""
            while answers.count(b"\n") < count:
                piece = console.recv(1 << 20)
                self.assertTrue(piece, "it hung up")
                answers += piece
        for answer in answers.splitlines():
            self.assertTrue(answer.startswith(b'{"ok":true,') and answer.endswith(b"}"), answer[:200])

    def test_standard_output_that_is_gone_is_told_and_isnt_success(self):
        daemon = self.prepared(arguments=["--stdin", "--exit-when-empty"])
        daemon.configure()
        read_end, write_end = os.pipe()
        os.close(read_end)
        daemon.spawn(stdin=subprocess.PIPE, stdout=write_end)
        os.close(write_end)
        try:
            for number in range(5000):
                daemon.process.stdin.write(b"telemetry %d\n" % number)
            daemon.process.stdin.close()
        except BrokenPipeError:
            pass
        self.assertEqual(daemon.wait_end(), 1, daemon.log())
        self.assertIn(f"E{code('OUTPUT_GONE')} ", daemon.log())
        self.assertNotIn("everything is delivered", daemon.log())

    def test_binary_garbage_is_answered_line_by_line_and_nothing_is_stored(self):
        daemon = self.daemon()
        for _ in range(20):
            with daemon.producer() as producer:
                producer.write(os.urandom(40000).replace(b"telemetry", b"").replace(b"alarm", b""))
                producer.end()
                while (answer := producer.answer()) != "":
                    self.assertRegex(answer, "^ERROR E[0-9]+ ")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as console:
            console.connect(os.path.join(daemon.run_dir, "console.sock"))
            console.sendall(os.urandom(20000))
        self.assertEqual(daemon.queued(), 0)
        self.assertEqual(self.s.records(), [])


class Files(DaemonTest):
    def test_a_link_in_the_state_directory_is_not_followed(self):
        victim = place(self.work, "victim", b"precious", 0o644)
        daemon = self.prepared()
        os.makedirs(daemon.state_dir)
        os.symlink(victim, os.path.join(daemon.state_dir, "state.flash"))
        self.refusal(daemon, "FILE")
        self.assertEqual(read(victim), b"precious")
        self.assertEqual(os.stat(victim).st_mode & 0o777, 0o644)

    def test_a_key_that_others_may_read_is_used_with_a_warning(self):
        key = place(self.work, "servicekey.json", read(self.s.service_key()), 0o644)
        daemon = self.daemon(key=key)
        self.assertIn(f"E{code('KEY_READABLE')} ", daemon.log())
        self.assertIn(key, daemon.log())
        before = len(daemon.log())
        os.chmod(key, 0o600)
        daemon.reload()
        self.assertNotIn(f"E{code('KEY_READABLE')} ", daemon.log()[before:])

    def warned(self, configuration_mode=0o600, **configuration):
        """The lines of the log that warn of files that others may read."""
        daemon = self.prepared(**configuration)
        daemon.configure()
        os.chmod(daemon.config_file, configuration_mode)
        before = len(daemon.log()) if os.path.exists(daemon.log_file) else 0
        daemon.start()
        lines = [line for line in daemon.log()[before:].split("\n") if f"E{code('KEY_READABLE')} " in line]
        daemon.kill()
        return daemon, lines

    def test_a_secret_that_others_may_read_is_used_with_a_warning(self):
        text = read(self.s.service_key(defect="secret"))
        for mode in (0o644, 0o640):
            key = place(self.work, f"secret-{mode:o}.json", text, mode)
            _, lines = self.warned(auth="basic", key=key)
            self.assertEqual([key in line for line in lines], [True] if mode & 4 else [])

    def test_a_configuration_with_a_password_that_others_may_read_is_used_with_a_warning(self):
        for more in ({"network": {"proxy": "http://user:hunter2@127.0.0.1:1"}},
                     {"auth": "basic", "url": self.s.url, "key": self.s.service_key(defect="secret"),
                      "credentials": {"user": "u", "password": "hunter2"}}):  # fmt: skip
            daemon, lines = self.warned(0o644, **more)
            self.assertEqual([daemon.config_file in line for line in lines], [True], daemon.log())
            self.assertNotIn("hunter2", daemon.log())
            self.assertEqual(self.warned(0o640, **more)[1], [])
        self.assertEqual(self.warned(0o644, network={"proxy": "http://127.0.0.1:1"})[1], [])


if __name__ == "__main__":
    harness.main()
