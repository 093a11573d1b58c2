#!/usr/bin/env python3
"""Authentication without a client certificate, over TLS 1.2 and 1.3: what trial tenants need. What was accepted is read from the
stand-in's records."""

import json
import os
import tempfile

import harness
from harness import DIAG, TELEMETRY, Daemon, StandIn, ctl, directory, send, wait_for, why

from endpoint import pki  # isort: skip (harness knows where)

VERSIONS = ("1.2", "1.3")


def each_version(test):
    """The test with a stand-in of each version of TLS, afresh."""

    def both(self):
        for tls, stand_in in self.stand_ins.items():
            with self.subTest(tls=tls):
                stand_in.reset()
                test(self, stand_in)

    return both


class AuthTest(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = cls.enter_class(directory())
        cls.stand_ins = {tls: cls.enter_class(StandIn(os.path.join(cls.work, tls), tls=tls)) for tls in VERSIONS}

    def daemon(self, s, **configuration):
        daemon = Daemon(s, tempfile.mkdtemp(dir=self.work), **configuration)
        self.addCleanup(daemon.kill)
        return daemon

    def written(self, s, key=None, **changes):
        """A service key, of type ClientId/Secret if no other is given, with other texts."""
        with open(key or s.service_key(defect="secret"), encoding="utf-8") as file:
            key = json.load(file)
        key["oauth"].update(changes)
        path = os.path.join(self.work, "changed.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(key, file)
        return path

    def assert_told_nowhere(self, daemon):
        text = daemon.log() + json.dumps(daemon.status()) + json.dumps(daemon.ask("log"))
        self.assertNotIn(pki.CLIENT_SECRET, text)
        self.assertNotIn(json.dumps(pki.CLIENT_SECRET)[1:-1], text)


class Basic(AuthTest):
    @each_version
    def test_a_service_key_with_a_secret_delivers_without_a_certificate(self, s):
        s.tenant.set_state(trial=True)  # certificates don't help there
        daemon = self.daemon(s, key=s.service_key(defect="secret"), auth="basic").start()
        ids = [daemon.put(f"reading {number}") for number in range(5)]
        daemon.wait_empty()
        self.assertEqual([message["id"] for message in s.accepted(TELEMETRY)], ids)
        for record in s.records():
            self.assertEqual((record["authorization"], record["verify"]), ("Basic", "NONE"))
        self.assertIn(f"authenticating as {pki.CLIENT_ID} with a secret", daemon.log())
        self.assert_told_nowhere(daemon)
        self.assertEqual(daemon.terminate(), 0)

    @each_version
    def test_user_and_password_may_stand_in_the_configuration(self, s):
        daemon = self.daemon(s, auth="basic", url=s.url,
                             credentials={"user": pki.CLIENT_ID, "password": pki.CLIENT_SECRET})  # fmt: skip
        daemon.configuration.pop("identity")
        daemon.configure()
        daemon.start()
        daemon.put("reading")
        daemon.wait_empty()
        self.assertEqual(len(s.accepted(TELEMETRY)), 1)
        self.assert_told_nowhere(daemon)

    @each_version
    def test_a_wrong_secret_holds_everything_and_a_right_one_delivers_it(self, s):
        daemon = self.daemon(s, key=self.written(s, clientsecret="wrong"), auth="basic").start()
        message = daemon.put("reading")
        wait_for(lambda: why(daemon.status()["host"]) == "ANSWER_BAD_CREDENTIALS", "the host is held", daemon.explain)
        self.assertEqual(s.accepted(), [])
        self.assertEqual(daemon.queued(), 1)
        daemon.configure(identity=s.service_key(defect="secret"))
        daemon.reload()
        daemon.wait_empty()
        self.assertEqual([each["id"] for each in s.accepted(TELEMETRY)], [message])

    @each_version
    def test_a_change_between_certificate_and_secret_loses_nothing(self, s):
        daemon = self.daemon(s).start()
        ids = [daemon.put("by certificate")]
        daemon.wait_empty()
        daemon.configure(identity=s.service_key(defect="secret"), auth="basic")
        daemon.reload()
        ids.append(daemon.put("by secret"))
        daemon.wait_empty()
        daemon.configure(identity=s.service_key(), auth="certificate")
        daemon.reload()
        ids.append(daemon.put("by certificate again"))
        daemon.wait_empty()
        self.assertEqual([message["id"] for message in s.accepted(TELEMETRY)], ids)
        self.assertEqual([record["authorization"] for record in s.records()], ["", "Basic", ""])
        self.assertEqual([record["verify"] for record in s.records()], ["SUCCESS", "NONE", "SUCCESS"])

    @each_version
    def test_csrf_protection_works_with_basic_too(self, s):
        s.deploy(TELEMETRY, csrf=True)
        daemon = self.daemon(s, key=s.service_key(defect="secret"), auth="basic").start()
        ids = [daemon.put(f"reading {number}") for number in range(3)]
        daemon.wait_empty()
        self.assertEqual([message["id"] for message in s.accepted(TELEMETRY)], ids)
        self.assertEqual({record["authorization"] for record in s.records()}, {"Basic"})

    def test_without_a_secret_it_doesn_t_start_and_says_why(self):
        s = self.stand_ins["1.3"]
        s.reset()
        daemon = self.daemon(s, auth="basic")  # its key has a certificate
        daemon.spawn()
        self.assertEqual(daemon.wait_end(), 1)
        diag = DIAG["KEY_NO_SECRET"]
        self.assertIn(f"E{diag.code} {diag.cause} {diag.remedy}", daemon.log())

    @each_version
    def test_iflowctl_send_takes_a_key_with_a_secret(self, s):
        done = send(s, key=s.service_key(defect="secret"))
        self.assertEqual(done.status, 0, done)
        self.assertEqual(len(s.accepted(TELEMETRY)), 1)
        self.assertEqual([record["authorization"] for record in s.records()], ["Basic"])
        self.assertNotIn(pki.CLIENT_SECRET, done.text)


class OAuth(AuthTest):
    """The token endpoint has a host of its own, so everything goes through the CONNECT proxy, which knows both."""

    def oauth(self, s, **configuration):
        return self.daemon(s, auth="oauth", resolve=False, network={"proxy": f"http://127.0.0.1:{s.proxy.port}"}, **configuration)

    def tokens(self, s):
        return [record for record in s.records() if record["path"] == "/oauth/token"]

    def posts(self, s):
        return [record for record in s.records() if record["path"] == TELEMETRY]

    @each_version
    def test_one_token_by_secret_serves_many_messages(self, s):
        daemon = self.oauth(s, key=s.service_key(defect="secret")).start()
        ids = [daemon.put(f"reading {number}") for number in range(10)]
        daemon.wait_empty()
        self.assertEqual([message["id"] for message in s.accepted(TELEMETRY)], ids)
        self.assertEqual([(record["method"], record["authorization"], record["verify"]) for record in self.tokens(s)],
                         [("POST", "Basic", "NONE")])  # fmt: skip
        self.assertEqual({(record["authorization"], record["verify"]) for record in self.posts(s)}, {("Bearer", "NONE")})
        self.assert_told_nowhere(daemon)
        token = next(iter(s.tenant.tokens))
        self.assertNotIn(token, daemon.log() + json.dumps(daemon.ask("log")))

    @each_version
    def test_a_token_over_mutual_tls_needs_no_secret(self, s):
        daemon = self.oauth(s).start()
        message = daemon.put("reading")
        daemon.wait_empty()
        self.assertEqual([each["id"] for each in s.accepted(TELEMETRY)], [message])
        self.assertEqual([(record["authorization"], record["verify"]) for record in self.tokens(s)], [("", "SUCCESS")])
        self.assertEqual([record["authorization"] for record in self.posts(s)], ["Bearer"])

    @each_version
    def test_a_token_that_has_ended_is_replaced_once_and_nothing_waits(self, s):
        daemon = self.oauth(s, key=s.service_key(defect="secret")).start()
        ids = []
        for round in range(3):
            ids.append(daemon.put(f"reading {round}"))
            daemon.wait_empty()
            s.tenant.advance(50000)  # virtual seconds, which the daemon doesn't see
        self.assertEqual([message["id"] for message in s.accepted(TELEMETRY)], ids)
        self.assertEqual(len(self.tokens(s)), 3)
        self.assertEqual(daemon.status()["host"]["state"], "going")
        self.assertEqual(daemon.status()["counters"]["held"], 0)

    @each_version
    def test_a_tenant_that_refuses_new_tokens_too_holds_everything(self, s):
        s.fault("401_invalid_token", TELEMETRY, times=0)
        daemon = self.oauth(s, key=s.service_key(defect="secret")).start()
        message = daemon.put("reading")
        wait_for(lambda: why(daemon.status()["host"]) == "ANSWER_TOKEN", "the host is held", daemon.explain)
        self.assertEqual((len(self.tokens(s)), len(self.posts(s))), (2, 2))
        s.tenant.clear_faults()
        daemon.retry()
        daemon.wait_empty()
        self.assertEqual([each["id"] for each in s.accepted(TELEMETRY)], [message])
        self.assertEqual(len(self.tokens(s)), 3)

    @each_version
    def test_a_wrong_secret_is_told_by_the_token_endpoint(self, s):
        daemon = self.oauth(s, key=self.written(s, clientsecret="wrong")).start()
        daemon.put("reading")
        wait_for(lambda: why(daemon.status()["host"]) == "ANSWER_BAD_CREDENTIALS", "the host is held", daemon.explain)
        self.assertEqual(self.posts(s), [])
        self.assertEqual(daemon.queued(), 1)

    @each_version
    def test_each_answer_of_the_endpoint_has_its_cause_and_loses_nothing(self, s):
        answers = (
            (200, "{}", "TOKEN_BAD"), (200, "hello", "TOKEN_BAD"), (200, '{"access_token": ""}', "TOKEN_BAD"),
            (200, '{"access_token": "a\\nb"}', "TOKEN_BAD"), (200, '{"access_token": "' + "x" * 9000 + '"}', "TOKEN_BAD"),
            (302, "", "TOKEN_BAD"), (404, "", "TOKEN_BAD"), (400, "", "ANSWER_BAD_CREDENTIALS"), (429, "", "ANSWER_BUSY"),
            (503, "", "ANSWER_TEMPORARY"), (503, "x" * 20000, "ANSWER_TEMPORARY"),
        )  # fmt: skip
        daemon = self.oauth(s, key=s.service_key(defect="secret")).start()
        for number, (status, body, name) in enumerate(answers):
            s.reset()
            s.tenant.add_fault("mine", route="/oauth/token", times=0, status=status, source="tomcat", body=body)
            daemon.kill()
            daemon.start()
            message = daemon.put(f"reading {number}")
            wait_for(lambda: name in json.dumps(daemon.status()), f"{status} {body[:20]}: {name}", daemon.explain)
            s.tenant.clear_faults()
            daemon.retry()
            daemon.wait_empty()
            self.assertEqual([each["id"] for each in s.accepted(TELEMETRY)], [message])

    @each_version
    def test_a_token_that_ends_at_once_is_used_and_not_asked_for_in_a_row(self, s):
        daemon = self.oauth(s, key=s.service_key(defect="secret")).start()
        ids = [daemon.put("with the first token")]
        daemon.wait_empty()
        s.tenant.tokens["short"] = next(iter(s.tenant.tokens.values()))
        s.tenant.add_fault("mine", route="/oauth/token", times=0, status=200, source="tomcat",
                           body='{"access_token": "short", "expires_in": 0}')  # fmt: skip
        daemon.kill()
        daemon.start()
        ids.append(daemon.put("with the short one"))
        daemon.wait_empty()
        self.assertEqual([message["id"] for message in s.accepted(TELEMETRY)], ids)
        self.assertEqual(len(self.tokens(s)), 2)

    def test_a_key_without_the_address_of_the_endpoint_is_never_installed(self):
        s = self.stand_ins["1.3"]
        s.reset()
        daemon = self.oauth(s).start()
        ids = [daemon.put("before")]
        daemon.wait_empty()
        diag = DIAG["KEY_NO_TOKEN_URL"]
        for tokenurl in ("", "http://plain.example/oauth/token"):
            bad = self.written(s, key=s.service_key(leaf="second"), tokenurl=tokenurl)
            done = ctl("identity", "install", bad, "--json", "--run", daemon.run_dir)
            self.assertEqual((done.status, done.json["error"]["name"]), (1, "KEY_NO_TOKEN_URL"), done)
            before = len(daemon.log())
            daemon.configure(identity=bad)
            daemon.reload()
            self.assertIn(f"E{diag.code} ", daemon.log()[before:])
            self.assertIn("nothing is changed", daemon.log()[before:])
            self.assertNotIn("pending", [slot["state"] for slot in daemon.ask("identity")["slots"]])
            ids.append(daemon.put("after"))
            daemon.wait_empty()
        self.assertEqual([message["id"] for message in s.accepted(TELEMETRY)], ids)

    def back_without_address(self, s):
        """A daemon that is back at a key that doesn't say where tokens come from, with a message that waits; and that message's id."""
        old = self.written(s, key=s.service_key(), tokenurl="")
        daemon = self.oauth(s, key=old)
        daemon.configure(auth="certificate")
        daemon.start()
        daemon.configure(identity=s.service_key(leaf="second"), auth="oauth")
        daemon.reload()
        wait_for(lambda: "pending" not in [slot["state"] for slot in daemon.ask("identity")["slots"]], "it's proven", daemon.explain)
        daemon.put("by token")
        daemon.wait_empty()
        done = ctl("identity", "rollback", "--json", "--run", daemon.run_dir)
        self.assertEqual((done.status, done.json["ok"], done.json["problem"]["name"]), (1, True, "KEY_NO_TOKEN_URL"), done)
        self.assertEqual([slot["state"] for slot in done.json["slots"] if slot["in_force"]], ["active"])
        message = daemon.put("while nobody knows the endpoint")
        wait_for(lambda: why(daemon.status()["host"]) == "KEY_NO_TOKEN_URL", "the host is held", daemon.explain)
        self.assertEqual(daemon.status()["host"]["state"], "held")
        self.assertIn(f"E{DIAG['KEY_NO_TOKEN_URL'].code} ", daemon.log())
        return daemon, message

    def assert_it_goes_on(self, daemon, message):
        daemon.wait_empty()
        self.assertEqual(daemon.s.accepted(TELEMETRY)[-1]["id"], message)
        self.assertEqual(len(daemon.s.accepted(TELEMETRY)), 2)
        self.assertEqual(daemon.terminate(), 0)

    @each_version
    def test_back_at_a_key_without_the_address_of_the_endpoint_it_holds_until_a_key_knows_it(self, s):
        daemon, message = self.back_without_address(s)
        done = ctl("identity", "install", s.service_key(leaf="second"), "--json", "--run", daemon.run_dir)
        self.assertEqual(done.status, 0, done)
        self.assert_it_goes_on(daemon, message)

    def test_without_the_address_of_the_endpoint_it_holds_over_a_restart_too(self):
        s = self.stand_ins["1.3"]
        s.reset()
        daemon, message = self.back_without_address(s)
        self.assertEqual(daemon.terminate(), 0)
        daemon.start()
        wait_for(lambda: why(daemon.status()["host"]) == "KEY_NO_TOKEN_URL", "the host is held", daemon.explain)
        self.assertEqual(daemon.queued(), 1)
        self.assertEqual(ctl("identity", "rollback", "--run", daemon.run_dir).status, 0)  # to the second one
        self.assert_it_goes_on(daemon, message)

    def test_the_way_back_tells_a_person_that_it_is_gone_and_what_is_wrong(self):
        s = self.stand_ins["1.3"]
        s.reset()
        daemon, _ = self.back_without_address(s)
        for status, begin in ((0, "slot A"), (1, f"Done, but E{DIAG['KEY_NO_TOKEN_URL'].code} ")):
            done = ctl("identity", "rollback", "--run", daemon.run_dir)
            self.assertEqual((done.status, done.out[: len(begin)], done.err), (status, begin, ""), done)
            self.assertIn("in force", done.out)

    def test_a_better_file_of_the_same_certificate_mends_it(self):
        s = self.stand_ins["1.3"]
        s.reset()
        daemon, message = self.back_without_address(s)
        daemon.configure(identity=s.service_key())
        daemon.reload()
        self.assert_it_goes_on(daemon, message)

    def test_without_tokens_it_needs_no_address(self):
        s = self.stand_ins["1.3"]
        s.reset()
        daemon, message = self.back_without_address(s)
        daemon.configure(auth="certificate")
        daemon.reload()
        self.assert_it_goes_on(daemon, message)

    def test_a_first_key_without_the_address_of_the_endpoint_leaves_room_for_its_better_file(self):
        s = self.stand_ins["1.3"]
        s.reset()
        daemon = self.oauth(s, key=self.written(s, key=s.service_key(), tokenurl=""))
        daemon.spawn()
        self.assertEqual(daemon.wait_end(), 1)
        self.assertIn(f"E{DIAG['KEY_NO_TOKEN_URL'].code} ", daemon.log())
        daemon.kill()
        daemon.configure(identity=s.service_key())  # the same certificate
        daemon.start()
        daemon.put("by token")
        daemon.wait_empty()
        self.assertEqual(len(s.accepted(TELEMETRY)), 1)

    def test_without_the_address_of_the_endpoint_it_doesn_t_start(self):
        s = self.stand_ins["1.3"]
        s.reset()
        daemon = self.oauth(s, key=self.written(s, tokenurl=""))
        daemon.spawn()
        self.assertEqual(daemon.wait_end(), 1)
        diag = DIAG["KEY_NO_TOKEN_URL"]
        self.assertIn(f"E{diag.code} {diag.cause} {diag.remedy}", daemon.log())


if __name__ == "__main__":
    harness.main()
