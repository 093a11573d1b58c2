#!/usr/bin/env python3
"""Batches and events, end to end over TLS 1.2 and 1.3: what the tenant gets, and that a repetition is the same batch whatever happens. What was
accepted is read from the stand-in's records."""

import base64
import json
import os
import tempfile

import harness
from harness import ALARM, TELEMETRY, Daemon, StandIn, directory, wait_for, why


class Batches(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = cls.enter_class(directory())
        cls.stand_ins = [cls.enter_class(StandIn(os.path.join(cls.work, tls), tls=tls)) for tls in ("1.2", "1.3")]

    def each(self):
        for s in self.stand_ins:
            s.reset()
            yield s

    def daemon(self, s, **route):
        daemon = Daemon(s, tempfile.mkdtemp(dir=self.work), routes={"telemetry": {"path": TELEMETRY, **route}})
        self.addCleanup(daemon.kill)
        return daemon

    def fill(self, s, daemon, count):
        """Messages that are stored while their flow is away."""
        s.undeploy(TELEMETRY)
        with daemon.producer() as producer:
            ids = [producer.put(json.dumps({"i": number}), "telemetry").removeprefix("OK ") for number in range(count)]
        wait_for(lambda: daemon.route()["state"] == "held", "the route is held", daemon.explain)
        return ids

    def values(self, s, parse=json.loads):
        return [[each["i"] for each in parse(message["body"])] for message in s.accepted(TELEMETRY)]

    def test_a_backlog_goes_out_in_arrays_in_order(self):
        for s in self.each():
            daemon = self.daemon(s, batch={"max_count": 10, "max_delay_ms": 100}).start()
            ids = self.fill(s, daemon, 25)
            s.deploy(TELEMETRY)
            daemon.retry()
            daemon.wait_empty()
            values = self.values(s)
            self.assertEqual([each for batch in values for each in batch], list(range(25)))
            self.assertTrue(all(len(batch) <= 10 for batch in values), values)
            self.assertGreater(max(map(len, values)), 5)
            log_id, lane, first = ids[0].split("-")
            at = int(first)
            for message, batch in zip(s.accepted(TELEMETRY), values):
                last = at + len(batch) - 1
                self.assertEqual(message["id"], f"{log_id}-{lane}-{at}" + (f"..{last}" if last > at else ""))
                at = last + 1
            self.assertEqual(daemon.route()["accepted"], 25)

    def test_lines_are_lines(self):
        for s in self.each():
            daemon = self.daemon(s, body="json_lines", content_type="application/x-ndjson", batch={"max_count": 100}).start()
            self.fill(s, daemon, 7)
            s.deploy(TELEMETRY)
            daemon.retry()
            daemon.wait_empty()
            values = self.values(s, lambda body: [json.loads(line) for line in body.decode().splitlines()])
            self.assertEqual([each for batch in values for each in batch], list(range(7)))

    def test_a_batch_whose_answer_got_lost_is_repeated_as_the_same_after_kill_9_and_with_other_settings(self):
        for s in self.each():
            daemon = self.daemon(s, batch={"max_count": 4, "max_delay_ms": 60000}).start()
            s.fault("reset_after_processing", TELEMETRY)
            s.fault("503", TELEMETRY, times=0)
            with daemon.producer() as producer:
                for number in range(4):
                    producer.put(json.dumps({"i": number}), "telemetry")
            wait_for(lambda: why(daemon.route()) == "ANSWER_TEMPORARY", "it was tried again", daemon.explain)
            daemon.kill()
            s.tenant.clear_faults()
            daemon.configure(routes={"telemetry": TELEMETRY})
            daemon.start()
            daemon.put(json.dumps({"i": 4}))
            daemon.wait_empty()
            batch, single = s.accepted(TELEMETRY)
            self.assertEqual([each["i"] for each in json.loads(batch["body"])], [0, 1, 2, 3])
            self.assertEqual(json.loads(single["body"]), {"i": 4})
            self.assertFalse([record for record in s.records() if record["conflict"]])
            # one at least: what was on its way when the daemon was killed may arrive afterwards
            self.assertGreaterEqual(len([record for record in s.records() if record["duplicate"]]), 1)

    def test_of_a_rejected_batch_only_the_bad_message_becomes_a_dead_letter(self):
        for s in self.each():
            s.fault("400_flow", TELEMETRY)
            s.fault("400_flow", TELEMETRY, skip=1)
            daemon = self.daemon(s, batch={"max_count": 3, "max_delay_ms": 60000}).start()
            with daemon.producer() as producer:
                ids = [producer.put(json.dumps({"i": number}), "telemetry").removeprefix("OK ") for number in range(3)]
            daemon.wait_empty()
            self.assertEqual([message["id"] for message in s.accepted(TELEMETRY)], [ids[0], ids[2]])
            self.assertEqual([message["id"] for message in daemon.dead_letters()], [ids[1]])

    def test_an_event_carries_the_message_its_id_and_its_device(self):
        for s in self.each():
            daemon = Daemon(s, tempfile.mkdtemp(dir=self.work), routes={
                "telemetry": {"path": TELEMETRY, "body": "cloudevent"},
                "alarm": {"path": ALARM, "body": "cloudevent", "content_type": "text/plain"},
            })  # fmt: skip
            self.addCleanup(daemon.kill)
            daemon.start()
            ids = [daemon.put('{"t": 21.5}'), daemon.put("it burns \u00e4", "alarm")]
            daemon.wait_empty()
            events = [json.loads(s.accepted(route)[0]["body"]) for route in (TELEMETRY, ALARM)]
            for event, message_id, kind in zip(events, ids, ("telemetry", "alarm")):
                self.assertEqual((event["specversion"], event["id"], event["source"], event["type"]),
                                 ("1.0", message_id, "gw-0042", kind))  # fmt: skip
            self.assertEqual((events[0]["data"], events[0]["datacontenttype"]), ({"t": 21.5}, "application/json"))
            self.assertEqual(base64.b64decode(events[1]["data_base64"]).decode(), "it burns \u00e4")
            self.assertEqual({message["content_type"] for message in s.accepted()}, {"application/cloudevents+json"})


if __name__ == "__main__":
    harness.main()
