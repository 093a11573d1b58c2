"""The node names the right cause of each fault, holds or retries, loses nothing, and goes on when the fault ends.

usage: run_faults.py NODE.elf IFLOWCTL 1.2|1.3 [name of a fault …]

One node lives through all faults, one after the other, with readings of its own all the while. For each: bring it about, store a message, wait until
`json status` names the cause, end the fault, wait until the message is accepted. The verdict at the end comes from the receiver's records."""

import sys

import world

FAULTS = []  # (name, what brings it about, cause that `status` must name)


def server_certificate(kind, cause):
    def begin(stand_in):
        stand_in.connection_fault(backend=kind, times=0)
        stand_in.command("close")
    FAULTS.append((f"server certificate: {kind}", begin, cause))


def row(name, cause):
    FAULTS.append((name, lambda stand_in: stand_in.trigger(name, world.TELEMETRY), cause))


def answer(name, cause):
    FAULTS.append((name, lambda stand_in: stand_in.fault(name, route=world.TELEMETRY, times=0), cause))


server_certificate("wrong_ca", "TLS_UNTRUSTED")
server_certificate("self_signed", "TLS_UNTRUSTED")
server_certificate("incomplete", "TLS_UNTRUSTED")
server_certificate("wrong_host", "TLS_NAME")
server_certificate("expired", "TLS_EXPIRED")
server_certificate("not_yet_valid", "TLS_NOT_YET_VALID")
row("alert_unknown_ca", "TLS_CLIENT_REFUSED")
row("alert_certificate_expired", "TLS_CLIENT_EXPIRED")
row("alert_unrecognized_name", "TLS_HOST_REFUSED")
row("401_no_certificate", "ANSWER_NO_CLIENT_CERT")
row("401_not_configured", "ANSWER_KEY_UNKNOWN")
row("401_exactly_once", "ANSWER_KEY_TWICE")
row("403_role", "ANSWER_ROLE")
row("404_not_deployed", "ANSWER_NOT_DEPLOYED")
row("404_unknown_route", "ANSWER_HOST_UNKNOWN")
row("200_login_page", "ANSWER_LOGIN_PAGE")
row("500_flow", "ANSWER_FLOW_FAILED")
row("503", "ANSWER_TEMPORARY")
row("503_retry_after", "ANSWER_TEMPORARY")
row("503_no_endpoints", "ANSWER_NO_ENDPOINT")
row("429", "ANSWER_BUSY")
answer("reset_before_processing", "HTTP_CUT")
answer("silence", "HTTP_TIMEOUT")


def live_through(node_world, board, fault, number):
    name, begin, cause = fault
    try:
        begin(node_world.stand_in)
        node_world.store(board, f'{{"fault":{number}}}')
        board.wait_cause(cause)
        node_world.stand_in.repair()
        node_world.wait_delivered(board)
    except Exception as error:
        raise AssertionError(f"{name}: {error}") from error
    print(f"  {name}: {cause}, then delivered", flush=True)


def main():
    elf, iflowctl, tls, wanted = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    # The TLS 1.2 ends of the stand-in share their sessions: one that was made with the right certificate would be resumed with a wrong one.
    with world.World(elf, iflowctl, tls=tls, session_cache=False) as node_world, node_world.node() as board:
        board.console.expect("a time server told the time", world.LIMIT_S)
        for number, fault in enumerate(FAULTS):
            if not wanted or fault[0] in wanted:
                live_through(node_world, board, fault, number)
        node_world.judge()
        assert all(record["tls"] in (f"TLSv{tls}", "") for record in node_world.stand_in.records() if record["accepted"])
        status = board.ask("status")
        assert status["counters"]["dead_lettered"] == 0 and status["counters"]["given_up"] == 0, status["counters"]
        assert "last reboot" not in board.console_text().split("log: ready", 1)[1], "the node started again by itself"
        print(f"TLS {tls}: {len(node_world.accepted())} messages, arena {status['arena_peak']} bytes at most")


if __name__ == "__main__":
    main()
