#!/usr/bin/env python3
"""Every form and every damage of key_corpus.py: usable with the leaf's fingerprint unchanged, or refused with the right name. And inputs that nobody has: whatever
they are, `iflowctl key check` ends by itself within 5 s of CPU time, and says nothing that is secret.

    test_key_corpus.py WORD    only the variants with this word in their name"""

import base64
import hashlib
import os
import random
import re
import resource
import subprocess
import sys

import harness
import key_corpus
from harness import IFLOWCTL, ctl, directory
from endpoint import pki

URL = f"https://{pki.HOST}"
TOKEN_URL = f"https://{pki.TOKEN_HOST}/oauth/token"
ONLY = ""
CPU_SECONDS = 5
SIZE = (1 << 20) - 1  # the largest file that is read


def limited(arguments, stdin):
    """Run it with a limit of CPU time: beyond that it ends by a signal, which no test takes."""
    return subprocess.run(["prlimit", f"--cpu={CPU_SECONDS}", "--", *arguments], input=stdin, capture_output=True, check=False)


class Corpus(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = cls.enter_class(directory())
        cls.pki = pki.Pki(os.path.join(cls.work, "pki"))
        cls.corpus = key_corpus.Corpus(cls.pki, URL, TOKEN_URL, cls.work)

    def file(self, name, content):
        path = os.path.join(self.work, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def secrets(self):
        """Pieces of every private key: base64 lines, and bytes in hex."""
        for name in pki.LEAVES:
            lines = [line for line in self.pki.client_pem(name + ".key").split("\n") if line and "-" not in line]
            yield from lines[3:-1]
            yield base64.b64decode("".join(lines))[-100:-60].hex()

    def fingerprint(self, leaf):
        der = base64.b64decode(re.sub("-----[A-Z ]+-----|\\s", "", self.pki.client_pem(leaf + ".crt")))
        return hashlib.sha256(der).hexdigest()

    def wrong_with(self, variant, result):
        """What isn't as it should be, or ""."""
        names = [problem["name"] for problem in result["problems"]]
        if variant.verdict != key_corpus.USABLE:
            if result["usable"]:
                return f"usable, with {result['repairs']}"
            if variant.hint not in str(result["problems"]):
                return f"no word of {variant.hint}: {result['problems']}"
            if "KEY_EXPIRED" in names and "KEY_EXPIRED" not in variant.verdict:
                return f"a date is judged that nobody could read: {result}"
            return "" if set(names) & set(variant.verdict) else f"refused with {names} instead of {variant.verdict}"
        if not result["usable"]:
            return f"refused with {[problem['cause'] for problem in result['problems']]}"
        if result["leaf_sha256"] != self.fingerprint(variant.leaf) or result["chain_length"] not in variant.chain:
            return f"another identity: {result}"
        texts = (result["url"], result["clientid"], result["tokenurl"])
        if variant.url is not None and texts != ((URL, pki.CLIENT_ID, TOKEN_URL) if variant.url else (None, None, None)):
            return f"other texts: {texts}"
        if variant.mended is not None and bool(result["repairs"]) != variant.mended:
            return f"repairs: {result['repairs']}"
        return ""

    def check(self, variant):
        files = [self.file(f"key{i}{variant.suffix}", content) for i, content in enumerate(variant.files)]
        arguments = []
        if variant.passphrase is not None:
            arguments = ["--passphrase-file", self.file("passphrase", variant.passphrase.encode() + b"\n")]
        done = ctl("key", "check", "--json", *arguments, *files)
        self.assertIn(done.status, (0, 1), done)
        self.assertEqual(done.status, 0 if done.json["usable"] else 1)
        for secret in [*self.secrets(), "s3cr3t-of-this-test"]:
            self.assertNotIn(secret, done.text)
        self.assertEqual(done.err, "")
        return self.wrong_with(variant, done.json)

    def test_each_form_and_each_damage_gets_the_right_verdict(self):
        count, wrong, names = 0, 0, set()
        for variant in self.corpus.all():
            if ONLY not in variant.name:
                continue
            self.assertNotIn(variant.name, names, "a variant has a name of its own")
            names.add(variant.name)
            count += 1
            with self.subTest(variant.name):
                fault = self.check(variant)
                wrong += bool(fault)
                self.assertEqual(fault, "")
        print(f"{count} variants, {wrong} wrong", file=sys.stderr)
        if not ONLY:
            harness.write_figures("keys_variants", {"keys.variants": count, "keys.wrong": wrong})
            self.assertGreaterEqual(count, 80)

    def hostile(self):
        def full(piece):
            piece = piece if isinstance(piece, bytes) else piece.encode()
            return (piece * (SIZE // len(piece) + 1))[:SIZE]

        pieces = ["BEGIN ", "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", "{", "[", "{}", '{"a":', '["a",', '["a"x', '"',
                  "\\", '\\"', '{\\"', '{""a"":', "A", "M ", "MIIC ", " ", "\n", "> \n", "1: a\n", "<", "</a", "<br>", "&", "&amp;", "%0A%7B",
                  "=3D=\n", "\033", "\033[1;", "\u200b", "\u2014", "-", "- ", "url clientid key ", '"certificate":', "E\nN\nD\n", "```\n", "| a |\n",
                  "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: A,00\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                  "-----BEGIN CERTIFICATE-----\nMA4wDAIBAQIBAQIBAQIBAQ==\n-----END CERTIFICATE-----\n"]  # fmt: skip
        yield from ((repr(piece), full(piece)) for piece in pieces)
        yield "random", random.Random(1).randbytes(SIZE)
        yield "not ASCII", bytes(random.Random(1).choices(range(128, 256), k=SIZE))
        yield "utf-16", full("\u2014".encode("utf-16-le"))
        yield "deep", b'{"a":' * 150000 + b"1" + b"}" * 150000
        yield "as large as it may be", self.corpus.text.encode() + bytes(b" " * (SIZE - len(self.corpus.text)))

    def test_whatever_the_input_is_it_ends_soon(self):
        usable = 0
        for name, content in self.hostile():
            with self.subTest(name):
                done = limited([IFLOWCTL, "key", "check", "--json", "-"], content)
                self.assertIn(done.returncode, (0, 1), done)
                usable += done.returncode == 0
        self.assertEqual(usable, 1)

    def test_a_pipe_that_nobody_writes_into_is_refused(self):
        path = os.path.join(self.work, "pipe")
        os.mkfifo(path)
        done = limited([IFLOWCTL, "key", "check", "--json", path], b"")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(b"nobody writes into this pipe", done.stdout)
        os.unlink(path)

    def test_a_pipe_is_read_to_its_end(self):
        done = subprocess.run(["sh", "-c", f"{IFLOWCTL} key check --json /dev/fd/0"], input=self.corpus.text.encode(), capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done)

    def test_64_megabytes_are_refused(self):
        path = os.path.join(self.work, "large")
        with open(path, "wb") as file:
            for _ in range(64):
                file.write(b"-----BEGIN CERTIFICATE-----\n" * (1 << 15))
        done = limited([IFLOWCTL, "key", "check", "--json", path], b"")
        self.assertEqual(done.returncode, 1, done)
        os.unlink(path)

    def test_a_container_that_asks_for_endless_work_is_refused(self):
        """PKCS#12 says itself how many rounds its passphrase takes."""
        chain = self.file("chain.pem", self.corpus.fields["certificate"].encode())
        key = self.file("chain.key", self.corpus.private.encode())
        made = self.corpus.openssl("pkcs12", "-export", "-inkey", key, "-in", chain, "-passout", "pass:x", "-iter", "2048")
        for rounds in (b"\x02\x02\x08\x00",):
            self.assertIn(rounds, made)
            endless = made.replace(rounds, b"\x02\x02\x7f\xff")
            done = limited([IFLOWCTL, "key", "check", "--json", self.file("a.p12", endless)], b"")
            self.assertEqual(done.returncode, 1, done)
        large = self.corpus.openssl("pkcs12", "-export", "-inkey", key, "-in", chain, "-passout", "pass:x", "-iter", "70000")
        rounds = b"\x02\x03\x01\x11\x70"
        self.assertIn(rounds, large)
        endless = self.file("b.p12", large.replace(rounds, b"\x02\x03\x7f\xff\xff"))
        passphrase = self.file("passphrase", b"x")
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        done = limited([IFLOWCTL, "key", "check", "--json", "--passphrase-file", passphrase, endless], b"")
        self.assertEqual(done.returncode, 1, done)
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, 2 * CPU_SECONDS)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and "." not in sys.argv[1]:
        ONLY = sys.argv.pop()
    harness.main()
