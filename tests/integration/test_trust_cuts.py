"""New roots on a gateway, and the way back: the process ends, or the disk fails, at each operation on its files. What counted before is never lost."""

import itertools
import os

import harness
from harness import Daemon, StandIn, ctl, daemon_with_faults, directory

ENDS = ("kill", "tear", "fail")


class Cuts(harness.TestCase):
    maxDiff = 1000

    @classmethod
    def setUpClass(cls):
        cls.work = cls.enter_class(directory())
        cls.s = cls.enter_class(StandIn(os.path.join(cls.work, "stand-in")))
        cls.template = os.path.join(cls.work, "template")
        cls.make_template()

    @classmethod
    def roots(cls, *names):
        path = os.path.join(cls.work, "-".join(names) + ".pem")
        with open(path, "w", encoding="utf-8") as to:
            for name in names:
                with open(cls.s.pki.server_ca(name), encoding="utf-8") as file:
                    to.write(file.read())
        return path

    @classmethod
    def make_template(cls):
        """A state where one bundle is in force and another is the one before; the third is to come."""
        cls.first, cls.second, cls.third = cls.roots("rsa2048"), cls.roots("rsa2048", "p384"), cls.roots("rsa2048", "p384", "rsa4096")
        with Daemon(cls.s, cls.template) as daemon:
            for count, file in enumerate((cls.first, cls.second), 1):
                done = ctl("trust", "install", file, "--run", daemon.run_dir)
                assert done.status == 0, done
                harness.wait_for(lambda: cls.bundles(daemon)["in force"][1] == count, "they are in force", daemon.explain)  # noqa: B023
            assert daemon.terminate() == 0

    @staticmethod
    def bundles(daemon):
        """State of each bundle: (file, number of roots)."""
        return {each["state"]: (each["source"], each["roots"])
                for each in ctl("trust", "show", "--json", "--run", daemon.run_dir).json["bundles"]}  # fmt: skip

    def setUp(self):
        self.s.connection_fault("silence", times=0)  # no trial of roots comes to an end

    def daemon(self):
        """One with a copy of that state."""
        return daemon_with_faults(self.s, self.template)

    def assert_counts(self, daemon, wanted, why):
        """The bundles that are told are one of `wanted` ({state: file}), and their files hold it."""
        found = {}
        for state, (path, _) in self.bundles(daemon).items():
            with open(path, encoding="utf-8") as file:
                found[state] = file.read().strip()
        texts = []
        for each in wanted:
            texts.append({})
            for state, path in each.items():
                with open(path, encoding="utf-8") as file:
                    texts[-1][state] = file.read().strip()
        self.assertIn(found, texts, f"{why}\n{daemon.log()}")

    def at_each_operation(self, command, before, after, prepare=None):
        """`command` with each kind of fault at its first operation on a file, at its second, … until it's over before. What counts then is `after` where the command
        said that it's done; else that or `before`."""
        for kind in ENDS:
            for number in itertools.count(1):
                with self.daemon() as daemon:
                    if prepare is not None:
                        self.assertEqual(ctl(*prepare, "--run", daemon.run_dir).status, 0)
                    daemon.faults.order(f"{kind} {number}")
                    done = ctl(*command, "--json", "--run", daemon.run_dir)
                    operations = daemon.faults.end()
                    why = f"{kind} at operation {number}: {operations}\n{done}"
                    is_done = done.status == 0
                    if kind == "fail":
                        self.assert_counts(daemon, [after] if is_done else [before], why)
                    daemon.kill()
                    daemon.start()
                    self.assert_counts(daemon, [after] if is_done else [before, after], why)
                if is_done and number > len(operations):
                    break
            self.assertGreater(number, 2, kind)

    def before(self):
        return {"in force": self.second, "before": self.first}

    def test_an_installation_that_ends_anywhere_leaves_what_counted(self):
        self.at_each_operation(("trust", "install", self.third), self.before(), {**self.before(), "on trial": self.third})

    def test_the_same_where_another_bundle_is_on_trial(self):
        other = self.roots("p384")
        self.at_each_operation(("trust", "install", self.third), {**self.before(), "on trial": other},
                               {**self.before(), "on trial": self.third}, ("trust", "install", other))  # fmt: skip

    def test_a_way_back_that_ends_anywhere_is_gone_or_not(self):
        self.at_each_operation(("trust", "rollback"), self.before(), {"in force": self.first, "before": self.second})

    def test_a_trial_that_is_given_up_is_on_or_over(self):
        self.at_each_operation(("trust", "rollback"), {**self.before(), "on trial": self.third}, self.before(),
                               ("trust", "install", self.third))  # fmt: skip

    def test_nothing_counts_before_it_is_on_the_disk(self):
        with self.daemon() as daemon:
            daemon.faults.order("kill 0")
            self.assertEqual(ctl("trust", "install", self.third, "--run", daemon.run_dir).status, 0)
            operations = daemon.faults.end()
            place = next(each for each in operations if each.startswith("rename ")).split()[1]
            self.assertNotIn(place, {os.path.basename(path) for state, (path, _) in self.bundles(daemon).items() if state != "on trial"})
        at = 0
        for each in (f"write {place}.new", f"sync {place}.new", f"rename {place}", "sync state", "write state.flash", "sync state.flash"):
            self.assertIn(each, operations[at:], operations)
            self.assertNotIn("write state.flash", operations[at : operations.index(each, at)], operations)
            at = operations.index(each, at) + 1


if __name__ == "__main__":
    harness.main()
