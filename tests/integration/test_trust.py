"""`iflowctl trust`: roots that are replaced while iflowd runs, tried with the tenant, and taken back."""

import contextlib
import os
import shutil
import socket

import harness
from harness import TELEMETRY, Daemon, StandIn, code, ctl, directory, wait_for, why


class Trust(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.class_work = cls.enter_class(directory())
        cls.s = cls.enter_class(StandIn(os.path.join(cls.class_work, "stand-in")))

    def setUp(self):
        self.s.reset()
        self.work = self.enter(directory())
        self.addCleanup(self.s.reconfigure, server_root="rsa2048")
        self.configured = os.path.join(self.work, "configured.pem")
        shutil.copy(self.s.pki.server_ca("rsa2048"), self.configured)
        self.d = Daemon(self.s, os.path.join(self.work, "daemon"), idle_close_ms=100)
        self.d.arguments = ["--ca", self.configured]  # the last one counts
        self.addCleanup(self.d.kill)
        self.d.start()

    def roots(self, *names):
        path = os.path.join(self.work, "-".join(names) + ".pem")
        with open(path, "w", encoding="utf-8") as to:
            for name in names:
                with open(self.s.pki.server_ca(name), encoding="utf-8") as file:
                    to.write(file.read())
        return path

    def install(self, *files):
        return ctl("trust", "install", *files, "--json", "--run", self.d.run_dir)

    def bundles(self):
        """State of each bundle: (file, number of roots)."""
        done = ctl("trust", "show", "--json", "--run", self.d.run_dir)
        self.assertEqual(done.status, 0, done)
        return {each["state"]: (os.path.basename(each["source"]), each["roots"]) for each in done.json["bundles"]}

    def wait_bundles(self, **states):
        states = {state.replace("_", " "): value for state, value in states.items()}
        wait_for(lambda: self.bundles() == states, f"the bundles are {states}", lambda: f"{self.bundles()}\n{self.d.log()}")

    def connections(self):
        """How many connections iflowd has to the tenant. (Its other sockets come and go: notifications, the console.)"""
        directory_of = f"/proc/{self.d.process.pid}/fd"
        mine = set()
        for name in os.listdir(directory_of):
            with contextlib.suppress(FileNotFoundError):
                mine.add(os.readlink(os.path.join(directory_of, name)))
        with open("/proc/net/tcp", encoding="ascii") as table:  # see proc_pid_net(5)
            rows = [line.split() for line in table.readlines()[1:]]
        return sum(int(row[2].split(":")[1], 16) == self.s.port and f"socket:[{row[9]}]" in mine for row in rows)

    def deliver(self, payload):
        sent = self.d.put(payload)
        self.d.wait_empty()
        self.assertEqual(self.s.accepted(TELEMETRY)[-1]["id"], sent)

    def move_to(self, root):
        """The tenant's server has a certificate below another root from now on."""
        wait_for(lambda: not any(each["open"] for each in self.s.connections()), "no connection is open", self.d.explain)
        self.s.reconfigure(server_root=root)

    def test_new_roots_are_in_force_once_the_tenant_chains_to_them(self):
        self.assertEqual(self.bundles(), {"in force": ("configured.pem", 1)})
        self.deliver("with the configured root")
        done = self.install(self.roots("rsa2048", "p384"))
        self.assertEqual(done.status, 0, done)
        self.wait_bundles(in_force=("trust-1.pem", 2), before=("configured.pem", 1))  # without a message
        self.assertIn(f"E{code('TRUST_PROVEN')} ", self.d.log())
        self.deliver("with the installed ones")
        self.move_to("p384")
        self.deliver("after the server has moved to the new root")
        self.d.kill()
        self.d.start()
        self.assertEqual(self.bundles(), {"in force": ("trust-1.pem", 2), "before": ("configured.pem", 1)})
        self.deliver("after a restart")
        self.assertEqual(ctl("trust", "rollback", "--run", self.d.run_dir).status, 0)
        count = len(self.s.records())
        self.d.put("waits: this server isn't trusted any more")
        wait_for(lambda: why(self.d.status()["host"]) == "TLS_UNTRUSTED", "it's refused", self.d.explain)
        self.assertEqual(len(self.s.records()), count, "not a byte of HTTP")
        self.assertEqual(ctl("trust", "rollback", "--run", self.d.run_dir).status, 0)
        self.d.wait_empty()
        mode = os.stat(os.path.join(self.d.state_dir, "trust-1.pem")).st_mode & 0o777
        self.assertEqual(mode, 0o600)

    def test_roots_that_the_tenant_does_not_chain_to_are_given_up(self):
        done = self.install(self.roots("p384"))
        self.assertEqual(done.status, 0, done)
        self.wait_bundles(in_force=("configured.pem", 1))
        self.assertIn(f"E{code('TRUST_REFUSED')} ", self.d.log())
        self.deliver("nothing has changed")

    def test_a_server_that_neither_bundle_knows_decides_nothing(self):
        self.move_to("rsa4096")
        self.assertEqual(self.install(self.roots("p384")).status, 0)
        wait_for(lambda: f"E{code('TLS_UNTRUSTED')} " in self.d.log(), "it's tried", self.d.explain)
        both = {"in force": ("configured.pem", 1), "on trial": ("trust-1.pem", 1)}
        self.assertEqual(self.bundles(), both)
        self.assertEqual(self.s.records(), [])
        self.d.kill()
        self.d.start()
        self.assertEqual(self.bundles(), both)
        self.move_to("p384")
        self.deliver("with the root on trial")
        self.wait_bundles(in_force=("trust-1.pem", 1), before=("configured.pem", 1))

    def test_a_trial_that_nothing_decided_is_repeated_without_a_message(self):
        self.d.kill()
        self.d.configure(probe={"first_ms": 100, "cap_ms": 200})
        self.d.start()
        self.move_to("rsa4096")
        self.assertEqual(self.install(self.roots("p384")).status, 0)
        wait_for(lambda: any(event["status"]["code"] == code("TLS_UNTRUSTED") and event["repeated"] > 1 for event in self.d.ask("log")["events"]),
                 "it's tried again and again", self.d.explain)  # fmt: skip
        self.assertEqual(self.s.records(), [])
        self.move_to("p384")
        self.wait_bundles(in_force=("trust-1.pem", 1), before=("configured.pem", 1))

    def test_a_trial_goes_on_at_once_after_a_restart_and_tells_since_when(self):
        self.s.connection_fault("silence", times=0)
        self.assertEqual(self.install(self.roots("rsa2048", "p384")).status, 0)

        def trial():
            shown = ctl("trust", "show", "--json", "--run", self.d.run_dir).json["bundles"]
            self.assertEqual([each["state"] for each in shown if "since" in each], ["on trial"])
            return next(each["since"] for each in shown if each["state"] == "on trial")

        since = trial()
        self.assertRegex(since, r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertIn(f"trust-1.pem, since {since}\n", ctl("trust", "show", "--run", self.d.run_dir).out)
        self.d.kill()
        self.d.start()
        self.assertEqual(trial(), since)
        self.d.kill()
        self.s.reset()
        self.d.start()
        self.wait_bundles(in_force=("trust-1.pem", 2), before=("configured.pem", 1))  # without a message

    def test_a_bundle_on_trial_is_replaced_or_given_up(self):
        self.assertEqual(self.connections(), 0)
        self.s.connection_fault("silence", times=0)
        self.assertEqual(self.install(self.roots("p384")).status, 0)
        wait_for(lambda: self.connections() == 1, "it's tried", self.d.log)
        self.assertEqual(self.install(self.roots("rsa4096", "p384")).status, 0)
        self.assertEqual(self.bundles()["on trial"], ("trust-2.pem", 2))
        self.assertEqual(ctl("trust", "rollback", "--run", self.d.run_dir).status, 0)
        self.assertEqual(self.bundles(), {"in force": ("configured.pem", 1)})
        wait_for(lambda: self.connections() == 0, "its handshake is given up, too", self.d.log)
        done = ctl("trust", "rollback", "--json", "--run", self.d.run_dir)
        self.assertEqual((done.status, done.json["error"]["name"]), (1, "NOT_FOUND"))

    def test_the_next_bundle_takes_a_place_where_none_is_that_counts(self):
        self.assertEqual(self.install(self.roots("rsa2048")).status, 0)
        self.wait_bundles(in_force=("trust-1.pem", 1), before=("configured.pem", 1))
        self.assertEqual(self.install(self.roots("rsa2048", "p384")).status, 0)
        self.wait_bundles(in_force=("trust-2.pem", 2), before=("trust-1.pem", 1))
        self.assertEqual(self.install(self.roots("rsa2048", "p384", "rsa4096")).status, 0)
        self.wait_bundles(in_force=("trust-3.pem", 3), before=("trust-2.pem", 2))
        self.assertEqual(self.install(self.roots("rsa2048", "rsa4096")).status, 0)
        self.wait_bundles(in_force=("trust-1.pem", 2), before=("trust-3.pem", 3))
        self.assertEqual(self.install(self.roots("rsa4096")).status, 0)
        self.wait_bundles(in_force=("trust-1.pem", 2), before=("trust-3.pem", 3))  # a trial that was given up costs nothing
        self.deliver("with the last that was proven")

    def test_what_is_no_bundle_is_refused_and_changes_nothing(self):
        damaged = os.path.join(self.work, "damaged.pem")
        with open(self.roots("p384"), encoding="utf-8") as file, open(damaged, "w", encoding="utf-8") as to:
            text = file.read()
            to.write(text[: len(text) // 2] + text[len(text) // 2 + 7 :])
        cut = os.path.join(self.work, "cut.pem")
        with open(cut, "w", encoding="utf-8") as to:
            to.write(text[:200])
        large = os.path.join(self.work, "large.pem")
        with open(large, "w", encoding="utf-8") as to:
            to.write(text * 300)
        with_key = os.path.join(self.work, "with-key.pem")
        with open(with_key, "w", encoding="utf-8") as to:
            to.write(text + self.s.pki.client_pem("default.key"))
        for file, name in ((damaged, "TRUST_BAD"), (cut, "TRUST_BAD"), (self.s.pki.client_file("default.key"), "TRUST_BAD"),
                           (os.devnull, "TRUST_BAD"), (with_key, "TRUST_BAD"), (large, "TOO_LARGE"), ("/nowhere", "FILE")):  # fmt: skip
            done = self.install(file)
            self.assertEqual((done.status, done.json["error"]["name"]), (1, name), done)
            self.assertEqual(self.bundles(), {"in force": ("configured.pem", 1)})
        self.assertEqual(sorted(name for name in os.listdir(self.d.state_dir) if name.startswith("trust")), [])
        self.assertEqual(ctl("trust", "install", "--run", self.d.run_dir).status, 2)
        self.deliver("nothing has changed")

    def test_a_text_that_begins_with_a_zero_is_a_text(self):
        path = os.path.join(self.work, "s_client.pem")
        with open(self.roots("rsa2048", "p384"), encoding="ascii") as file, open(path, "w", encoding="ascii") as to:
            to.write("0 s:CN = a root, as openssl s_client -showcerts tells it\n" + file.read())
        done = self.install(path)
        self.assertEqual(done.status, 0, done)

    def test_a_file_of_roots_gives_no_commands(self):
        with open(self.roots("rsa2048", "p384"), encoding="ascii") as file:
            good = file.read()
        for end in (".\n", ".\r\n", "x\r.\n", "\0.\n", ".\0\n", ".\x08.\n"):
            with self.subTest(repr(end)):
                path = os.path.join(self.work, "commands.pem")
                with open(path, "w", encoding="ascii", newline="") as file:
                    file.write(good + end + "wipe everything\n" + "json wipe everything\n" + good)
                self.assertEqual(self.install(path).status, 0)
                self.assertEqual(self.d.ask("trust")["ok"], True)  # it's still there
                self.assertNotIn("wiped", os.listdir(self.d.state_dir))

    def test_a_file_of_roots_gives_no_commands_where_the_console_takes_none(self):
        path = os.path.join(self.work, "commands.pem")
        with open(path, "w", encoding="ascii") as file:
            file.write("wipe everything\n  json wipe everything\n")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:  # it's pasting
            other.connect(os.path.join(self.d.run_dir, "console.sock"))
            other.sendall(b"trust install\n")
            self.assertTrue(other.recv(4096))
            self.assertEqual(self.install(path).json["error"]["name"], "CONSOLE_BUSY")
            self.assertEqual(self.d.ask("trust")["ok"], True)
            self.assertNotIn("wiped", os.listdir(self.d.state_dir))

    def test_installed_files_that_are_damaged_are_told_and_those_before_count(self):
        self.assertEqual(self.install(self.roots("rsa2048", "p384")).status, 0)
        self.wait_bundles(in_force=("trust-1.pem", 2), before=("configured.pem", 1))
        self.d.kill()
        with open(os.path.join(self.d.state_dir, "trust-1.pem"), "r+b") as file:
            file.truncate(900)
        self.d.start()
        self.assertIn("trust-1.pem", self.d.log())
        self.assertEqual(self.bundles(), {"in force": ("configured.pem", 1)})
        self.deliver("with the configured root")

    def test_the_configuration_is_read_again_and_what_was_installed_still_counts(self):
        self.assertEqual(self.install(self.roots("rsa2048", "p384")).status, 0)
        self.wait_bundles(in_force=("trust-1.pem", 2), before=("configured.pem", 1))
        shutil.copy(self.s.pki.server_ca("rsa4096"), self.configured)
        self.d.reload()
        self.deliver("with the installed roots")


if __name__ == "__main__":
    harness.main()
