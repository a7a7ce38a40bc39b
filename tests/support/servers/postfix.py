"""A private Postfix that accepts mail with STARTTLS and login only, and relays it to a test server."""

import asyncio
import base64
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

from tests.support.servers.binaries import find
from tests.support.servers.process import Process
from tests.support.servers.server import Server

_PACKAGE = "postfix"
_CHALLENGE = base64.b64encode(b'{"status":"400"}').decode()
_SERVICES = """
    127.0.0.1:{port} inet n - n - - smtpd
    pickup unix n - n 60 1 pickup
    cleanup unix n - n - 0 cleanup
    qmgr unix n - n 300 1 qmgr
    tlsmgr unix - - n 1000? 1 tlsmgr
    rewrite unix - - n - - trivial-rewrite
    bounce unix - - n - 0 bounce
    defer unix - - n - 0 bounce
    trace unix - - n - 0 bounce
    verify unix - - n - 1 verify
    flush unix n - n 1000? 0 flush
    proxymap unix - - n - - proxymap
    smtp unix - - n - - smtp
    relay unix - - n - - smtp
    error unix - - n - - error
    retry unix - - n - - error
    discard unix - - n - - discard
    anvil unix - - n - 1 anvil
    scache unix - - n - 1 scache
    postlog unix-dgram n - n - 1 postlogd
"""
_SETTINGS = """
    compatibility_level = 3.6
    queue_directory = {folder}/queue
    data_directory = {folder}/data
    mail_owner = postfix
    setgid_group = postdrop
    myhostname = relay.test
    mydestination =
    alias_maps =
    inet_interfaces = 127.0.0.1
    inet_protocols = ipv4
    relayhost = [127.0.0.1]:{relay}
    maillog_file = {folder}/mail.log
    maillog_file_prefixes = {folder}
    message_size_limit = 200000
    smtpd_tls_security_level = encrypt
    smtpd_tls_cert_file = {certificate}
    smtpd_tls_key_file = {certificate}
    smtpd_tls_auth_only = yes
    smtpd_sasl_auth_enable = yes
    smtpd_sasl_type = dovecot
    smtpd_sasl_path = inet:127.0.0.1:{auth}
    smtpd_relay_restrictions = permit_sasl_authenticated, reject
    smtpd_sender_login_maps = inline:{{ notify@example.org=ann@example.com }}
    smtpd_sender_restrictions = reject_sender_login_mismatch
    smtpd_recipient_restrictions = check_recipient_access inline:{{
      {{ gone@example.com = 550 5.1.1 no such user }} {{ slow@example.com = 450 4.2.1 come back later }} }}, permit
"""


class Postfix(Server):
    """A Postfix, which only root can start. `relay`: the port to which mails are relayed.

    `auth`: the port of an `AuthServer`. `certificate`: a PEM file with a certificate and its key.
    """

    def __init__(self, folder: Path, *, relay: int, auth: int, certificate: Path) -> None:
        self._postfix = find("postfix", _PACKAGE, ("/usr/sbin",))
        self._relay = relay
        self._auth = auth
        self._certificate = certificate
        super().__init__(folder)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?tls=starttls"

    def _prepare(self) -> None:
        for name in ("queue", "data", "etc"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        values = {
            "folder": self.folder,
            "port": self.port,
            "relay": self._relay,
            "auth": self._auth,
            "certificate": self._certificate,
        }
        (self.folder / "etc" / "main.cf").write_text(dedent(_SETTINGS).format(**values))
        (self.folder / "etc" / "master.cf").write_text(dedent(_SERVICES).format(**values))
        self._run("check").wait()

    def _launch(self) -> Process:
        return self._run("start-fg")

    def _run(self, verb: str) -> Process:
        command = [self._postfix, "-c", str(self.folder / "etc"), verb]
        path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        return Process(command, environment={"PATH": path, "LC_ALL": "C"}, log=self.log)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                return connection.recv(1024).startswith(b"220 ")
        except OSError:
            return False


class AuthServer:
    """Verifies logins for Postfix (Dovecot's authentication protocol, version 1.1), with PLAIN and XOAUTH2.

    `passwords`: by user. `tokens`: the valid ones. A wrong token gets a challenge first, as with Google.
    """

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.tokens: set[str] = set()
        self.answered_challenges: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None, "not started"
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        hello = ["VERSION\t1\t1", "MECH\tPLAIN\tplaintext", "MECH\tXOAUTH2", "SPID\t1", "CUID\t1"]
        writer.write("".join(f"{line}\n" for line in [*hello, f"COOKIE\t{'0' * 32}", "DONE"]).encode())
        while line := await reader.readline():
            word, *fields = line.decode().rstrip("\n").split("\t")
            if word == "AUTH":
                writer.write(self._judged(fields).encode())
            elif word == "CONT":
                self.answered_challenges.append(fields[1] if len(fields) > 1 else "")
                writer.write(f"FAIL\t{fields[0]}\n".encode())
        writer.close()

    def _judged(self, fields: list[str]) -> str:
        number, mechanism = fields[:2]
        [response] = [field.removeprefix("resp=") for field in fields if field.startswith("resp=")]
        given = base64.b64decode(response).decode()
        judge: Callable[[str], str | None] = self._plain if mechanism == "PLAIN" else self._bearer
        user = judge(given)
        if user is not None:
            return f"OK\t{number}\tuser={user}\n"
        if mechanism == "XOAUTH2":
            return f"CONT\t{number}\t{_CHALLENGE}\n"
        return f"FAIL\t{number}\n"

    def _plain(self, given: str) -> str | None:
        _, user, password = given.split("\0")
        return user if self.passwords.get(user) == password else None

    def _bearer(self, given: str) -> str | None:
        user, bearer, *_ = given.split("\x01")
        return user.removeprefix("user=") if bearer.removeprefix("auth=Bearer ") in self.tokens else None
