"""`iflowctl wipe everything`: a gateway that is decommissioned. Nothing of it is left in the state directory, whenever the process ends on the way."""

import contextlib
import itertools
import os

import harness
from harness import Daemon, StandIn, code, ctl, daemon_with_faults, directory, wait_for

FILES = ("identity.flash", "outbox.flash", "state.flash", "trust-1.pem")


class Wipe(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = cls.enter_class(directory())
        cls.s = cls.enter_class(StandIn(os.path.join(cls.work, "stand-in")))
        cls.template = os.path.join(cls.work, "template")
        with Daemon(cls.s, cls.template) as daemon:  # a state with an identity, roots of its own and a message that waits
            done = ctl("trust", "install", cls.s.pki.server_ca("rsa2048"), "--run", daemon.run_dir)
            assert done.status == 0, done
            wait_for(lambda: len(daemon.ask("trust")["bundles"]) == 2, "the roots are in force", daemon.explain)
            cls.s.fault("503", times=0)
            daemon.put("nobody shall read this")
            assert daemon.terminate() == 0

    def setUp(self):
        self.s.reset()
        self.s.fault("503", times=0)

    def daemon(self):
        return daemon_with_faults(self.s, self.template)

    def wipe(self, daemon, *words):
        return ctl("wipe", *(words or ("everything",)), "--json", "--run", daemon.run_dir)

    def assert_wiped(self, daemon, why=""):
        self.assertEqual(os.listdir(daemon.state_dir), ["wiped"], why)

    def assert_refuses_to_start(self, daemon):
        before = len(daemon.log())
        daemon.spawn()
        self.assertEqual(daemon.wait_end(), 1)
        self.assertIn(f"E{code('GATEWAY_WIPED')} ", daemon.log()[before:])
        daemon.kill()

    @contextlib.contextmanager
    def kept_and_overwritten(self, daemon):
        """Other names of the same files: what is overwritten is seen there."""
        kept = os.path.join(daemon.work, "kept")
        os.mkdir(kept)
        for name in FILES:
            os.link(os.path.join(daemon.state_dir, name), os.path.join(kept, name))
        yield
        for name in FILES:
            with open(os.path.join(kept, name), "rb") as file:
                self.assertEqual(file.read().strip(b"\0"), b"", name)

    def test_everything_goes_and_a_restart_does_not_bring_it_back(self):
        with self.daemon() as daemon:
            stranger = os.path.join(daemon.state_dir, "not-of-iflowd")
            with open(stranger, "w", encoding="ascii") as file:
                file.write("stays")
            with self.kept_and_overwritten(daemon):
                done = self.wipe(daemon)
                self.assertEqual((done.status, done.json["ok"]), (0, True), done)
                self.assertEqual(daemon.wait_end(), 0)
            self.assertEqual(sorted(os.listdir(daemon.state_dir)), ["not-of-iflowd", "wiped"])
            daemon.kill()
            os.unlink(stranger)
            self.assert_refuses_to_start(daemon)
            self.assert_wiped(daemon)
            os.unlink(os.path.join(daemon.state_dir, "wiped"))
            daemon.start()  # commissioned again, on purpose
            self.assertEqual(daemon.queued(), 0)
            self.assertEqual(daemon.ask("identity")["slots"][0]["generation"], 1)

    def test_all_is_overwritten_where_the_file_system_does_not_tell_data_from_holes(self):
        with self.daemon() as daemon:
            daemon.faults.order("nodata")
            with self.kept_and_overwritten(daemon):
                self.assertEqual(self.wipe(daemon).status, 0)
                self.assertEqual(daemon.wait_end(), 0)
            self.assert_wiped(daemon)

    def test_the_word_is_needed(self):
        with self.daemon() as daemon:
            for words in (("nothing",), ("everything", "else")):
                done = self.wipe(daemon, *words)
                self.assertEqual((done.status, done.json["error"]["name"]), (1, "USAGE"), done)
            self.assertEqual(ctl("wipe", "--run", daemon.run_dir).status, 1)
            self.assertEqual(daemon.queued(), 1)
            self.assertNotIn("wiped", os.listdir(daemon.state_dir))

    def test_an_end_at_any_moment_only_delays_it(self):
        for kind in ("kill", "tear", "fail"):
            for number in itertools.count(1):
                with self.daemon() as daemon:
                    daemon.faults.order(f"{kind} {number}")
                    done = self.wipe(daemon)
                    ordered = done.status == 0
                    if ordered:
                        daemon.wait_end()
                    operations = daemon.faults.end()
                    why = f"{kind} at operation {number}: {operations}\n{done}\n{daemon.log()}"
                    if ordered or "wiped" in os.listdir(daemon.state_dir):
                        daemon.kill()
                        self.assert_refuses_to_start(daemon)
                        self.assert_wiped(daemon, why)
                    else:  # not ordered: nothing has changed
                        daemon.kill()
                        daemon.start()
                        self.assertEqual(daemon.queued(), 1, why)
                        self.assertEqual(len(daemon.ask("trust")["bundles"]), 2, why)
                if len(operations) < number:
                    self.assertTrue(ordered, why)
                    break
            self.assertGreater(number, 8, kind)


if __name__ == "__main__":
    harness.main()
