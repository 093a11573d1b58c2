#!/usr/bin/env python3
"""`iflowctl doctor` against everything that the stand-in can do, and against three other TLS ends in the place of nginx: each fault is named by the
row of the catalogue that it is, at the step where it lies, and no flow ever runs without --post. Prints the table."""

import functools
import os
import unittest

import harness
from endpoint import other_ends  # noqa: E402
from harness import ALARM, CODES, DIAG, TELEMETRY, StandIn, catalogue, closed_port, ctl, directory, write_figures
from test_catalogue import VERDICTS

VERSIONS = ("1.2", "1.3")
GOOD = "good"

# What the doctor says where a sender would repeat, fetch a token or shake hands anew by itself.
ROWS = {**VERDICTS, "403_csrf": GOOD, "401_resumed": "ANSWER_RESUMED"}

# The step at which a row lies, by its verdict.
STEPS = {
    "TLS_CLIENT_REFUSED": "certificate", "TLS_CLIENT_EXPIRED": "certificate", "TLS_CLIENT_DROPPED": "certificate",
    "TLS_HOST_REFUSED": "server", "TLS_UNTRUSTED": "server", "TLS_NAME": "server", "TLS_EXPIRED": "server",
    "TLS_NOT_YET_VALID": "server", "TLS_NOT_ASKED": "asked", "ANSWER_ROLE": "role", "ANSWER_NOT_DEPLOYED": "flow",
    "ANSWER_METHOD": "flow", "ANSWER_FLOW_FAILED": "message", "ANSWER_REJECTED": "message",
    "ANSWER_BODY_TOO_LARGE": "message", "ANSWER_TRIAL": "authorisation", "ANSWER_KEY_UNKNOWN": "authorisation",
    "ANSWER_KEY_TWICE": "authorisation", "ANSWER_NO_CLIENT_CERT": "authorisation", "ANSWER_LOGIN_PAGE": "http",
    "ANSWER_HOST_UNKNOWN": "http", "ANSWER_BAD_CREDENTIALS": "authorisation", "ANSWER_TOKEN": "authorisation",
    "ANSWER_RESUMED": "resumption",
}  # fmt: skip

SERVER_CERTIFICATES = {
    "wrong_host": "TLS_NAME", "expired": "TLS_EXPIRED", "not_yet_valid": "TLS_NOT_YET_VALID", "self_signed": "TLS_UNTRUSTED",
    "wrong_ca": "TLS_UNTRUSTED", "incomplete": "TLS_UNTRUSTED",
}  # fmt: skip

TRANSPORT = {
    "reset_on_connect": ("NET_RESET", "TLS_RESET"), "close_on_connect": ("TLS_RESET",), "silence": ("NET_TIMEOUT",),
    "reset_in_client_hello": ("TLS_RESET",), "reset_in_server_flight": ("TLS_RESET",),
    "close_in_server_flight": ("TLS_RESET",),
    # With TLS 1.3 this looks like a refused certificate: the connection ends right after it.
    "reset_in_client_flight": ("TLS_RESET", "TLS_CLIENT_DROPPED", "HTTP_CUT"),
    "close_in_client_flight": ("TLS_RESET", "TLS_CLIENT_DROPPED", "HTTP_CUT"),
    "silence_in_server_flight": ("NET_TIMEOUT",),
}  # fmt: skip


class Case(harness.TestCase):
    def setUp(self):
        self.work = self.enter(directory())

    def doctor(self, s, *more, key=None, ca=None, route=TELEMETRY, resolve=None, url=None, timeout_s=60):
        arguments = ["doctor", "--ca", ca or s.ca_file, "--timeout", timeout_s, "--json", *more]
        for each in key if isinstance(key, list) else [key or s.service_key()]:
            arguments += ["--key", each]
        if resolve != "":
            arguments += ["--resolve", resolve or f"{s.host}:{s.port}:{s.address}"]
        if route:
            arguments += ["--route", route]
        if url:
            arguments += ["--url", url]
        done = ctl(*arguments)
        self.assertIn(done.status, (0, 1), done)
        self.assertNotIn("PRIVATE KEY", done.text)
        return done

    def said(self, done):
        """The name of the verdict; a note about the resumed session counts as one."""
        told = done.json
        self.assertEqual(done.status == 0, told["ok"], done)
        self.assertEqual(told["ok"], told["problems"] == [], done)
        if told["problems"]:
            problem = told["problems"][0]
            diag = CODES[problem["code"]]
            self.assertEqual((problem["name"], problem["cause"], problem["remedy"]), (diag.name, diag.cause, diag.remedy))
            self.assertEqual(told["steps"][-1]["step"], problem["step"])
            if diag.name in STEPS:
                self.assertEqual(problem["step"], STEPS[diag.name], done)
            return diag.name
        resumed = [step for step in told["steps"] if step["step"] == "resumption"]
        return CODES[resumed[0]["code"]].name if resumed else GOOD


class Rows(Case):
    """One stand-in for each version of TLS, all rows one after the other."""

    def test_each_row_and_each_failure_is_named(self):
        self.table, self.wrong = {}, 0
        for tls in VERSIONS:
            s = self.enter(StandIn(os.path.join(self.work, tls), tls=tls))
            for row in catalogue.CATALOGUE:
                if tls in row.tls:
                    for post in (False, True):
                        self.one(s, row.name, (ROWS.get(row.name, GOOD),), lambda row=row: s.trigger(row), tls, post)
            for kind, verdict in SERVER_CERTIFICATES.items():
                self.one(s, "server certificate " + kind, (verdict,),
                         lambda kind=kind: s.connection_fault(backend=kind, times=0), tls)
            for name, verdicts in TRANSPORT.items():
                fault = catalogue.TRANSPORT_FAULTS[name]
                self.one(s, "transport " + name, verdicts, lambda fault=fault: s.connection_fault(**fault, times=0), tls)
            for wire in catalogue.WIRE_ANSWERS:
                if wire.action not in ("done", "fetch_csrf") and not wire.early:  # what overtakes the question can't always be seen
                    self.wire(s, wire, tls)
        print(f"\n{'what is wrong':38} {'TLS':4} {'what the doctor says'}")
        for (name, tls, post), verdict in self.table.items():
            print(f"{name:38} {tls:4} {verdict}{'  (--post)' if post else ''}")
        write_figures("doctor", {"doctor.rows": len(self.table), "doctor.wrong": self.wrong})

    def one(self, s, name, verdicts, trigger, tls, post=False):
        s.reset()
        trigger()
        good = False
        with self.subTest(what=name, tls=tls, post=post):
            # A time limit that is met on purpose is short; all others are far beyond what a busy machine needs.
            done = self.doctor(s, *(["--post"] if post else []), timeout_s=3 if "silence" in name else 60)
            verdict = self.said(done)
            self.table[name, tls, post] = verdict
            self.assertIn(verdict, verdicts, done)
            if not post:
                if verdict != GOOD:  # an answer scripted as accepted is counted as such whatever the method is
                    self.assertEqual(s.accepted(), [], "nothing runs without --post")
                self.assertFalse([record for record in s.records() if record["method"] in ("GET", "HEAD", "POST")
                                  and record["path"] in (TELEMETRY, ALARM)])  # fmt: skip
            good = True
        self.wrong += not good


    def wire(self, s, wire, tls):
        """Bytes that are no answer: whatever it's called, a sender does with it what the row asks for."""
        s.reset()
        s.wire(wire.name, times=0)
        good = False
        with self.subTest(what=wire.name, tls=tls):
            verdict = self.said(self.doctor(s, timeout_s=12 if "hang" in wire.name else 60))
            self.table["wire " + wire.name, tls, False] = verdict
            if (wire.name, tls) == ("reset_instead_of_answer", "1.3"):  # nobody can tell it from a refused certificate
                self.assertEqual(verdict, "TLS_CLIENT_DROPPED")
            else:
                self.assertEqual(DIAG[verdict].action.lower(), wire.action)
            good = True
        self.wrong += not good


class Keys(Case):
    """What the service key alone tells, and what it leads to."""

    def setUp(self):
        super().setUp()
        self.s = self.enter(StandIn(os.path.join(self.work, "stand-in")))

    def test_a_key_that_can_not_work_is_named_before_anything_is_sent(self):
        for defect, verdict in (("wrong_key", "KEY_MISMATCH"), ("expired", "KEY_EXPIRED"), ("api_plan", "KEY_PLAN_API"),
                                ("missing_intermediate", "KEY_CHAIN_INCOMPLETE")):  # fmt: skip
            with self.subTest(defect=defect):
                self.s.reset()
                done = self.doctor(self.s, key=self.s.service_key(defect=defect))
                self.assertEqual((self.said(done), done.json["problems"][0]["step"]), (verdict, "identity"), done)
                self.assertEqual(self.s.connections(), [])

    def test_a_file_that_is_not_there_is_the_first_step(self):
        done = self.doctor(self.s, key=os.path.join(self.work, "nothing.json"))
        self.assertEqual((self.said(done), done.json["problems"][0]["step"]), ("FILE", "file"))

    def test_a_root_that_the_load_balancer_does_not_trust_is_told_from_a_deleted_key(self):
        done = self.doctor(self.s, key=self.s.service_key(defect="unknown_ca"))
        self.assertEqual(self.said(done), "ANSWER_NO_CLIENT_CERT")
        self.assertIn("3240194", done.json["problems"][0]["detail"])
        self.s.trigger("401_not_configured")
        done = self.doctor(self.s)
        self.assertEqual(self.said(done), "ANSWER_KEY_UNKNOWN")
        self.assertNotIn("3240194", done.json["problems"][0]["detail"])

    def test_a_host_without_rt_is_named(self):
        host = self.s.host.replace("-rt.", ".")
        done = self.doctor(self.s, url=f"https://{host}:{self.s.port}", resolve=self.s.address)
        self.assertEqual(self.said(done), "ANSWER_LOGIN_PAGE", done)

    def test_the_soon_to_expire_are_told_how_many_days_they_have(self):
        done = self.doctor(self.s, key=self.s.service_key(leaf="soon"))
        self.assertTrue([step for step in done.json["steps"] if step["code"] == DIAG["KEY_EXPIRES_SOON"].code], done)

    def test_two_pem_files_make_one_identity(self):
        done = self.doctor(self.s, key=list(self.s.service_key(form="pem")), url=self.s.url)
        self.assertEqual(self.said(done), GOOD, done)

    def test_posting_delivers_one_message_and_tells_its_mpl_id(self):
        self.s.deploy(TELEMETRY, csrf=True)
        done = self.doctor(self.s, "--post")
        self.assertEqual(self.said(done), GOOD, done)
        accepted = self.s.accepted()
        self.assertEqual([done.json["seen"]["mpl_id"]], [message["mpl"] for message in accepted])
        self.assertEqual([record["method"] for record in self.s.records() if record["path"] == TELEMETRY], ["POST", "HEAD", "POST"])

    def test_without_a_route_nothing_is_asked_of_a_flow(self):
        done = self.doctor(self.s, route=None)
        self.assertEqual(self.said(done), GOOD, done)
        self.assertEqual({record["path"] for record in self.s.records()} & {TELEMETRY, ALARM}, set())

    def test_a_tenant_that_answers_401_at_unknown_addresses_can_be_probed_elsewhere(self):
        self.s.tenant.set_state(unknown_address_status=401)
        self.assertEqual(self.said(self.doctor(self.s)), GOOD, "the real address tells that the identity is accepted")
        self.assertEqual(self.said(self.doctor(self.s, "--probe", "/oauth/nothing")), GOOD)

    def test_people_get_one_line_a_step_and_the_remedy_at_the_end(self):
        self.s.trigger("403_role")
        done = ctl("doctor", "--key", self.s.service_key(), "--ca", self.s.ca_file, "--route", TELEMETRY, "--resolve",
                   f"{self.s.host}:{self.s.port}:{self.s.address}")  # fmt: skip
        self.assertEqual(done.status, 1)
        diag = DIAG["ANSWER_ROLE"]
        for text in (f"E{diag.code}", diag.cause, diag.remedy, "HTTP 403", "✔ dns", "✘ role"):
            self.assertIn(text, done.out, done)
        self.assertNotIn("\x1b", done.out, "no colours where nobody looks")

    def test_wrong_usage_is_2(self):
        for arguments in ([], ["--key"], ["--key", "x", "--post"], ["--key", "x", "--nonsense"], ["--key", "x", "--timeout", "0"],
                          ["--key", "x", "--route", "no slash"], ["--key", "x", "--resolve", "?"]):  # fmt: skip
            self.assertEqual(ctl("doctor", *arguments).status, 2, arguments)
        done = ctl("doctor", "--key", "x", "--route", "/" + "x" * 9000)
        self.assertEqual(done.status, 2)
        self.assertIn(f"{DIAG['TOO_LARGE'].cause} (the command line)", done.err)


class Network(Case):
    def setUp(self):
        super().setUp()
        self.s = self.enter(StandIn(os.path.join(self.work, "stand-in")))

    def step(self, done):
        return self.said(done), done.json["problems"][0]["step"]

    def test_a_name_that_does_not_exist(self):
        done = self.doctor(self.s, resolve="", url="https://no-such-host.invalid")
        self.assertEqual(self.step(done), ("NET_DNS", "dns"), done)

    def test_a_port_that_nobody_listens_on(self):
        with closed_port() as port:
            done = self.doctor(self.s, resolve=self.s.address, url=f"https://{self.s.host}:{port}")
        self.assertEqual(self.step(done), ("NET_REFUSED", "tcp"), done)

    def test_the_proxy_is_a_step_of_its_own(self):
        proxy = f"127.0.0.1:{self.s.ready()['proxy_port']}"
        ask = functools.partial(self.doctor, self.s, "--proxy", resolve="")
        self.assertEqual(self.said(ask(f"http://{proxy}")), GOOD)
        self.s.proxy.configure(credentials="user:password")
        self.assertEqual(self.step(ask(f"http://{proxy}")), ("PROXY_AUTH", "proxy"))
        done = ask(f"http://user:password@{proxy}")
        self.assertEqual(self.said(done), GOOD)
        self.assertNotIn("password", done.out)
        self.s.proxy.configure(credentials="", refuse=True)
        self.assertEqual(self.step(ask(f"http://{proxy}")), ("PROXY_REFUSED", "proxy"))
        with closed_port() as port:
            self.assertEqual(self.step(ask(f"http://127.0.0.1:{port}")), ("NET_REFUSED", "proxy"))

    def test_a_root_that_is_missing_from_the_bundle_is_named(self):
        done = self.doctor(self.s, ca=self.s.pki.client_file("root.crt"))
        self.assertEqual(self.said(done), "TLS_UNTRUSTED")
        self.assertIn("Stand-in Global Root", done.json["problems"][0]["detail"])

    def test_an_inspecting_proxy_is_suspected_where_the_root_is_none_of_saps(self):
        self.s.connection_fault(backend="wrong_ca", times=0)
        done = self.doctor(self.s)
        self.assertEqual(self.said(done), "TLS_UNTRUSTED")
        self.assertIn("Nobody's Root", done.json["problems"][0]["detail"])
        self.assertIn("inspecting", done.json["problems"][0]["detail"])


class OtherEnds(Case):
    """HAProxy, stunnel and openssl s_server in the place of nginx."""

    def setUp(self):
        super().setUp()
        self.s = self.enter(StandIn(os.path.join(self.work, "stand-in")))
        self.good = self.s.pki.server("good")
        self.client_ca = self.s.pki.client_file("root.crt")
        self.count = 0

    def through(self, end):
        self.enter(end)
        self.count += 1
        self.s.reset()
        self.s.front.backends[f"end-{self.count}"] = end.backend
        self.s.connection_fault(backend=f"end-{self.count}", times=0)

    def haproxy(self, *bind, versions="", chain=None, tenant_port=None):
        chain, key = chain or self.good
        self.through(other_ends.HaProxy(os.path.join(self.work, f"haproxy-{self.count}"), chain, key,
                                        tenant_port or self.s.tenant.port, " ".join(bind), versions))  # fmt: skip

    def stunnel(self, *options, chain=None):
        chain, key = chain or self.good
        self.through(other_ends.Stunnel(os.path.join(self.work, f"stunnel-{self.count}"), chain, key, self.s.tenant.port,
                                        "\n".join(options)))  # fmt: skip

    def s_server(self, *options, chain=None):
        self.through(other_ends.SServer(*(chain or self.good), options))

    def says(self, verdict, **more):
        done = self.doctor(self.s, **more)
        self.assertEqual(self.said(done), verdict, done)
        return done

    @unittest.skipUnless(other_ends.installed("haproxy"), "haproxy isn't installed")
    def test_haproxy(self):
        unknown = self.s.service_key(defect="unknown_ca")
        asks = f"ca-file {self.client_ca} verify"
        for versions in ("ssl-max-ver TLSv1.2", "ssl-min-ver TLSv1.3"):
            with self.subTest(versions=versions):
                self.haproxy(asks, "required", versions=versions)
                self.says(GOOD)
                self.s.deploy(TELEMETRY, csrf=True)
                self.assertEqual(self.said(self.doctor(self.s, "--post")), GOOD)
                self.says("TLS_CLIENT_REFUSED", key=unknown)
                self.haproxy(asks, "optional", "crt-ignore-err all ca-ignore-err all", versions=versions)
                self.assertIn("3240194", self.says("ANSWER_NO_CLIENT_CERT", key=unknown).json["problems"][0]["detail"])
                self.haproxy("verify none", versions=versions)
                self.says("TLS_NOT_ASKED")
                self.haproxy(asks, "required", versions=versions, chain=self.s.pki.server("wrong_ca"))
                self.says("TLS_UNTRUSTED")
                self.haproxy(asks, "required", versions=versions, chain=self.s.pki.server("wrong_host"))
                self.says("TLS_NAME")
                self.haproxy(asks, "required strict-sni", versions=versions, chain=self.s.pki.server("wrong_host"))
                self.says("TLS_HOST_REFUSED")
                with closed_port() as port:
                    self.haproxy(asks, "required", versions=versions, tenant_port=port)
                    self.says("ANSWER_TEMPORARY")

    @unittest.skipUnless(other_ends.installed("stunnel4"), "stunnel4 isn't installed")
    def test_stunnel(self):
        asks = ("verifyChain = yes", f"CAfile = {self.client_ca}")
        for version in ("TLSv1.2", "TLSv1.3"):
            with self.subTest(version=version):
                self.stunnel(f"sslVersion = {version}", *asks)
                self.says("ANSWER_NO_CLIENT_CERT")  # it ends TLS and tells nobody who called
                self.says("TLS_CLIENT_REFUSED", key=self.s.service_key(defect="unknown_ca"))
                self.stunnel(f"sslVersion = {version}")
                self.says("TLS_NOT_ASKED")
                self.stunnel(f"sslVersion = {version}", *asks, chain=self.s.pki.server("expired"))
                self.says("TLS_EXPIRED")

    def test_openssl_s_server(self):
        asks = ("-Verify", "3", "-verify_return_error", "-CAfile", self.client_ca)
        for version in ("-tls1_2", "-tls1_3"):
            with self.subTest(version=version):
                self.s_server(version, *asks)
                self.says("ANSWER_LOGIN_PAGE", timeout_s=5)  # a page of its own; it knows no HEAD
                self.says("TLS_CLIENT_REFUSED", key=self.s.service_key(defect="unknown_ca"))
                self.s_server(version)
                self.says("TLS_NOT_ASKED")
                self.s_server(version, *asks, chain=self.s.pki.server("self_signed"))
                self.says("TLS_UNTRUSTED")
        self.s_server("-tls1_1", "-cipher", "ALL:@SECLEVEL=0", *asks)
        self.says("TLS_VERSION")


if __name__ == "__main__":
    harness.main()
