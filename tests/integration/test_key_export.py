#!/usr/bin/env python3
"""`iflowctl key export`: what it writes is what openssl, Java's keytool and curl take; for its owner only; and never over something else."""

import os
import shutil
import ssl
import stat
import subprocess
import unittest

import harness
from harness import DIAG, StandIn, ctl, directory
from endpoint import pki

URL = f"https://{pki.HOST}"
TOKEN_URL = f"https://{pki.TOKEN_HOST}/oauth/token"
PASSPHRASE = "Gr\u00fc\u00dfe, changeit"


def run(*arguments, **how):
    return subprocess.run(arguments, capture_output=True, text=True, check=False, **how)


class Export(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = cls.enter_class(directory())
        cls.stand_in = cls.enter_class(StandIn(os.path.join(cls.work, "stand-in")))
        cls.key = cls.stand_in.service_key()
        cls.pki = cls.stand_in.pki

    def path(self, name):
        return os.path.join(self.work, name)

    def file(self, name, text):
        pki.write_private(self.path(name), text)
        return self.path(name)

    def export(self, *arguments, status=0, key=None):
        done = ctl("key", "export", key or self.key, *arguments)
        self.assertEqual(done.status, status, done)
        return done

    def assert_private(self, *paths):
        for path in paths:
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600, path)

    def assert_same_identity(self, *files, passphrase=None, url=None):
        arguments = ["--passphrase-file", passphrase] if passphrase else []
        result, original = (ctl("key", "check", "--json", *each).json for each in ((*arguments, *files), (self.key,)))
        self.assertTrue(result["usable"], result)
        for name in ("leaf_sha256", "chain_length", "key_type", "not_after"):
            self.assertEqual(result[name], original[name])
        self.assertEqual(result["url"], original["url"] if url else None)
        self.assertEqual(result["repairs"], [])

    def public_key(self, text):
        return run("openssl", "pkey", "-pubout", input=text).stdout

    def curl(self, *arguments):
        """A POST to a flow that wants a client certificate."""
        s = self.stand_in
        done = run("curl", "-sS", "--max-time", "30", "--cacert", s.ca_file, "--resolve", f"{s.host}:{s.port}:{s.address}",
                   "-H", "Content-Type: application/json", "-d", '{"t":1}', "-w", "%{http_code}", "-o", "/dev/null",
                   *arguments, f"https://{s.host}:{s.port}{harness.TELEMETRY}")  # fmt: skip
        return done.stdout + done.stderr

    def test_pem_is_what_openssl_python_and_curl_take(self):
        target = self.path("pem")
        done = self.export("--pem", target)
        chain, key = (os.path.join(target, name) for name in ("cert.pem", "key.key"))
        self.assertIn(chain, done.out)
        self.assert_private(chain, key)
        with open(chain, encoding="ascii") as file:
            self.assertEqual(file.read(), "".join(self.pki.client_chain()))
        with open(key, encoding="ascii") as file:
            self.assertEqual(self.public_key(file.read()), self.public_key(self.pki.client_pem("default.key")))
        verified = run("openssl", "verify", "-CAfile", self.pki.client_file("root.crt"), "-untrusted", chain, chain)
        self.assertEqual(verified.returncode, 0, verified)
        ssl.create_default_context().load_cert_chain(chain, key)
        if shutil.which("curl"):
            self.assertEqual(self.curl(), "401", "the flow wants a certificate")
            self.assertIn(self.curl("--cert", chain, "--key", key), ("200", "202"))
        self.assert_same_identity(chain, key)

    def test_pkcs12_is_what_openssl_keytool_and_curl_take(self):
        target, passphrase = self.path("key.p12"), self.file("passphrase", PASSPHRASE + "\n")
        self.export("--pfx", target, "--pfx-passphrase-file", passphrase)
        self.assert_private(target)
        shown = run("openssl", "pkcs12", "-in", target, "-passin", "file:" + passphrase, "-nodes")
        self.assertEqual(shown.returncode, 0, shown)
        self.assertEqual(shown.stdout.count("BEGIN CERTIFICATE"), 3)
        self.assertEqual(self.public_key(shown.stdout), self.public_key(self.pki.client_pem("default.key")))
        self.assertNotEqual(run("openssl", "pkcs12", "-in", target, "-passin", "pass:wrong", "-nodes").returncode, 0)
        self.assert_same_identity(target, passphrase=passphrase)
        plain = self.file("plain", "changeit")
        self.export("--pfx", target, "--pfx-passphrase-file", plain, "--force")
        if shutil.which("curl"):
            self.assertIn(self.curl("--cert-type", "P12", "--cert", target + ":changeit"), ("200", "202"))

    # ./dev doesn't install a Java runtime for this alone: it's run where there is one.
    @unittest.skipUnless(shutil.which("keytool"), "keytool (a Java runtime) isn't installed")
    def test_pkcs12_is_a_java_keystore(self):
        target, passphrase = self.path("java.p12"), self.file("java", "changeit")
        self.export("--pfx", target, "--pfx-passphrase-file", passphrase)
        done = run("keytool", "-J-Xmx128m", "-J-Duser.language=en", "-list", "-v", "-storetype", "PKCS12", "-keystore", target, "-storepass",
                   "changeit")  # fmt: skip
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("PrivateKeyEntry", done.stdout)
        self.assertIn("Certificate chain length: 3", done.stdout)

    def test_der_is_the_bytes_themselves(self):
        target = self.path("der")
        self.export("--der", target)
        names = sorted(os.listdir(target), key=["leaf.der", "ca-1.der", "ca-2.der", "key.der"].index)
        self.assertEqual(names, ["leaf.der", "ca-1.der", "ca-2.der", "key.der"])
        paths = [os.path.join(target, name) for name in names]
        self.assert_private(*paths)
        for name, original in (("leaf.der", "default.crt"), ("ca-1.der", "intermediate.crt"), ("ca-2.der", "root.crt")):
            with open(os.path.join(target, name), "rb") as file:
                self.assertEqual(file.read(), ssl.PEM_cert_to_DER_cert(self.pki.client_pem(original)))
        self.assertEqual(run("openssl", "rsa", "-inform", "DER", "-in", os.path.join(target, "key.der"), "-check", "-noout").returncode, 0)
        self.assert_same_identity(*paths)

    def test_a_secret_holds_everything(self):
        for arguments in ((), ("-o", self.path("secret.yaml"))):
            done = self.export("--secret-yaml", "plant-runtime", *arguments)
            if not arguments:
                self.file("stdout.yaml", done.out)
                self.assertIn("\n  name: plant-runtime\n", done.out)
        self.assert_private(self.path("secret.yaml"))
        with open(self.path("secret.yaml"), encoding="ascii") as one, open(self.path("stdout.yaml"), encoding="ascii") as two:
            self.assertEqual(one.read(), two.read())
        self.assert_same_identity(self.path("secret.yaml"), url=True)
        self.export("--secret-yaml", "Not A Name", status=2)

    def test_nothing_is_overwritten_without_force(self):
        target = self.path("again")
        os.mkdir(target)
        other = os.path.join(target, "key.key")
        self.file("again/key.key", "mine\n")
        os.chmod(other, 0o644)
        done = self.export("--pem", target, "--json", status=1)
        self.assertEqual(done.json["written"], [])
        self.assertEqual([problem["name"] for problem in done.json["problems"]], ["FILE"])
        self.assertIn("--force", done.out)
        self.assertEqual(os.listdir(target), ["key.key"])
        with open(other, encoding="ascii") as file:
            self.assertEqual(file.read(), "mine\n")
        done = self.export("--pem", target, "--json", "--force")
        self.assertEqual(done.json["written"], [os.path.join(target, "cert.pem"), other])
        self.assert_private(other)

    def test_a_link_isnt_followed(self):
        target, victim = self.path("linked.p12"), self.file("victim", "mine\n")
        passphrase = self.file("p", "x")
        os.symlink(victim, target)
        self.export("--pfx", target, "--pfx-passphrase-file", passphrase, status=1)
        self.export("--pfx", target, "--pfx-passphrase-file", passphrase, "--force")
        self.assertFalse(os.path.islink(target))
        with open(victim, encoding="ascii") as file:
            self.assertEqual(file.read(), "mine\n")

    def test_what_isnt_usable_isnt_exported(self):
        bad = self.file("bad.json", '{"oauth": {}}')
        done = self.export("--pem", self.path("nothing"), status=1, key=bad)
        self.assertIn(DIAG["KEY_NO_CERTIFICATE"].cause, done.out)
        self.assertFalse(os.path.exists(self.path("nothing")))

    def test_what_was_broken_comes_out_whole(self):
        with open(self.key, encoding="utf-8") as file:
            broken = file.read().replace("-----", "\u2014").replace('"', "\u201d").replace("\\n", " ")
        target = self.path("mended")
        self.export("--pem", target, key=self.file("broken.json", broken))
        self.assert_same_identity(os.path.join(target, "cert.pem"), os.path.join(target, "key.key"))

    def test_a_passphrase_is_never_taken_from_the_command_line_and_wrong_words_are_status_2(self):
        for words in ([], ["--pem"], ["--pem", "a", "--der", "b"], ["--passphrase", "x", "--pem", "a"], ["--nonsense"]):
            done = ctl("key", "export", self.key, *words)
            self.assertEqual((done.status, done.out), (2, ""), done)
        self.assertEqual(ctl("key", "export", "--help").status, 0)
        self.export("--pfx", self.path("none.p12"), status=1)  # and no terminal to ask on


if __name__ == "__main__":
    harness.main()
