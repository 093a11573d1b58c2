#!/usr/bin/env python3
"""`iflowctl key check`: every form of a service key that people have, and every way in which one can be wrong, each with its verdict.

The keys are made by openssl when the test runs. No output, whatever the input, holds a piece of a private key."""

import base64
import hashlib
import json
import os
import re
import subprocess

import harness
from harness import DIAG, IFLOWCTL, ctl, directory
from endpoint import pki

FIELDS = ["usable", "kind", "leaf_sha256", "chain_length", "subject", "issuer", "url", "clientid", "tokenurl", "not_before", "not_after",
          "days_left", "key_type", "repairs", "problems"]  # fmt: skip
URL = f"https://{pki.HOST}"
TOKEN_URL = f"https://{pki.TOKEN_HOST}/oauth/token"


class KeyCheck(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(os.umask, os.umask(0o077))  # others may read no file but where a test says so
        cls.work = cls.enter_class(directory())
        cls.pki = pki.Pki(os.path.join(cls.work, "pki"))

    def key(self, **how):
        return self.pki.write_service_key(os.path.join(self.work, "keys"), URL, TOKEN_URL, **how)

    def file(self, name, content):
        path = os.path.join(self.work, name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def good_text(self):
        with open(self.key()[0], encoding="utf-8") as file:
            return file.read()

    def secrets(self):
        """Pieces of every private key that this test has: base64 lines, and the bytes themselves in hex."""
        for name in pki.LEAVES:
            lines = [line for line in self.pki.client_pem(name + ".key").split("\n") if line and "-" not in line]
            yield from lines[3:-1]
            yield base64.b64decode("".join(lines))[-100:-60].hex()

    def check(self, *files, stdin=b""):
        done = ctl("key", "check", "--json", *files, stdin=stdin)
        human = ctl("key", "check", *files, stdin=stdin)
        for output in (done.text, human.text):
            for secret in self.secrets():
                self.assertNotIn(secret, output)
        self.assertEqual(done.err, "")
        self.assertEqual(list(done.json), FIELDS)
        self.assertEqual(done.status, 0 if done.json["usable"] else 1, done)
        self.assertEqual(human.status, done.status, human)
        self.assertIn("\u2714 usable" if done.json["usable"] else "\u2718 not usable", human.out)
        self.assertNotIn("\033", human.out)
        for problem in done.json["problems"]:
            self.assertEqual(problem["remedy"], DIAG[problem["name"]].remedy)
            self.assertTrue(problem["cause"].startswith(DIAG[problem["name"]].cause[:-1]))
            self.assertIn(f"E{problem['code']} ", human.out)
        return done.json

    def names(self, result):
        return [problem["name"] for problem in result["problems"]]

    def assert_original(self, result, leaf="default"):
        der = base64.b64decode(re.sub("-----[A-Z ]+-----|\\s", "", self.pki.client_pem(leaf + ".crt")))
        self.assertEqual(result["leaf_sha256"], hashlib.sha256(der).hexdigest())
        self.assertTrue(result["usable"], result)

    def test_each_form_of_a_good_key_is_usable(self):
        for form in pki.KEY_FORMS:
            with self.subTest(form=form):
                result = self.check(*self.key(form=form))
                self.assert_original(result)
                self.assertEqual((result["chain_length"], result["key_type"], result["repairs"], result["problems"]), (3, "RSA-2048", [], []))
                self.assertEqual(result["kind"], "external" if form == "pem" else "certificate")
                self.assertEqual(result["url"], None if form == "pem" else URL)

    def test_a_file_with_a_key_that_others_may_read_is_warned_of(self):
        for form in pki.KEY_FORMS:
            with self.subTest(form=form):
                files = self.key(form=form)
                for path in files:
                    os.chmod(path, 0o644)
                result = self.check(*files)
                self.assertTrue(result["usable"])
                self.assertEqual(self.names(result), ["KEY_READABLE"])
                self.assertIn(files[-1], result["problems"][0]["cause"])
                os.chmod(files[-1], 0o640)
                self.assertEqual(self.names(self.check(*files)), [])

    def test_a_client_secret_that_others_may_read_is_warned_of(self):
        files = self.key(defect="secret")
        os.chmod(files[0], 0o644)
        self.assertEqual(self.names(self.check(*files)), ["KEY_SECRET", "KEY_READABLE"])

    def test_all_fields_of_a_good_key_are_told(self):
        result = self.check(*self.key())
        details = self.pki.certificate_details()
        self.assertEqual(result["clientid"], pki.CLIENT_ID)
        self.assertEqual(result["tokenurl"], TOKEN_URL)
        self.assertEqual(result["not_after"], details["validuntil"])
        self.assertRegex(result["not_before"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertIn(result["days_left"], (363, 364, 365))
        for name in ("subject", "issuer"):
            self.assertEqual(sorted(result[name].split(", ")), sorted(details[name + "dn"].split(",")))

    def test_standard_input_is_a_file_like_any_other(self):
        self.assert_original(self.check("-", stdin=self.good_text().encode()))

    def test_each_defect_is_named(self):
        expected = {
            "wrong_key": ["KEY_MISMATCH"],
            "expired": ["KEY_EXPIRED"],
            "missing_intermediate": ["KEY_CHAIN_INCOMPLETE"],
            "api_plan": ["KEY_PLAN_API"],
            "external": ["KEY_NO_PRIVATE_KEY"],
        }
        for defect, names in expected.items():
            with self.subTest(defect=defect):
                result = self.check(self.key(defect=defect)[0])
                self.assertFalse(result["usable"])
                self.assertEqual(self.names(result), names)

    def test_what_only_the_tenant_can_judge_is_usable(self):
        self.assert_original(self.check(*self.key(defect="unknown_ca")), "unknown_ca")
        self.assertEqual(self.check(*self.key(defect="ec"))["key_type"], "EC-P256")
        result = self.check(*self.key(defect="external"))
        self.assert_original(result)
        self.assertEqual(result["kind"], "external")

    def test_an_expired_key_is_described_all_the_same(self):
        result = self.check(*self.key(defect="expired"))
        self.assertLess(result["days_left"], 0)
        self.assertEqual((result["kind"], result["chain_length"], result["key_type"]), ("certificate", 3, "RSA-2048"))

    def test_a_key_that_ends_soon_is_usable_with_a_warning(self):
        result = self.check(*self.key(leaf="soon"))
        self.assert_original(result, "soon")
        self.assertEqual(self.names(result), ["KEY_EXPIRES_SOON"])
        self.assertIn(result["days_left"], (8, 9, 10))

    def test_what_a_paste_broke_is_mended_with_the_fingerprint_unchanged(self):
        text, dash, n = self.good_text(), "-----", "\\n"
        form_tab = text.replace(n, " ")
        broken = {
            "literal": text.replace(n, "\\\\n"),
            "raw lines": text.replace(n, "\n"),
            "one line": form_tab,
            "no breaks": text.replace(n, ""),
            "crlf": text.replace("\n", "\r\n"),
            "bom": "\ufeff" + text,
            "four dashes": text.replace(dash, "----"),
            "em dash": text.replace(dash, "\u2014\u2013\u2013"),
            "no-break spaces": text.replace(n, "\u00a0" + n),
            "prompt": text + "user@host:~$ ",
            "doubled": text.replace('"certificate": "', '"certificate": "' + "".join(self.pki.client_chain()).replace("\n", n)),
        }
        for name, damaged in broken.items():
            with self.subTest(name):
                result = self.check(self.file("broken.json", damaged))
                self.assert_original(result)
                self.assertEqual(result["repairs"] != [], name != "crlf", result)

    def test_a_key_that_a_node_cant_sign_with_is_refused_when_its_image_is_made(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], check=True, capture_output=True)

        def path(name):
            return os.path.join(self.work, name)

        self.file("c.cnf", "[req]\ndistinguished_name=d\n[d]\n[client]\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n")
        self.file("iflow.json", json.dumps({"device": "n", "url": URL, "routes": {"a": "/http/a"}}))
        issuer = ["-CA", self.pki.client_file("intermediate.crt"), "-CAkey", self.pki.client_file("intermediate.key")]
        for bits, status in ((2048, 0), (4096, 1)):
            openssl("genrsa", "-out", path("leaf.key"), str(bits))
            openssl("req", "-x509", "-new", "-config", path("c.cnf"), "-extensions", "client", "-key", path("leaf.key"), "-subj", "/CN=leaf",
                    "-days", "100", *issuer, "-out", path("leaf.crt"))  # fmt: skip
            files = [path("leaf.crt"), self.pki.client_file("intermediate.crt"), path("leaf.key")]
            self.assertEqual(self.check(*files)["key_type"], f"RSA-{bits}", "it's a good key all the same")
            out = path(f"node-{bits}.bin")
            done = ctl("node", "image", "--key", *files, "--config", path("iflow.json"), "--board", "smartfusion2_som", "--ca",
                       self.pki.server_ca(), "-o", out, "--json")  # fmt: skip
            self.assertEqual(done.status, status, done)
            self.assertEqual(self.names(done.json), ["KEY_UNSUPPORTED"] if status else [])
            self.assertEqual(os.path.exists(out), status == 0)

    def test_an_image_without_an_identity_is_refused_and_says_why(self):
        config = self.file("no-key.json", json.dumps({"device": "n", "url": URL, "routes": {"a": "/http/x"}}))
        out = os.path.join(self.work, "none.bin")
        done = ctl("node", "image", "--config", config, "--board", "smartfusion2_som", "--ca", self.pki.server_ca(), "-o", out, "--json")
        self.assertEqual((done.status, self.names(done.json)), (1, ["IDENTITY_NONE"]), done)
        self.assertIn("its first key can't be made on it", done.json["problems"][0]["cause"])
        self.assertFalse(os.path.exists(out))

    def test_an_address_that_a_mail_program_made_a_link_of_isnt_taken(self):
        text = re.sub(r'"url": "([^"]*)"', r'"url": "\1<\1>"', self.good_text())
        result = self.check(self.file("linked.json", text))
        self.assert_original(result)
        self.assertEqual((result["url"], self.names(result)), (None, ["KEY_NO_URL"]))

    def test_the_key_of_another_service_is_told_as_that(self):
        for client, usable, says in (("sb-app!t1", False, "plan `integration-flow`"), (pki.CLIENT_ID, True, "not the runtime")):
            key = self.pki.service_key("https://plant.authentication.eu10.hana.ondemand.com", TOKEN_URL)
            key["oauth"]["clientid"] = client
            path = self.file("service.json", json.dumps(key["oauth"]))
            result = self.check(path)
            self.assertEqual((result["usable"], result["url"], self.names(result)), (usable, None, ["KEY_NO_URL"]))
            self.assertIn(says, result["problems"][0]["cause"])
            config = self.file("service-iflow.json", json.dumps({"device": "gw", "identity": path, "routes": {"a": "/http/x"}}))
            verbs = {
                "config": ("config", "check", config),
                "image": ("node", "image", "--key", path, "--config", config, "--board", "smartfusion2_som", "--ca",
                          self.pki.server_ca(), "-o", os.path.join(self.work, "node.bin")),
                "doctor": ("doctor", "--key", path, "--ca", self.pki.server_ca()),
                "send": ("send", "--key", path, "--route", "/http/x", "--ca", self.pki.server_ca()),
            }  # fmt: skip
            for name, words in verbs.items():
                with self.subTest(name):
                    done = ctl(*words, "--json", stdin=b"{}")
                    self.assertEqual(done.status, 1, done)
                    self.assertIn("KEY_NO_URL", done.out)
                    self.assertIn(says, done.out)

    def test_an_export_says_that_the_url_is_left_out(self):
        key = self.pki.service_key("https://plant.authentication.eu10.hana.ondemand.com", TOKEN_URL)
        path = self.file("service.json", json.dumps(key))
        out = os.path.join(self.work, "secret.yaml")
        done = ctl("key", "export", path, "--secret-yaml", "key", "-o", out, "--json")
        self.assertEqual((done.status, self.names(done.json)), (0, ["KEY_NO_URL"]), done)
        self.assertTrue(os.path.exists(out))

    def test_the_secret_of_another_service_is_told_as_that(self):
        key = {"clientid": "sb-app!t1", "clientsecret": "hunter2", "url": "https://plant.authentication.eu10.hana.ondemand.com"}
        path = self.file("secret.json", json.dumps(key))
        config = self.file("secret-iflow.json", json.dumps({"device": "gw", "identity": path, "auth": "basic", "routes": {"a": "/http/x"}}))
        for words in (("config", "check", config), ("send", "--key", path, "--route", "/http/x", "--ca", self.pki.server_ca())):
            done = ctl(*words, "--json", stdin=b"{}")
            self.assertEqual(done.status, 1, done)
            self.assertIn("KEY_NO_URL", done.out)
            self.assertIn("xsuaa", done.out)

    def test_no_input_is_too_strange(self):
        strange = {
            "empty": (b"", "KEY_UNREADABLE"),
            "text": (b"hello\n", "KEY_UNREADABLE"),
            "zeros": (bytes(1000), "KEY_UNREADABLE"),
            "brace": (b"{", "KEY_JSON"),
            "deep": (b'{"a":' * 100000, "KEY_JSON"),
            "no fields": (b"{}", "KEY_NO_CERTIFICATE"),
            "cut": (self.good_text()[:3000].encode(), "KEY_JSON"),
            "secret": (json.dumps({"oauth": {"clientid": "sb-1!b2|it-rt-x!b3", "clientsecret": "hunter2"}}).encode(), "KEY_SECRET"),
            "escapes": (b'{"clientid": "\\u001b[31mred", "url": "https://x"}', "KEY_NO_CERTIFICATE"),
            "markers": (b"-----BEGIN " * 90000, "KEY_PEM"),
        }
        for name, (content, expected) in strange.items():
            with self.subTest(name):
                result = self.check(self.file("strange", content))
                self.assertEqual(self.names(result), [expected])
                self.assertNotIn("hunter2", json.dumps(result))

    def test_a_huge_file_is_refused_without_reading_it_all(self):
        path = os.path.join(self.work, "huge")
        with open(path, "wb") as file:
            file.truncate(64 << 20)
        self.assertEqual(self.names(self.check(path)), ["TOO_LARGE"])
        os.unlink(path)

    def test_what_cant_be_read_is_told_as_that(self):
        for path in ("/nonexistent/key.json", self.work):
            self.assertEqual(self.names(self.check(path)), ["FILE"])

    def test_wrong_usage_is_status_2_and_help_is_0(self):
        for words in ([], ["--nonsense"], ["a", "b", "c", "d", "e"], ["--json"]):
            done = ctl("key", "check", *words)
            self.assertEqual((done.status, done.out), (2, ""), done)
            self.assertIn("usage:", done.err)
        for words in (["--help"], ["-h"]):
            done = ctl("key", "check", *words)
            self.assertEqual((done.status, done.err), (0, ""), done)
            self.assertIn("usage: iflowctl key check", done.out)

    def test_colours_are_for_terminals_only(self):
        def on_a_terminal(**environment):
            parent, child = os.openpty()
            try:
                subprocess.run([IFLOWCTL, "key", "check", self.key()[0]], stdout=child, check=True, timeout=60,
                               env={**os.environ, "TERM": "xterm", **environment})  # fmt: skip
                return os.read(parent, 65536).decode()
            finally:
                os.close(child)
                os.close(parent)

        self.assertIn("\033[32m", on_a_terminal(NO_COLOR=""))
        self.assertNotIn("\033", on_a_terminal(NO_COLOR="1"))
        self.assertNotIn("\033", on_a_terminal(NO_COLOR="", TERM="dumb"))


if __name__ == "__main__":
    harness.main()
