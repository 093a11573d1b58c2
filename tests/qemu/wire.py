"""The wire between the board and the network: every frame that the board sends passes here and may be dropped; questions to the name server may be
answered here. Python standard library only.

    with Wire() as wire, Machine(…, wire=wire): wire.drop = wire.is_dhcp

QEMU's filter objects bring the frames to Unix sockets and take them back (4 bytes of length before each)."""

import pathlib
import shutil
import socket
import struct
import tempfile
import threading

ETHERNET_SIZE, IP_SIZE, UDP_SIZE = 14, 20, 8
DHCP_SERVER, DNS_SERVER = 67, 53


class Wire:
    def __init__(self):
        self.drop = lambda frame: False  # which frames of the board get lost
        self.answer = None  # IPv4 address that every name has; None: the network's own name server says it; "": no such name
        self.dropped = 0
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="wire-"))
        self.listeners = {name: self._listen(name) for name in ("sent", "passed", "given")}
        self.connections = {}

    def _listen(self, name):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.directory / name))
        listener.listen(1)
        return listener

    def options(self):
        """For QEMU's command line; the network has the id `net`."""
        chardevs = [part for name in self.listeners for part in ("-chardev", f"socket,id={name},path={self.directory}/{name}")]
        # What the board sends meets the filters in reverse order: first the way out to us, then the way back.
        return chardevs + ["-object", "filter-redirector,id=f0,netdev=net,queue=rx,indev=passed",
                           "-object", "filter-redirector,id=f1,netdev=net,queue=rx,outdev=sent",
                           "-object", "filter-redirector,id=f2,netdev=net,queue=tx,indev=given"]  # fmt: skip

    def accept(self, timeout_s):
        for name, listener in self.listeners.items():
            if name not in self.connections:
                listener.settimeout(timeout_s)
                self.connections[name], _ = listener.accept()
                self.connections[name].settimeout(None)
        threading.Thread(target=self._carry, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for part in [*self.connections.values(), *self.listeners.values()]:
            part.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _carry(self):
        stream = self.connections["sent"].makefile("rb")
        try:
            while header := stream.read(4):
                frame = stream.read(struct.unpack("!I", header)[0])
                if self.drop(frame):
                    self.dropped += 1
                elif self.answer is not None and is_udp_to(frame, DNS_SERVER):
                    self._send("given", answer_of_name_server(frame, self.answer))
                else:
                    self._send("passed", frame)
        except (OSError, ValueError):
            pass  # QEMU has gone

    def give(self, frame):
        """Something that comes to the board, as if another machine had sent it."""
        self._send("given", frame)

    def _send(self, name, frame):
        self.connections[name].sendall(struct.pack("!I", len(frame)) + frame)


def is_udp_to(frame, port):
    return len(frame) >= ETHERNET_SIZE + IP_SIZE + UDP_SIZE and frame[12:14] == b"\x08\x00" and frame[23] == 17 \
        and struct.unpack("!H", frame[36:38])[0] == port  # fmt: skip


def is_dhcp(frame):
    return is_udp_to(frame, DHCP_SERVER)


def is_dns(frame):
    return is_udp_to(frame, DNS_SERVER)


def question_who_has(address, asker, asker_mac=b"\x02\x00\x00\x00\x00\x63"):
    """An ARP request (RFC 826), as long as Ethernet wants it."""
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + asker_mac + socket.inet_aton(asker) + bytes(6) + socket.inet_aton(address)
    return (b"\xff" * 6 + asker_mac + b"\x08\x06" + arp).ljust(60, b"\0")


def is_answer_to(frame, asker):
    """An ARP reply to the one who asked."""
    return frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x02" and frame[38:42] == socket.inet_aton(asker)


def is_tcp(frame):
    return frame[12:14] == b"\x08\x00" and frame[23] == 6


def ip_check_sum(header):
    total = sum(struct.unpack("!10H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def answer_of_name_server(frame, address):
    """An answer to this question: the address, or with "" that there is no such name (RFC 1035 section 4)."""
    question = frame[ETHERNET_SIZE + IP_SIZE + UDP_SIZE:]
    flags, count = (0x8180, 1) if address else (0x8183, 0)
    dns = question[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0) + question[12:]
    if address:
        dns += struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(address)
    udp = frame[36:38] + frame[34:36] + struct.pack("!HH", UDP_SIZE + len(dns), 0) + dns
    ip = struct.pack("!BBHHHBBH", 0x45, 0, IP_SIZE + len(udp), 0, 0, 64, 17, 0) + frame[30:34] + frame[26:30]
    ip = ip[:10] + struct.pack("!H", ip_check_sum(ip)) + ip[12:]
    return frame[6:12] + frame[0:6] + frame[12:14] + ip + udp
