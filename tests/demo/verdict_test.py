#!/usr/bin/env python3
"""The demo's verdict finds what it's there to find: each promise broken by hand, in the receiver's records, is named."""

import copy
import os
import sys
import types
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import demo  # noqa: E402

LOG = "0123456789abcdef"


class StandIn:
    """Records of a run in which everything went well: three messages of telemetry, two alarms."""

    def __init__(self):
        self.messages = [self.message("telemetry", 1, n) for n in (1, 2, 3)] + [self.message("alarm", 2, n) for n in (1, 2)]
        self.requests = [{"id": message["id"], "method": "POST", "complete": True, "sender": "gw-0042", "conflict": False,
                          "body": message["body"]} for message in self.messages]  # fmt: skip

    @staticmethod
    def message(route, lane, n):
        return {"id": f"{LOG}-{lane}-{n}", "path": demo.ROUTES[route], "body": f"{route} {n}".encode()}

    def accepted(self, path=None):
        return [message for message in self.messages if path in (None, message["path"])]

    def records(self, _since=0):
        return self.requests


class Verdict(unittest.TestCase):
    def setUp(self):
        self.stand_in = StandIn()
        sent = {}
        for message in self.stand_in.messages:
            route = next(name for name, path in demo.ROUTES.items() if path == message["path"])
            sent[message["id"]] = (route, message["body"].decode())
        self.demo = types.SimpleNamespace(stand_in=self.stand_in, sent=sent)

    def assert_found(self, sentence):
        found = demo.verdict(self.demo)
        self.assertTrue(any(sentence in problem for problem in found), found)

    def test_a_run_that_keeps_every_promise_has_no_problem(self):
        self.assertEqual(demo.verdict(self.demo), [])

    def test_a_lost_message_in_the_middle_is_found(self):
        del self.stand_in.messages[1]
        self.assert_found("was acknowledged but never accepted")
        self.assert_found("the numbers have a gap")

    def test_a_lost_message_at_the_end_is_found(self):
        del self.stand_in.messages[2]
        self.assert_found("was acknowledged but never accepted")

    def test_two_messages_in_the_wrong_order_are_found(self):
        messages = self.stand_in.messages
        messages[0], messages[1] = messages[1], messages[0]
        self.assert_found("the order isn't kept")

    def test_a_message_accepted_twice_is_found(self):
        self.stand_in.messages.append(self.stand_in.messages[4])
        self.assert_found("was accepted twice")

    def test_the_same_payload_under_a_second_id_is_found(self):
        again = copy.copy(self.stand_in.messages[4])
        again["id"] = f"{LOG}-2-3"
        self.stand_in.messages.append(again)
        self.assert_found("its producer never got an OK")

    def test_another_payload_under_an_acknowledged_id_is_found(self):
        self.stand_in.messages[3]["body"] = b"alarm 99"
        self.assert_found("another payload than the one it was acknowledged for")

    def test_a_message_of_another_log_is_found(self):
        self.stand_in.messages[2]["id"] = "ffffffffffffffff-1-3"
        self.assert_found("more than one log or lane")

    def test_two_payloads_tried_under_one_id_are_found(self):
        self.stand_in.requests.append({**self.stand_in.requests[0], "body": b"telemetry 99"})
        self.assert_found("came with two payloads")

    def test_a_request_without_the_device_is_found(self):
        self.stand_in.requests[0]["sender"] = ""
        self.assert_found("without the device's name")

    def test_an_id_of_another_form_is_refused(self):
        self.stand_in.messages[0]["id"] = "1"
        with self.assertRaises(demo.Failure):
            demo.verdict(self.demo)


if __name__ == "__main__":
    unittest.main()
