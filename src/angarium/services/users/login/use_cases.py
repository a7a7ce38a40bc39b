"""Login of users with email and password."""

from uuid import UUID

from angarium.contracts.errors import ServiceUnavailable, Unauthorized
from angarium.platform.auth.passwords import Passwords
from angarium.platform.auth.throttle import LoginThrottle
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.telemetry.logging import Logger
from angarium.services.users.people.addresses import key_of_email
from angarium.services.users.people.model import Person
from angarium.services.users.people.store import UserStore


class Logins:
    """Verifies a user's email and password."""

    def __init__(self, *, store: UserStore, passwords: Passwords, throttle: LoginThrottle, logger: Logger) -> None:
        self._store = store
        self._passwords = passwords
        self._throttle = throttle
        self._logger = logger

    async def log_in(self, tenant: str, email: str, password: str) -> UUID:
        """Return the user's id. An unknown address takes the same time and gives the same answer as a wrong password.

        Raises Unauthorized, RateLimited, ServiceUnavailable, DatabaseUnavailable.
        """
        key = key_of_email(email)
        self._throttle.begin(tenant, key)
        try:
            person = await self._judge(tenant, email, password)
        except (ServiceUnavailable, DatabaseUnavailable):
            self._throttle.withdraw(tenant, key)
            raise
        if person is None:
            self._logger.info("login.refused", tenant=tenant)
            raise Unauthorized
        self._throttle.succeeded(tenant, key)
        self._logger.info("login.succeeded", tenant=tenant, user_id=str(person.user_id))
        return person.user_id

    async def _judge(self, tenant: str, email: str, password: str) -> Person | None:
        person = await self._store.with_email(tenant, email)
        kept = None if person is None else person.password_hash
        return person if await self._passwords.verify(kept, password) else None
