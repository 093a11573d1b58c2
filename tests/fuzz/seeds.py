"""Writes what the fuzz targets start from: small keys made by openssl, answers as they look, and words that help.

usage: seeds.py DIRECTORY"""

import base64
import json
import os
import struct
import subprocess
import sys
import tempfile

WORDS = {
    "service_key": ["-----BEGIN ", "-----END ", "CERTIFICATE-----", "EC PRIVATE KEY-----", '\\"certificate\\":', '\\"key\\":', '\\"oauth\\":', '\\"credentials\\":',
                    '\\"uaa\\":', "\\\\n", "\\\\\\\\n", "&quot;", "&#34;", "\\xe2\\x80\\x94", "\\xe2\\x80\\x9c", "\\xff\\xfe", "=3D", "%0A", "> ", "data:",
                    "DEK-Info:", "Proc-Type: 4,ENCRYPTED", "clientid: ", "url: https://", "tokenurl=", "LS0tLS1CRUdJTi", "MII", "\\\\u002b"],
    "http_response": ["HTTP/1.1 ", "\\x0d\\x0a", "Content-Length: ", "Transfer-Encoding: chunked", "Connection: close", "0\\x0d\\x0a\\x0d\\x0a", "100 Continue",
                      "Set-Cookie: ", "Retry-After: "],
    "retry_after": ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "GMT", "close", "18446744073709551615"],
}  # fmt: skip
COMMANDS = ["status", "routes", "queue", "queue telemetry 1", "queue show ", "queue export ", "queue retry ", "queue drop ", "identity", "identity rollback",
            "identity csr ec", "identity certificate", "trust", "trust install", "trust rollback", "import new-tenant", "send telemetry 1", "retry alarm", "log 3",
            "settings", "reboot", "wipe everything", "unlock 135790", "unlock x", "lock", "help"]  # fmt: skip
ID = "4242424242424242-1-1"
WORDS["console"] = [*COMMANDS, "json ", ID, "4242424242424242-2-1", "\\x0d\\x0a.\\x0d\\x0a", "\\x0a.\\x0a"]
WORDS["pem"] = WORDS["service_key"]

ANSWERS = [
    "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nSAP_MessageProcessingLogID: AGX\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Service Unavailable\r\nRetry-After: 120\r\nConnection: close\r\n\r\nbusy",
    "HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"SAP Cloud Integration\"\r\n\r\n<html>",
    "HTTP/1.1 204 No Content\r\nSet-Cookie: JSESSIONID=1; Path=/\r\n\r\n",
]
VALUES = ["120", "Fri, 27 Nov 2026 22:00:00 GMT", "Friday, 27-Nov-26 22:00:00 GMT", "Fri Nov 27 22:00:00 2026", "keep-alive, close", "a=b; Path=/"]


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], capture_output=True, check=True).stdout


def make_chain(work):
    """Certificates leaf to root and the leaf's key, as PEM; elliptic curves, because they are small and quick."""
    def path(name):
        return os.path.join(work, name)

    with open(path("c.cnf"), "w", encoding="ascii") as file:
        file.write("[req]\ndistinguished_name=d\n[d]\n[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\nsubjectKeyIdentifier=hash\n"
                   "[client]\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n")  # fmt: skip
    issuer = []
    chain = []
    for name, section in (("root", "ca"), ("intermediate", "ca"), ("leaf", "client")):
        key, certificate = path(name + ".key"), path(name + ".crt")
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        openssl("req", "-x509", "-new", "-config", path("c.cnf"), "-extensions", section, "-key", key, "-subj", "/CN=" + name, "-days", "99",
                *issuer, "-out", certificate)  # fmt: skip
        issuer = ["-CA", certificate, "-CAkey", key]
        with open(certificate, encoding="ascii") as file:
            chain.insert(0, file.read())
    with open(path("leaf.key"), encoding="ascii") as file:
        return "".join(chain), file.read()


def key_texts(chain, key):
    fields = {"clientid": "sb-1!b2|it-rt-x!b3", "certificate": chain, "key": key, "tokenurl": "https://t.example/oauth/token", "url": "https://x.it-cpi1-rt.example"}
    good = json.dumps({"oauth": fields}, indent=1)
    yield good
    yield json.dumps({"credentials": {"uaa": fields}}).replace('"', "\u201c")
    yield chain + key
    yield (chain + key).replace("\n", " ").replace("-----", "\u2014")
    yield chain + "\0" + key
    yield json.dumps(good)
    yield good.replace("\\n", "\n").replace('"', "'")
    yield "data:\n" + "".join(f"  {name}: {base64.b64encode(value.encode()).decode()}\n" for name, value in fields.items())
    yield "".join(f"{name}\n{value}\n" for name, value in fields.items())
    yield (chain + key).split("\n", 1)[1]


def slots():
    """A header with plausible sizes, marks before it; fuzz_slot.c makes the check sums right."""
    for kind in (b"P", b"A", b"R"):
        mark = b"IM\x01" + kind + struct.pack("<I", 1) + bytes(8)
        record = b"IFID" + struct.pack("<HHIIIBBH", 1, 112, 1, 0, 400, 0, 2, 0) + bytes(56) + struct.pack("<12s", struct.pack("<6H", 60, 60, 0, 0, 0, 0))
        record += struct.pack("<H", 50) + struct.pack("<6H", 20, 10, 20, 10, 10, 8) + bytes(6) + b"A" * 284
        slot = mark * 3 + b"\xff" * (256 - 48) + record
        yield b"\x01" + slot + slot
        yield b"\x03" + slot + b"\xff" * len(slot)


def outboxes():
    """Logs as fuzz_outbox.c writes them: how, then headers (1, block, serial, first n, cursor, lane, batch, route), records (2, block, place, type, flags,
    size, n, time or cursor, behind) and bytes (0, address, count, ...)."""
    free = b"".join(bytes([1, 0x40 | block]) for block in range(2, 8))
    one = bytes([1, 0, 1, 1, 0, 1, 0, 1])
    dead = bytes([1, 1, 2, 1, 0, 0, 0, 0])
    messages = b"".join(bytes([2, 0, 16 + 8 * n, 1, 0, 60, n, 5, 0]) for n in range(1, 8))
    letter = bytes([2, 1, 16, 1, 1, 60, 1, 5, 0])
    for how in range(16):
        yield bytes([how])
        yield bytes([how]) + free + one + messages
        yield bytes([how]) + free + one + dead + messages + letter + bytes([2, 1, 30, 6, 0, 0, 1, 0, 0])
        yield bytes([how]) + free + one + messages + bytes([2, 0, 80, 4, 0, 0, 3, 1, 0, 2, 0, 90, 2, 0, 2, 3, 2, 0])


def write(directory, name, contents):
    os.makedirs(os.path.join(directory, name), exist_ok=True)
    for number, content in enumerate(contents):
        with open(os.path.join(directory, name, f"seed{number}"), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)


def main():
    directory = sys.argv[1]
    with tempfile.TemporaryDirectory() as work:
        texts = list(key_texts(*make_chain(work)))
    write(directory, "service_key", texts)
    write(directory, "pem", ["\1" + text for text in texts] + ["\0" + text for text in texts])
    write(directory, "slot", slots())
    write(directory, "outbox", outboxes())
    write(directory, "http_response", ["\0\7" + answer for answer in ANSWERS] + ["\1\1" + ANSWERS[0]])
    write(directory, "retry_after", ["\2" + value for value in VALUES])
    lines = [command + (ID if command.endswith(" ") else "") for command in COMMANDS]
    write(directory, "console", ["\0" + "\n".join(lines) + "\n", "\1" + "\r\n".join(f"json {line}" for line in lines) + "\r\n",
                                 "\2import\n" + "x" * 400 + "\n.\nstatus\n", "\3unlock 135790\nsend alarm 7\n" + "y" * 700 + "\nlock\nretry\n"])
    for name, words in WORDS.items():
        with open(os.path.join(directory, name + ".dict"), "w", encoding="utf-8") as file:
            file.writelines(f'"{word}"\n' for word in words)


main()
