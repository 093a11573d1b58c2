#!/usr/bin/env python3
"""iflowd as a process: what producers are told, what survives a kill, what a signal does, what it leaves on the disk, and how it
refuses what can't be right. The verdict about messages comes from the stand-in's records."""

import base64
import contextlib
import json
import os
import random
import re
import signal
import stat
import subprocess
import threading

import harness
from harness import ALARM, DIAG, FULL, TELEMETRY, Daemon, StandIn, catalogue, code, ctl, directory, run, wait_for, why


class DaemonTest(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.class_work = cls.enter_class(directory())
        cls.s = cls.enter_class(StandIn(os.path.join(cls.class_work, "stand-in")))

    def setUp(self):
        self.s.reset()
        self.work = self.enter(directory())

    def daemon(self, **more):
        return self.enter(self.prepared(**more))

    def prepared(self, name="daemon", **more):
        """A daemon that isn't started yet."""
        daemon = Daemon(self.s, os.path.join(self.work, name), **more)
        self.addCleanup(daemon.kill)
        return daemon

    def accepted(self, route=TELEMETRY):
        return [message["id"] for message in self.s.accepted(route)]

    def refusal(self, daemon, *names):
        """It doesn't start: exit status 1, the code, cause and remedy in the log, nothing sent. The log."""
        daemon.spawn()
        self.assertEqual(daemon.wait_end(), 1, daemon.log())
        log = daemon.log()
        self.assertTrue(any(f"E{DIAG[name].code} {DIAG[name].cause} {DIAG[name].remedy}" in log for name in names), log)
        return log


class Producers(DaemonTest):
    def assert_error(self, answer, name):
        diag = DIAG[name]
        self.assertEqual(answer, f"ERROR E{diag.code} {diag.cause} {diag.remedy}")

    def test_each_line_of_the_socket_is_answered_in_order_and_delivered(self):
        daemon = self.daemon()
        with daemon.producer() as producer:
            for number in range(40):
                producer.write(f"{'alarm' if number % 4 == 3 else 'telemetry'} message {number}\n")
            ids = [producer.answer().removeprefix("OK ") for _ in range(40)]
        daemon.wait_empty()
        self.assertEqual(self.accepted(TELEMETRY), [each for at, each in enumerate(ids) if at % 4 != 3])
        self.assertEqual(self.accepted(ALARM), [each for at, each in enumerate(ids) if at % 4 == 3])
        self.assertEqual([message["body"].decode() for message in self.s.accepted(ALARM)][:2], ["message 3", "message 7"])
        for lane_ids in (self.accepted(TELEMETRY), self.accepted(ALARM)):
            self.assertEqual([int(each.split("-")[2]) for each in lane_ids], list(range(1, len(lane_ids) + 1)))
            self.assertEqual(len({each.rsplit("-", 1)[0] for each in lane_ids}), 1)

    def test_standard_input_is_a_producer_and_its_end_ends_the_daemon_when_all_is_delivered(self):
        daemon = self.prepared(arguments=["--stdin", "--exit-when-empty"])
        daemon.configure()
        lines = b"".join(b"telemetry %d\n" % number for number in range(20)) + b"alarm last\r\n"
        done = run(daemon.command_line(), lines)
        self.assertEqual(done.status, 0, done)
        ids = [line.removeprefix("OK ") for line in done.out.splitlines()]
        self.assertEqual(self.accepted(TELEMETRY) + self.accepted(ALARM), ids, done)
        self.assertEqual(self.s.accepted(ALARM)[0]["body"], b"last")

    def test_what_ends_in_the_dead_letters_is_told_by_the_exit_status(self):
        self.s.fault("400_flow", TELEMETRY)
        daemon = self.prepared(arguments=["--stdin", "--exit-when-empty"])
        daemon.configure()
        done = run(daemon.command_line(), b"telemetry 1\ntelemetry 2\n")
        self.assertEqual(done.status, 1, done)
        self.assertEqual(len(self.accepted()), 1)

    def test_bad_lines_get_a_clear_error_and_nothing_else_is_lost(self):
        daemon = self.daemon()
        with daemon.producer() as producer:
            good = [producer.put("first").removeprefix("OK ")]
            for line, name in ((b"\n", "LINE_EMPTY"), (b"\r\n", "LINE_EMPTY"), (b"telemetry\n", "LINE_EMPTY"),
                               (b"telemetry \n", "LINE_EMPTY"), (b" telemetry x\n", "LINE_NO_ROUTE"),
                               (b"telemetri x\n", "LINE_NO_ROUTE"), (b"{\"t\":1}\n", "LINE_NO_ROUTE"),
                               (b"TELEMETRY x\n", "LINE_NO_ROUTE"), (b"\x00\xff\xfe\n", "LINE_NO_ROUTE"),
                               (b"telemetry " + b"x" * (4 << 20) + b"\n", "LINE_TOO_LONG"),
                               (b"x" * (4 << 20) + b"\n", "LINE_TOO_LONG")):  # fmt: skip
                with self.subTest(line=line[:20]):
                    producer.write(line)
                    self.assert_error(producer.answer(), name)
            good.append(producer.put(b"any \x00 bytes \xff but LF").removeprefix("OK "))
        daemon.wait_empty()
        self.assertEqual(self.accepted(), good)
        self.assertEqual(self.s.accepted()[-1]["body"], b"any \x00 bytes \xff but LF")

    def test_a_line_that_is_cut_is_not_stored_and_its_producer_is_told(self):
        daemon = self.daemon()
        with daemon.producer() as producer:
            producer.write(b"telemetry whole\ntelemetry only a pie")
            producer.end()
            self.assertTrue(producer.answer().startswith("OK "))
            self.assert_error(producer.answer(), "LINE_CUT")
            self.assertEqual(producer.answer(), "")
        with daemon.producer() as producer:
            producer.write(b"telemetry vanishes")
        daemon.wait_empty()
        self.assertEqual([message["body"] for message in self.s.accepted()], [b"whole"])

    def test_many_producers_at_once_each_get_their_own_answers(self):
        daemon = self.daemon()
        answers = {}

        def produce(name):
            with daemon.producer() as producer:
                answers[name] = [producer.put(f"{name} {number}") for number in range(20)]

        threads = [threading.Thread(target=produce, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        daemon.wait_empty()
        bodies = {message["id"]: message["body"].decode() for message in self.s.accepted()}
        for name, lines in answers.items():
            self.assertEqual([bodies[line.removeprefix("OK ")] for line in lines], [f"{name} {number}" for number in range(20)])
        self.assertEqual([int(each.split("-")[2]) for each in self.accepted()], list(range(1, 161)))

    def test_a_producer_that_never_reads_its_answers_holds_up_nobody(self):
        daemon = self.daemon(outbox={"size": 4 << 20})
        with daemon.producer() as rude:
            rude.socket.setblocking(False)
            try:
                for number in range(20000):
                    rude.socket.send(b"no-such-route %d\n" % number)
            except BlockingIOError:
                pass
            polite = daemon.put("polite")
            daemon.wait_empty()
            self.assertEqual(self.accepted(), [polite])

    def test_a_full_outbox_refuses_the_new_and_keeps_the_old(self):
        self.s.undeploy(TELEMETRY)
        daemon = self.daemon(outbox={"size": 65536 * 4, "payload_max": 2000})
        ids, refused = [], 0
        with daemon.producer() as producer:
            for number in range(1000):
                answer = producer.put(b"%05d" % number + b"x" * 1900)
                if answer.startswith("OK "):
                    ids.append(answer[3:])
                else:
                    self.assert_error(answer, "STORE_FULL")
                    refused += 1
        self.assertGreater(len(ids), 20)
        self.assertGreater(refused, 0)
        wait_for(lambda: daemon.route()["state"] == "held", "it's held", daemon.explain)
        self.s.deploy(TELEMETRY)
        daemon.retry()
        daemon.wait_empty()
        self.assertEqual(self.accepted(), ids)
        with daemon.producer() as producer:
            wait_for(lambda: producer.put("there is room again").startswith("OK "), "room", daemon.explain)

    def test_send_on_the_console_stores_a_message_like_any_other(self):
        daemon = self.daemon()
        stored = daemon.ask("send telemetry from the console")["id"]
        daemon.wait_empty()
        self.assertEqual(self.accepted(), [stored])


class Kills(DaemonTest):
    """kill -9 at random moments; a moment is a count of what has happened, not a time. The seed says which."""

    SEED = 20260114

    def test_killed_again_and_again_everything_acknowledged_arrives_in_order_under_one_id(self):
        chance = random.Random(self.SEED)
        daemon = self.prepared(probe={"first_ms": 100, "cap_ms": 200})  # two resets in a row hold the host
        sent, acknowledged = {TELEMETRY: [], ALARM: []}, {}
        for kill in range(60 if FULL else 30):
            self.script_trouble(chance)
            daemon.start()
            batch = [self.line(chance, f"{kill}.{number}") for number in range(chance.randrange(1, 12))]
            for path, payload in batch:
                sent[path].append(payload)
            self.one_life(daemon, chance, batch, acknowledged)
        self.s.repair()
        daemon.start()
        daemon.retry()
        daemon.wait_empty()
        self.assert_nothing_lost(sent, acknowledged)

    def script_trouble(self, chance):
        """What the other side does during this life."""
        trouble = chance.choice(("none", "slow", "slow", "503", "reset_after_processing", "cut", "reset_in_answer"))
        if trouble == "slow":  # a kill then falls into the middle of a request
            self.s.fault("200_chunked", times=3, delay_ms=40)
        elif trouble == "cut":
            self.s.fault("cut", times=1, skip=chance.randrange(3), body_bytes=5)
        elif trouble == "reset_in_answer":
            self.s.connection_fault("reset_after_response_bytes", n=chance.randrange(3000, 6000))
        elif trouble != "none":
            self.s.fault(trouble, times=1, skip=chance.randrange(3))

    @staticmethod
    def line(chance, name):
        path = chance.choice((TELEMETRY, TELEMETRY, ALARM))
        return path, f"{name} " + "x" * chance.choice((0, 10, 900, 6000, 12000))

    def one_life(self, daemon, chance, batch, acknowledged):
        """Hand over the batch, kill after some acknowledgements, some requests or both, and read what was said before."""
        names = {TELEMETRY: "telemetry", ALARM: "alarm"}
        answers = chance.randrange(len(batch) + 1) if chance.random() < 0.7 else 0
        requests = len(self.s.records()) + (chance.randrange(1, 8) if chance.random() < 0.7 else 0)
        with daemon.producer() as producer:
            producer.write("".join(f"{names[path]} {payload}\n" for path, payload in batch))
            rest = list(batch)
            for _ in range(answers):
                self.acknowledge(producer.answer(), rest.pop(0)[1], acknowledged)
            wait_for(lambda: len(self.s.records()) >= requests or daemon.queued() == 0, "progress", daemon.explain)
            daemon.kill()
            while (answer := producer.answer()) != "":
                self.acknowledge(answer, rest.pop(0)[1], acknowledged)

    def acknowledge(self, answer, payload, acknowledged):
        self.assertTrue(answer.startswith("OK "), answer)
        acknowledged[payload] = answer.removeprefix("OK ")

    def assert_nothing_lost(self, sent, acknowledged):
        for record in self.s.records():
            self.assertFalse(record["conflict"], "an id was used for two payloads")
        ids = {message["body"].decode(): message["id"] for message in self.s.accepted()}
        lost = {payload[:40]: each for payload, each in acknowledged.items() if ids.get(payload) != each}
        self.assertEqual(lost, {}, "acknowledged, but not accepted under that id")
        for path in (TELEMETRY, ALARM):
            taken = self.s.accepted(path)
            payloads = [message["body"].decode() for message in taken]
            self.assertEqual(payloads, [payload for payload in sent[path] if payload in payloads], "in order, and each once")
            self.assertEqual([int(message["id"].split("-")[2]) for message in taken], list(range(1, len(taken) + 1)), "gapless")
            self.assertEqual(len({message["id"].rsplit("-", 1)[0] for message in taken}), 1, "one log, one lane")

    def test_killed_while_it_starts_it_starts_again(self):
        daemon = self.prepared()
        daemon.start()
        first = daemon.put("before")
        daemon.kill()
        for _ in range(5):
            daemon.spawn()
            wait_for(lambda: os.path.exists(os.path.join(daemon.state_dir, "outbox.flash")), "the state directory")
            daemon.kill()
        daemon.start()
        daemon.wait_empty()
        self.assertIn(first, self.accepted())


class Signals(DaemonTest):
    def test_a_list_of_a_large_queue_has_an_end(self):
        self.s.fault("503", times=0)
        daemon = self.daemon(outbox={"size": 16 << 20})
        count = 10010
        with contextlib.closing(daemon.producer().socket) as producer:
            threading.Thread(target=producer.sendall, args=(b"telemetry x\n" * count,), daemon=True).start()
            answers = 0
            while answers < count:
                answers += producer.recv(1 << 16).count(b"\n")
        done = ctl("queue", "list", "telemetry", 99999999, "--run", daemon.run_dir)
        self.assertEqual(done.status, 0, done)
        self.assertEqual(done.out.count(", stored "), 10000)
        self.assertIn("... and more", done.out)

    def test_sigterm_keeps_what_is_queued_and_the_next_start_delivers_it(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number.name):
                self.s.reset()
                self.s.undeploy(TELEMETRY)
                daemon = self.prepared(name=f"daemon-{number.name}")
                daemon.start()
                ids = [daemon.put(f"message {at}") for at in range(3)]
                daemon.process.send_signal(number)
                self.assertEqual(daemon.wait_end(), 0, daemon.log())
                self.assertEqual(os.listdir(daemon.run_dir), [], "its sockets are gone")
                self.s.deploy(TELEMETRY)
                daemon.start()
                daemon.wait_empty()
                self.assertEqual(self.accepted(), ids)
                self.assertNotIn("wasn't clean", daemon.log())

    def test_sigterm_in_the_middle_of_a_request_sends_the_message_again_under_its_id(self):
        self.s.fault("silence", effect="silence", status=0)
        daemon = self.daemon()
        first = daemon.put("in flight")
        wait_for(lambda: [record for record in self.s.records() if record["complete"]], "the request is there", daemon.explain)
        self.assertEqual(daemon.terminate(), 0)
        self.s.repair()
        daemon.start()
        daemon.wait_empty()
        self.assertEqual(self.accepted(), [first])
        self.assertEqual([record["id"] for record in self.s.records()], [first, first])

    def test_a_reload_with_a_mistake_changes_nothing_but_the_log(self):
        daemon = self.daemon()
        good = json.dumps(daemon.configuration)
        for text, name in (("{", "CONFIG_SYNTAX"), (good.replace('"routes"', '"rutes"'), "CONFIG_UNKNOWN_KEY"),
                           (good.replace("/http/plant/alarm", "no path"), "CONFIG_VALUE"),
                           (good.replace(str(4 << 20), str(8 << 20)), "CONFIG_VALUE"),
                           (good.replace('"identity": "', '"identity": "/nowhere'), "FILE")):  # fmt: skip
            with self.subTest(mistake=name):
                daemon.write_configuration(text)
                before = len(daemon.log())
                daemon.reload()
                self.assertIn(f"E{code(name)} ", daemon.log()[before:])
                self.assertIn("nothing is changed", daemon.log()[before:])
                sent = daemon.put(f"after {name}", "alarm")
                daemon.wait_empty()
                self.assertEqual(self.accepted(ALARM)[-1], sent)

    def test_a_reload_takes_new_routes_and_new_paths_and_keeps_what_is_queued(self):
        self.s.deploy("/http/plant/new")
        self.s.undeploy(TELEMETRY)
        daemon = self.daemon()
        waiting = daemon.put("waits")
        wait_for(lambda: daemon.route()["state"] == "held", "it's held", daemon.explain)
        daemon.configure(routes={"telemetry": "/http/plant/new", "alarm": ALARM, "third": "/http/plant/new"})
        daemon.reload()
        daemon.wait_empty()
        third = daemon.put("third", "third")
        daemon.wait_empty()
        self.assertEqual(self.accepted("/http/plant/new"), [waiting, third])

    def test_a_route_that_goes_and_comes_back_keeps_its_messages(self):
        self.s.undeploy(TELEMETRY)
        daemon = self.daemon()
        waiting = daemon.put("waits")
        wait_for(lambda: daemon.route()["state"] == "held", "it's held", daemon.explain)
        daemon.configure(routes={"alarm": ALARM})
        daemon.reload()
        with daemon.producer() as producer:
            self.assertIn(f"E{code('LINE_NO_ROUTE')}", producer.put("x"))
        self.assertIn("isn't configured any more", ctl("queue", "list", "--run", daemon.run_dir).out)
        daemon.configure(routes={"telemetry": TELEMETRY, "alarm": ALARM})
        self.s.deploy(TELEMETRY)
        daemon.reload()
        daemon.wait_empty()
        self.assertEqual(self.accepted(), [waiting])

    def test_a_second_daemon_on_the_same_state_or_sockets_is_refused(self):
        daemon = self.daemon()
        for name, share in (("state", "state_dir"), ("run", "run_dir")):
            with self.subTest(shared=name):
                second = self.prepared(name=f"second-{name}")
                setattr(second, share, getattr(daemon, share))
                self.refusal(second, "LOCKED")
                first = daemon.put(f"the first one goes on: {name}")
                daemon.wait_empty()
                self.assertEqual(self.accepted()[-1], first)

    def test_an_outage_ends_and_everything_arrives_in_order(self):
        daemon = self.daemon()
        ids = [daemon.put("before")]
        daemon.wait_empty()
        self.s.front.listen(False)
        self.s.command("reset")
        ids += [daemon.put(f"during {number}") for number in range(20)]
        wait_for(lambda: why(daemon.status()["host"]) == "NET_REFUSED", "it notices", daemon.explain)
        self.assertEqual(daemon.queued(), 20)
        self.s.front.listen(True)
        daemon.wait_empty()
        self.assertEqual(self.accepted(), ids)
        self.assertEqual(daemon.status()["host"]["state"], "going")

    def test_each_transport_fault_is_survived(self):
        daemon = self.daemon()
        ids = []
        for name, fault in catalogue.TRANSPORT_FAULTS.items():
            if name.startswith("silence"):
                continue  # ends by a time limit of half a minute: iflowctl send shows it
            with self.subTest(fault=name):
                self.s.command("close")
                self.s.connection_fault(**fault, times=2)
                ids.append(daemon.put(name))
                daemon.wait_empty()
                self.assertEqual(self.accepted(), ids)
                self.s.repair()


class DeadLetters(DaemonTest):
    def queue(self, daemon, verb, message):
        return ctl("queue", verb, message, "--json", "--run", daemon.run_dir)

    def test_a_dead_letter_is_shown_exported_sent_again_or_dropped(self):
        daemon = self.daemon()
        self.s.fault("400_flow", TELEMETRY, times=2)
        first, second = daemon.put("the first"), daemon.put("the second")
        wait_for(lambda: len(daemon.dead_letters()) == 2, "both are dead letters", daemon.explain)
        shown = self.queue(daemon, "show", first)
        self.assertEqual((shown.status, shown.json["messages"][0]["reason"]["code"]), (0, code("ANSWER_REJECTED")), shown)
        payload = self.queue(daemon, "export", first).json
        self.assertEqual((base64.b64decode(payload["payload"]), payload["complete"]), (b"the first", True))
        self.assertEqual(self.queue(daemon, "retry", first).status, 0)
        wait_for(lambda: self.accepted() == [first], "it's delivered under its id", daemon.explain)
        wait_for(lambda: [letter["id"] for letter in daemon.dead_letters()] == [second], "the answer is there, too", daemon.explain)
        self.assertEqual(self.queue(daemon, "drop", second).status, 0)
        self.assertEqual(daemon.dead_letters(), [])
        self.assertEqual(self.queue(daemon, "drop", second).json["error"]["code"], code("NOT_FOUND"))
        daemon.kill()
        daemon.start()
        self.assertEqual(daemon.dead_letters(), [])
        self.s.undeploy(TELEMETRY)
        waiting = daemon.put("waits")
        wait_for(lambda: daemon.route()["state"] == "held", "it's held", daemon.explain)
        self.assertEqual(self.queue(daemon, "drop", waiting).json["error"]["code"], code("QUEUE_WAITS"))
        self.assertEqual(self.queue(daemon, "show", waiting).json["route"], "telemetry")


class Identities(DaemonTest):
    def slots(self, daemon):
        return {slot["state"]: slot for slot in daemon.ask("identity")["slots"]}

    def in_force(self, daemon):
        return next(slot for slot in daemon.ask("identity")["slots"] if slot["in_force"])

    def subjects(self):
        return [record["subject"] for record in self.s.records()]

    def subject(self, leaf):
        return self.s.pki.certificate_details(leaf)["subjectdn"]

    def rotate(self, daemon, **key):
        daemon.configure(identity=self.s.service_key(**key))
        daemon.reload()

    def test_a_new_key_is_pending_until_it_is_proven_and_then_in_force(self):
        daemon = self.daemon()
        ids = [daemon.put("with the first key")]
        daemon.wait_empty()
        self.s.connection_fault("silence", times=0)  # nothing is decided yet
        self.rotate(daemon, leaf="second")
        slots = self.slots(daemon)
        self.assertTrue(slots["active"]["in_force"])
        self.assertFalse(slots["pending"]["in_force"])
        new = slots["pending"]["leaf_sha256"]
        self.s.repair()
        self.s.command("reset")
        daemon.reload()  # asks for another trial
        wait_for(lambda: self.in_force(daemon)["leaf_sha256"] == new, "it's proven without a message", daemon.explain)
        self.assertEqual(self.in_force(daemon)["state"], "active")
        # A trial that was under way when the next one was asked for may have got as far as its question.
        trials = self.s.records()[1:]
        self.assertEqual({(record["method"], record["path"]) for record in trials}, {("HEAD", "/http/iflow-agent-probe")})
        ids.append(daemon.put("with the second key"))
        daemon.wait_empty()
        self.assertEqual(self.subjects(), [self.subject("default")] + [self.subject("second")] * (len(trials) + 1))
        self.assertEqual(self.accepted(), ids)
        daemon.kill()
        daemon.start()
        ids.append(daemon.put("after a restart"))
        daemon.wait_empty()
        self.assertEqual(self.subjects()[-1], self.subject("second"))
        self.assertEqual(self.accepted(), ids)

    def test_a_new_key_that_is_refused_leaves_the_old_one_in_force(self):
        for row, name in (("401", "ANSWER_UNAUTHORIZED"), ("alert", "TLS_CLIENT_REFUSED"), ("dropped", "ANSWER_NO_CLIENT_CERT")):
            with self.subTest(refused_by=row):
                self.s.reset()
                daemon = self.prepared(name=f"daemon-{row}")
                daemon.start()
                ids = [daemon.put("with the first key")]
                daemon.wait_empty()
                if row == "401":
                    self.s.tenant.set_key(name="second", action="delete")
                if row == "alert":
                    self.s.connection_fault(**catalogue.ROWS["alert_unknown_ca"].trigger["connection"])
                self.rotate(daemon, **({"defect": "unknown_ca"} if row == "dropped" else {"leaf": "second"}))
                ids.append(daemon.put("with the new key, then with the old one"))
                daemon.wait_empty()
                self.assertEqual(self.accepted(), ids)
                self.assertEqual([record["subject"] for record in self.s.records() if record["accepted"]], [self.subject("default")] * 2)
                slots = wait_for(lambda: self.slots(daemon) if "refused" in self.slots(daemon) else None, "it's refused", daemon.explain)
                self.assertTrue(slots["active"]["in_force"])
                self.assertIn(f"E{code(name)} ", daemon.log())
                daemon.kill()
                daemon.start()  # the same key in the configuration isn't tried for ever
                ids.append(daemon.put("after a restart"))
                daemon.wait_empty()
                self.assertEqual(self.accepted(), ids)
                daemon.kill()

    def test_trouble_that_says_nothing_about_the_key_neither_proves_nor_refuses_it(self):
        daemon = self.daemon()
        daemon.put("with the first key")
        daemon.wait_empty()
        self.s.fault("503", times=0)
        self.rotate(daemon, leaf="second")
        daemon.put("waits for the tenant")
        wait_for(lambda: daemon.route()["attempts"] >= 2, "it's tried", daemon.explain)
        wait_for(lambda: any(record["method"] == "HEAD" for record in self.s.records()), "the new one is tried", daemon.explain)
        self.assertIn("pending", self.slots(daemon))
        self.assertEqual({record["method"]: record["subject"] for record in self.s.records()},
                         {"POST": self.subject("default"), "HEAD": self.subject("second")})  # fmt: skip
        daemon.kill()
        daemon.start()
        self.assertIn("pending", self.slots(daemon))
        self.s.repair()
        daemon.reload()
        wait_for(lambda: "pending" not in self.slots(daemon), "it's proven", daemon.explain)
        daemon.wait_empty()
        daemon.put("with the second key")
        daemon.wait_empty()
        self.assertEqual(self.subjects()[-1], self.subject("second"))

    def test_a_key_can_be_installed_and_taken_back_while_it_runs(self):
        daemon = self.daemon()
        old = self.in_force(daemon)["leaf_sha256"]
        key = self.s.service_key(leaf="second")
        pasted = os.path.join(self.work, "pasted.json")  # as it comes out of a word processor
        with open(key, encoding="utf-8") as file, open(pasted, "w", encoding="utf-8") as to:
            to.write(file.read().replace('"', "\u201d").replace("-----", "\u2014"))
        done = ctl("identity", "install", pasted, "--json", "--run", daemon.run_dir)
        self.assertEqual(done.status, 0, done)
        self.assertIn("pending", {slot["state"] for slot in done.json["slots"]})
        wait_for(lambda: self.in_force(daemon)["leaf_sha256"] != old, "it's proven", daemon.explain)
        new = self.in_force(daemon)["leaf_sha256"]
        daemon.kill()
        daemon.start()  # the configuration names the old key's file
        self.assertEqual(self.in_force(daemon)["leaf_sha256"], new)
        self.assertIn("older than the identity that was installed", daemon.log())
        sent = [daemon.put("with the new key")]
        daemon.wait_empty()
        self.assertEqual(self.subjects()[-1], self.subject("second"))
        done = ctl("identity", "rollback", "--json", "--run", daemon.run_dir)
        self.assertEqual(done.status, 0, done)
        self.assertEqual(self.in_force(daemon)["leaf_sha256"], old)
        sent.append(daemon.put("with the old key"))
        daemon.wait_empty()
        self.assertEqual(self.subjects()[-1], self.subject("default"))
        self.assertEqual(self.accepted(), sent)
        with open(key, encoding="utf-8") as file:
            secret = json.load(file)["oauth"]["key"].split("\n")[3]
        self.assertNotIn(secret, daemon.log() + done.text + json.dumps(daemon.ask("log 1000")))

    def pfx(self, name, passphrase, *more, certificates=None):
        """A PKCS#12 file with the identity `second`, as openssl makes it."""
        chain, path = os.path.join(self.work, f"{name}.pem"), os.path.join(self.work, f"{name}.p12")
        with open(chain, "w", encoding="utf-8") as file:
            file.write("".join(certificates or self.s.pki.client_chain("second")))
        done = run(["openssl", "pkcs12", "-export", "-in", chain, "-passout", f"pass:{passphrase}", "-out", path, *more])
        self.assertEqual(done.status, 0, done)
        return path

    def test_a_pkcs12_file_is_installed_with_its_passphrase_and_only_then(self):
        daemon = self.daemon(url=f"https://{self.s.host}:{self.s.port}")
        old = self.in_force(daemon)["leaf_sha256"]
        key, words = self.s.pki.client_file("second.key"), {}
        for name, text in (("right", "correct horse"), ("wrong", "battery staple")):
            words[name] = os.path.join(self.work, name)
            with open(words[name], "w", encoding="utf-8") as file:
                file.write(text + "\n")
        good = self.pfx("good", "correct horse", "-inkey", key)
        keyless = self.pfx("keyless", "correct horse", "-nokeys")
        foreign = self.s.pki.client_pem("other-root.crt")
        extra = self.pfx("extra", "correct horse", "-inkey", key, certificates=[*self.s.pki.client_chain("second"), foreign])
        leaf, *others = self.s.pki.client_chain("second")
        shuffled = self.pfx("shuffled", "correct horse", "-inkey", key, certificates=[leaf, *reversed(others)])
        for file, passphrase, name in ((good, "wrong", "KEY_ENCRYPTED"), (keyless, "right", "KEY_NO_PRIVATE_KEY"), (good, None, "KEY_ENCRYPTED"),
                                       (extra, "right", "KEY_CHAIN")):  # fmt: skip
            options = ["--passphrase-file", words[passphrase]] if passphrase else []
            done = ctl("identity", "install", file, *options, "--json", "--run", daemon.run_dir)
            self.assertEqual((done.status, done.json["error"]["name"]), (1, name), done)
            self.assertEqual(self.in_force(daemon)["leaf_sha256"], old)
            self.assertNotIn("pending", self.slots(daemon))
        done = ctl("identity", "install", shuffled, "--passphrase-file", words["right"], "--json", "--run", daemon.run_dir)
        self.assertEqual(done.status, 0, done)
        wait_for(lambda: self.in_force(daemon)["leaf_sha256"] != old, "it's proven", daemon.explain)
        sent = daemon.put("with the identity of the PKCS#12 file")
        daemon.wait_empty()
        self.assertEqual((self.accepted()[-1], self.subjects()[-1]), (sent, self.subject("second")))
        self.assertNotIn("correct horse", daemon.log() + done.text)

    def request(self, daemon, *words, name="request.pem"):
        """The file of the request that iflowd shows; checked by openssl."""
        done = ctl("identity", "csr", *words, "--run", daemon.run_dir)
        self.assertEqual(done.status, 0, done)
        path = os.path.join(self.work, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(done.out)
        checked = run(["openssl", "req", "-in", path, "-verify", "-noout", "-subject", "-nameopt", "RFC2253"])
        self.assertEqual((checked.status, checked.out), (0, "subject=CN=gw-0042\n"), checked)
        return path

    def answer(self, request, name):
        """The file with the chain that the authority answers; the tenant knows it from now on."""
        leaf = os.path.join(self.work, f"{name}.crt")
        self.s.tenant.add_key(name, self.s.pki.sign_request(request, leaf))
        chain = os.path.join(self.work, f"{name}-chain.pem")
        with open(leaf, encoding="utf-8") as file, open(chain, "w", encoding="utf-8") as to:
            to.write(file.read() + "".join(self.s.pki.client_chain()[1:]))
        return chain

    def test_a_key_made_by_the_daemon_gets_its_certificate_and_is_used(self):
        daemon = self.daemon()
        old = self.in_force(daemon)["leaf_sha256"]
        sent = [daemon.put("with the first key")]
        daemon.wait_empty()
        for word, name in (("ec", "made-ec"), ("rsa", "made-rsa")):
            with self.subTest(key=word):
                request = self.request(daemon, word)
                self.assertIn("a key waits for its certificate", self.slots(daemon))
                daemon.kill()  # the key is there when the answer comes, days later
                daemon.start()
                again = self.request(daemon, name="again.pem")
                public = [run(["openssl", "req", "-in", path, "-noout", "-pubkey"]).out for path in (request, again)]
                self.assertEqual(public[0], public[1])
                before = self.in_force(daemon)["leaf_sha256"]
                done = ctl("identity", "certificate", self.answer(request, name), "--json", "--run", daemon.run_dir)
                self.assertEqual(done.status, 0, done)
                wait_for(lambda: self.in_force(daemon)["leaf_sha256"] != before, "it's proven", daemon.explain)
                sent.append(daemon.put(f"with the key of {word}"))
                daemon.wait_empty()
                self.assertIn("CN=gw-0042", self.subjects()[-1])
                self.assertEqual(self.accepted(), sent)
        self.assertNotEqual(self.in_force(daemon)["leaf_sha256"], old)

    def test_an_answer_with_the_url_of_another_service_is_refused_with_the_reason(self):
        daemon = self.daemon()
        with open(self.answer(self.request(daemon), "external"), encoding="utf-8") as file:
            key = {"certificate": file.read(), "clientid": "sb-app!t1", "url": "https://plant.authentication.eu10.hana.ondemand.com"}
        path = os.path.join(self.work, "external.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(key, file)
        before = len(daemon.log())
        done = ctl("identity", "certificate", path, "--json", "--run", daemon.run_dir)
        self.assertEqual((done.status, done.json["error"]["name"]), (1, "KEY_NO_URL"), done)
        self.assertIn("xsuaa", daemon.log()[before:])
        self.assertIn("a key waits for its certificate", self.slots(daemon))

    def test_an_answer_for_another_key_or_for_none_changes_nothing(self):
        daemon = self.daemon()
        old = self.in_force(daemon)["leaf_sha256"]
        other = os.path.join(self.work, "other.pem")
        with open(other, "w", encoding="utf-8") as file:
            file.write("".join(self.s.pki.client_chain("second")))
        done = ctl("identity", "certificate", other, "--json", "--run", daemon.run_dir)
        self.assertEqual((done.status, done.json["error"]["name"]), (1, "NOT_FOUND"), done)
        request = self.request(daemon)
        for file, name in ((other, "KEY_MISMATCH"), (self.s.service_key(leaf="second"), "KEY_AMBIGUOUS"), (request, "KEY_NO_CERTIFICATE")):
            done = ctl("identity", "certificate", file, "--json", "--run", daemon.run_dir)
            self.assertEqual((done.status, done.json["error"]["name"]), (1, name), done)
            self.assertIn("a key waits for its certificate", self.slots(daemon))
        self.assertEqual(self.in_force(daemon)["leaf_sha256"], old)
        self.assertEqual(ctl("identity", "csr", "dsa", "--run", daemon.run_dir).status, 1)

    def test_a_request_does_not_take_the_slot_of_an_identity_on_trial(self):
        daemon = self.daemon()
        self.s.fault("503", times=0)
        self.rotate(daemon, leaf="second")
        self.assertIn("pending", self.slots(daemon))
        done = ctl("identity", "csr", "--json", "--run", daemon.run_dir)
        self.assertEqual((done.status, done.json["error"]["name"]), (1, "IDENTITY_ON_TRIAL"), done)
        self.assertIn("pending", self.slots(daemon))
        self.request(daemon, "ec")
        self.assertNotIn("pending", self.slots(daemon))

    def test_a_request_does_not_take_the_slot_of_the_identity_before(self):
        daemon = self.daemon()
        old = self.in_force(daemon)["leaf_sha256"]
        self.rotate(daemon, leaf="second")
        wait_for(lambda: self.in_force(daemon)["leaf_sha256"] != old, "it's proven", daemon.explain)
        done = ctl("identity", "csr", "--json", "--run", daemon.run_dir)
        self.assertEqual((done.status, done.json["error"]["name"]), (1, "IDENTITY_BEFORE"), done)
        self.assertEqual(ctl("identity", "rollback", "--run", daemon.run_dir).status, 0)
        self.assertEqual(self.in_force(daemon)["leaf_sha256"], old)
        first = self.request(daemon, "--yes")
        self.assertIn("a key waits for its certificate", self.slots(daemon))
        second = self.request(daemon, "rsa", "--yes", name="second.pem")
        bits = [run(["openssl", "req", "-in", path, "-noout", "-text"]).out for path in (first, second)]
        self.assertEqual(["rsaEncryption" in text for text in bits], [False, True])
        done = ctl("identity", "rollback", "--json", "--run", daemon.run_dir)
        self.assertEqual((done.status, done.json["error"]["name"]), (1, "NOT_FOUND"), done)

    def test_what_can_not_be_installed_is_refused_with_its_code(self):
        self.s.undeploy(TELEMETRY)
        daemon = self.daemon()
        daemon.put("waits")
        before = daemon.ask("identity")["slots"]
        with open(self.s.service_key(leaf="second"), encoding="utf-8") as file:
            text = file.read().replace(self.s.host, "other-tenant.example")
        other = os.path.join(self.work, "other.json")
        with open(other, "w", encoding="utf-8") as file:
            file.write(text)
        for key, name in ((self.s.service_key(defect="wrong_key"), "KEY_MISMATCH"), (other, "KEY_OTHER_TENANT"), ("/nowhere", "FILE")):
            done = ctl("identity", "install", key, "--json", "--run", daemon.run_dir)
            self.assertEqual((done.status, done.json["error"]["name"]), (1, name), done)
        self.assertEqual([slot["leaf_sha256"] for slot in daemon.ask("identity")["slots"] if "leaf_sha256" in slot],
                         [slot["leaf_sha256"] for slot in before if "leaf_sha256" in slot])  # fmt: skip
        self.assertEqual(ctl("identity", "rollback", "--run", daemon.run_dir).status, 1)
        self.assertEqual(ctl("identity", "install", "--run", daemon.run_dir).status, 2)
        done = ctl("identity", "install", other, "--new-tenant", "--run", daemon.run_dir)
        self.assertEqual(done.status, 0, done)
        self.assertIn("pending", self.slots(daemon))
        self.assertEqual(ctl("identity", "install", other, "--run", os.path.join(self.work, "nobody")).status, 1)

    def test_a_key_file_that_cannot_be_used_leaves_everything_as_it_is(self):
        daemon = self.daemon()
        for defect, name in (("wrong_key", "KEY_MISMATCH"), ("api_plan", "KEY_PLAN_API")):
            self.rotate(daemon, defect=defect)
            self.assertIn(f"E{code(name)} ", daemon.log())
        self.assertEqual(daemon.terminate(), 0)
        daemon.start()
        self.assertIn("goes on", daemon.log())
        sent = daemon.put("still with the first key")
        daemon.wait_empty()
        self.assertEqual(self.accepted(), [sent])

    def test_a_key_of_another_tenant_needs_an_explicit_word_while_messages_wait(self):
        self.s.undeploy(TELEMETRY)
        daemon = self.daemon()
        daemon.put("for this tenant")
        with open(self.s.service_key(leaf="second"), encoding="utf-8") as file:
            key = file.read().replace(self.s.host, "other-tenant.example")
        path = os.path.join(self.work, "other.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(key)
        daemon.configure(identity=path)
        daemon.reload()
        self.assertIn(f"E{code('KEY_OTHER_TENANT')} ", daemon.log())
        self.assertNotIn("pending", self.slots(daemon))
        self.assertEqual(daemon.status()["host"]["name"], self.s.host)

    def test_a_key_that_ends_soon_or_has_ended_is_told_and_still_tried(self):
        for leaf, name in (("soon", "KEY_EXPIRES_SOON"), ("expired", "KEY_EXPIRED")):
            with self.subTest(leaf=leaf):
                daemon = self.prepared(name=leaf, key=self.s.service_key(leaf=leaf))
                daemon.start()
                self.assertRegex(daemon.log(), rf"E{code(name)} .*\b\d+ days")
                self.assertIn(name, [event["status"]["name"] for event in daemon.ask("log 100")["events"]])
                daemon.put("tried")
                wait_for(lambda: self.s.records(), "it's tried", daemon.explain)
                daemon.kill()
                self.s.reset()

    def test_without_any_usable_key_it_does_not_start(self):
        for defect, name in (("wrong_key", "KEY_MISMATCH"), ("missing_intermediate", "KEY_CHAIN"), ("api_plan", "KEY_PLAN_API")):
            with self.subTest(defect=defect):
                self.refusal(self.prepared(name=defect, key=self.s.service_key(defect=defect)), name, "KEY_CHAIN_INCOMPLETE")
        self.assertEqual(self.s.connections(), [])

    def key_of_another_service(self):
        with open(self.s.service_key(leaf="second"), encoding="utf-8") as file:
            key = json.load(file)
        key["oauth"].update(url="https://plant.authentication.eu10.hana.ondemand.com", clientid="sb-app!t1")
        path = os.path.join(self.work, "xsuaa.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(key, file)
        return path

    def test_the_key_of_another_service_is_told_as_that(self):
        path = self.key_of_another_service()
        self.assertIn("xsuaa", self.refusal(self.prepared(name="xsuaa", key=path), "KEY_NO_URL"))
        secret = os.path.join(self.work, "secret.json")
        with open(secret, "w", encoding="utf-8") as file:
            file.write('{"clientid": "sb-app!t1", "clientsecret": "hush", "url": "https://plant.authentication.eu10.hana.ondemand.com"}')
        self.assertIn("xsuaa", self.refusal(self.prepared(name="secret", key=secret, auth="basic"), "KEY_NO_URL"))
        self.assertEqual(self.s.connections(), [])

    def test_the_key_of_another_service_changes_nothing_that_runs(self):
        path = self.key_of_another_service()
        daemon = self.daemon()
        done = ctl("identity", "install", path, "--json", "--run", daemon.run_dir)
        self.assertEqual((done.status, done.json["error"]["name"]), (1, "KEY_NO_URL"), done)
        self.assertIn("xsuaa", done.json["error"]["detail"])
        before = len(daemon.log())
        with open(path, encoding="utf-8") as file:
            self.assertEqual(daemon.ask("import\n" + file.read() + "\n.")["error"]["name"], "KEY_NO_URL")
        self.assertIn("xsuaa", daemon.log()[before:])
        before = len(daemon.log())
        daemon.configure(identity=path)
        daemon.reload()
        self.assertIn(f"E{code('KEY_NO_URL')} ", daemon.log()[before:])
        self.assertIn("nothing is changed", daemon.log()[before:])
        self.assertIn("xsuaa", daemon.log()[before:])
        sent = daemon.put("goes on")
        daemon.wait_empty()
        self.assertEqual(self.accepted(), [sent])


class Secrets(DaemonTest):
    def test_only_the_owner_can_read_the_state(self):
        old = os.umask(0)
        try:
            daemon = self.daemon()
        finally:
            os.umask(old)
        daemon.put("a message")
        self.assertEqual(stat.S_IMODE(os.stat(daemon.state_dir).st_mode), 0o700)
        files = os.listdir(daemon.state_dir)
        self.assertIn("identity.flash", files)
        for name in files:
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(daemon.state_dir, name)).st_mode), 0o600, name)
        for name in os.listdir(daemon.run_dir):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(daemon.run_dir, name)).st_mode) & 0o007, 0, name)

    def test_no_core_file_can_hold_the_key(self):
        daemon = self.daemon()
        with open(f"/proc/{daemon.process.pid}/limits", encoding="ascii") as file:
            self.assertRegex(file.read(), r"Max core file size +0 +0 ")

    def test_the_private_key_is_in_its_slot_and_nowhere_else(self):
        daemon = self.daemon(resolve=False, network={"proxy": f"http://plant:pr0xy-pa55@127.0.0.1:{self.s.proxy.port}"})
        for row in ("401_not_configured", "alert_unknown_ca", "404_unknown_route", "503"):
            self.s.trigger(row)
            daemon.put(row)
            wait_for(lambda: "going" not in (daemon.status()["host"]["state"],) or daemon.route()["state"] != "going", "trouble",
                     daemon.explain)  # fmt: skip
            self.s.repair()
            daemon.retry()
            daemon.wait_empty()
        self.rotate_to_broken_key(daemon)
        seen = {"console": "".join(ctl(*verb.split(), *form, "--run", daemon.run_dir).text for form in ((), ("--json",)) for verb in
                                   ("status", "routes", "queue list", "identity show", "log 1000")).encode()}  # fmt: skip
        key_check = ctl("key", "check", self.s.service_key())
        self.assertEqual(key_check.status, 0, key_check)
        seen["key check"] = key_check.text.encode()
        self.assertEqual(daemon.terminate(), 0)
        for where, _, names in os.walk(daemon.work):
            for name in names:
                path = os.path.join(where, name)
                if stat.S_ISREG(os.stat(path).st_mode) and name not in ("identity.flash", "iflow.json"):
                    with open(path, "rb") as file:
                        seen[name] = file.read()
        self.assertTrue({"log", "outbox.flash", "state.flash"} <= set(seen))
        pieces = self.pieces_of_the_key() + [b"pr0xy-pa55"]
        for name, data in seen.items():
            for piece in pieces:
                self.assertNotIn(piece, data, f"a piece of a secret is in {name}")
        with open(os.path.join(daemon.state_dir, "identity.flash"), "rb") as file:
            self.assertIn(pieces[0], file.read(), "this test looks for what is really there")

    def rotate_to_broken_key(self, daemon):
        daemon.configure(identity=self.s.service_key(defect="wrong_key"))
        daemon.reload()

    def pieces_of_the_key(self):
        """Of the private half, as DER and as PEM."""
        pem = self.s.pki.client_pem("default.key")
        lines = pem.splitlines()[8:-1]  # behind the modulus, which is public
        der = subprocess.run(["openssl", "rsa", "-outform", "DER", "-traditional"], input=pem.encode(), capture_output=True,
                             check=True).stdout  # fmt: skip
        pieces = [der[at : at + 16] for at in range(300, len(der) - 16, 16)]
        return pieces + [line[at : at + 20].encode() for line in lines for at in range(0, len(line) - 20, 20)]


class Configurations(DaemonTest):
    """A mistake is named with line, key and what is allowed; iflowd and `iflowctl config check` say the same."""

    GOOD = """{
 "device": "gw-0042",
 "identity": "%s",
 "tls": "auto",
 "outbox": { "size": 4194304 },
 "routes": {
  "telemetry": { "path": "/http/plant/telemetry", "priority": 1 },
  "alarm": "/http/plant/alarm"
 }
}
"""
    MISTAKES = (
        # from, to, code, line, key
        ('"auto",', '"auto"', "CONFIG_SYNTAX", 5, ""),
        ('"auto"', '"1.1"', "CONFIG_VALUE", 4, "tls"),
        ('"auto"', "12", "CONFIG_VALUE", 4, "tls"),
        ('"tls"', '"tsl"', "CONFIG_UNKNOWN_KEY", 4, "tsl"),
        ('"tls": "auto"', '"device": "again"', "CONFIG_DUPLICATE", 4, "device"),
        (' "device": "gw-0042",\n', "", "CONFIG_MISSING", None, "device"),
        ("4194304", "1000", "CONFIG_VALUE", 5, "outbox.size"),
        ("4194304", '"big"', "CONFIG_VALUE", 5, "outbox.size"),
        ('"priority": 1', '"priority": 10', "CONFIG_VALUE", 7, "routes.telemetry.priority"),
        ('"priority": 1', '"priority": -1', "CONFIG_VALUE", 7, "routes.telemetry.priority"),
        ('"priority": 1', '"prio": 1', "CONFIG_UNKNOWN_KEY", 7, "routes.telemetry.prio"),
        ('"path": "/http/plant/telemetry", ', "", "CONFIG_MISSING", None, "routes.telemetry.path"),
        ("/http/plant/alarm", "http/plant/alarm", "CONFIG_VALUE", 8, "routes.alarm"),
        ("/http/plant/alarm", "/http/a b", "CONFIG_VALUE", 8, "routes.alarm"),
        ('"alarm"', '"Alarm!"', "CONFIG_VALUE", 8, "routes"),
        ('"tls": "auto"', '"url": "http://tenant.example"', "CONFIG_NOT_HTTPS", 4, "url"),
        ('"tls": "auto"', '"network": { "proxy": "tenant.example" }', "CONFIG_VALUE", 4, "network.proxy"),
    )

    def test_each_mistake_is_named_by_daemon_and_check_alike(self):
        for number, (old, new, name, line, key) in enumerate(self.MISTAKES):
            with self.subTest(mistake=f"{old} -> {new}"):
                daemon = self.prepared(name=f"daemon-{number}")
                good = self.GOOD % self.s.service_key()
                self.assertIn(old, good)
                daemon.write_configuration(good.replace(old, new, 1))
                log = self.refusal(daemon, name)
                checked = ctl("config", "check", daemon.config_file)
                self.assertEqual(checked.status, 1, checked)
                for text in (log, checked.text):
                    self.assertIn(f"E{code(name)}", text)
                    self.assertIn(key, text)
                    if line is not None:
                        self.assertRegex(text, rf"\bline {line}\b")

    def test_the_good_one_is_fine(self):
        daemon = self.prepared()
        daemon.write_configuration(self.GOOD % self.s.service_key())
        checked = ctl("config", "check", daemon.config_file)
        self.assertEqual(checked.status, 0, checked)
        daemon.start()

    def test_a_configuration_that_is_not_there_is_named(self):
        daemon = self.prepared()
        daemon.configure()
        os.unlink(daemon.config_file)
        done = run(daemon.command_line())
        self.assertEqual(done.status, 1, done)
        self.assertIn(f"E{code('FILE')}", done.err)
        self.assertIn(daemon.config_file, done.err)

    def test_a_state_directory_that_cannot_be_made_is_named(self):
        daemon = self.prepared()
        daemon.configure()
        daemon.state_dir = os.path.join(daemon.config_file, "below-a-file")
        done = run(daemon.command_line())
        self.assertEqual(done.status, 1, done)
        self.assertRegex(done.err, r"E\d+ ")
        self.assertIn("below-a-file", done.err)

    def test_wrong_usage_is_exit_status_2(self):
        for line in ([], ["--config"], ["--config", "x", "--unknown"], ["--config", "x", "word"],
                     ["--config", "x", "--exit-when-empty"], ["--config", "x", "--resolve", "no-address"]):  # fmt: skip
            with self.subTest(line=line):
                done = run([harness.IFLOWD, *line])
                self.assertEqual(done.status, 2, done)
                self.assertIn("--help", done.err)
        done = run([harness.IFLOWD, "--help"])
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertIn("usage: iflowd", done.out)
        self.assertRegex(run([harness.IFLOWD, "--version"]).out, r"^iflowd \d+\.\d+\.\d+\n$")


class Questions(DaemonTest):
    """iflowctl as a client of the running daemon."""

    def test_without_a_daemon_it_says_so(self):
        for form in ((), ("--json",)):
            done = ctl("status", *form, "--run", self.work)
            self.assertEqual(done.status, 1, done)
            self.assertIn(DIAG["NO_DAEMON"].remedy, done.text)

    def test_each_verb_answers_people_and_scripts(self):
        daemon = self.daemon()
        daemon.put("one")
        daemon.wait_empty()
        for verb in ("status", "routes", "queue list", "queue list telemetry", "identity show", "log", "retry", "retry alarm"):
            with self.subTest(verb=verb):
                person = ctl(*verb.split(), "--run", daemon.run_dir)
                self.assertEqual((person.status, person.err), (0, ""), person)
                script = ctl(*verb.split(), "--json", "--run", daemon.run_dir)
                self.assertEqual(script.status, 0, script)
                self.assertTrue(script.json["ok"])

    def test_what_does_not_exist_is_an_error_with_a_remedy(self):
        daemon = self.daemon()
        for verb in ("queue list nosuch", "retry nosuch"):
            done = ctl(*verb.split(), "--run", daemon.run_dir)
            self.assertEqual(done.status, 1, done)
            self.assertIn(f"E{code('NOT_FOUND')} {DIAG['NOT_FOUND'].cause}", done.text)
        for verb in ("queue", "queue lst", "status --jsn"):
            self.assertEqual(ctl(*verb.split(), "--run", daemon.run_dir).status, 2, verb)

    def test_the_log_tells_what_happened_with_code_and_route(self):
        self.s.fault("503", TELEMETRY)
        daemon = self.daemon()
        daemon.put("one")
        daemon.wait_empty()
        events = daemon.ask("log 100")["events"]
        self.assertIn(("telemetry", code("ANSWER_TEMPORARY")), [(event["route"], event["status"]["code"]) for event in events])
        self.assertIn(f"telemetry: E{code('ANSWER_TEMPORARY')} ", daemon.log())


class Idle(DaemonTest):
    """Nothing to do means nothing done: the process isn't woken at all."""

    def switches(self, daemon):
        with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.M).group(1))

    def wakeups(self, daemon):
        """How often it woke up in the quietest of some spells of two seconds: first it may tidy up."""
        counts = []
        while len(counts) < 20 and (not counts or counts[-1] > 0):
            before = self.switches(daemon)
            threading.Event().wait(2)
            counts.append(self.switches(daemon) - before)
        return min(counts)

    def test_with_an_open_connection_and_without_it_sleeps(self):
        for idle_close_ms in (50000, 100):
            with self.subTest(idle_close_ms=idle_close_ms):
                self.s.reset()
                daemon = self.prepared(name=f"daemon-{idle_close_ms}", idle_close_ms=idle_close_ms)
                daemon.start()
                daemon.put("one")
                daemon.wait_empty()
                open_count = 1 if idle_close_ms == 50000 else 0
                wait_for(lambda: sum(each["open"] for each in self.s.connections()) == open_count, "its connection", daemon.explain)
                self.assertEqual(self.wakeups(daemon), 0)
                daemon.kill()

    def test_while_a_route_is_held_it_sleeps(self):
        self.s.undeploy(TELEMETRY)
        daemon = self.daemon(idle_close_ms=100)
        daemon.put("one")
        wait_for(lambda: daemon.route()["state"] == "held", "it's held", daemon.explain)
        wait_for(lambda: not any(each["open"] for each in self.s.connections()), "the connection is closed", daemon.explain)
        self.assertEqual(self.wakeups(daemon), 0)


if __name__ == "__main__":
    harness.main()
