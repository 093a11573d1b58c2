#!/usr/bin/env python3
"""`iflowctl config check`: a configuration is right, or the line, the key and what is allowed there are told."""

import json
import os
import re

import harness
from harness import DIAG, ctl, directory
from endpoint import pki

GOOD = """{ "device": "gw-0042",
  "identity": "servicekey.json",
  "network": { "address": "dhcp", "dns": [], "ntp": ["pool.ntp.org"], "proxy": "" },
  "routes": { "telemetry": { "path": "/http/plant/telemetry", "content_type": "application/json", "priority": 1 },
              "alarm":     "/http/plant/alarm" } }
"""


class ConfigCheck(harness.TestCase):
    def setUp(self):
        self.work = self.enter(directory())

    def check(self, text, name="iflow.json"):
        path = os.path.join(self.work, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done, self.human = ctl("config", "check", "--json", path), ctl("config", "check", path)
        self.assertEqual(done.status, 0 if done.json["usable"] else 1, done)
        self.assertEqual(self.human.status, done.status, self.human)
        self.assertEqual(done.err + self.human.err, "")
        return done.json

    def problem(self, text):
        result = self.check(text)
        self.assertFalse(result["usable"], result)
        self.assertEqual(len(result["problems"]), 1, result)
        problem = result["problems"][0]
        self.assertEqual((problem["code"], problem["remedy"]), (DIAG[problem["name"]].code, DIAG[problem["name"]].remedy))
        self.assertIn(f"E{problem['code']} ", self.human.out)
        self.assertIn(problem["remedy"], self.human.out)
        return problem

    def write_key(self, **how):
        keys = pki.Pki(os.path.join(self.work, "pki"))
        return keys.write_service_key(self.work, f"https://{pki.HOST}", f"https://{pki.TOKEN_HOST}/oauth/token", **how)

    def test_a_good_configuration_is_usable_and_tells_its_numbers(self):
        result = self.check(GOOD)
        self.assertEqual(result["problems"], [])
        self.assertEqual((result["device"], result["route_count"], result["outbox_blocks_needed"]), ("gw-0042", 2, 5))
        self.assertGreaterEqual(result["outbox_blocks"], 5)
        self.assertIn("the routes need 5", self.human.out)

    def test_the_examples_of_the_manual_are_right(self):
        with open(os.path.join(harness.ROOT, "docs", "configuration.md"), encoding="utf-8") as file:
            manual = file.read()
        examples = re.findall(r"```json\n(.*?)```", manual, re.S)
        self.assertEqual(len(examples), 2)
        for example in examples:
            self.assertTrue(self.check(example)["usable"], example)

    def test_every_key_of_the_configuration_is_in_the_manual(self):
        with open(os.path.join(harness.ROOT, "docs", "configuration.md"), encoding="utf-8") as file:
            manual = file.read()
        routes = {"a": {"path": "/", "nonsense": 1}}
        for text in ({"nonsense": 1}, {"network": {"nonsense": 1}}, {"outbox": {"nonsense": 1}}, {"backoff": {"nonsense": 1}},
                     {"probe": {"nonsense": 1}}, {"routes": routes}):  # fmt: skip
            for key in self.problem(json.dumps(text))["allowed"].split(", "):
                self.assertRegex(manual, rf"[`.]{key}[`.]", key)

    def test_a_bad_value_is_told_with_line_key_and_what_is_allowed(self):
        problem = self.problem(GOOD.replace('"priority": 1', '"priority": 10'))
        self.assertEqual((problem["name"], problem["line"], problem["key"]), ("CONFIG_VALUE", 4, "routes.telemetry.priority"))
        self.assertEqual(problem["allowed"], "a whole number from 0 to 9")
        self.assertIn("line 4, routes.telemetry.priority", self.human.out)

    def test_an_unknown_key_is_told_with_the_list(self):
        problem = self.problem(GOOD.replace('"proxy"', '"prxy"'))
        self.assertEqual((problem["name"], problem["line"], problem["key"]), ("CONFIG_UNKNOWN_KEY", 3, "network.prxy"))
        self.assertIn("proxy", problem["allowed"])

    def test_broken_json_is_told_with_its_line(self):
        problem = self.problem(GOOD.replace('"servicekey.json",', '"servicekey.json"'))
        self.assertEqual((problem["name"], problem["line"]), ("CONFIG_SYNTAX", 3))

    def test_an_outbox_too_small_for_its_routes_is_told_with_both_numbers(self):
        routes = {f"r{i}": "/http/x" for i in range(20)}
        problem = self.problem(json.dumps({"device": "gw", "outbox": {"size": 65536}, "routes": routes}))
        self.assertEqual(problem["name"], "STORE_LANES")
        self.assertIn("20 routes need 23 blocks", problem["cause"])
        self.assertIn("there are 16", problem["cause"])
        result = self.check(json.dumps({"device": "gw", "outbox": {"size": 131072}, "routes": routes}))
        self.assertTrue(result["usable"], result)

    def test_the_wear_of_flash_is_computed_for_the_configuration(self):
        result = self.check(json.dumps({"device": "gw", "outbox": {"size": 16777216}, "routes": {"a": "/http/x"}}))
        messages = 1 + (result["outbox_block_size"] - 256 - 256 - 336) // (336 + 32)  # components/outbox/SPEC.md, cost and life
        self.assertEqual(result["outbox_erased_percent"], 100 * result["outbox_block_size"] // (300 * messages))
        self.assertEqual(result["outbox_life_years"], messages * result["outbox_blocks"] * 100000 // 525960)

    def test_the_largest_outbox_is_checked_too(self):
        result = self.check(json.dumps({"device": "gw", "outbox": {"size": 4294901760}, "routes": {"a": "/http/x"}}))
        self.assertTrue(result["usable"], result)
        self.assertEqual(result["outbox_blocks"] * result["outbox_block_size"], 4294901760 // (1 << 20) * (1 << 20))

    def test_the_service_key_is_found_beside_the_configuration_and_checked(self):
        self.write_key()
        self.check(GOOD)
        self.assertIn(pki.HOST, self.human.out)
        os.rename(self.write_key(defect="wrong_key")[0], os.path.join(self.work, "servicekey.json"))
        self.assertEqual(self.problem(GOOD)["name"], "KEY_MISMATCH")

    def test_two_pem_files_need_a_url(self):
        self.write_key(form="pem")
        identity = {"certificate": "servicekey-pem/cert.pem", "key": "servicekey-pem/key.key"}
        configuration = {"device": "gw", "identity": identity, "routes": {"a": "/http/x"}}
        self.assertEqual(self.problem(json.dumps(configuration))["name"], "KEY_NO_URL")
        self.assertTrue(self.check(json.dumps({**configuration, "url": f"https://{pki.HOST}"}))["usable"])

    def test_a_password_in_the_proxy_is_never_shown(self):
        for proxy in ("http://user:hunter2@proxy:8080", "ftp://user:hunter2@proxy", "http://user:hunter2@"):
            result = self.check(GOOD.replace('"proxy": ""', f'"proxy": "{proxy}"'))
            self.assertNotIn("hunter2", json.dumps(result) + self.human.text)

    def test_what_others_may_read_is_warned_of(self):
        def readable(text):
            result = self.check(text)
            return result["usable"], [re.search(r"\(([^()]*)\)", problem["cause"]).group(1) for problem in result["problems"]
                                      if problem["name"] == "KEY_READABLE"]  # fmt: skip

        key = self.write_key()[0]
        config = os.path.join(self.work, "iflow.json")
        self.assertEqual(readable(GOOD), (True, []))
        os.chmod(key, 0o644)
        self.assertEqual(readable(GOOD), (True, [key]))
        os.chmod(key, 0o640)
        password = GOOD.replace('"proxy": ""', '"proxy": "http://user:hunter2@proxy:8080"')
        self.assertEqual(readable(password), (True, [config]))
        os.chmod(config, 0o600)
        self.assertEqual(readable(password), (True, []))
        secret = self.write_key(defect="secret")[0]
        os.chmod(secret, 0o644)
        basic = json.dumps({"device": "gw", "identity": os.path.basename(secret), "auth": "basic", "routes": {"a": "/http/x"}})
        self.assertEqual(readable(basic), (True, [secret]))

    def test_wrong_usage_is_status_2_and_help_is_0(self):
        for words in ([], ["--nonsense", "x"], ["a", "b"]):
            done = ctl("config", "check", *words)
            self.assertEqual((done.status, done.out), (2, ""), done)
        done = ctl("config", "check", "--help")
        self.assertEqual((done.status, done.err), (0, ""), done)

    def test_a_file_that_isnt_there_is_told_as_that(self):
        done = ctl("config", "check", "--json", "/nonexistent.json")
        self.assertEqual((done.status, done.json["problems"][0]["name"]), (1, "FILE"), done)


if __name__ == "__main__":
    harness.main()
