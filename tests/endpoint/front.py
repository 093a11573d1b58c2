"""The TCP front: the port that clients connect to, before the TLS end.

Passes bytes on, counts them in both directions for each connection, and does to a connection what its fault says. One
thread serves all connections; nothing here knows TLS or HTTP. A fault is a dict; it is taken from a queue when a
connection is accepted:

    {"fault": "reset_on_connect" | "close_on_connect" | "silence"}
    {"fault": "reset_after_request_bytes", "n": N}     request = client to server, response = server to client;
    {"fault": "close_after_response_bytes", "n": N}    exactly N bytes get through, then reset, close or silence
    {"fault": "silence_after_request_bytes", "n": N}
    {"fault": "flip_bit", "direction": "request" | "response", "n": byte offset, "bit": 0..7}
    {"fault": "one_byte_at_a_time"}                    both directions
    {"fault": "delay", "ms": M}                        each piece, both directions
    {"fault": "throttle", "bytes_per_s": B}            each direction
    {"backend": NAME, ...}                             another server behind this connection (see server.py)

and besides "times": how many connections (0: all until cleared), "skip": how many connections before it go through.

Live connections can be commanded: `reset` (RST), `close` (FIN), `freeze` (half-open: nothing moves, nothing is said),
`reset_on_next_request` and `close_on_next_request` (when the client's next byte arrives: the keep-alive race)."""

import errno
import os
import selectors
import socket
import struct
import threading
import time

CHUNK_SIZE = 65536
_PATIENCE_S = 120  # far beyond anything that works
BUFFER_MAX_SIZE = 4 * CHUNK_SIZE
_RESET = struct.pack("ii", 1, 0)
COMMANDS = ("reset", "close", "freeze", "reset_on_next_request", "close_on_next_request")
_CUTS = {f"{act}_after_{way}_bytes": (act, way) for act in ("reset", "close", "silence") for way in ("request", "response")}
FAULTS = ("reset_on_connect", "close_on_connect", "silence", "flip_bit", "one_byte_at_a_time", "delay", "throttle", *_CUTS)


class Pipe:
    """One direction of a connection: bytes read from `source` wait here until `sink` takes them."""

    def __init__(self, name, source, sink):
        self.name, self.source, self.sink = name, source, sink
        self.buffer = bytearray()
        self.count = 0  # bytes passed on
        self.read_count = 0
        self.ended = False  # the source has said FIN
        self.end_passed = False
        self.not_before_s = 0.0  # delay and throttle: when the next write is allowed
        self.cut_at = -1  # byte count at which `cut` happens
        self.cut = ""


class Connection:
    """A client's connection and the one to the server behind it."""

    def __init__(self, number, client, fault):
        self.number, self.client, self.fault = number, client, fault
        self.server = None
        self.server_port = 0
        self.backend = fault.get("backend", "main")
        self.opened_s = time.monotonic()
        self.up = self.down = None
        self.frozen = False
        self.armed = ""
        self.draining = False  # we said FIN; reading on until the client has finished, so that no RST spoils it
        self.broken = False  # the server reset it; what it said before that still gets to the client
        self.first_end = ""
        self.closed_by = ""
        self.request_count = 0

    def describe(self):
        return {
            "number": self.number,
            "backend": self.backend,
            "fault": {name: value for name, value in self.fault.items() if not isinstance(value, bytes)},
            "up_bytes": self.up.count if self.up else 0,
            "down_bytes": self.down.count if self.down else 0,
            "requests": self.request_count,
            "open": not self.closed_by,
            "closed_by": self.closed_by,
        }


class Front:
    """Listens on a loopback port. `backends` maps a name to an address, or to a function (socket, connection) that serves
    the connection in a thread of its own over a socket pair."""

    def __init__(self, backends, log=None):
        self.backends, self.log = backends, log
        self.listener = None
        self.selector = selectors.DefaultSelector()
        self.lock = threading.RLock()
        self.connections = {}  # number -> Connection, closed ones too
        self.by_server_port = {}
        self.faults = []
        self.commands = []
        self.stopping = False
        self.port = 0
        self._sockets = {}  # socket -> (connection, "client" | "server")
        self._handlers = []
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        self.selector.register(self._wake_read, selectors.EVENT_READ)
        self._open_listener()
        self.thread = threading.Thread(target=self._loop, name="front", daemon=True)
        self.thread.start()

    # From any thread

    def add_fault(self, fault):
        if "fault" in fault and fault["fault"] not in FAULTS:
            raise ValueError(f"no such fault: {fault['fault']}; known are {', '.join(FAULTS)}")
        if fault.get("backend", "main") not in self.backends:
            raise ValueError(f"no such backend: {fault['backend']}; known are {', '.join(self.backends)}")
        with self.lock:
            self.faults.append({"times": 1, "skip": 0, **fault})

    def clear_faults(self):
        with self.lock:
            self.faults.clear()

    def command(self, number, what):
        """Do something to one connection, or with number None to all that are open; returns when it is done."""
        if what not in COMMANDS:
            raise ValueError(f"no such command: {what}; known are {', '.join(COMMANDS)}")
        self._post(lambda: [self._obey(each, what) for each in self._open() if number in (None, each.number)])

    def listen(self, is_open):
        """Close the port (clients are refused) or open it again."""
        self._post(self._open_listener if is_open else self._close_listener)

    def number_of(self, server_port):
        with self.lock:
            connection = self.by_server_port.get(server_port)
            return connection.number if connection else 0

    def note_request(self, number):
        with self.lock:
            if number in self.connections:
                self.connections[number].request_count += 1

    def up_bytes(self, number):
        with self.lock:
            connection = self.connections.get(number)
            return connection.up.count if connection else 0

    def describe(self):
        with self.lock:
            return [connection.describe() for connection in self.connections.values()]

    def reset(self):
        """Drop faults, close what is open, forget what was; numbering goes on."""
        self.clear_faults()
        self.listen(True)
        self.command(None, "reset")
        with self.lock:
            self.connections.clear()
            self.by_server_port.clear()

    def stop(self):
        self.command(None, "reset")
        self.stopping = True
        self._wake()
        self.thread.join(5)
        for thread in self._handlers:
            thread.join(5)

    # The loop

    def _post(self, action):
        done = threading.Event()
        if threading.current_thread() is self.thread:
            action()
            return
        with self.lock:
            self.commands.append((action, done))
        self._wake()
        if not done.wait(_PATIENCE_S):
            raise RuntimeError("the front's thread doesn't answer")

    def _wake(self):
        os.write(self._wake_write, b"x")

    def _loop(self):
        while not self.stopping:
            for key, _ in self.selector.select(self._timeout()):
                if key.fileobj == self._wake_read:
                    os.read(self._wake_read, 4096)
                elif key.fileobj is self.listener:
                    self._accept()
                elif key.fileobj in self._sockets:
                    self._step(self._sockets[key.fileobj][0])
            self._run_commands()
            self._release_delayed()
        for connection in self._open():
            self._finish(connection, "stand-in", "reset")
        self._close_listener()
        self.selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _run_commands(self):
        with self.lock:
            commands, self.commands = self.commands, []
        for action, done in commands:
            action()
            done.set()

    def _open(self):
        return list({id(entry[0]): entry[0] for entry in self._sockets.values()}.values())

    def _delayed(self):
        for connection in self._open():
            for pipe in (connection.up, connection.down):
                if pipe is not None and pipe.not_before_s and (pipe.buffer or pipe.ended) and not connection.frozen:
                    yield connection, pipe

    def _timeout(self):
        due_s = min((pipe.not_before_s for _, pipe in self._delayed()), default=None)
        return None if due_s is None else max(0.0, due_s - time.monotonic())

    def _release_delayed(self):
        now_s = time.monotonic()
        for connection in {id(each): each for each, pipe in self._delayed() if pipe.not_before_s <= now_s}.values():
            self._step(connection)

    # Opening

    def _open_listener(self):
        if self.listener is None:
            self.listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
            self.listener.setblocking(False)
            self.port = self.listener.getsockname()[1]
            self.selector.register(self.listener, selectors.EVENT_READ)

    def _close_listener(self):
        if self.listener is not None:
            self.selector.unregister(self.listener)
            self.listener.close()
            self.listener = None

    def _take_fault(self):
        for fault in self.faults:
            if fault["skip"] > 0:
                fault["skip"] -= 1
                return {}
            if fault["times"] > 0:
                fault["times"] -= 1
                if fault["times"] == 0:
                    self.faults.remove(fault)
            return {name: value for name, value in fault.items() if name not in ("times", "skip")}
        return {}

    def _accept(self):
        try:
            client, _ = self.listener.accept()
        except OSError:
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self._last_number = getattr(self, "_last_number", 0) + 1
            connection = Connection(self._last_number, client, self._take_fault())
            self.connections[connection.number] = connection
        self._sockets[client] = (connection, "client")
        kind = connection.fault.get("fault", "")
        connection.frozen = kind == "silence"
        if kind in ("reset_on_connect", "close_on_connect"):
            self._finish(connection, "fault", kind.split("_")[0])
            return
        if not connection.frozen:
            self._connect(connection)
        self._watch(connection)

    def _connect(self, connection):
        """Connect to the server behind; loopback answers at once or not at all."""
        backend = self.backends[connection.backend]
        if callable(backend):
            server, other = socket.socketpair()
            thread = threading.Thread(target=self._handle, args=(backend, other, connection), daemon=True)
            self._handlers = [each for each in self._handlers if each.is_alive()] + [thread]
            thread.start()
        else:
            server = socket.socket()
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server.bind(("127.0.0.1", 0))
            with self.lock:
                connection.server_port = server.getsockname()[1]
                self.by_server_port[connection.server_port] = connection
            server.connect(backend)
        server.setblocking(False)
        connection.server = server
        self._sockets[server] = (connection, "server")
        connection.up = Pipe("request", connection.client, server)
        connection.down = Pipe("response", server, connection.client)
        cut = _CUTS.get(connection.fault.get("fault", ""))
        if cut:
            pipe = connection.up if cut[1] == "request" else connection.down
            pipe.cut, pipe.cut_at = cut[0], int(connection.fault["n"])

    @staticmethod
    def _handle(backend, sock, connection):
        try:
            backend(sock, connection)
        finally:
            sock.close()

    # Moving bytes

    def _step(self, connection):
        if connection.draining:
            self._drain(connection)
            return
        if connection.frozen or connection.up is None:
            self._watch(connection)
            return
        for pipe in (connection.up, connection.down):
            if not self._move(connection, pipe):
                return
        if connection.broken and connection.down.end_passed:
            self._finish(connection, "server", "reset")
            return
        if connection.up.end_passed and connection.down.end_passed:
            self._finish(connection, connection.first_end, "close")
            return
        self._watch(connection)

    def _move(self, connection, pipe):
        """Read and write what is possible; False if the connection is over."""
        try:
            if not pipe.ended and len(pipe.buffer) < BUFFER_MAX_SIZE:
                data = pipe.source.recv(CHUNK_SIZE)
                if data and connection.armed and pipe is connection.up:
                    self._finish(connection, "fault", connection.armed)
                    return False
                pipe.ended = not data
                pipe.buffer += self._altered(connection, pipe, data)
                pipe.read_count += len(data)
                if data and connection.fault.get("fault") == "delay" and not pipe.not_before_s:
                    pipe.not_before_s = time.monotonic() + connection.fault["ms"] / 1000
        except BlockingIOError:
            pass
        except OSError:
            if pipe is connection.up:
                self._finish(connection, "client", "reset")
                return False
            connection.broken = pipe.ended = True
        try:
            return self._write(connection, pipe)
        except BlockingIOError:
            return True
        except OSError:
            if pipe is connection.down:
                self._finish(connection, "client", "reset")
                return False
            connection.broken = pipe.ended = pipe.end_passed = True
            pipe.buffer.clear()
            return True

    @staticmethod
    def _altered(connection, pipe, data):
        fault = connection.fault
        if fault.get("fault") == "flip_bit" and fault.get("direction", "request") == pipe.name:
            at = int(fault["n"]) - pipe.read_count
            if 0 <= at < len(data):
                return data[:at] + bytes([data[at] ^ (1 << int(fault.get("bit", 0)))]) + data[at + 1 :]
        return data

    def _write(self, connection, pipe):
        now_s = time.monotonic()
        kind = connection.fault.get("fault")
        if pipe.not_before_s > now_s:
            return True
        pipe.not_before_s = 0.0
        while pipe.buffer or pipe.cut_at == pipe.count:
            size = 1 if kind == "one_byte_at_a_time" else len(pipe.buffer)
            if kind == "throttle":
                size = min(size, max(1, int(connection.fault["bytes_per_s"]) // 20))
            if pipe.cut_at >= 0:
                size = min(size, pipe.cut_at - pipe.count)
            with self.lock:  # who sees the bytes arrive sees the count, too
                sent = pipe.sink.send(pipe.buffer[:size]) if size else 0
                pipe.count += sent
            del pipe.buffer[:sent]
            if pipe.cut_at == pipe.count:
                return self._cut(connection, pipe)
            if kind == "throttle":
                pipe.not_before_s = now_s + 0.05
                return True
        if pipe.ended and not pipe.end_passed:
            pipe.end_passed = True
            connection.first_end = connection.first_end or ("client" if pipe is connection.up else "server")
            if not connection.broken:
                pipe.sink.shutdown(socket.SHUT_WR)
        return True

    def _cut(self, connection, pipe):
        pipe.cut_at = -1
        if pipe.cut == "silence":
            connection.frozen = True
            return True
        self._finish(connection, "fault", pipe.cut)
        return False

    def _watch(self, connection):
        """Tell the selector what this connection waits for."""
        wanted = {connection.client: 0}
        if connection.server is not None:
            wanted[connection.server] = 0
        if connection.draining:
            wanted[connection.client] = selectors.EVENT_READ
        elif not connection.frozen and connection.up is not None:
            for pipe in (connection.up, connection.down):
                if not pipe.ended and len(pipe.buffer) < BUFFER_MAX_SIZE:
                    wanted[pipe.source] |= selectors.EVENT_READ
                if pipe.buffer and not pipe.not_before_s:
                    wanted[pipe.sink] |= selectors.EVENT_WRITE
        for sock, events in wanted.items():
            self._register(sock, events)

    def _register(self, sock, events):
        try:
            known = self.selector.get_key(sock)
        except KeyError:
            known = None
        if events and known is None:
            self.selector.register(sock, events)
        elif events and known.events != events:
            self.selector.modify(sock, events)
        elif not events and known is not None:
            self.selector.unregister(sock)

    # Ending

    def _obey(self, connection, what):
        if what in ("reset", "close"):
            self._finish(connection, "fault", what)
        elif what == "freeze":
            connection.frozen = True
            self._watch(connection)
        else:
            connection.armed = what.split("_")[0]

    def _finish(self, connection, who, how):
        """End both sides: `reset` with an RST, `close` with a FIN."""
        if not connection.draining:
            with self.lock:
                connection.closed_by = f"{who}:{how}"
            if self.log:
                self.log(connection.describe())
        if connection.server is not None:
            self._close(connection.server, reset=how == "reset")
            connection.server = None
        if how == "close" and not connection.draining:
            try:
                connection.client.shutdown(socket.SHUT_WR)
                connection.draining, connection.frozen = True, False
                self._watch(connection)
                return
            except OSError as error:
                if error.errno not in (errno.ENOTCONN, errno.EPIPE, errno.ECONNRESET):
                    raise
        self._close(connection.client, reset=how == "reset")

    def _drain(self, connection):
        try:
            if connection.client.recv(CHUNK_SIZE):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._finish(connection, "", "close")

    def _close(self, sock, reset):
        self._register(sock, 0)
        self._sockets.pop(sock, None)
        try:
            if reset and sock.family == socket.AF_INET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        except OSError:
            pass
        sock.close()
