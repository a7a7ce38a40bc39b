"""Private PostgreSQL, PgBouncer, RabbitMQ, Redis, MariaDB and Postfix instances that the tests own and may kill.

Each runs on a free port, below a temporary folder, from the machine's installed binaries; the machine's own
instances are never touched. See `Server` for what a test may do to one.
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
