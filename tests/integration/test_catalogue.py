#!/usr/bin/env python3
"""Every row of the catalogue, end to end: iflowd meets it over TLS 1.2 and 1.3, gives it its own code, does what the row says, and
loses no message. What was accepted is read from the stand-in's records, never from what iflowd says of itself."""

import os

import harness
from harness import ALARM, DIAG, TELEMETRY, Daemon, StandIn, catalogue, ctl, directory, wait_for, why, write_figures

VERSIONS = ("1.2", "1.3")

# The name in diag.def for each row. A row that is `done` in the end has none.
VERDICTS = {
    "alert_unknown_ca": "TLS_CLIENT_REFUSED",
    "alert_bad_certificate": "TLS_CLIENT_REFUSED",
    "alert_certificate_unknown": "TLS_CLIENT_REFUSED",
    "alert_certificate_expired": "TLS_CLIENT_EXPIRED",
    "alert_certificate_revoked": "TLS_CLIENT_REFUSED",
    "alert_unsupported_certificate": "TLS_CLIENT_REFUSED",
    "alert_handshake_failure_late": "TLS_CLIENT_REFUSED",
    "alert_certificate_required": "TLS_CLIENT_REFUSED",
    "alert_access_denied": "TLS_CLIENT_REFUSED",
    "tls13_reset_after_finished": "TLS_CLIENT_DROPPED",
    "alert_unrecognized_name": "TLS_HOST_REFUSED",
    "alert_handshake_failure": "TLS_HOST_REFUSED",
    "401_no_certificate": "ANSWER_NO_CLIENT_CERT",
    "401_not_configured": "ANSWER_KEY_UNKNOWN",
    "401_exactly_once": "ANSWER_KEY_TWICE",
    "401_bad_credentials": "ANSWER_BAD_CREDENTIALS",
    "401_invalid_token": "ANSWER_TOKEN",
    "403_role": "ANSWER_ROLE",
    "404_unknown_route": "ANSWER_HOST_UNKNOWN",
    "404_not_deployed": "ANSWER_NOT_DEPLOYED",
    "405": "ANSWER_METHOD",
    "200_login_page": "ANSWER_LOGIN_PAGE",
    "302_login": "ANSWER_LOGIN_PAGE",
    "400_empty_host": "ANSWER_NO_HOST",
    "400_nginx_certificate_error": "ANSWER_PROXY_CERT",
    "400_nginx_no_certificate": "ANSWER_PROXY_CERT",
    "400_flow": "ANSWER_REJECTED",
    "415_flow": "ANSWER_REJECTED",
    "413": "ANSWER_BODY_TOO_LARGE",
    "431": "ANSWER_HEADERS_TOO_LARGE",
    "408": "ANSWER_TEMPORARY",
    "425": "ANSWER_TEMPORARY",
    "429": "ANSWER_BUSY",
    "429_retry_after": "ANSWER_BUSY",
    "429_retry_after_date": "ANSWER_BUSY",
    "502_endpoint_failure": "ANSWER_NO_ENDPOINT",
    "503_no_endpoints": "ANSWER_NO_ENDPOINT",
    "503_connection_limit": "ANSWER_NO_ENDPOINT",
    "503": "ANSWER_TEMPORARY",
    "503_retry_after": "ANSWER_TEMPORARY",
    "504": "ANSWER_TEMPORARY",
    "504_router": "ANSWER_NO_ENDPOINT",
    "500_flow": "ANSWER_FLOW_FAILED",
    "500_flow_text": "ANSWER_FLOW_FAILED",
    "500_trial": "ANSWER_TRIAL",
}

# How the stand-in's words for what a sender must do read in a sender that authenticates by certificate and sends no batches: it can't
# fetch another token, and there is nothing to split.
ACTIONS = {"new_token": "hold_identity", "split_or_dead_letter": "dead_letter", "fetch_csrf": "done", "full_handshake": "done"}

# The identity is refused as a whole, the host is wrong as a whole: other routes wait as well.
OF_THE_HOST = ("retry_host", "hold_host", "hold_identity")


def action_of(row):
    return ACTIONS.get(row.action, row.action)


class Rows(harness.TestCase):
    """One stand-in and one iflowd for each version of TLS, all rows one after the other."""

    def setUp(self):
        self.work = self.enter(directory())

    def test_every_row_has_its_code_and_its_action_and_loses_nothing(self):
        passed, wrong = set(), 0
        for tls in VERSIONS:
            s = self.enter(StandIn(os.path.join(self.work, tls), tls=tls))
            daemon = None
            for row in catalogue.CATALOGUE:
                if tls not in row.tls:
                    continue
                if daemon is None:
                    s.reset()
                    daemon = self.enter(Daemon(s, os.path.join(self.work, f"daemon-{tls}-{row.name}")))
                    self.started = 0
                good = False
                with self.subTest(row=row.name, tls=tls):
                    self.one_row(s, daemon, row)
                    good = True
                if good:
                    passed.add(row.name)
                else:
                    wrong += 1
                    daemon.kill()  # the next row starts afresh
                    daemon = None
        write_figures("catalogue", {"catalogue.rows": len(passed), "catalogue.wrong": wrong})

    def one_row(self, s, daemon, row):
        s.reset()
        if row.action == "full_handshake":  # a session to resume must be there
            daemon.put("before")
            daemon.wait_empty()
            s.command("close")
        action = action_of(row)
        already = len(s.accepted())
        s.trigger(row, times=1 if action == "dead_letter" else 0)
        payload = f'{{"row":"{row.name}"}}'
        first = daemon.put(payload)
        {
            "done": self.is_done,
            "retry_route": self.is_retried, "retry_host": self.is_retried,
            "hold_route": self.is_held, "hold_host": self.is_held, "hold_identity": self.is_held,
            "dead_letter": self.is_dead_letter,
        }[action](s, daemon, row, first)  # fmt: skip
        posts = [record for record in s.records() if record["body_head"] == payload and record["method"] == "POST"]
        self.assertEqual({record["id"] for record in posts} | {first}, {first}, "each try carries the same id")
        self.assertFalse([record for record in s.records() if record["conflict"] or record["duplicate"]])
        taken = [message["id"] for message in s.accepted(TELEMETRY)[already:] if message["body"] == payload.encode()]
        self.assertEqual(taken, [] if action == "dead_letter" else [first])
        self.assertEqual(daemon.queued(), 0)

    def waits(self, daemon, row, state):
        """Wait until the host or the route shows the row's code in `state`; the view."""
        diag = DIAG[VERDICTS[row.name]]

        def seen():
            status = daemon.status()
            view = status["host"] if action_of(row) in OF_THE_HOST else status["routes"][0]
            return view if view["state"] == state and why(view) == diag.name else None

        view = wait_for(seen, f"{row.name}: {state} with E{diag.code} {diag.name}", daemon.explain)
        self.assertEqual((view["status"]["cause"], view["status"]["remedy"]), (diag.cause, diag.remedy))
        return view

    def others(self, s, daemon, row):
        """What another route does meanwhile."""
        alarm = daemon.put("alarm", "alarm")
        if action_of(row) in OF_THE_HOST:
            self.assertEqual(s.accepted(ALARM), [])
        else:
            wait_for(lambda: [each["id"] for each in s.accepted(ALARM)] == [alarm], "the other route goes on", daemon.explain)
        return alarm

    def is_done(self, s, daemon, row, first):
        before = daemon.status()["counters"]["csrf_fetched"]
        daemon.wait_empty()
        if row.action == "fetch_csrf":
            self.assertEqual([record["method"] for record in s.records()], ["POST", "HEAD", "POST"])
            self.assertGreaterEqual(daemon.status()["counters"]["csrf_fetched"], before)
        if row.action == "full_handshake":
            self.assertEqual([(record["resumed"], record["status"]) for record in s.records()[-2:]], [(True, 401), (False, 200)])
        self.assertEqual(daemon.status()["routes"][0]["state"], "going")

    def is_retried(self, s, daemon, row, first):
        view = self.waits(daemon, row, "backing off")
        alarm = self.others(s, daemon, row)
        self.assertEqual(daemon.route()["queued"], 1)
        if "retry_after" in row.name:
            self.assertGreaterEqual(view["next_try_s"], 1)
            s.repair()
            daemon.retry()
        else:
            wait_for(lambda: len([each for each in s.records() if each["path"] == TELEMETRY]) >= 2, "it's tried again by itself",
                     daemon.explain)  # fmt: skip
            s.repair()
        daemon.wait_empty()
        self.assertEqual([each["id"] for each in s.accepted(ALARM)], [alarm])

    def is_held(self, s, daemon, row, first):
        view = self.waits(daemon, row, "held")
        self.assertGreater(view["next_try_s"], 600, "the next probe is a slow one")
        alarm = self.others(s, daemon, row)
        tries = len(s.records())
        done = ctl("status", "--json", "--run", daemon.run_dir)
        shown = done.json["host"] if action_of(row) in OF_THE_HOST else done.json["routes"][0]
        self.assertEqual((done.status, shown["state"], shown["status"]), (0, "held", view["status"]))
        self.assertEqual(done.json["routes"][0]["queued"], 1)
        queue = ctl("queue", "list", "telemetry", "--json", "--run", daemon.run_dir).json["queues"][0]
        self.assertEqual([message["id"] for message in queue["messages"]], [first])
        self.assertIn(f"E{view['status']['code']}", ctl("status", "--run", daemon.run_dir).out)
        self.assertEqual(len(s.records()), tries, "it is left alone until the next probe")
        s.repair()
        retried = daemon.retry()
        self.assertEqual(retried.status, 0, retried)
        daemon.wait_empty()
        self.assertEqual([each["id"] for each in s.accepted(ALARM)], [alarm])

    def is_dead_letter(self, s, daemon, row, first):
        diag = DIAG[VERDICTS[row.name]]
        daemon.wait_empty()
        letter = daemon.dead_letters()[-1]
        self.assertEqual(letter["reason"]["code"], diag.code)
        self.assertEqual(letter["id"], first)
        shown = ctl("queue", "list", "--run", daemon.run_dir)
        self.assertIn(first, shown.out, shown)
        self.assertIn(f"E{diag.code}", shown.out, shown)
        following = daemon.put("the next one")
        daemon.wait_empty()
        self.assertEqual([each["id"] for each in s.accepted(TELEMETRY)], [following])


class Table(harness.TestCase):
    def test_each_row_has_a_verdict_whose_action_is_what_the_row_asks_for(self):
        for row in catalogue.CATALOGUE:
            action = action_of(row)
            if action != "done":
                self.assertEqual(DIAG[VERDICTS[row.name]].action, action.upper(), row.name)
        self.assertEqual(set(VERDICTS), {row.name for row in catalogue.CATALOGUE if action_of(row) != "done"})


class Behaviour(harness.TestCase):
    """What a row alone doesn't show: several answers in a row, and the passing of time."""

    def setUp(self):
        self.work = self.enter(directory())
        self.s = self.enter(StandIn(os.path.join(self.work, "stand-in")))

    def daemon(self, **configuration):
        return self.enter(Daemon(self.s, os.path.join(self.work, "daemon"), **configuration))

    def accepted(self, route=TELEMETRY):
        return [message["id"] for message in self.s.accepted(route)]

    def test_a_slow_probe_finds_out_by_itself_that_all_is_well_again(self):
        daemon = self.daemon(probe={"first_ms": 100, "cap_ms": 200})
        for row in ("404_not_deployed", "401_not_configured", "404_unknown_route", "alert_unknown_ca"):
            with self.subTest(row=row):
                self.s.reset()
                self.s.trigger(row)
                first = daemon.put(row)
                wait_for(lambda: "held" in (daemon.status()["host"]["state"], daemon.route()["state"]), "it is held",
                         daemon.explain)
                self.s.repair()
                daemon.wait_empty()
                self.assertEqual(self.accepted(), [first])

    def test_three_rejected_in_a_row_hold_the_route_instead_of_emptying_it(self):
        daemon = self.daemon()
        self.s.trigger("400_flow")
        ids = [daemon.put(f"message {number}") for number in range(5)]
        wait_for(lambda: why(daemon.route()) == "ANSWER_REJECTS_ALL", "the route is held", daemon.explain)
        self.assertEqual([letter["id"] for letter in daemon.dead_letters()], ids[:2])
        self.assertEqual(daemon.route()["queued"], 3)
        self.s.repair()
        daemon.retry()
        daemon.wait_empty()
        self.assertEqual(self.accepted(), ids[2:])

    def test_a_failing_flow_blocks_its_route_unless_the_route_says_otherwise(self):
        daemon = self.daemon(routes={"telemetry": {"path": TELEMETRY, "on_flow_error": {"dead_letter_after": 2}}, "alarm": ALARM})
        self.s.fault("500_flow", TELEMETRY, times=2)
        ids = [daemon.put(f"message {number}") for number in range(2)]
        daemon.wait_empty()
        self.assertEqual([letter["id"] for letter in daemon.dead_letters()], ids[:1])
        self.assertEqual(self.accepted(), ids[1:])

    def test_one_token_serves_all_messages_and_is_fetched_again_when_it_ends(self):
        self.s.deploy(TELEMETRY, csrf=True)
        daemon = self.daemon()
        ids = [daemon.put(f"message {number}") for number in range(3)]
        daemon.wait_empty()
        self.assertEqual([record["method"] for record in self.s.records()], ["POST", "HEAD", "POST", "POST", "POST"])
        self.s.tenant.expire_csrf()
        ids.append(daemon.put("with a stale token"))
        daemon.wait_empty()
        self.assertEqual([record["method"] for record in self.s.records()[5:]], ["POST", "HEAD", "POST"])
        self.assertEqual(daemon.terminate(), 0)
        daemon.start()  # it's remembered that this flow wants a token
        ids.append(daemon.put("after a restart"))
        daemon.wait_empty()
        self.assertEqual([record["method"] for record in self.s.records()[8:]], ["HEAD", "POST"])
        self.assertEqual(self.accepted(), ids)

    def test_retry_after_is_honoured_up_to_an_hour_and_nonsense_in_it_is_ignored(self):
        daemon = self.daemon()
        for name, least_s, most_s in (("503_retry_after_long", 3000, 3601), ("503_retry_after_2100", 3000, 3601),
                                      ("503_retry_after_garbage", 0, 2), ("503_retry_after_negative", 0, 2)):  # fmt: skip
            with self.subTest(answer=name):
                self.s.reset()
                self.s.fault(name, TELEMETRY, times=0)
                daemon.put(name)
                view = wait_for(lambda: next((route for route in daemon.status()["routes"] if route["state"] == "backing off"), None),
                                "it waits", daemon.explain)  # fmt: skip
                self.assertTrue(least_s <= view["next_try_s"] <= most_s, view)
                self.s.repair()
                daemon.retry()
                daemon.wait_empty()
                self.assertEqual(len(self.accepted()), 1)

    def test_a_version_of_tls_that_the_other_side_does_not_speak_holds_the_host(self):
        for ours, theirs in (("1.3", "1.2"), ("1.2", "1.3")):
            with self.subTest(ours=ours, theirs=theirs):
                self.s.reset()
                self.s.reconfigure(tls=theirs)
                daemon = Daemon(self.s, os.path.join(self.work, f"daemon-{ours}"), tls=ours)
                self.enter(daemon)
                first = daemon.put("waits")
                wait_for(lambda: why(daemon.status()["host"]) == "TLS_VERSION", "it's named", daemon.explain)
                self.assertEqual(daemon.status()["host"]["state"], "held")
                self.s.reconfigure(tls="auto")
                daemon.retry()
                daemon.wait_empty()
                self.assertEqual(self.accepted(), [first])
                self.assertEqual(self.s.records()[-1]["tls"], f"TLSv{ours}")
                daemon.kill()

    def test_an_answer_that_gets_lost_means_the_same_id_again_and_no_second_message(self):
        daemon = self.daemon()
        self.s.fault("reset_after_processing")
        first = daemon.put("once")
        daemon.wait_empty()
        self.assertEqual(self.accepted(), [first])
        self.assertEqual([(record["id"], record["duplicate"]) for record in self.s.records()], [(first, False), (first, True)])

    def test_a_connection_that_closes_just_as_the_next_message_starts_loses_nothing(self):
        daemon = self.daemon()
        ids = [daemon.put("opens the connection")]
        daemon.wait_empty()
        for what in ("close_on_next_request", "reset_on_next_request", "close", "reset", "close_on_next_request"):
            self.s.command(what)
            ids.append(daemon.put(what))
            daemon.wait_empty()
        self.assertEqual(self.accepted(), ids)


if __name__ == "__main__":
    harness.main()
