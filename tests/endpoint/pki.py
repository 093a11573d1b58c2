"""Certificates and service keys of the stand-in, made with the openssl command.

Two public-key infrastructures, like those around a real tenant:

* client side: RSA-4096 root, RSA-4096 intermediate and RSA-2048 leaves with EKU clientAuth and the kind of subject that
  SAP's own CA writes; from these come the service keys, in every form in which people get them, whole or defective;
* server side: root, intermediate and leaf for the tenant's host name, and one leaf for each way in which a server
  certificate can be wrong.

Everything lies below one directory and is made once: RSA-4096 keys are slow. Two processes may start at once (a lock
file; each part appears by one rename). Private keys are files of mode 0600. All of it is for tests: nothing in the world
trusts these roots."""

import concurrent.futures
import contextlib
import datetime
import fcntl
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
import uuid

FORMAT = 2  # raise it when the set of files changes: older directories are made anew
MAX_AGE_DAYS = 5  # the cache is renewed long before the leaf named "soon" ends

LANDSCAPE = "eu10-002.hana.ondemand.example"
TENANT = "plant-7xk"
HOST = f"{TENANT}.it-cpi024-rt.cfapps.{LANDSCAPE}"  # 60 characters, as long as real ones
LOGIN_HOST = f"{TENANT}.it-cpi024.cfapps.{LANDSCAPE}"  # the same without -rt: answers with a login page
TOKEN_HOST = f"{TENANT}.authentication.cert.{LANDSCAPE}"
WRONG_HOST = "somebody-else.it-cpi024-rt.cfapps.eu10-002.hana.ondemand.example"
GUID = "3f1c2a60-7d5e-4f0b-9c11-5a0d2e8b4c77"
CLIENT_ID = f"sb-{GUID}!b48213|it-rt-{TENANT}!b117912"
API_CLIENT_ID = f"sb-{GUID}!b48213|it!b117912"
CLIENT_SECRET = "f0b2d7a1-5c7e-4f1b-8f5e-stand-in-secret$Qm9-x="

assert len(HOST) == 60

LEAVES = ("default", "second", "soon", "expired", "unknown_ca", "ec")
KEY_FORMS = ("cockpit", "cf7", "cf8", "pem")
KEY_DEFECTS = ("wrong_key", "expired", "missing_intermediate", "unknown_ca", "api_plan", "external", "ec", "secret")
SERVER_KINDS = ("good", "wrong_host", "expired", "not_yet_valid", "self_signed", "wrong_ca", "incomplete")
SERVER_ROOTS = ("rsa2048", "rsa4096", "p384")

# Leaves of the client side: name -> (key, issuer, first day, last day), days relative to today.
_LEAVES = {
    "default": ("rsa:2048", "intermediate", 0, 365),
    "second": ("rsa:2048", "intermediate", 0, 365),
    "soon": ("rsa:2048", "intermediate", -355, 10),
    "expired": ("rsa:2048", "intermediate", -400, -35),
    "unknown_ca": ("rsa:2048", "other-intermediate", 0, 365),
    "ec": ("ec:prime256v1", "intermediate", 0, 365),
}

_EXTENSIONS = """
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[intermediate]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""

_CA_CONFIG = """
[ca]
default_ca = here
[here]
database = {dir}/index.txt
new_certs_dir = {dir}
rand_serial = yes
default_md = {digest}
policy = any
unique_subject = no
copy_extensions = none
preserve = yes
email_in_dn = no
[any]
countryName = optional
organizationName = optional
organizationalUnitName = optional
localityName = optional
commonName = supplied
[req]
distinguished_name = none
[none]
"""


def _openssl(*arguments):
    """Run openssl; files that it writes are readable by the owner only."""
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, umask=0o077, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def _read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write_private(path, text):
    """Write a file that only its owner may read, whatever the umask is."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)


class _Authority:
    """A directory in which openssl signs certificates; `day 0` is an hour ago."""

    def __init__(self, directory):
        self.dir = directory
        self.scratch = os.path.join(directory, "scratch")
        os.makedirs(self.scratch, exist_ok=True)
        self.origin = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)

    def path(self, name):
        return os.path.join(self.dir, name)

    def key(self, name, kind):
        """Make a private key, PKCS#1 ("BEGIN RSA PRIVATE KEY") or SEC 1 for elliptic curves."""
        family, parameter = kind.split(":")
        if family == "rsa":
            _openssl("genrsa", "-traditional", "-out", self.path(name + ".key"), parameter)
        else:
            _openssl("ecparam", "-name", parameter, "-genkey", "-noout", "-out", self.path(name + ".key"))

    def certificate(self, name, subject, section, days, issuer=None, key=None, names="DNS:localhost", digest="sha256"):
        """Sign `name`.crt for the key `key` (default: its own); without an issuer it signs itself."""
        config, csr, index = (os.path.join(self.scratch, file) for file in ("ca.cnf", "request.csr", "index.txt"))
        key_file = self.path((key or name) + ".key")
        with open(config, "w", encoding="utf-8") as file:
            file.write(_CA_CONFIG.format(dir=self.scratch, digest=digest) + _EXTENSIONS.format(names=names))
        open(index, "a", encoding="utf-8").close()
        _openssl("req", "-new", "-config", config, "-key", key_file, "-subj", subject, "-out", csr)
        first, last = (self.origin + datetime.timedelta(days=day) for day in days)
        arguments = ["ca", "-batch", "-notext", "-config", config, "-extensions", section, "-in", csr]
        arguments += ["-out", self.path(name + ".crt")]
        arguments += ["-startdate", first.strftime("%Y%m%d%H%M%SZ"), "-enddate", last.strftime("%Y%m%d%H%M%SZ")]
        if issuer is None:
            arguments += ["-selfsign", "-keyfile", key_file]
        else:
            arguments += ["-keyfile", self.path(issuer + ".key"), "-cert", self.path(issuer + ".crt")]
        _openssl(*arguments)
        return _read(self.path(name + ".crt"))

    def bundle(self, name, parts):
        """Concatenate certificates into `name`."""
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write("".join(_read(self.path(part + ".crt")) for part in parts))

    def tidy(self):
        """Remove what only openssl needed while signing; let everyone read the certificates."""
        shutil.rmtree(self.scratch)
        for entry in os.listdir(self.dir):
            if not entry.endswith(".key"):
                os.chmod(self.path(entry), 0o644)


def _in_parallel(jobs):
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for future in [pool.submit(*job) for job in jobs]:
            future.result()


def _make_client(directory):
    """The client side: the roots, the intermediates and all leaves."""
    ca = _Authority(directory)
    kinds = {"root": "rsa:4096", "intermediate": "rsa:4096"}
    kinds.update({"other-root": "rsa:2048", "other-intermediate": "rsa:2048"})
    kinds.update({name: leaf[0] for name, leaf in _LEAVES.items()})
    _in_parallel([(ca.key, name, kind) for name, kind in kinds.items()])
    years = (-800, 3650)
    ca.certificate("root", "/C=DE/L=Walldorf/O=SAP SE/CN=SAP Cloud Root CA (stand-in)", "root", years)
    ca.certificate(
        "intermediate",
        "/C=DE/L=EU10/O=SAP SE/OU=SAP Cloud Platform Clients/CN=SAP Cloud Platform Client CA (stand-in)",
        "intermediate",
        years,
        issuer="root",
    )
    ca.certificate("other-root", "/C=DE/O=Unrelated Trust Centre/CN=Unrelated Root CA", "root", years)
    ca.certificate("other-intermediate", "/C=DE/O=Unrelated Trust Centre/CN=Unrelated CA 3", "intermediate", years,
                   issuer="other-root")
    for name, (_, issuer, first, last) in _LEAVES.items():
        subject = f"/C=DE/O=SAP SE/OU=SAP Cloud Platform Clients/OU=Public/OU={GUID}/L={TENANT}"
        subject += f"/CN={uuid.uuid5(uuid.NAMESPACE_DNS, name)}"
        ca.certificate(name, subject, "client", (first, last), issuer=issuer)
    with open(ca.path("details.json"), "w", encoding="utf-8") as file:
        json.dump({name: _details(ca.path(name + ".crt")) for name in _LEAVES}, file, indent=1)
    ca.tidy()


def _details(certificate):
    text = _openssl("x509", "-in", certificate, "-noout", "-subject", "-issuer", "-enddate", "-serial", "-nameopt",
                    "RFC2253")
    fields = dict(line.split("=", 1) for line in text.splitlines())
    until = datetime.datetime.strptime(fields["notAfter"], "%b %d %H:%M:%S %Y %Z")
    return {
        "issuerdn": fields["issuer"],
        "subjectdn": fields["subject"],
        "validuntil": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "serialnumber": fields["serial"].lower(),
    }


def _make_server(directory, root):
    """The server side below one kind of root: one key, one certificate for each kind, CA file `root.crt`."""
    ca = _Authority(directory)
    kinds = {
        "rsa2048": ("rsa:2048", "rsa:2048", "rsa:2048", "sha256"),
        "rsa4096": ("rsa:4096", "rsa:4096", "rsa:2048", "sha384"),
        "p384": ("ec:secp384r1", "ec:secp384r1", "ec:prime256v1", "sha384"),
    }[root]
    digest = kinds[3]
    names = f"DNS:{HOST}, DNS:{TOKEN_HOST}, DNS:{LOGIN_HOST}, DNS:localhost"
    _in_parallel([(ca.key, name, kind) for name, kind in zip(("root", "intermediate", "leaf"), kinds)])
    years = (-800, 3650)
    ca.certificate("root", f"/C=US/O=Stand-in Trust/CN=Stand-in Global Root {root}", "root", years, digest=digest)
    ca.certificate("intermediate", f"/C=US/O=Stand-in Trust/CN=Stand-in TLS CA {root}", "intermediate", years,
                   issuer="root", digest=digest)

    def leaf(name, issuer="intermediate", days=(-30, 335), host=HOST, san=names):
        subject = f"/C=DE/L=Walldorf/O=SAP SE/CN={host if len(host) <= 64 else 'tenant'}"
        ca.certificate(name, subject, "server", days, issuer=issuer, key="leaf", names=san)

    leaf("good")
    ca.bundle("good-chain.pem", ["good", "intermediate"])
    if root == "rsa2048":
        ca.key("wrong-root", "rsa:2048")
        ca.certificate("wrong-root", "/C=US/O=Nobody's Trust/CN=Nobody's Root", "root", years)
        leaf("wrong_host", host=WRONG_HOST, san=f"DNS:{WRONG_HOST}")
        leaf("expired", days=(-400, -3))
        leaf("not_yet_valid", days=(30, 365))
        leaf("self_signed", issuer=None)
        leaf("wrong_ca", issuer="wrong-root")
        for name in ("wrong_host", "expired", "not_yet_valid"):
            ca.bundle(name + "-chain.pem", [name, "intermediate"])
        ca.bundle("self_signed-chain.pem", ["self_signed"])
        ca.bundle("wrong_ca-chain.pem", ["wrong_ca", "wrong-root"])
        ca.bundle("incomplete-chain.pem", ["good"])
    ca.tidy()


def _make_names(directory, count):
    """`count` CA certificates of which only the names matter: what a long CertificateRequest is made of."""
    ca = _Authority(directory)
    ca.key("any", "ec:prime256v1")

    def one(number):
        subject = f"/C=US/O=Certification Authority {number:02d}, Inc./OU=Certificate Services Network"
        subject += f"/CN=Example Public Primary Certification Authority - G{number:02d}"
        _openssl("req", "-x509", "-config", config, "-key", ca.path("any.key"), "-days", "3650", "-subj", subject,
                 "-out", ca.path(f"{number:03d}.crt"))

    config = os.path.join(ca.scratch, "req.cnf")
    with open(config, "w", encoding="utf-8") as file:
        file.write("[req]\ndistinguished_name = none\n[none]\n")
    _in_parallel([(one, number) for number in range(count)])
    ca.bundle("names.pem", [f"{number:03d}" for number in range(count)])
    for number in range(count):
        os.unlink(ca.path(f"{number:03d}.crt"))
    ca.tidy()


class Pki:
    """All certificates below `directory`, made when first asked for."""

    def __init__(self, directory):
        self.dir = os.path.abspath(directory)
        os.makedirs(self.dir, exist_ok=True)
        self._part("client", lambda path: _make_client(path))
        self._part("server-rsa2048", lambda path: _make_server(path, "rsa2048"))

    @contextlib.contextmanager
    def _lock(self):
        with open(os.path.join(self.dir, ".lock"), "a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _fresh(self, path):
        try:
            made = json.loads(_read(os.path.join(path, "made.json")))
            return made["format"] == FORMAT and time.time() - made["time_s"] < MAX_AGE_DAYS * 86400
        except (OSError, ValueError, KeyError):
            return False

    def _part(self, name, make):
        """The directory of a part; made under the lock, visible only when complete."""
        path = os.path.join(self.dir, name)
        if self._fresh(path):
            return path
        with self._lock():
            if self._fresh(path):
                return path
            new = f"{path}.new"
            shutil.rmtree(new, ignore_errors=True)
            os.makedirs(new)
            make(new)
            with open(os.path.join(new, "made.json"), "w", encoding="utf-8") as file:
                json.dump({"format": FORMAT, "time_s": int(time.time())}, file)
            shutil.rmtree(path, ignore_errors=True)
            os.rename(new, path)
        return path

    # Client side

    def client_file(self, name):
        """Path of a file of the client side, like `root.crt` or `default.key`."""
        return os.path.join(self.dir, "client", name)

    def client_pem(self, name):
        return _read(self.client_file(name))

    def client_chain(self, leaf="default"):
        """The certificates that a service key brings: leaf, intermediate, root, each as PEM text."""
        authority = "other-" if _LEAVES[leaf][1].startswith("other-") else ""
        return [self.client_pem(f"{name}.crt") for name in (leaf, authority + "intermediate", authority + "root")]

    def sign_request(self, request, certificate, days=90):
        """Let the tenant's client authority sign a PKCS#10 request, both paths of files; its details as certificate_details() has them."""
        with tempfile.TemporaryDirectory() as scratch:
            extensions = os.path.join(scratch, "extensions")
            with open(extensions, "w", encoding="utf-8") as file:
                file.write("basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n")
            _openssl("x509", "-req", "-in", request, "-CA", self.client_file("intermediate.crt"), "-CAkey",
                     self.client_file("intermediate.key"), "-set_serial", str(secrets.randbits(60)), "-days", str(days), "-sha256",
                     "-extfile", extensions, "-out", certificate)  # fmt: skip
        return _details(certificate)

    def certificate_details(self, leaf="default"):
        """What SAP writes beside the certificate; the tenant finds a service key by these fields, too."""
        return json.loads(_read(self.client_file("details.json")))[leaf]

    def ca_names_file(self, count=83):
        """PEM file with the tenant's client root and enough other CA certificates for `count` names."""
        others = self._part(f"names-{count}", lambda path: _make_names(path, count - 1))
        path = os.path.join(others, "with-root.pem")
        with self._lock():
            if not os.path.exists(path):
                with open(path + ".new", "w", encoding="utf-8") as file:
                    file.write(self.client_pem("root.crt") + _read(os.path.join(others, "names.pem")))
                os.rename(path + ".new", path)
        return path

    # Server side

    def server(self, kind="good", root="rsa2048"):
        """(chain file, key file) of a server certificate."""
        if kind not in SERVER_KINDS or root not in SERVER_ROOTS or (root != "rsa2048" and kind != "good"):
            raise ValueError(f"no server certificate of kind {kind!r} below a root of kind {root!r}")
        path = self._part(f"server-{root}", lambda new: _make_server(new, root))
        return os.path.join(path, f"{kind}-chain.pem"), os.path.join(path, "leaf.key")

    def server_ca(self, root="rsa2048"):
        """PEM file of the root that a client has to trust."""
        self.server("good", root)
        return os.path.join(self.dir, f"server-{root}", "root.crt")

    # Service keys

    def service_key(self, url, token_url, leaf="default", defect=None):
        """The credentials as SAP writes them, a dict with the member `oauth`; `defect` is one of KEY_DEFECTS."""
        if defect is not None and defect not in KEY_DEFECTS:
            raise ValueError(f"no such defect of a service key: {defect}")
        leaf = defect if defect in ("expired", "unknown_ca", "ec") else leaf
        chain, key, client_id = self.client_chain(leaf), self.client_pem(leaf + ".key"), CLIENT_ID
        if defect == "missing_intermediate":
            del chain[1]
        if defect == "wrong_key":
            key = self.client_pem("second.key" if leaf != "second" else "default.key")
        if defect == "api_plan":
            client_id, url = API_CLIENT_ID, url.replace("-rt.cfapps", ".cfapps")
        oauth = {"clientid": client_id, "certificate": "".join(chain), "key": key, "tokenurl": token_url, "url": url}
        oauth["createdate"] = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        oauth["certificatedetails"] = self.certificate_details(leaf)
        if defect == "external":
            del oauth["key"]
        if defect == "secret":  # a key of type ClientId/Secret
            for name in ("certificate", "key", "certificatedetails"):
                del oauth[name]
            oauth["clientsecret"] = CLIENT_SECRET
        return {"oauth": oauth}

    def write_service_key(self, directory, url, token_url, form="cockpit", leaf="default", defect=None):
        """Write a service key as people get it. Returns the paths: one file, or two for form `pem` (certificates, key)
        and for the defect `external` (the key file lies beside, as the owner of the certificate has it)."""
        key = self.service_key(url, token_url, leaf, defect)
        os.makedirs(directory, exist_ok=True)
        stem = os.path.join(directory, "servicekey" + ("" if leaf == "default" else f"-{leaf}"))
        stem += f"-{defect}" if defect else ""
        if form == "pem":
            os.makedirs(stem + "-pem", exist_ok=True)
            paths = [os.path.join(stem + "-pem", "cert.pem"), os.path.join(stem + "-pem", "key.key")]
            write_private(paths[0], key["oauth"]["certificate"])
            write_private(paths[1], key["oauth"].get("key", self.client_pem(leaf + ".key")))
            return paths
        header = "Getting key gateway-key for service instance process-integration-runtime as plant@example.com...\n\n"
        if form == "cockpit":
            path, text = stem + ".json", json.dumps(key, indent=2) + "\n"
        elif form == "cf7":
            path, text = stem + "-cf7.txt", header + json.dumps(key, indent=1) + "\n"
        elif form == "cf8":
            path, text = stem + "-cf8.txt", header + json.dumps({"credentials": key}, indent=2) + "\n"
        else:
            raise ValueError(f"no such form of a service key: {form}; there are {', '.join(KEY_FORMS)}")
        write_private(path, text)
        if defect != "external":
            return [path]
        write_private(stem + "-external.key", self.client_pem(leaf + ".key"))
        return [path, stem + "-external.key"]
