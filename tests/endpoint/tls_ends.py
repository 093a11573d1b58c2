"""TLS ends that do what a well-behaved server can't: answer with any alert at a chosen place, or with any bytes.

`AlertEnd` stops a handshake with one alert, or with a bare reset:
  position "hello":     at once after the ClientHello, in plaintext;
  position "finished":  after the client's Finished. TLS 1.2 sends that alert in plaintext, since the server hasn't changed
                        its cipher yet. TLS 1.3 sends it encrypted under the first application traffic key; OpenSSL has no
                        call for it, so the record is made here from the key that OpenSSL logs.
`WireEnd` completes the handshake, reads a request, and answers with given bytes."""

import hashlib
import hmac
import os
import select
import ssl
import tempfile
import time

from endpoint import tenant

_WAIT_S = 120
_ALERT = 21  # content type of a record
_VERSIONS = {"1.2": (ssl.TLSVersion.TLSv1_2,) * 2, "1.3": (ssl.TLSVersion.TLSv1_3,) * 2,
             "auto": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)}  # fmt: skip


def server_context(tls, chain_file, key_file, client_ca_file):
    """A TLS server that asks for a client certificate and never resumes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls]
    context.load_cert_chain(chain_file, key_file)
    context.load_verify_locations(client_ca_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


class AlertEnd:
    """Serves connections of the front whose fault is {"backend": "alert", "alert": number, "position": …}; alert 0 is a
    bare reset."""

    def __init__(self, tls, chain_file, key_file, client_ca_file, work_dir):
        self.context = server_context(tls, chain_file, key_file, client_ca_file)
        handle, self.key_log = tempfile.mkstemp(prefix="key-log-", dir=work_dir)
        os.close(handle)
        self.context.keylog_filename = self.key_log
        self.reset = None  # function (connection number), given by the owner

    def __call__(self, sock, connection):
        sock.settimeout(_WAIT_S)
        alert = int(connection.fault.get("alert", 0))
        try:
            hello = _record(sock)
            record = _plain_alert(alert)
            if connection.fault.get("position", "finished") == "finished":
                record = self._until_finished(sock, hello, alert)
            if alert:
                sock.sendall(record)
                _linger(sock)
            else:
                self.reset(connection.number)
        except OSError:
            pass  # the client went away: nothing is left to say

    def _until_finished(self, sock, hello, alert):
        """Run the handshake until the client's Finished has arrived; returns the alert record for that place."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        end = self.context.wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(hello)
        after_flight = False
        while True:
            try:
                end.do_handshake()
                break
            except ssl.SSLWantReadError:
                flight = outgoing.read()
                if flight:
                    sock.sendall(flight)
                record = _record(sock)
                if record[0] == _ALERT:
                    raise ConnectionError("the client refused the handshake") from None
                incoming.write(record)
                after_flight = True
            except ssl.SSLError:
                if not after_flight:
                    raise  # no common version or cipher: OpenSSL's own alert would be another one
                time.sleep(0.05)  # the certificate didn't please OpenSSL; the rest of the flight follows at once
                break
        if end.version() == "TLSv1.2":
            return _plain_alert(alert)
        return _sealed_alert(alert, end.cipher()[0], self._traffic_secret(_client_random(hello)))

    def _traffic_secret(self, client_random):
        with open(self.key_log, encoding="ascii") as file:
            for line in file:
                fields = line.split()
                if fields[:2] == ["SERVER_TRAFFIC_SECRET_0", client_random.hex()]:
                    return bytes.fromhex(fields[2])
        raise OSError("OpenSSL logged no key for this connection")


class WireEnd:
    """Serves connections of the front whose fault is {"backend": "wire", "data": bytes, "then": …}."""

    def __init__(self, tls, chain_file, key_file, client_ca_file):
        self.context = server_context(tls, chain_file, key_file, client_ca_file)
        self.reset = None
        self.record = None  # function (request, connection number) that notes the request

    def __call__(self, sock, connection):
        sock.settimeout(_WAIT_S)
        fault = connection.fault
        try:
            with self.context.wrap_socket(sock, server_side=True) as end:
                reader = end.makefile("rb")
                while True:
                    if fault.get("early"):
                        end.sendall(fault["data"])
                    request = tenant.read_head(reader)
                    if request is None:
                        return
                    request.body = tenant.read_body(request, reader)
                    self.record(request, connection.number, end.version())
                    if not fault.get("early"):
                        end.sendall(fault["data"])
                    if not self._then(end, connection, fault.get("then", "close_notify")):
                        return
        except (OSError, ValueError):
            pass  # the client went away, as it should at many of these answers

    def _then(self, end, connection, then):
        if then == "keep":
            return True
        if then == "reset":
            self.reset(connection.number)
        elif then == "close_notify":
            end.unwrap()
        elif then == "hang":
            _linger(end)
        elif then == "endless":
            while True:
                end.sendall(connection.fault["filler"])  # until the client has enough: OSError
        return False


def _record(sock):
    """One whole TLS record."""
    head = _exactly(sock, 5)
    return head + _exactly(sock, int.from_bytes(head[3:5], "big"))


def _exactly(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError("the client closed the connection")
        data += more
    return data


def _linger(sock):
    """Wait until the client closes, reading what it still sends: so no alert is overtaken by a reset."""
    deadline_s = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline_s:
        if select.select([sock], [], [], deadline_s - time.monotonic())[0] and not sock.recv(65536):
            return


def _client_random(hello):
    return hello[11:43]  # record header 5, handshake header 4, version 2


def _plain_alert(alert):
    return bytes([21, 3, 3, 0, 2, 2, alert])


def _sealed_alert(alert, cipher, secret):
    """The first record under the TLS 1.3 application key (RFC 8446 section 5.2): alert, content type, tag."""
    digest = "sha384" if cipher.endswith("SHA384") else "sha256"
    key = _expand(digest, secret, b"key", 16 if "AES_128" in cipher else 32)
    nonce = _expand(digest, secret, b"iv", 12)
    header = bytes([23, 3, 3, 0, 3 + 16])
    seal = _chacha_seal if "CHACHA20" in cipher else _gcm_seal
    return header + seal(key, nonce, bytes([2, alert, 21]), header)


def _expand(digest, secret, label, size):
    """HKDF-Expand-Label with an empty context (RFC 8446 section 7.1); one block is enough."""
    label = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(label)]) + label + b"\x00"
    return hmac.new(secret, info + b"\x01", getattr(hashlib, digest)).digest()[:size]


# AEAD ciphers for one short record; the standard library has none.


def _chacha_block(key, counter, nonce):
    """One block of ChaCha20 (RFC 8439 section 2.3)."""
    constants = b"expand 32-byte k"
    start = [int.from_bytes(part[at : at + 4], "little") for part in (constants, key, counter.to_bytes(4, "little"), nonce)
             for at in range(0, len(part), 4)]  # fmt: skip
    state = list(start)
    columns = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
    diagonals = [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for _ in range(10):
        for a, b, c, d in columns + diagonals:
            for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                state[x] = (state[x] + state[y]) & 0xFFFFFFFF
                mixed = state[z] ^ state[x]
                state[z] = ((mixed << turn) | (mixed >> (32 - turn))) & 0xFFFFFFFF
    return b"".join(((a + b) & 0xFFFFFFFF).to_bytes(4, "little") for a, b in zip(state, start))


def _chacha_seal(key, nonce, plain, associated):
    """ChaCha20-Poly1305 of at most 64 bytes (RFC 8439 section 2.8)."""
    one_time = _chacha_block(key, 0, nonce)
    sealed = bytes(a ^ b for a, b in zip(plain, _chacha_block(key, 1, nonce)))
    r = int.from_bytes(one_time[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    data = b"".join(part + bytes(-len(part) % 16) for part in (associated, sealed))
    data += len(associated).to_bytes(8, "little") + len(sealed).to_bytes(8, "little")
    value = 0
    for at in range(0, len(data), 16):
        value = (value + int.from_bytes(data[at : at + 16] + b"\x01", "little")) * r % ((1 << 130) - 5)
    tag = (value + int.from_bytes(one_time[16:32], "little")) & ((1 << 128) - 1)
    return sealed + tag.to_bytes(16, "little")


def _xtime(value):
    return (value << 1) ^ (0x11B if value & 0x80 else 0)


def _sbox():
    """The S-box from its definition: inverse in GF(2^8), then the affine map (FIPS 197)."""
    powers, value = [], 1
    for _ in range(255):
        powers.append(value)
        value ^= _xtime(value)  # times 3, a generator
    box = [0x63] * 256
    for index, element in enumerate(powers):
        inverse = powers[-index % 255]
        spread = 0
        for shift in range(5):
            spread ^= (inverse << shift) | (inverse >> (8 - shift))
        box[element] = (spread & 0xFF) ^ 0x63
    return box


_SBOX = _sbox()


def _round_keys(key):
    words = [key[at : at + 4] for at in range(0, len(key), 4)]
    step, constant = len(words), 1
    for index in range(step, 4 * (step + 7)):
        word = words[-1]
        if index % step == 0:
            word = bytes(_SBOX[byte] for byte in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _xtime(constant)
        elif step == 8 and index % step == 4:
            word = bytes(_SBOX[byte] for byte in word)
        words.append(bytes(a ^ b for a, b in zip(word, words[-step])))
    return [b"".join(words[at : at + 4]) for at in range(0, len(words), 4)]


def _aes(key, block):
    keys = _round_keys(key)
    state = [a ^ b for a, b in zip(block, keys[0])]
    for number, round_key in enumerate(keys[1:], 1):
        state = [_SBOX[state[(at + 4 * (at % 4)) % 16]] for at in range(16)]
        if number < len(keys) - 1:
            mixed = []
            for at in range(0, 16, 4):
                column = state[at : at + 4]
                for row in range(4):
                    a, b, c, d = (column[(row + shift) % 4] for shift in range(4))
                    mixed.append(_xtime(a) ^ _xtime(b) ^ b ^ c ^ d)
            state = mixed
        state = [a ^ b for a, b in zip(state, round_key)]
    return bytes(state)


def _multiply(x, y):
    """GF(2^128) in GCM's bit order (SP 800-38D)."""
    product = 0
    for bit in range(127, -1, -1):
        if (x >> bit) & 1:
            product ^= y
        y = (y >> 1) ^ (0xE1 << 120 if y & 1 else 0)
    return product


def _gcm_seal(key, nonce, plain, associated):
    """AES-GCM of at most 16 bytes."""
    stream = _aes(key, nonce + (2).to_bytes(4, "big"))
    sealed = bytes(a ^ b for a, b in zip(plain, stream))
    hash_key = int.from_bytes(_aes(key, bytes(16)), "big")
    value = 0
    for part in (associated, sealed):
        value = _multiply(value ^ int.from_bytes(part.ljust(16, b"\x00"), "big"), hash_key)
    value ^= (len(associated) * 8 << 64) | len(sealed) * 8
    value = _multiply(value, hash_key)
    tag = value ^ int.from_bytes(_aes(key, nonce + (1).to_bytes(4, "big")), "big")
    return sealed + tag.to_bytes(16, "big")
