#!/usr/bin/env python3
"""What people see of iflowctl: colours, completion, the manual."""

import os
import pty
import re
import shutil
import subprocess
import unittest

import harness
from harness import IFLOWCTL, ROOT, ctl

MAN = os.path.join(ROOT, "packaging", "man")


def verbs():
    """The verbs that --help lists, as word lists."""
    lines = ctl("--help").out.split("\n")
    return [re.match(r"  ([a-z]+(?: (?:check|export|image|console|list|show|retry|drop|install|rollback|csr|certificate|show|bash|zsh))?)\b", line)[1].split()
            for line in lines if re.match(r"  [a-z]", line)]  # fmt: skip


def on_a_terminal(arguments, **environment):
    """What the program writes where it believes to be on a terminal."""
    master, slave = pty.openpty()
    done = subprocess.Popen([IFLOWCTL, *arguments], stdout=slave, stderr=slave, stdin=subprocess.DEVNULL,
                            env={**os.environ, "TERM": "xterm", **environment})  # fmt: skip
    os.close(slave)
    text = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.close(master)
    done.wait()
    return text.decode()


class Surface(unittest.TestCase):
    def complete(self, *words):
        line = " ".join(f"'{word}'" for word in ("iflowctl", *words))
        script = (f"source <('{IFLOWCTL}' completion bash); COMP_WORDS=({line}); COMP_CWORD={len(words)}; _iflowctl; "
                  'printf "%s\\n" "${COMPREPLY[@]}"')  # fmt: skip
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_there_are_colours_on_a_terminal_only_and_not_where_they_are_unwanted(self):
        arguments = ["key", "check", os.path.join(ROOT, "README.md")]
        self.assertIn("\x1b[31m", on_a_terminal(arguments))
        self.assertNotIn("\x1b", on_a_terminal(arguments, NO_COLOR="1"))
        self.assertNotIn("\x1b", on_a_terminal(arguments, TERM="dumb"))
        self.assertNotIn("\x1b", ctl(*arguments).text)
        self.assertNotIn("\x1b", on_a_terminal([*arguments, "--json"]))

    def test_the_tab_key_knows_every_verb(self):
        self.assertEqual(set(self.complete("")), {words[0] for words in verbs()})
        for words in verbs():
            if len(words) == 2:
                self.assertIn(words[1], self.complete(words[0], ""))
        self.assertEqual(self.complete("doctor", "--po"), ["--post"])
        self.assertEqual(self.complete("key", "check", "--j"), ["--json"])
        self.assertEqual(self.complete("key", "check", os.path.join(ROOT, "READ")), [os.path.join(ROOT, "README.md")])

    def test_the_tab_key_offers_only_options_that_are_taken(self):
        for words in verbs():
            for option in self.complete(*words, "--"):
                done = ctl(*words, option, "x")
                self.assertNotRegex(done.text, r"unrecognized|unknown option|isn't known", f"{words} {option}")

    def test_every_verb_tells_how_it_is_called(self):
        for words in verbs():
            for asked in (words, words[:1]) if len(words) == 2 else (words,):
                done = ctl(*asked, "--help")
                self.assertEqual(done.status, 0, asked)
                self.assertIn("iflowctl", done.out)
                self.assertIn(" ".join(asked), done.out)

    def test_logs_is_another_word_for_log(self):
        nowhere = os.path.join(ROOT, "build", "no-such-directory")
        self.assertEqual(ctl("logs", "--run", nowhere, "--json").text, ctl("log", "--run", nowhere, "--json").text)

    def test_an_error_in_json_says_what_exactly(self):
        nowhere = os.path.join(ROOT, "build", "no-such-directory")
        self.assertEqual(ctl("status", "--run", nowhere, "--json").json["error"]["detail"], nowhere)

    def test_the_manual_has_every_verb(self):
        with open(os.path.join(MAN, "iflowctl.1"), encoding="utf-8") as file:
            manual = file.read().replace("\\-", "-")
        for words in verbs():
            self.assertIn(" ".join(words), manual)

    def test_help_and_manual_say_where_reboot_is_and_where_not(self):
        with open(os.path.join(MAN, "iflowctl.1"), encoding="utf-8") as file:
            manual = file.read()
        for text in (ctl("--help").out, manual):
            self.assertIn("reboot", text)
            self.assertIn("systemctl restart iflowd", text)
        self.assertEqual(ctl("reboot").status, 2)

    @unittest.skipUnless(shutil.which("man"), "man isn't installed")
    def test_the_manual_is_sound(self):
        for page in ("iflowctl.1", "iflowd.8"):
            done = subprocess.run(["man", "--warnings", "-l", os.path.join(MAN, page)], capture_output=True, text=True, check=True,
                                  env={**os.environ, "MANPAGER": "cat", "LC_ALL": "C.UTF-8"})  # fmt: skip
            self.assertEqual(done.stderr, "")
            self.assertIn("NAME", done.stdout)


if __name__ == "__main__":
    harness.main()
