"""A private RabbitMQ with its own Erlang port mapper."""

import asyncio
import itertools
import os
import secrets
import socket
import subprocess
from pathlib import Path

from tests.support.servers.binaries import find
from tests.support.servers.ports import free_port
from tests.support.servers.process import Process
from tests.support.servers.server import Server
from tests.support.wait import until

# Debian's programs in PATH switch to the user rabbitmq and read /etc/rabbitmq; these do not.
_WHERE = ("/usr/lib/rabbitmq/bin", "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin", "/opt/homebrew/opt/rabbitmq/sbin")
_PACKAGE = "rabbitmq-server"
_VHOST_STARTS = 30.0
_CONFIGURATION = """\
listeners.tcp.local = 127.0.0.1:{port}
disk_free_limit.absolute = 50MB
raft.wal_max_size_bytes = 64000000
log.file = false
log.console = true
log.console.level = warning
"""


class RabbitMQ(Server):
    """A RabbitMQ with the user and password `guest`, without plugins. `kill` does not kill its port mapper."""

    def __init__(self, folder: Path) -> None:
        self._server = find("rabbitmq-server", _PACKAGE, _WHERE)
        self._ctl = find("rabbitmqctl", _PACKAGE, _WHERE)
        self._epmd = find("epmd", "erlang-base")
        self._erl_call = find(
            "erl_call", "erlang-base", ("/usr/lib/erlang/bin", "/usr/lib/erlang/lib/erl_interface-*/bin")
        )
        self._node = f"tests-{secrets.token_hex(4)}@localhost"
        self._epmd_port, self._distribution_port = free_port(), free_port()
        self._mapper: Process | None = None
        self._numbers = itertools.count(1)
        super().__init__(folder)

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    async def create_vhost(self) -> str:
        """Create a virtual host and return its URL."""
        name = f"test-{next(self._numbers)}"
        await self.erlang(
            f'rabbit_vhost:add(<<"{name}">>, <<"tests">>), '
            f'rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"{name}">>, '
            '<<".*">>, <<".*">>, <<".*">>, <<"tests">>).'
        )
        await until(lambda: self._is_alive(name), _VHOST_STARTS)
        return f"{self.url}{name}"

    async def _is_alive(self, vhost: str) -> bool:
        """Whether it accepts connections. Before that, a busy node may answer with 541 INTERNAL_ERROR."""
        return await self.erlang(f'rabbit_vhost_sup_sup:is_vhost_alive(<<"{vhost}">>).') == "{ok, true}"

    async def delete_vhost(self, url: str) -> None:
        """Delete a virtual host of `create_vhost` with its queues and connections."""
        name = url.rpartition("/")[2]
        await self.erlang(f'rabbit_vhost:delete(<<"{name}">>, <<"tests">>).')

    async def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl --quiet` with these arguments and return its output. Takes one or two seconds."""
        return await asyncio.to_thread(self._run, [self._ctl, "--quiet", *arguments])

    async def erlang(self, expressions: str) -> str:
        """Evaluate Erlang expressions, which end with a full stop, and return the result. Takes milliseconds."""
        cookie = (self.folder / ".erlang.cookie").read_text()
        call = [self._erl_call, "-sname", self._node, "-c", cookie, "-e"]
        answer = await asyncio.to_thread(self._run, call, f"{expressions}\n")
        if not answer.startswith("{ok,"):
            raise RuntimeError(f"{expressions}: {answer}")
        return answer.strip()

    def _run(self, command: list[str], text: str = "") -> str:
        environment = self._environment()
        done = subprocess.run(  # noqa: S603 - our own command, no shell
            command, env=environment, input=text, capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stdout.strip()} {done.stderr.strip()}")
        return done.stdout.strip()

    def _prepare(self) -> None:
        (self.folder / "rabbitmq.conf").write_text(_CONFIGURATION.format(port=self.port))
        (self.folder / "enabled_plugins").write_text("[].")
        (self.folder / "environment").touch()
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)

    def _launch(self) -> Process:
        if self._mapper is None:
            command = [self._epmd, "-address", "127.0.0.1", "-port", str(self._epmd_port)]
            self._mapper = Process(command, environment=self._environment(), log=self.folder / "epmd.log")
        return Process([self._server], environment=self._environment(), log=self.log)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"  # a method frame: connection.start
        except OSError:
            return False

    def _kill_everything(self) -> None:
        super()._kill_everything()
        if self._mapper:
            self._mapper.kill()

    def _environment(self) -> dict[str, str]:
        folder = self.folder
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "environment"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(folder / "conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
        }
