#!/usr/bin/env python3
"""`iflowctl send` against the stand-in, over TLS 1.2 and 1.3: a message is reported as accepted if and only if it was, and
everything else ends soon, with exit status 1, a code, a cause and a remedy."""

import functools
import json
import os
import random

import harness
from harness import ALARM, CODES, DIAG, FULL, TELEMETRY, StandIn, catalogue, code, ctl, directory, send
from test_catalogue import VERDICTS

VERSIONS = ("1.2", "1.3")
CLOCKS_THAT_JUDGE = ("sntp", "rtc")
LONG_S = 12  # a time limit that is met on purpose, but not before the handshake is over: also where the machine stands still for seconds
TLS_NAMES = {"1.2": "TLSv1.2", "1.3": "TLSv1.3"}


def each_version(test):
    """The test once for each version of TLS, with a stand-in that is as new."""

    @functools.wraps(test)
    def both(self):
        for tls in VERSIONS:
            with self.subTest(tls=tls):
                self.stand_ins[tls].reset()
                test(self, self.stand_ins[tls])

    return both


class SendTest(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = cls.enter_class(directory())
        cls.stand_ins = {tls: cls.enter_class(StandIn(os.path.join(cls.work, tls), tls=tls)) for tls in VERSIONS}

    def assert_accepted(self, stand_in, done, count=1):
        self.assertEqual(done.status, 0, done)
        self.assertTrue(done.json["accepted"], done)
        self.assertEqual(len(stand_in.accepted()), count, done)

    def assert_refused(self, done, *names):
        """Exit status 1, one of these codes with its cause and remedy, and no word of acceptance."""
        self.assertEqual(done.status, 1, done)
        self.assertFalse(done.json["accepted"], done)
        self.assertIn(done.json["name"], names, done)
        diag = DIAG[done.json["name"]]
        self.assertEqual(done.json["code"], diag.code, done)
        self.assertEqual(done.json["cause"], diag.cause, done)
        self.assertEqual(done.json["remedy"], diag.remedy, done)


class HappyPath(SendTest):
    @each_version
    def test_a_message_is_accepted_and_the_answer_names_id_and_mpl_id(self, s):
        done = send(s, payload=b'{"temperature": 21.5}')
        self.assert_accepted(s, done)
        record, message = s.records()[-1], s.accepted()[0]
        self.assertEqual(message["body"], b'{"temperature": 21.5}')
        self.assertEqual((done.json["id"], done.json["mpl_id"]), (message["id"], message["mpl"]))
        self.assertEqual("TLSv" + done.json["tls"], record["tls"])
        self.assertEqual(record["tls"], TLS_NAMES[s.options["tls"]])
        self.assertEqual((record["method"], record["verify"]), ("POST", "SUCCESS"))

    @each_version
    def test_a_person_reads_a_tick_the_id_and_the_mpl_id(self, s):
        done = send(s, json_form=False)
        self.assertEqual(done.status, 0, done)
        message = s.accepted()[0]
        self.assertIn("✔", done.out)
        self.assertIn(message["mpl"], done.out)
        self.assertIn(message["id"], done.out)

    @each_version
    def test_a_person_reads_a_cross_the_code_the_cause_and_the_remedy(self, s):
        s.undeploy(TELEMETRY)
        done = send(s, json_form=False)
        self.assertEqual(done.status, 1, done)
        diag = DIAG["ANSWER_NOT_DEPLOYED"]
        for words in ("✘", f"E{diag.code}", diag.cause, diag.remedy):
            self.assertIn(words, done.text)

    @each_version
    def test_every_form_of_the_service_key_works(self, s):
        for count, form in enumerate(("cockpit", "cf7", "cf8", "pem"), 1):
            more = ("--url", s.url) if form == "pem" else ()
            self.assert_accepted(s, send(s, *more, key=s.service_key(form=form)), count)

    @each_version
    def test_a_key_of_type_external_certificate_works_with_its_key_file(self, s):
        self.assert_accepted(s, send(s, key=s.service_key(defect="external")))

    @each_version
    def test_an_elliptic_curve_key_works(self, s):
        self.assert_accepted(s, send(s, key=s.service_key(defect="ec")))

    @each_version
    def test_a_payload_is_sent_byte_by_byte_as_it_is(self, s):
        payload, path = bytes(range(256)) * 200, os.path.join(self.work, "payload")
        with open(path, "wb") as file:
            file.write(payload)
        self.assert_accepted(s, send(s, "--file", path, "--content-type", "application/octet-stream"))
        self.assertEqual(s.accepted()[0]["body"], payload)
        self.assertEqual(s.accepted()[0]["content_type"], "application/octet-stream")

    @each_version
    def test_csrf_protection_costs_one_request_more(self, s):
        s.deploy(ALARM, csrf=True)
        self.assert_accepted(s, send(s, route=ALARM))
        self.assertEqual([record["method"] for record in s.records()], ["POST", "HEAD", "POST"])

    @each_version
    def test_every_2xx_is_accepted(self, s):
        for count, name in enumerate(("200", "200_body", "200_chunked", "201", "202", "204", "200_large_body"), 1):
            s.fault(name)
            self.assert_accepted(s, send(s), count)

    @each_version
    def test_real_chains_are_verified(self, s):
        for root in ("rsa4096", "p384"):
            try:
                s.reconfigure(server_root=root)
                s.reset()
                self.assert_accepted(s, send(s))
            finally:
                s.reconfigure(server_root="rsa2048")

    @each_version
    def test_a_certificate_request_with_83_names_is_taken(self, s):
        try:
            s.reconfigure(ca_names=83)
            self.assert_accepted(s, send(s))
        finally:
            s.reconfigure(ca_names=0)
        self.assertGreater(s.connections()[-1]["down_bytes"], 10_000)

    @each_version
    def test_a_server_that_wants_another_curve_gets_its_second_hello(self, s):
        try:
            s.reconfigure(curves="secp384r1")
            self.assert_accepted(s, send(s))
        finally:
            s.reconfigure(curves="auto")

    @each_version
    def test_bytes_that_trickle_are_a_message_all_the_same(self, s):
        s.connection_fault("one_byte_at_a_time")
        self.assert_accepted(s, send(s))


class WrongServer(SendTest):
    """Nothing of a message, and no client certificate, goes to a server that isn't verified."""

    EXPECTED = {"wrong_host": "TLS_NAME", "expired": "TLS_EXPIRED", "not_yet_valid": "TLS_NOT_YET_VALID",
                "self_signed": "TLS_UNTRUSTED", "wrong_ca": "TLS_UNTRUSTED", "incomplete": "TLS_UNTRUSTED"}  # fmt: skip

    @each_version
    def test_every_kind_of_wrong_certificate_is_refused_with_its_own_code(self, s):
        self.assertEqual(set(self.EXPECTED), set(catalogue.SERVER_CERTIFICATES))
        for kind, name in self.EXPECTED.items():
            if kind == "not_yet_valid" and not self.clock_is_trusted(s):
                continue
            with self.subTest(kind=kind):
                s.repair()
                s.connection_fault(backend=kind, times=0)
                self.assert_refused(send(s), name)
                self.assertEqual(s.records(), [])

    def clock_is_trusted(self, s):
        """A machine whose clock may be slow can't know that a first day lies ahead: only a synchronised one judges that."""
        with harness.Daemon(s, os.path.join(self.work, "clock")) as daemon:
            return daemon.status()["time_quality"] in CLOCKS_THAT_JUDGE

    @each_version
    def test_a_ca_that_did_not_sign_the_server_is_no_help(self, s):
        self.assert_refused(send(s, ca=s.pki.client_file("root.crt")), "TLS_UNTRUSTED")
        self.assertEqual(s.records(), [])

    @each_version
    def test_a_host_that_the_load_balancer_does_not_know_is_named(self, s):
        url = f"https://elsewhere.example:{s.port}"
        done = send(s, "--url", url, resolve=f"elsewhere.example:{s.port}:{s.address}")
        self.assert_refused(done, "TLS_HOST_REFUSED")
        self.assertEqual(s.records(), [])


class Catalogue(SendTest):
    """What the catalogue says of each row, `send` says too; never is a message accepted that wasn't."""

    @each_version
    def test_an_answer_is_accepted_only_if_the_stand_in_says_so(self, s):
        for row in catalogue.CATALOGUE:
            if s.options["tls"] not in row.tls or row.action == "full_handshake":
                continue  # there is no second connection here that could be resumed
            with self.subTest(row=row.name):
                s.reset()
                s.trigger(row)
                done = send(s)
                s.repair()
                self.assertEqual(done.status == 0, row.action in ("done", "fetch_csrf"), done)
                self.assertEqual(len(s.accepted()), 1 - done.status, done)
                self.assertEqual(done.json["accepted"], done.status == 0)
                self.assertEqual(done.json["name"], VERDICTS.get(row.name, "ACCEPTED"), done)


class Proxy(SendTest):
    """The proxy resolves the name: nothing here asks DNS, and the address of the tenant isn't known."""

    def proxy(self, s, credentials=""):
        return "--proxy", f"http://{credentials}{'@' if credentials else ''}127.0.0.1:{s.proxy.port}"

    def send(self, s, *more, **options):
        return send(s, *more, resolve="", **options)

    @each_version
    def test_connect_is_asked_for_the_name_and_the_message_is_accepted(self, s):
        self.assert_accepted(s, self.send(s, *self.proxy(s)))
        self.assertEqual([(each["target"], each["status"]) for each in s.proxy.records], [(f"{s.host}:{s.port}", 200)])

    @each_version
    def test_a_proxy_with_a_password_is_asked_with_it(self, s):
        s.proxy.configure(credentials="plant:s3cret-of-the-plant")
        done = self.send(s, *self.proxy(s, "plant:s3cret-of-the-plant"))
        self.assert_accepted(s, done)
        self.assertNotIn("s3cret", done.text)

    @each_version
    def test_407_says_that_the_proxy_wants_a_password(self, s):
        s.proxy.configure(credentials="plant:right")
        self.assert_refused(self.send(s, *self.proxy(s)), "PROXY_AUTH")
        done = self.send(s, *self.proxy(s, "plant:wr0ng-password"))
        self.assert_refused(done, "PROXY_AUTH")
        self.assertNotIn("wr0ng", done.text)
        self.assertEqual(s.connections(), [])

    @each_version
    def test_a_proxy_that_refuses_is_named(self, s):
        s.proxy.configure(refuse=True)
        self.assert_refused(self.send(s, *self.proxy(s)), "PROXY_REFUSED")

    @each_version
    def test_a_silent_proxy_ends_by_the_timeout(self, s):
        s.proxy.configure(silent=True)
        self.assert_refused(self.send(s, *self.proxy(s), timeout_s=1), "NET_TIMEOUT", "PROXY_BAD")

    @each_version
    def test_a_proxy_that_is_not_there_refuses_the_connection(self, s):
        with harness.closed_port() as port:
            self.assert_refused(self.send(s, "--proxy", f"http://127.0.0.1:{port}"), "NET_REFUSED")

    @each_version
    def test_something_that_is_no_proxy_is_named(self, s):
        done = self.send(s, "--proxy", f"http://127.0.0.1:{s.tenant.port}")  # HTTP, but no CONNECT
        self.assertEqual(done.status, 1, done)
        self.assertIn(done.json["name"], ("PROXY_BAD", "PROXY_REFUSED", "PROXY_AUTH"), done)


class BrokenConnections(SendTest):
    @each_version
    def test_a_closed_port_is_a_refused_connection(self, s):
        s.front.listen(False)
        self.assert_refused(send(s), "NET_REFUSED")

    def test_a_name_that_does_not_exist_is_a_dns_error(self):
        s = self.stand_ins["1.3"]
        done = ctl("send", "--key", s.service_key(), "--route", TELEMETRY, "--ca", s.ca_file, "--timeout", "60", "--json",
                   "--url", "https://tenant.invalid", stdin=b"x")
        self.assert_refused(done, "NET_DNS", "NET_TIMEOUT")

    @each_version
    def test_silence_ends_by_the_timeout_in_every_phase(self, s):
        for fault in ({"fault": "silence"}, {"fault": "silence_after_response_bytes", "n": 500},
                      {"fault": "silence_after_request_bytes", "n": 1500}):  # fmt: skip
            with self.subTest(fault=fault):
                s.connection_fault(**fault, times=0)
                self.assert_refused(send(s, timeout_s=1), "NET_TIMEOUT", "HTTP_TIMEOUT")
                self.assertEqual(s.accepted(), [])
                s.repair()
        s.fault("silence", effect="silence", status=0)
        self.assert_refused(send(s, timeout_s=LONG_S), "HTTP_TIMEOUT")  # all before the silence happens in time
        self.assertEqual(s.accepted(), [])

    @each_version
    def test_each_transport_fault_that_lasts_ends_in_an_error(self, s):
        for name, fault in catalogue.TRANSPORT_FAULTS.items():
            with self.subTest(fault=name):
                s.connection_fault(**fault, times=0)
                done = send(s, **({"timeout_s": 2} if "silence" in name else {}))
                self.assertEqual(done.status, 1, done)
                self.assertIn(CODES[done.json["code"]].action, ("RETRY_HOST", "HOLD_IDENTITY"), done)
                self.assertEqual(s.accepted(), [])
                s.repair()

    def sweep(self, s, way):
        """Reset and close after so many bytes of one direction, over handshake, request and answer."""
        self.assert_accepted(s, send(s))
        total = s.connections()[-1]["up_bytes" if way == "request" else "down_bytes"]
        step = max(1, total // (60 if FULL else 12))
        places = sorted({random.Random(f"{way}{at}").randrange(at, min(at + step, total)) for at in range(0, total, step)})
        for place in places:
            act = random.Random(place).choice(("reset", "close"))
            with self.subTest(cut=f"{act} after {place} of {total} bytes of the {way}"):
                s.reset()
                s.connection_fault(f"{act}_after_{way}_bytes", n=place, times=0)
                done = send(s)
                s.repair()
                self.assertIn(done.status, (0, 1), done)
                if done.status == 0:
                    # Only the rest of the answer was missing. (What the place before has sent may come in late, and isn't counted.)
                    self.assertEqual([each["id"] for each in s.accepted()].count(done.json["id"]), 1, done)
                else:
                    self.assertIn(CODES[done.json["code"]].action, ("RETRY_HOST", "HOLD_IDENTITY"), done)

    @each_version
    def test_a_connection_cut_anywhere_in_what_we_send_is_never_an_acceptance(self, s):
        self.sweep(s, "request")

    @each_version
    def test_a_connection_cut_anywhere_in_what_we_get_is_an_acceptance_only_if_it_was_one(self, s):
        self.sweep(s, "response")

    @each_version
    def test_a_request_cut_in_its_body_is_an_error(self, s):
        for body_bytes in (0, 1, 4000, 8191):
            s.fault("cut", route=TELEMETRY, times=0, body_bytes=body_bytes)
            done = send(s, payload=b"x" * 8192)
            s.repair()
            self.assertEqual(done.status, 1, done)
            self.assertEqual(CODES[done.json["code"]].action, "RETRY_HOST", done)
            self.assertEqual(s.accepted(), [])

    @each_version
    def test_an_answer_that_gets_lost_is_an_unknown_outcome_and_not_an_acceptance(self, s):
        s.fault("reset_after_processing", times=0)
        self.assert_refused(send(s), "HTTP_CUT", "NET_RESET", "TLS_CLIENT_DROPPED")

    @each_version
    def test_a_flipped_bit_in_the_handshake_is_never_an_acceptance(self, s):
        for direction, limit in (("request", 2000), ("response", 2500)):
            for seed in range(8 if FULL else 3):
                number = random.Random(f"{direction}{seed}").randrange(limit)
                with self.subTest(direction=direction, byte=number):
                    s.reset()
                    s.connection_fault("flip_bit", direction=direction, n=number, bit=seed % 8, times=0)
                    done = send(s, timeout_s=LONG_S)
                    s.repair()
                    self.assertEqual(done.status == 0, len(s.accepted()) == 1, done)
                    self.assertIn(done.status, (0, 1), done)


class MalformedAnswers(SendTest):
    @each_version
    def test_an_answer_that_is_no_proper_http_is_what_the_list_says_and_never_a_crash(self, s):
        for answer in catalogue.WIRE_ANSWERS:
            with self.subTest(answer=answer.name):
                s.reset()
                s.wire(answer.name, times=0)
                done = send(s, **({"timeout_s": LONG_S} if answer.then == "hang" else {}))
                s.repair()
                self.assertIn(done.status, (0, 1), done)
                if answer.action == "done":
                    self.assertEqual(done.status, 0, done)
                elif answer.early:  # it may come when our request is out already: then it's an answer like any other
                    self.assertIn(CODES[done.json["code"]].action, ("DONE", "RETRY_HOST"), done)
                elif answer.then == "reset" and s.options["tls"] == "1.3":  # nothing tells it from a refused certificate
                    self.assert_refused(done, "TLS_CLIENT_DROPPED")
                elif answer.action == "fetch_csrf":  # the token never comes
                    self.assert_refused(done, "ANSWER_CSRF", "ANSWER_CSRF_NONE")
                else:
                    self.assertEqual(done.status, 1, done)
                    self.assertEqual(CODES[done.json["code"]].action, answer.action.upper(), done)

    @each_version
    def test_a_redirect_is_not_followed(self, s):
        for name in ("redirect_to_http", "redirect_to_other_host"):
            s.reset()
            s.wire(name, times=0)
            self.assert_refused(send(s), "ANSWER_REDIRECT", "ANSWER_LOGIN_PAGE")
            self.assertEqual([record["target"] for record in s.records()], [TELEMETRY])
            s.repair()


class BadKeys(SendTest):
    """A key that can't work never opens a connection."""

    EXPECTED = {"wrong_key": ("KEY_MISMATCH",), "missing_intermediate": ("KEY_CHAIN", "KEY_CHAIN_INCOMPLETE"),
                "api_plan": ("KEY_PLAN_API",)}  # fmt: skip

    def assert_unused(self, s, done, *names):
        self.assert_refused(done, *names)
        self.assertEqual(s.connections(), [])

    def written(self, text, name="key.json"):
        path = os.path.join(self.work, name)
        with open(path, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        return path

    @each_version
    def test_defective_service_keys_are_refused_with_their_own_code(self, s):
        for defect, names in self.EXPECTED.items():
            with self.subTest(defect=defect):
                self.assert_unused(s, send(s, key=s.service_key(defect=defect)), *names)
        key_alone = s.service_key(defect="external")[0]
        self.assert_unused(s, send(s, key=key_alone), "KEY_NO_PRIVATE_KEY")

    def test_text_that_is_no_service_key_is_refused(self):
        s = self.stand_ins["1.3"]
        s.reset()
        with open(s.service_key(), encoding="utf-8") as file:
            good = file.read()
        self.assert_unused(s, send(s, key=self.written("")), "KEY_UNREADABLE", "KEY_JSON")
        self.assert_unused(s, send(s, key=self.written("hello\n")), "KEY_UNREADABLE", "KEY_JSON")
        self.assert_unused(s, send(s, key=self.written(os.urandom(5000))), "KEY_UNREADABLE", "KEY_JSON", "KEY_AMBIGUOUS")
        self.assert_unused(s, send(s, key=self.written("{}")), "KEY_UNREADABLE", "KEY_NO_CERTIFICATE")
        for share in (0.1, 0.5, 0.9, 0.99):
            self.assert_unused(s, send(s, key=self.written(good[: int(len(good) * share)])), "KEY_JSON", "KEY_UNREADABLE")

    def test_a_certificate_or_key_with_a_damaged_letter_is_refused(self):
        s = self.stand_ins["1.3"]
        s.reset()
        with open(s.service_key(), encoding="utf-8") as file:
            good = json.load(file)
        for member in ("certificate", "key"):
            for place in (200, 700, 1100):
                text = good["oauth"][member]
                letter = "A" if text[place] != "A" else "B"
                damaged = {"oauth": {**good["oauth"], member: text[:place] + letter + text[place + 1 :]}}
                done = send(s, key=self.written(json.dumps(damaged)))
                with self.subTest(member=member, place=place):
                    self.assertEqual(done.status, 1, done)
                    self.assertTrue(done.json["name"].startswith("KEY_"), done)
                    self.assertEqual(s.connections(), [])

    def test_only_a_client_id_and_a_wrong_secret_are_refused_by_the_tenant(self):
        s = self.stand_ins["1.3"]
        s.reset()
        key = {"oauth": {"clientid": "sb-1!b1|it-rt-x!b2", "clientsecret": "very-secret", "url": s.url, "tokenurl": s.token_url}}
        done = send(s, key=self.written(json.dumps(key)))
        self.assert_refused(done, "ANSWER_BAD_CREDENTIALS")
        self.assertNotIn("very-secret", done.text)

    @each_version
    def test_an_expired_key_or_one_of_a_foreign_ca_is_no_acceptance(self, s):
        self.assert_refused(send(s, key=s.service_key(defect="expired")), "KEY_EXPIRED", "ANSWER_NO_CLIENT_CERT")
        self.assert_refused(send(s, key=s.service_key(defect="unknown_ca")), "ANSWER_NO_CLIENT_CERT")
        self.assertEqual(s.accepted(), [])

    @each_version
    def test_a_key_that_ends_soon_works_and_warns(self, s):
        done = send(s, key=s.service_key(leaf="soon"), json_form=False)
        self.assertEqual(done.status, 0, done)
        self.assertIn(f"E{code('KEY_EXPIRES_SOON')}", done.text)


class CommandLine(SendTest):
    def test_wrong_usage_is_exit_status_2_with_the_right_usage(self):
        s = self.stand_ins["1.3"]
        key = s.service_key()
        lines = ([], ["--route", "/http/x"], ["--key", key], ["--key", key, "--route", "/http/x", "--tieout", "3"],
                 ["--key", key, "--route", "/http/x", "--timeout", "0"], ["--key", key, "--route", "/http/x", "--timeout", "1s"],
                 ["--key", key, "--route", "/http/x", "--resolve", "not-an-address"], ["--route"])  # fmt: skip
        for line in lines:
            with self.subTest(line=line):
                done = ctl("send", *line, stdin=b"x")
                self.assertEqual(done.status, 2, done)
                self.assertIn("usage: iflowctl send", done.err)
                self.assertEqual(done.out, "")

    def test_an_unknown_verb_is_exit_status_2(self):
        self.assertEqual(ctl("sned").status, 2)
        self.assertEqual(ctl().status, 2)

    def test_files_that_are_not_there_are_named(self):
        s = self.stand_ins["1.3"]
        s.reset()
        for arguments in ({"key": "/nowhere/key.json"}, {"ca": "/nowhere/ca.pem"}):
            done = send(s, **arguments)
            self.assert_refused(done, "FILE")
            self.assertIn("/nowhere/", done.text)
        self.assert_refused(send(s, "--file", "/nowhere/payload"), "FILE")

    def test_values_that_make_no_sense_are_refused_before_anything_is_sent(self):
        s = self.stand_ins["1.3"]
        s.reset()
        self.assert_refused(send(s, route="http/plant"), "CONFIG_VALUE")
        self.assert_refused(send(s, route="/http/plant telemetry"), "CONFIG_VALUE")
        self.assert_refused(send(s, "--url", f"http://{s.host}"), "CONFIG_NOT_HTTPS")
        self.assert_refused(send(s, "--content-type", "text/plain\r\nX-Injected: 1"), "CONFIG_VALUE")
        self.assert_refused(send(s, payload=b""), "LINE_EMPTY")
        self.assertEqual(s.connections(), [])

    def test_a_payload_that_is_too_large_is_refused(self):
        s = self.stand_ins["1.3"]
        s.reset()
        self.assert_refused(send(s, payload=b"x" * (8 << 20)), "TOO_LARGE", "LINE_TOO_LONG")
        self.assertEqual(s.connections(), [])


if __name__ == "__main__":
    harness.main()
