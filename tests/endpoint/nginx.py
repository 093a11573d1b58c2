"""nginx as the TLS end, like the load balancer of a real tenant: configuration and process.

The listening sockets belong to the stand-in and are handed to nginx (its environment variable NGINX, made for upgrades
without a gap). So no port is fixed, none can be snatched in between, and they outlive a restart with another configuration.
nginx dies with the process that started it (setpriv --pdeathsig)."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time

_START_WAIT_S = 120

_MAIN = """
daemon off;
master_process on;
worker_processes 1;
worker_shutdown_timeout 1s;
{user}
pid {prefix}/nginx.pid;
error_log stderr info;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;

    ssl_protocols {protocols};
    ssl_session_cache {session_cache};
    ssl_session_tickets {tickets};
    ssl_session_timeout 1h;
    ssl_verify_depth 4;
    ssl_ecdh_curve {curves};

    # Limits are the tenant's business: pass everything on, as it came.
    client_max_body_size 0;
    large_client_header_buffers 64 128k;
    underscores_in_headers on;
    server_names_hash_bucket_size 256;
    merge_slashes off;
    keepalive_timeout {keepalive_s}s;
    keepalive_requests 1000000;

    upstream tenant {{
        server 127.0.0.1:{tenant_port};
        keepalive 32;
        keepalive_requests 1000000;
    }}
    proxy_http_version 1.1;
    proxy_request_buffering off;
    proxy_buffering off;
    proxy_read_timeout 1h;
    proxy_next_upstream off;
    proxy_pass_header Date;
    proxy_pass_header Server;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Stand-In-Port $remote_port;
    proxy_set_header X-Stand-In-Protocol $ssl_protocol;
    proxy_set_header X-Stand-In-Cipher $ssl_cipher;
    proxy_set_header X-Stand-In-Resumed $ssl_session_reused;
    proxy_set_header X-Stand-In-Verify $ssl_client_verify;
    proxy_set_header X-Stand-In-Subject $ssl_client_s_dn;
    proxy_set_header X-Stand-In-Issuer $ssl_client_i_dn;
    proxy_set_header X-Stand-In-Serial $ssl_client_serial;
{servers}
}}
"""

# Without SNI, or for a host that isn't served here, the load balancer refuses the handshake: unrecognized_name.
_REFUSE = """
    server {{
        listen 127.0.0.1:{port} ssl default_server;
        ssl_reject_handshake on;
    }}
"""

# A certificate that can't be verified isn't refused: the runtime then sees none (status 495 is nginx's word for it).
_SERVER = """
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name {names};
        ssl_certificate {chain};
        ssl_certificate_key {key};
        ssl_client_certificate {client_ca};
        ssl_verify_client {verify};
        error_page 495 = @tenant;
        location / {{ proxy_pass http://tenant; }}
        location @tenant {{ proxy_pass http://tenant; }}
    }}
"""

# A reverse proxy that trusts another CA and answers by itself, with nginx's own pages.
_REVERSE_PROXY = """
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name {names};
        ssl_certificate {chain};
        ssl_certificate_key {key};
        ssl_client_certificate {client_ca};
        ssl_verify_client on;
        location / {{ proxy_pass http://tenant; }}
    }}
"""


class Nginx:
    """One master and one worker below `prefix`. `servers`: name -> settings of that server; each gets a port."""

    def __init__(self, prefix, server_names):
        self.prefix = os.path.abspath(prefix)
        os.makedirs(self.prefix, exist_ok=True)
        self.program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if self.program is None:
            raise RuntimeError("nginx isn't installed: apt-get install --no-install-recommends nginx-light")
        self.sockets = {name: socket.create_server(("127.0.0.1", 0), backlog=256) for name in server_names}
        for sock in self.sockets.values():
            sock.set_inheritable(True)
        self.process = None
        open(os.path.join(self.prefix, "error.log"), "wb").close()
        self._jobs, self._job_ready = [], threading.Condition()
        # pdeathsig follows the *thread* that starts the child: this one lives as long as the object.
        self._starter = threading.Thread(target=self._start_jobs, name="nginx", daemon=True)
        self._starter.start()

    def port(self, name):
        return self.sockets[name].getsockname()[1]

    def configure(self, settings, servers):
        """Write the configuration; a running nginx has to be restarted."""
        text = ""
        for name, server in servers.items():
            port = self.port(name)
            template = _REVERSE_PROXY if name == "reverse_proxy" else _SERVER
            text += _REFUSE.format(port=port) + template.format(port=port, **server)
        user = "user root;" if os.geteuid() == 0 else ""
        with open(os.path.join(self.prefix, "nginx.conf"), "w", encoding="utf-8") as file:
            file.write(_MAIN.format(prefix=self.prefix, user=user, servers=text, **settings))

    def start(self):
        done = threading.Event()
        with self._job_ready:
            self._jobs.append(done)
            self._job_ready.notify()
        done.wait(_START_WAIT_S)
        pid_file = os.path.join(self.prefix, "nginx.pid")
        deadline_s = time.monotonic() + _START_WAIT_S
        while not (os.path.exists(pid_file) and os.path.getsize(pid_file)):
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline_s:
                self.halt()
                with open(os.path.join(self.prefix, "error.log"), encoding="utf-8", errors="replace") as file:
                    raise RuntimeError(f"nginx didn't start:\n{file.read()[-2000:]}")
            time.sleep(0.005)

    def halt(self):
        """Stop the processes; the sockets stay."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(_START_WAIT_S)  # no SIGKILL for the master: its worker would go on at the same sockets
        self.process = None

    def stop(self):
        self.halt()
        with self._job_ready:
            self._jobs.append(None)
            self._job_ready.notify()
        self._starter.join(_START_WAIT_S)
        for sock in self.sockets.values():
            sock.close()

    def _start_jobs(self):
        while True:
            with self._job_ready:
                while not self._jobs:
                    self._job_ready.wait()
                done = self._jobs.pop(0)
            if done is None:
                return
            try:
                self._spawn()
            finally:
                done.set()

    def _spawn(self):
        descriptors = [sock.fileno() for sock in self.sockets.values()]
        environment = {"PATH": os.environ.get("PATH", ""), "NGINX": "".join(f"{each};" for each in descriptors)}
        command = ["setpriv", "--pdeathsig", "TERM", "--", self.program, "-p", self.prefix, "-e", "stderr"]
        command += ["-c", os.path.join(self.prefix, "nginx.conf")]
        pid_file = os.path.join(self.prefix, "nginx.pid")
        if os.path.exists(pid_file):
            os.unlink(pid_file)
        with open(os.path.join(self.prefix, "error.log"), "ab") as log:
            self.process = subprocess.Popen(command, env=environment, pass_fds=descriptors, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
