"""A small HTTP CONNECT proxy, as most plants have one between their machines and the outside.

It knows the names of the stand-in only. Behaviour can be changed while it runs: `credentials` ("user:password": 407 without
them), `refuse` (403), `silent` (accepts and never answers)."""

import base64
import select
import socket
import threading

_WAIT_S = 120


class ConnectProxy:
    def __init__(self, hosts):
        self.hosts = hosts
        self.lock = threading.Lock()
        self.reset()
        self._stopping = threading.Event()
        self._threads = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="connect-proxy", daemon=True)
        self._thread.start()

    def reset(self):
        with self.lock:
            self.credentials, self.refuse, self.silent = "", False, False
            self.records = []  # {"target", "status", "authorization": was there one}

    def configure(self, credentials=None, refuse=None, silent=None):
        with self.lock:
            self.credentials = self.credentials if credentials is None else credentials
            self.refuse = self.refuse if refuse is None else refuse
            self.silent = self.silent if silent is None else silent

    def stop(self):
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in [self._thread, *self._threads]:
            thread.join(5)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
            thread.start()

    def _serve(self, client):
        with client:
            client.settimeout(0.2)
            try:
                head = self._head(client)
                if head is None:
                    return
                target, status = self._decide(head)
                if status == 0:
                    self._wait_for_end(client)
                elif status != 200:
                    client.sendall(_refusal(status))
                else:
                    self._tunnel(client, int(target.rsplit(":", 1)[1]))
            except (OSError, ValueError, IndexError):
                pass  # either side went away, or what came was no CONNECT

    def _head(self, client):
        data = b""
        while b"\r\n\r\n" not in data and len(data) < 65536:
            try:
                more = client.recv(4096)
            except TimeoutError:
                if self._stopping.is_set():
                    return None
                continue
            if not more:
                return None
            data += more
        return data.decode("latin-1").split("\r\n")

    def _decide(self, head):
        """(target, status); status 0 means silence."""
        method, target, _ = head[0].split(" ")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        given = fields.get("proxy-authorization", "")
        with self.lock:
            expected = "Basic " + base64.b64encode(self.credentials.encode()).decode()
            if self.silent:
                status = 0
            elif self.credentials and given != expected:
                status = 407
            elif self.refuse:
                status = 403
            elif method != "CONNECT":
                status = 405
            else:
                status = 200 if target.rsplit(":", 1)[0].lower() in self.hosts else 502
            self.records.append({"target": target, "status": status, "authorization": bool(given)})
        return target, status

    def _wait_for_end(self, client):
        while not self._stopping.is_set():
            if select.select([client], [], [], 0.1)[0] and not client.recv(4096):
                return

    def _tunnel(self, client, port):
        try:
            server = socket.create_connection(("127.0.0.1", port), timeout=_WAIT_S)
        except OSError:
            client.sendall(_refusal(502))
            return
        with server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            for sock in (client, server):
                sock.settimeout(_WAIT_S)
            other = {client: server, server: client}
            while other and not self._stopping.is_set():
                for source in select.select(list(other), [], [], 0.2)[0]:
                    data = source.recv(65536)
                    if data:
                        (server if source is client else client).sendall(data)
                    else:
                        sink = other.pop(source)
                        sink.shutdown(socket.SHUT_WR)


def _refusal(status):
    reason = {403: "Forbidden", 405: "Method Not Allowed", 407: "Proxy Authentication Required", 502: "Bad Gateway"}
    extra = 'Proxy-Authenticate: Basic realm="plant proxy"\r\n' if status == 407 else ""
    body = f"<html><body>{reason[status]} by the plant's proxy</body></html>"
    return (f"HTTP/1.1 {status} {reason[status]}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n{extra}"
            f"Connection: close\r\n\r\n{body}").encode()  # fmt: skip
