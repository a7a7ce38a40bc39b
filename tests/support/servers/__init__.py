"""Private PostgreSQL, PgBouncer, RabbitMQ, Redis, MariaDB and Postfix instances, which tests can stop and kill.

Each uses installed binaries and runs on a free port, with its data in a temporary folder. The machine's own instances
are never touched. `Server` describes what tests can do with an instance.
"""

from tests.support.servers.binaries import MissingServer
from tests.support.servers.mariadb import MariaDB
from tests.support.servers.mysql_service import MysqlService
from tests.support.servers.pgbouncer import PgBouncer
from tests.support.servers.postfix import AuthServer, Postfix
from tests.support.servers.postgresql import PostgreSQL
from tests.support.servers.rabbitmq import RabbitMQ
from tests.support.servers.redis import Redis, RedisSentinel
from tests.support.servers.server import Server
from tests.support.servers.standby import Standby

__all__ = [
    "AuthServer",
    "MariaDB",
    "MissingServer",
    "MysqlService",
    "PgBouncer",
    "Postfix",
    "PostgreSQL",
    "RabbitMQ",
    "Redis",
    "RedisSentinel",
    "Server",
    "Standby",
]
