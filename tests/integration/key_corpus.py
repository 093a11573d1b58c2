"""Service keys as people have them: every form, every damage, each with the verdict that is right for it.

variants(pki, work) yields Variant objects. The certificates come from tests/endpoint/pki.py (openssl, when the test runs); the rest is text."""

import base64
import dataclasses
import html
import json
import os
import quopri
import re
import subprocess
import textwrap
import urllib.parse

USABLE = "usable"


@dataclasses.dataclass
class Variant:
    name: str
    files: list  # contents, bytes
    verdict: object  # USABLE, or the names of diag.def of which one must be told
    chain: tuple = (3,)
    url: object = True  # True: told as it is; False: there is none in it; None: not looked at
    leaf: str = "default"
    mended: object = None  # True: repairs are told; False: none; None: not looked at
    passphrase: str = None
    suffix: str = ".json"
    hint: str = ""  # must be told


class Corpus:
    def __init__(self, pki, url, token_url, work):
        self.pki, self.url, self.token_url, self.work = pki, url, token_url, work
        self.fields = pki.service_key(url, token_url)["oauth"]
        self.key = {"oauth": self.fields}
        self.text = json.dumps(self.key, indent=2) + "\n"
        self.leaf, self.intermediate, self.root = pki.client_chain()
        self.private = self.fields["key"]
        self.pem = self.fields["certificate"] + self.private

    # Making

    def openssl(self, *arguments, stdin=b""):
        done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {arguments}: {done.stderr.decode()}")
        return done.stdout

    def with_fields(self, **changes):
        fields = {**self.fields, **changes}
        return json.dumps({"oauth": {name: value for name, value in fields.items() if value is not None}}, indent=2) + "\n"

    def scratch(self, name, content):
        path = os.path.join(self.work, "scratch-" + name)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return path

    # Forms

    def secret(self, entries, plain=False, indent="  "):
        lines = ["apiVersion: v1", "kind: Secret", "metadata:", "  name: process-integration-runtime", "  namespace: plant",
                 "type: Opaque", "stringData:" if plain else "data:"]  # fmt: skip
        for name, value in entries.items():
            if plain:
                lines += [f"{indent}{name}: |", *(f"{indent}  {line}" for line in value.rstrip("\n").split("\n"))]
            else:
                lines.append(f"{indent}{name}: {base64.b64encode(value.encode()).decode()}")
        return "\n".join(lines) + "\n"

    def entries(self):
        return {name: self.fields[name] for name in ("certificate", "clientid", "key", "tokenurl", "url")}

    def form_tab(self, between="\n", flat=True):
        values = {name: value.replace("\n", " ").strip() if flat else value for name, value in self.entries().items()}
        return between.join(f"{name}{between}{value}" for name, value in values.items()) + "\n"

    def forms(self):
        text, fields, pem = self.text, self.fields, self.pem
        header = "Getting key k1 for service instance pi-runtime as user@example.com...\n\n"
        service_key = json.dumps(fields)

        def good(name, *files, **how):
            return Variant("form: " + name, [each if isinstance(each, bytes) else each.encode() for each in files], USABLE, **how)

        yield good("cockpit", text, mended=False)
        yield good("on one line", json.dumps(self.key), mended=False)
        yield good("cf v7", header + text, mended=False)
        yield good("cf v6 with OK and prompt", header + text + "\nuser@host:~$ ")
        yield good("cf v8", header + json.dumps({"credentials": self.key}, indent=2), mended=False)
        yield good("fields at the root", json.dumps(fields), mended=False)
        yield good("fields under credentials", json.dumps({"credentials": fields}), mended=False)
        yield good("fields under uaa", json.dumps({"uaa": fields}), mended=False)
        yield good("url beside uaa", json.dumps({"url": self.url, "uaa": {**fields, "url": "https://auth.example"}}), mended=False)
        yield good("VCAP_SERVICES", json.dumps({"it-rt": [{"name": "pi", "label": "it-rt", "credentials": self.key}]}), url=None)
        services = {"it-rt": [{"name": "pi", "label": "it-rt", "credentials": self.key}]}
        other = {"xsuaa": [{"name": "u", "label": "xsuaa", "credentials": {
            "clientid": "sb-app!t1", "clientsecret": "not-this", "url": "https://auth.example"}}]}  # fmt: skip
        yield good("VCAP_SERVICES with other services", json.dumps({**other, **services}))
        yield good("VCAP_SERVICES in an environment file", "PORT=80\nVCAP_SERVICES=" + json.dumps({**services, **other}) + "\n")
        yield good("cf env", "Getting env variables for app a in org o / space s as u...\nSystem-Provided:\nVCAP_SERVICES: "
                   + json.dumps(services, indent=1) + "\n\n\nVCAP_APPLICATION: " + json.dumps({"application_id": "x", "uris": ["a.example"]}, indent=1)
                   + "\n\nNo user-provided env variables have been set\n")  # fmt: skip
        yield good("the same key twice, one behind the other", text + text)
        yield good("a list of one", json.dumps([self.key]), mended=None)
        yield good("Form tab, one column", self.form_tab())
        yield good("Form tab, tabs", self.form_tab("\t").replace("\tclientid", "\nclientid").replace("\tkey", "\nkey"))
        yield good("Form tab, all on one line", self.form_tab(" "))
        yield good("Form tab with colons", "\n".join(f"{name}: {value.strip()}" for name, value in self.entries().items()))
        yield good("Form tab, capitals", self.form_tab().replace("clientid", "Client ID").replace("tokenurl", "Token URL")
                   .replace("\nurl\n", "\nURL\n"))  # fmt: skip
        yield good("Secret, an entry a field", self.secret(self.entries()), suffix=".yaml", mended=False)
        for more in ("\n", "\n\n"):
            entries = {name: value + more if name != "clientid" else value for name, value in self.entries().items()}
            yield good(f"Secret, {len(more)} more line breaks in the entries", self.secret(entries), suffix=".yaml")
        yield good("Secret, whole key", self.secret({"servicekey.json": text}), suffix=".yaml")
        yield good("Secret, whole key, another name", self.secret({"my-integration": service_key}), suffix=".yaml")
        yield good("Secret, credentials inside", self.secret({"credentials": json.dumps({"credentials": self.key})}), suffix=".yaml")
        yield good("Secret, stringData", self.secret(self.entries(), plain=True), suffix=".yaml")
        yield good("Secret, stringData, whole key", self.secret({"key.json": text}, plain=True), suffix=".yaml")
        yield good("Secret as JSON", json.dumps({"kind": "Secret", "apiVersion": "v1", "data": {
            name: base64.b64encode(value.encode()).decode() for name, value in self.entries().items()}}))  # fmt: skip
        yield good("Secret as JSON, whole key", json.dumps({"kind": "Secret", "data": {
            "any.name": base64.b64encode(text.encode()).decode()}}))  # fmt: skip
        yield good("Secret, base64 folded", re.sub(r"(?m)^  (\w+): (.{76,})$", lambda found: f"  {found[1]}: >-\n    " + "\n    ".join(
            textwrap.wrap(found[2], 76)), self.secret(self.entries())), suffix=".yaml")  # fmt: skip
        yield good("Secret with quotes", re.sub(r'(?m)^(  \w+: )(\S{20,})$', r'\1"\2"', self.secret(self.entries())), suffix=".yaml")
        yield good("Secret, mounted files", fields["certificate"], self.private, url=False, suffix="")
        yield good("base64 of the whole key", base64.b64encode(text.encode()))
        yield good("base64 in an environment file", "SERVICE_KEY_B64=" + base64.b64encode(text.encode()).decode() + "\n")
        yield good("base64 of UTF-16 (PowerShell)", base64.b64encode(text.encode("utf-16-le")))
        yield good("a data: address", "data:application/json;base64," + base64.b64encode(text.encode()).decode())
        yield good("a data: address in JSON", json.dumps({"file": "data:application/json;base64," + base64.b64encode(text.encode()).decode()}))
        managed = "".join(f"      f:{name}: {{}}\n" for name in ("a", "b", "c", "d", "e", "f", "g", "h", "i") * 3)
        yield good("Secret with managedFields", self.secret(self.entries()).replace("type: Opaque", "  managedFields:\n  - fieldsV1:\n" + managed
                   + "    manager: kubectl\ntype: Opaque"), suffix=".yaml")  # fmt: skip
        yield good("Secret with managedFields, whole key", self.secret({"credentials": text}) + "managedFields:\n" + managed, suffix=".yaml")
        yield good("base64, lines of 76", base64.encodebytes(text.encode()))
        yield good("YAML with block scalars", "".join(f"{name}: |\n" + textwrap.indent(value.rstrip() + "\n", "  ")
                                                      for name, value in self.entries().items()), suffix=".yaml")  # fmt: skip
        yield good("YAML with quoted scalars", "".join(f"{name}: {json.dumps(value)}\n" for name, value in self.entries().items()))
        yield good("environment file", "".join(f"{name.upper()}={json.dumps(value)}\n" for name, value in self.entries().items()))
        yield good("two PEM files", fields["certificate"], self.private, url=False, mended=False)
        yield good("two PEM files, key first", self.private, fields["certificate"], url=False, mended=False)
        yield good("one PEM file", pem, url=False, mended=False)
        yield good("four files", self.leaf, self.intermediate, self.root, self.private, url=False, mended=False)
        yield good("openssl's explanations", self.openssl("x509", "-text", stdin=self.leaf.encode()).decode() + self.intermediate
                   + self.root + self.private, url=False)  # fmt: skip
        yield good("bag attributes", "Bag Attributes\n    friendlyName: iflow\nsubject=/CN=x\n" + pem, url=False)
        for name, arguments in {"PKCS#8": ("-topk8", "-nocrypt"), "PKCS#8 DER": ("-topk8", "-nocrypt", "-outform", "DER")}.items():
            yield good("key as " + name, fields["certificate"], self.openssl("pkcs8", *arguments, stdin=self.private.encode()), url=False)
        yield good("DER files", *(self.openssl("x509", "-outform", "DER", stdin=each.encode()) for each in
                                  (self.leaf, self.intermediate)),
                   self.openssl("rsa", "-outform", "DER", "-traditional", stdin=self.private.encode()), chain=(2,), url=False)  # fmt: skip
        for name, arguments in {"PKCS#7": (), "PKCS#7, DER": ("-outform", "DER")}.items():
            certificates = self.openssl("crl2pkcs7", "-nocrl", "-certfile", self.scratch("chain.pem", fields["certificate"]), *arguments)
            yield good(name + " and a key", certificates, self.private, url=False, suffix=".p7b")
        eighth = self.openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", stdin=self.pki.client_pem("ec.key").encode())
        assert len(eighth) % 3 == 0  # its base64 has no padding: what follows could be a part of it
        bare = base64.b64encode(eighth).decode() + "\n" + re.sub("-----[A-Z ]+-----", "", "".join(self.pki.client_chain("ec")))
        yield good("base64 only, without padding", bare, leaf="ec", url=False, suffix="")
        yield good("External Certificate and key file", self.with_fields(key=None), self.private, mended=False)
        yield good("External Certificate, key null", self.with_fields(key="").replace('"key": ""', '"key": null'), self.private)
        yield good("elliptic curve", json.dumps(self.pki.service_key(self.url, self.token_url, "ec")), leaf="ec", mended=False)
        yield good("without the root", self.with_fields(certificate=self.leaf + self.intermediate), chain=(2,), mended=False)
        ec = self.scratch("ec.key", self.pki.client_pem("ec.key"))
        yield good("EC key with its parameters", "".join(self.pki.client_chain("ec")),
                   self.openssl("ecparam", "-name", "prime256v1") + self.openssl("ec", "-in", ec), leaf="ec", url=False)

    def base64url(self, pem):
        return re.sub(r"(?m)^[^-\n]+$", lambda line: line[0].replace("+", "-").replace("/", "_"), pem)

    def rich_text(self, text, line_break):
        head = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fnil\fcharset0 Courier New;}}{\colortbl;\red255\green0\blue0;}{\*\generator Riched20;}"
        for sign in "\\{}":
            text = text.replace(sign, "\\" + sign)
        return head + "\n\\pard\\f0\\fs22 " + text.replace("\n", line_break) + "}\n"

    def programs(self):
        """What programs print, or want to read."""
        text, fields, entries = self.text, self.fields, self.entries()
        flat = {name: value.replace("\n", "\\n") for name, value in entries.items()}
        chain = self.scratch("all.pem", fields["certificate"])
        xsuaa = {"clientid": "sb-app!t1", "clientsecret": "s3cr3t-of-this-test", "url": "https://sub.authentication.eu10.hana.ondemand.example"}

        def good(name, *files, **how):
            return Variant("programs: " + name, [each if isinstance(each, bytes) else each.encode() for each in files], USABLE, **how)

        yield good("cf env", "System-Provided:\nVCAP_SERVICES: " + json.dumps({"it-rt": [{"credentials": self.key, "name": "pi"}]}, indent=2)
                   + "\n\nVCAP_APPLICATION: " + json.dumps({"name": "a", "uris": ["a.cfapps.example"]}) + "\n\nNo running env variables\n")  # fmt: skip
        yield good("VCAP_SERVICES with another service", json.dumps({"xsuaa": [{"credentials": xsuaa}], "it-rt": [{"credentials": self.key}]}))
        yield good("the same key twice", text + text)
        yield good("the same key in two files", text, text)
        yield good("PKCS#7", self.openssl("crl2pkcs7", "-nocrl", "-certfile", chain), self.private, url=False, suffix=".p7b")
        yield good("PKCS#7, DER", self.openssl("crl2pkcs7", "-nocrl", "-outform", "DER", "-certfile", chain), self.private, url=False,
                   suffix=".p7b")  # fmt: skip
        yield good("the key in two formats", self.pem, self.openssl("pkcs8", "-topk8", "-nocrypt", stdin=self.private.encode()), url=False)
        ec = self.pki.client_pem("ec.key")
        yield good("an EC key in two formats", "".join(self.pki.client_chain("ec")) + ec,
                   self.openssl("pkcs8", "-topk8", "-nocrypt", stdin=ec.encode()), leaf="ec", url=False)  # fmt: skip
        yield good("a certificate without markers beside the chain", self.with_fields(
            key=None, certificate=re.sub(r"-----[A-Z ]+-----|\s", "", self.leaf)), self.private + self.intermediate, chain=(2,))  # fmt: skip
        def signed_again(name, by):
            request = self.openssl("x509", "-x509toreq", "-in", self.pki.client_file(name + ".crt"), "-signkey", self.pki.client_file(name + ".key"))
            extensions = self.scratch("again.cnf", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n"
                                      "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")  # fmt: skip
            return self.openssl("x509", "-req", "-CA", self.pki.client_file(by + ".crt"), "-CAkey", self.pki.client_file(by + ".key"), "-set_serial",
                                "77", "-days", "20", "-sha256", "-extfile", extensions, stdin=request).decode()  # fmt: skip

        renewed, crossed = signed_again("intermediate", "root"), signed_again("root", "other-root")
        beside = self.pki.client_pem("other-root.crt")
        yield good("an intermediate renewed, both there", self.pem + renewed, url=False, mended=True)
        yield good("an intermediate renewed, in JSON", self.with_fields(certificate=self.leaf + renewed + self.intermediate + self.root), mended=True)
        yield good("a root cross-signed", self.pem + crossed, url=False, mended=True)
        yield good("a root cross-signed, both roots there", self.pem + crossed + beside, chain=(4,), url=False, mended=True)
        yield good("Java map", "{" + ", ".join(f"{name}={value}" for name, value in entries.items()) + "}")
        yield good("Ruby hash", "{" + ", ".join(f'"{name}"=>"{value}"' for name, value in flat.items()) + "}")
        yield good("PHP array", "array (\n" + "".join(f"  '{name}' => '{value}',\n" for name, value in entries.items()) + ")")
        yield good("JSON5", "// the key\n{oauth: {\n" + "".join(
            f"  {name}: '" + value.replace("\n", "\\n\\\n") + "',\n" for name, value in entries.items()) + "}}\n")  # fmt: skip
        yield good("bash quotes", "".join(f"export {name.upper()}=$'{value}'\n" for name, value in flat.items()))
        yield good("YAML !!binary", "".join(f"{name}: !!binary |\n  {base64.b64encode(value.encode()).decode()}\n" for name, value in entries.items()))
        yield good("form fields", urllib.parse.urlencode(entries))
        yield good("percent-encoded twice", urllib.parse.quote(urllib.parse.quote(text, safe=""), safe=""))
        yield good("data address", "data:application/json;base64," + base64.b64encode(text.encode()).decode())
        yield good("base64 of UTF-16", base64.b64encode(text.encode("utf-16-le")))
        yield good("base64url inside of PEM", self.base64url(self.pem), url=False, mended=True)
        yield good("base64url inside of JSON", json.dumps({"oauth": {**fields, "certificate": self.base64url(fields["certificate"]),
                                                                      "key": self.base64url(self.private)}}), mended=True)  # fmt: skip
        yield good("RTF of Word", self.rich_text(self.pem, "\\par\n"), url=False, mended=True)
        yield good("RTF of TextEdit", self.rich_text(self.pem, "\\\n"), url=False, mended=True)
        yield good("RTF with JSON", self.rich_text(text, "\\par\n"), mended=True)
        for left in ("rn", "/n", "/r/n"):
            yield good(f"{left} left of line breaks", text.replace("\\n", left), mended=True)
        for name, url in (("a path", self.url + "/http/flow"), ("a query", self.url + "?a=b"), ("two slashes", self.url + "//")):  # fmt: skip
            yield good("url with " + name, self.with_fields(url=url))

    # PKCS#12 and passphrases

    def protected(self):
        chain = self.scratch("chain.pem", self.intermediate + self.root)
        leaf = self.scratch("leaf.pem", self.leaf)
        key = self.scratch("key.pem", self.private)
        base = ("pkcs12", "-export", "-inkey", key, "-in", leaf, "-certfile", chain)

        def p12(name, passphrase, *arguments, give=True, verdict=USABLE):
            data = self.openssl(*base, "-passout", "pass:" + passphrase, *arguments)
            return Variant("protected: " + name, [data], verdict, url=False, passphrase=passphrase if give else None, suffix=".p12")

        yield p12("PKCS#12", "changeit")
        yield p12("PKCS#12 without passphrase", "", give=False)
        yield p12("PKCS#12, passphrase with umlauts", "Gr\u00fc\u00dfe 1")
        yield p12("PKCS#12, SHA-1 and 3DES", "changeit", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1")
        yield p12("PKCS#12, RC2-40", "changeit", "-legacy")
        behind = p12("PKCS#12, a line break behind", "changeit")
        behind.files[0] += b"\r\n"
        yield behind
        yield p12("PKCS#12, no passphrase given", "changeit", give=False, verdict=("KEY_ENCRYPTED",))
        wrong = p12("PKCS#12, wrong passphrase", "changeit", verdict=("KEY_ENCRYPTED",))
        wrong.passphrase = "changeme"
        yield wrong
        encrypted = {
            "PKCS#8": self.openssl("pkcs8", "-topk8", "-passout", "pass:secret", stdin=self.private.encode()),
            "traditional": self.openssl("rsa", "-aes128", "-traditional", "-passout", "pass:secret", stdin=self.private.encode()),
        }
        for name, data in encrypted.items():
            files = [self.fields["certificate"].encode(), data]
            yield Variant(f"protected: {name} key", files, USABLE, url=False, passphrase="secret", suffix=".pem")
            yield Variant(f"protected: {name} key, no passphrase", files, ("KEY_ENCRYPTED",), suffix=".pem")
            yield Variant(f"protected: {name} key, wrong passphrase", files, ("KEY_ENCRYPTED",), passphrase="wrong", suffix=".pem")
            in_json = self.with_fields(key=data.decode()).encode()
            yield Variant(f"protected: {name} key in JSON", [in_json], USABLE, passphrase="secret")
        flat = encrypted["traditional"].decode().replace("\n", "\r\n").encode()
        yield Variant("protected: traditional key, CRLF", [self.fields["certificate"].encode(), flat], USABLE, url=False,
                      passphrase="secret", suffix=".pem")  # fmt: skip

    # Damage

    def damages(self):
        """name -> function of a text; all of them can be mended in JSON and in PEM."""
        dash = "-----"
        marker = re.compile("-----(BEGIN|END) ([A-Z ]+)-----")

        def each_line(prefix):
            return lambda text: "".join(prefix(i) + line + "\n" for i, line in enumerate(text.rstrip("\n").split("\n"), 1))

        return {
            "CRLF": lambda t: t.replace("\n", "\r\n"),
            "CR": lambda t: t.replace("\n", "\r"),
            "byte order mark": lambda t: "\ufeff" + t,
            "UTF-16 LE with mark": lambda t: b"\xff\xfe" + t.encode("utf-16-le"),
            "UTF-16 BE with mark": lambda t: b"\xfe\xff" + t.encode("utf-16-be"),
            "UTF-16 LE without mark": lambda t: t.encode("utf-16-le"),
            "UTF-16 BE without mark": lambda t: t.encode("utf-16-be"),
            "no final newline": lambda t: t.rstrip("\n"),
            "spaces in front": lambda t: "\n\n   \t " + t,
            "indented": lambda t: textwrap.indent(t, "    "),
            "indented by tabs": lambda t: textwrap.indent(t, "\t"),
            "spaces behind": lambda t: t.replace("\n", "   \n"),
            "empty lines between": lambda t: t.replace("\n", "\n\n"),
            "four dashes": lambda t: t.replace(dash, "----"),
            "six dashes": lambda t: t.replace(dash, "------"),
            "an em dash": lambda t: t.replace(dash, "\u2014"),
            "an en dash": lambda t: t.replace(dash, "\u2013"),
            "en dash and hyphens": lambda t: t.replace(dash, "\u2013\u2013-"),
            "em dashes in Windows-1252": lambda t: t.replace(dash, "\u2014\u2014-").encode("cp1252"),
            "em dash, encoded twice": lambda t: t.replace(dash, "\u2014\u2014-").encode().decode("cp1252").encode(),
            "no-break hyphens": lambda t: t.replace(dash, "\u2011" * 5),
            "spaces inside of the dashes": lambda t: marker.sub(r"----- \1 \2 -----", t),
            "zero-width spaces": lambda t: t.replace("MII", "\u200bM\u200bII").replace("BEGIN", "BEG\u200bIN"),
            "soft hyphens": lambda t: t.replace("MII", "MI\u00adI"),
            "no-break spaces": lambda t: t.replace("BEGIN ", "BEGIN\u00a0").replace("  ", "\u00a0\u00a0"),
            "mail, quoted": each_line(lambda i: "> "),
            "mail, quoted twice": each_line(lambda i: ">> "),
            "mail, quoted-printable": lambda t: quopri.encodestring(t.encode()),
            "numbered lines": each_line(lambda i: f"{i:4}  "),
            "numbered lines with colons": each_line(lambda i: f"{i}: "),
            "a diff": each_line(lambda i: "+"),
            "comments": each_line(lambda i: "# "),
            "line comments": each_line(lambda i: "// "),
            "a box": lambda t: "".join(f"\u2502 {line} \u2502\n" for line in t.rstrip("\n").split("\n")),
            "code fence": lambda t: "Here is the key:\n\n```json\n" + t + "```\n",
            "HTML": lambda t: "<html><body><pre>" + html.escape(t) + "</pre></body></html>\n",
            "HTML entities": lambda t: html.escape(t),
            "HTML entities twice": lambda t: html.escape(html.escape(t)),
            "HTML, numbered entities": lambda t: t.replace('"', "&#34;").replace("-", "&#x2d;"),
            "HTML with line breaks": lambda t: html.escape(t).replace("\n", "<br/>\n"),
            "HTML, coloured": lambda t: '<span class="s2">' + html.escape(t).replace("BEGIN", "<b>BEGIN</b>") + "</span>",
            "terminal colours": lambda t: "\033[1;32m" + t.replace("BEGIN", "\033[0mBEGIN\033[1m") + "\033[0m",
            "bracketed paste": lambda t: "\033[200~" + t + "\033[201~",
            "percent-encoded": lambda t: urllib.parse.quote(t),
            "form-encoded": lambda t: urllib.parse.quote_plus(t),
            "quotes around": lambda t: '"' + t.strip() + '"' if "{" not in t else "'" + t.strip() + "'\n",
            "lower-case begin": lambda t: t.replace("BEGIN", "Begin"),
        }

    def json_damages(self):
        text, n = self.text, "\\n"
        flat = json.dumps(self.key)
        smart = re.sub(r'"([^"]*)"', "\u201c\\1\u201d", text)
        pem_n = text.replace(n, "\n")
        yield "literal \\\\n", text.replace(n, "\\\\n"), True
        yield "literal \\\\\\\\n", text.replace(n, "\\\\\\\\n"), True
        yield "literal \\r\\n", text.replace(n, "\\r\\n"), None
        yield "literal \\\\r\\\\n", text.replace(n, "\\\\r\\\\n"), True
        yield "raw line breaks", pem_n, True
        yield "spaces for line breaks", text.replace(n, " "), True
        yield "lost line breaks", text.replace(n, ""), True
        yield "tabs in strings", text.replace(n, "\t"), True
        yield "PowerShell escapes", text.replace(n, "`r`n"), True
        yield "lost backslashes", text.replace(n, "n"), True
        yield "escaped slashes", text.replace("/", "\\/"), None
        yield "unicode escapes", text.replace("+", "\\u002b").replace("=", "\\u003d"), None
        yield "typographic quotes", smart, True
        yield "typographic quotes, German", re.sub(r'"([^"]*)"', "\u201e\\1\u201c", text), True
        yield "typographic quotes, Windows-1252", smart.encode("cp1252"), True
        yield "typographic quotes, raw lines", re.sub(r'"([^"]*)"', "\u201c\\1\u201d", pem_n), True
        yield "typographic quotes and dashes", smart.replace("-----", "\u2014"), True
        yield "single quotes", text.replace('"', "'"), True
        yield "Python", repr(self.key), True
        yield "trailing commas", re.sub(r'"\n', '",\n', text).replace("}\n", "},\n").replace("},\n}", "}\n}"), True
        yield "missing commas", text.replace('",\n', '"\n'), True
        yield "names without quotes", re.sub(r'"(\w+)":', r"\1:", text), True
        yield "comments in JSON", text.replace('"oauth"', '/* the key */ "oauth"').replace(",\n", ", // here\n", 1), True
        yield "JSON in a JSON string", json.dumps(text), True
        yield "JSON in a JSON string, twice", json.dumps(json.dumps(text)), True
        yield "JSON in a string in an object", json.dumps({"value": text}), None
        yield "inside of a JSON string, without quotes", json.dumps(text)[1:-1], True
        yield "quotes doubled (spreadsheet)", '"' + text.replace('"', '""') + '"\n', True
        yield "the inside only", "\n".join(text.split("\n")[2:-3]), True
        yield "without the outer braces", text.strip()[1:-1], None
        yield "last braces missing", text.rstrip().rstrip("}\n ") + "\n", True
        yield "shell: export", "export SERVICE_KEY='" + flat + "'\n", None
        yield "shell: cat <<EOF", "cat > key.json <<EOF\n" + text + "EOF\n", None
        yield "text before and behind", "Hi,\nhere it is, please take care.\n\n" + text + "\nRegards\nAnna\n", None
        yield "folded at 80 columns", "\n".join(textwrap.wrap(flat, 80, drop_whitespace=False, break_on_hyphens=False)), True
        yield "cut hard at 80 columns", "\n".join(flat[i : i + 80] for i in range(0, len(flat), 80)), True
        for width in (70, 78, 80, 120):
            spread = text.replace("\n", "")
            yield (f"cut hard at {width} columns, CRLF", "\r\n".join(spread[i : i + width] for i in range(0, len(spread), width)), True)
        yield "cut hard at 80 columns, indented text", "\n".join(
            line[i : i + 80] for line in text.split("\n") for i in range(0, max(len(line), 1), 80)), True  # fmt: skip
        yield "certificate and key swapped", self.with_fields(certificate=self.private, key=self.fields["certificate"]), True
        yield "everything in `certificate`", self.with_fields(certificate=self.pem, key=None), None
        yield "root first", self.with_fields(certificate=self.root + self.intermediate + self.leaf), True
        yield "intermediate first", self.with_fields(certificate=self.intermediate + self.leaf + self.root), True
        yield "leaf twice", self.with_fields(certificate=self.leaf + self.fields["certificate"]), True
        yield "chain twice", self.with_fields(certificate=self.fields["certificate"] * 2), True
        yield "key twice", self.with_fields(key=self.private * 2), True
        for what, name in (("BEGIN CERTIFICATE", "the first BEGIN"), ("END CERTIFICATE", "the first END")):
            yield f"missing: {name}", text.replace(f"-----{what}-----\\n", "", 1), True
        yield "missing: the key's BEGIN", text.replace("-----BEGIN RSA PRIVATE KEY-----\\n", "", 1), True
        yield "missing: the key's END", text.replace("-----END RSA PRIVATE KEY-----\\n", "", 1), True
        yield "missing: all markers of the key", re.sub(r"-----(BEGIN|END) RSA PRIVATE KEY-----(\\n)?", "", text), True
        yield "missing: dashes", re.sub(r"-----(BEGIN|END) ([A-Z ]+)-----", r"\1 \2", text), True
        yield "BEGIN twice", text.replace("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\\n-----BEGIN CERTIFICATE-----", 1), True
        yield "END twice", text.replace("-----END CERTIFICATE-----", "-----END CERTIFICATE-----\\n-----END CERTIFICATE-----", 1), True
        yield "PEM as an array of lines", json.dumps({"oauth": {**self.fields, "certificate": self.fields["certificate"].split("\n"),
                                                                "key": self.private.strip().split("\n")}}), None  # fmt: skip
        yield "a notebook's cell", json.dumps({"cells": [{"cell_type": "code", "source": text.splitlines(keepends=True)}]}), None
        yield "labels of the other kind", text.replace("RSA PRIVATE KEY", "PRIVATE KEY"), None
        yield "label that doesn't fit", text.replace("RSA PRIVATE KEY", "CERTIFICATE"), None
        yield "labels with underscores", text.replace("RSA PRIVATE KEY", "RSA_PRIVATE_KEY"), None
        yield "label without spaces", text.replace("BEGIN CERTIFICATE", "BEGINCERTIFICATE"), True
        yield "cat -A", text.replace("\n", "$\n"), True
        yield "carriage returns shown", text.replace("\n", "^M\n"), True
        yield "zeros at the end", text.encode() + bytes(100), True
        yield "end of file of DOS", text.encode() + b"\x1a", None
        yield "full-width quotes", text.replace('"', "\uff02"), True
        yield "terraform", "".join(f'{name} = <<EOT\n{value}EOT\n' if "\n" in value else f'{name} = "{value}"\n'
                                   for name, value in self.entries().items()), None  # fmt: skip
        yield "TOML", "".join(f'{name} = """\n{value}"""\n' if "\n" in value else f'{name} = "{value}"\n'
                              for name, value in self.entries().items()), None  # fmt: skip
        yield "Java properties", "".join(f"{name}=" + value.replace("\n", "\\n\\\n  ").replace("https:", "https\\:") + "\n"
                                         for name, value in self.entries().items()), None  # fmt: skip
        yield "XML", "<key-store>" + "".join(f"<{name}>{value}</{name}>\n" for name, value in self.entries().items()) + "</key-store>", None
        yield "Markdown table", "| field | value |\n|---|---|\n" + "".join(
            f"| **{name}** | {value.strip()} |\n".replace("\n", "<br>", value.strip().count("\n"))
            for name, value in self.entries().items()), None  # fmt: skip
        yield "JavaScript", "const key = {\n" + "".join(f"  {name}: `{value}`,\n" for name, value in self.entries().items()) + "};\n", None
        yield "shell variables", "".join(f"export {name.upper()}='{value}'\n" for name, value in self.entries().items()), None
        yield "base64 in JSON", json.dumps({"oauth": {name: base64.b64encode(value.encode()).decode()
                                                      for name, value in self.entries().items()}}), None  # fmt: skip
        yield "names in camel case", text.replace('"clientid"', '"clientId"').replace('"tokenurl"', '"tokenUrl"'), None
        yield "names with underscores", text.replace('"clientid"', '"client_id"').replace('"tokenurl"', '"token_url"'), None
        yield "slashes escaped twice", text.replace("/", "\\\\/"), None
        yield "misnamed field", text.replace('"certificate":', '"cert":').replace('"key":', '"private_key":'), None

    def pem_damages(self):
        pem, chain = self.pem, self.fields["certificate"]
        yield "one line", pem.replace("\n", " "), True
        yield "no line breaks at all", pem.replace("\n", ""), True
        yield "literal \\n", pem.replace("\n", "\\n"), True
        yield "literal \\r\\n", pem.replace("\n", "\\r\\n"), True
        yield "lines of a program", "".join(f'    "{line}\\n" +\n' for line in pem.strip().split("\n")), True
        yield "lines of a program (C)", "static const char key[] =\n" + "".join(f'  "{line}\\n"\n' for line in pem.strip().split("\n")), True
        yield "lines in quotes with commas", "[\n" + ",\n".join(f'  "{line}"' for line in pem.strip().split("\n")) + "\n]\n", True
        yield "first BEGIN missing", pem.split("\n", 1)[1], True
        yield "last END missing", pem.rstrip().rsplit("\n", 1)[0] + "\n", True
        yield "all markers missing, base64 only", re.sub(r"-----[A-Z ]+-----", "", pem), True
        yield "order reversed", self.private + self.root + self.intermediate + self.leaf, True
        yield "padding lost", chain + self.private.replace("=", ""), None

    def mended(self):
        for name, damage in self.damages().items():
            for form, text in (("JSON", self.text), ("PEM", self.pem)):
                damaged = damage(text)
                data = damaged if isinstance(damaged, bytes) else damaged.encode()
                yield Variant(f"{form}: {name}", [data], USABLE, url=form == "JSON", suffix="." + form.lower())
        for name, text, mended in self.json_damages():
            data = text if isinstance(text, bytes) else text.encode()
            yield Variant("JSON: " + name, [data], USABLE, mended=mended)
        for name, text, mended in self.pem_damages():
            yield Variant("PEM: " + name, [text.encode()], USABLE, url=False, mended=mended, suffix=".pem")
        for name in ("typographic quotes", "UTF-16 LE with mark"):
            damage = self.damages().get(name, lambda t: t.replace('"', "\u201d"))
            data = damage(self.secret(self.entries()))
            yield Variant(f"Secret: {name}", [data if isinstance(data, bytes) else data.encode()], USABLE, suffix=".yaml")

    # What can't be taken

    def refused(self):
        text, fields = self.text, self.fields
        other = self.pki.client_pem("second.key")

        def bad(name, content, *names, more=(), **how):
            files = [content, *more]
            return Variant("refused: " + name, [each if isinstance(each, bytes) else each.encode() for each in files], names, url=None,
                           **how)  # fmt: skip

        yield bad("empty", "", "KEY_UNREADABLE")
        yield bad("a letter", "Dear Sir or Madam,\nplease find attached.\n", "KEY_UNREADABLE")
        yield bad("another JSON", '{"a": 1}', "KEY_NO_CERTIFICATE")
        yield bad("another JSON, large", json.dumps({"items": [{"id": i, "url": f"https://x.example/{i}"} for i in range(500)]}),
                  "KEY_NO_CERTIFICATE")  # fmt: skip
        yield bad("key of another certificate", self.with_fields(key=other), "KEY_MISMATCH")
        yield bad("key of another certificate, PEM", fields["certificate"], "KEY_MISMATCH", more=[other])
        yield bad("two keys", fields["certificate"] + self.private + other, "KEY_AMBIGUOUS")
        yield bad("two service keys", text + json.dumps(self.pki.service_key(self.url, self.token_url, "second")), "KEY_AMBIGUOUS")
        yield bad("two service keys, two files", text, "KEY_AMBIGUOUS", more=[json.dumps(self.pki.service_key(self.url, self.token_url, "second"))])
        yield bad("two applications' keys in VCAP_SERVICES", json.dumps({"it-rt": [{"credentials": self.key}, {
            "credentials": self.pki.service_key(self.url, self.token_url, "second")}]}), "KEY_AMBIGUOUS")  # fmt: skip
        yield bad("the same key twice with two urls", text + text.replace(self.url, "https://other.example"), "KEY_AMBIGUOUS")
        yield bad("two urls in the first of two JSON texts", text.replace('"url"', '"url": "https://other.example", "url"') + "{}", "KEY_AMBIGUOUS")
        yield bad("two certificates' texts, one key", text + json.dumps({"oauth": {"url": "https://other.example", "certificate": fields["certificate"]}}),
                  "KEY_AMBIGUOUS")  # fmt: skip
        yield bad("a certificate signed by itself beside, for the same key", fields["certificate"] + self.openssl(
            "req", "-x509", "-key", self.scratch("same.key", self.private), "-subj", "/CN=self", "-days", "9", "-config",
            self.scratch("no.cnf", "[req]\ndistinguished_name=d\n[d]\n")).decode(), "KEY_CHAIN", "KEY_AMBIGUOUS", more=[self.private])  # fmt: skip
        yield bad("two urls", text.replace('"url"', '"url": "https://other.example", "url"'), "KEY_AMBIGUOUS")
        yield bad("intermediate missing", self.with_fields(certificate=self.leaf + self.root), "KEY_CHAIN_INCOMPLETE")
        yield bad("leaf only", self.with_fields(certificate=self.leaf), "KEY_CHAIN_INCOMPLETE")
        yield bad("no leaf", self.with_fields(certificate=self.intermediate + self.root), "KEY_MISMATCH")
        yield bad("a stranger's certificate beside", self.with_fields(certificate=fields["certificate"] + self.pki.client_chain("unknown_ca")[2]),
                  "KEY_CHAIN")  # fmt: skip
        yield bad("intermediate of another authority", self.with_fields(certificate=self.leaf + "".join(self.pki.client_chain("unknown_ca")[1:])),
                  "KEY_CHAIN_INCOMPLETE", "KEY_CHAIN")  # fmt: skip
        yield bad("no key", self.with_fields(key=None), "KEY_NO_PRIVATE_KEY")
        yield bad("no certificate", self.with_fields(certificate=None), "KEY_NO_CERTIFICATE")
        yield bad("only a key", self.private, "KEY_NO_CERTIFICATE")
        yield bad("only certificates", fields["certificate"], "KEY_NO_PRIVATE_KEY")
        yield bad("plan api", json.dumps(self.pki.service_key(self.url, self.token_url, defect="api_plan")), "KEY_PLAN_API")
        yield bad("client secret", json.dumps({"oauth": {"clientid": fields["clientid"], "clientsecret": "s3cr3t-of-this-test",
                                                         "url": self.url, "tokenurl": self.token_url}}), "KEY_SECRET")  # fmt: skip
        secret = {"clientid": fields["clientid"], "clientsecret": "s3cr3t-of-this-test", "url": self.url, "tokenurl": self.token_url}
        for name, form in {
            "typographic quotes": re.sub(r'"([^"]*)"', "\u201c\\1\u201d", json.dumps(secret)),
            "UTF-16": json.dumps(secret).encode("utf-16"),
            "YAML": "".join(f"{field}: {value}\n" for field, value in secret.items()),
            "Secret": self.secret(secret),
            "environment": "".join(f"{field.upper()}={value}\n" for field, value in secret.items()),
            "base64": base64.b64encode(json.dumps(secret).encode()),
            "trailing comma": json.dumps(secret, indent=1).replace('token"\n', 'token",\n'),
            "in a string": json.dumps(json.dumps(secret)),
            "Form tab": "\n".join(f"{field}\n{value}" for field, value in secret.items()),
        }.items():
            yield bad("client secret, " + name, form, "KEY_SECRET")
        yield bad("plan api, typographic quotes", re.sub(r'"([^"]*)"', "\u201c\\1\u201d", json.dumps(
            self.pki.service_key(self.url, self.token_url, defect="api_plan"))), "KEY_PLAN_API")  # fmt: skip
        yield bad("two service keys in a list", json.dumps([self.key, self.pki.service_key(self.url, self.token_url, "second")]), "KEY_AMBIGUOUS")
        yield bad("a request in place of the certificate", self.openssl(
            "req", "-new", "-key", self.scratch("req.key", self.private), "-subj", "/CN=x", "-config",
            self.scratch("req.cnf", "[req]\ndistinguished_name=d\n[d]\n")), "KEY_NO_CERTIFICATE", more=[self.private])  # fmt: skip
        yield bad("expired", json.dumps(self.pki.service_key(self.url, self.token_url, defect="expired")), "KEY_EXPIRED", leaf="expired")
        yield bad("a server's certificate", open(self.pki.server()[0], encoding="utf-8").read(), "KEY_NOT_CLIENT_AUTH", "KEY_CHAIN",
                  "KEY_CHAIN_INCOMPLETE", "KEY_MISMATCH", more=[other])  # fmt: skip
        for percent in (5, 20, 35, 50, 65, 80, 90):
            yield bad(f"cut after {percent} %", text[: len(text) * percent // 100], "KEY_JSON", "KEY_UNREADABLE", "KEY_NO_CERTIFICATE",
                      "KEY_PEM")  # fmt: skip
            yield bad(f"PEM cut after {percent} %", self.pem[: len(self.pem) * percent // 100], "KEY_PEM", "KEY_NO_PRIVATE_KEY",
                      "KEY_CERTIFICATE_BAD", "KEY_PRIVATE_KEY_BAD")  # fmt: skip
        yield bad("Secret cut off", self.secret(self.entries())[:3000], "KEY_UNREADABLE", "KEY_NO_PRIVATE_KEY", "KEY_PEM",
                  "KEY_CHAIN_INCOMPLETE", "KEY_NO_CERTIFICATE")  # fmt: skip
        line = self.intermediate.split("\n")[3]
        yield bad("a line of the intermediate lost", text.replace(line + "\\n", ""), "KEY_PEM", "KEY_CERTIFICATE_BAD")
        line = self.private.split("\n")[5]
        yield bad("a line of the key lost", text.replace(line + "\\n", ""), "KEY_PEM", "KEY_PRIVATE_KEY_BAD")
        yield bad("a line of the key twice", text.replace(line, line + "\\n" + line), "KEY_PEM", "KEY_PRIVATE_KEY_BAD")
        yield bad("two lines of the key swapped", text.replace(line + "\\n" + self.private.split("\n")[6],
                                                              self.private.split("\n")[6] + "\\n" + line), "KEY_PRIVATE_KEY_BAD")  # fmt: skip
        yield bad("letters in lower case", text.lower(), "KEY_PEM", "KEY_UNREADABLE", "KEY_NO_CERTIFICATE", "KEY_CERTIFICATE_BAD",
                  "KEY_PRIVATE_KEY_BAD", "KEY_NO_PRIVATE_KEY")  # fmt: skip
        for name, content, names, hint in (
            ("a Java keystore", b"\xfe\xed\xfe\xed" + bytes(range(256)) * 9, ("KEY_UNREADABLE",), "keytool -importkeystore"),
            ("a Word document", b"PK\x03\x04" + bytes(range(256)) * 9, ("KEY_UNREADABLE",), "copy the text out"),
            ("compressed", b"\x1f\x8b\x08" + bytes(range(256)) * 9, ("KEY_UNREADABLE",), "unpack it"),
            ("PuTTY", "PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\n", ("KEY_UNREADABLE",), "PuTTYgen"),
            ("Ansible", "$ANSIBLE_VAULT;1.1;AES256\n" + "36" * 40 + "\n", ("KEY_UNREADABLE",), "ansible-vault"),
            ("SOPS", self.with_fields(certificate="ENC[AES256_GCM,data:a,iv:b]", key="ENC[AES256_GCM,data:a,iv:b]"), ("KEY_NO_CERTIFICATE",), "sops -d"),
            ("OpenSSH", fields["certificate"] + "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\n"
             "-----END OPENSSH PRIVATE KEY-----\n", ("KEY_NO_PRIVATE_KEY", "KEY_PEM"), "ssh-keygen"),
        ):  # fmt: skip
            yield bad(name, content, *names, hint=hint)
        yield bad("a picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "KEY_UNREADABLE")
        yield bad("zeros", bytes(5000), "KEY_UNREADABLE")
        small = self.scratch("small.key", self.openssl("genrsa", "1024"))
        weak = self.openssl("req", "-x509", "-key", small, "-subj", "/CN=weak", "-days", "9", "-config", self.scratch("no.cnf", "[req]\ndistinguished_name=d\n[d]\n"))
        yield bad("RSA-1024", weak, "KEY_UNSUPPORTED", more=[open(small, "rb").read()])
        curve = self.scratch("curve.key", self.openssl("ecparam", "-name", "secp521r1", "-genkey", "-noout"))
        odd = self.openssl("req", "-x509", "-key", curve, "-subj", "/CN=odd", "-days", "9", "-config", os.path.join(self.work, "scratch-no.cnf"))
        yield bad("P-521", odd, "KEY_UNSUPPORTED", more=[open(curve, "rb").read()])
        edwards = self.scratch("ed.key", self.openssl("genpkey", "-algorithm", "ed25519"))
        odd = self.openssl("req", "-x509", "-key", edwards, "-subj", "/CN=odd", "-days", "9", "-config", os.path.join(self.work, "scratch-no.cnf"))
        yield bad("Ed25519", odd, "KEY_UNSUPPORTED", more=[open(edwards, "rb").read()])

    def all(self):
        yield from self.forms()
        yield from self.programs()
        yield from self.protected()
        yield from self.mended()
        yield from self.refused()
