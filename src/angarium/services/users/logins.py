"""Whose email and password these are."""

from collections import OrderedDict, deque
from uuid import UUID

from angarium.contracts.errors import RateLimited, Unauthorized
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger
from angarium.services.users.addresses import canonical_email
from angarium.services.users.passwords import Passwords
from angarium.services.users.rows import email_key
from angarium.services.users.store import Filter, UserStore

ATTEMPTS = 10
WINDOW_SECONDS = 900.0
REMEMBERED = 10_000


class LoginThrottle:
    """At most 10 attempts on one address in a quarter of an hour, until one succeeds.

    By the address alone, whether anyone has it or not, and never by where the attempts come from: that, a guesser can
    choose. Each process counts for itself.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._attempts: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def begin(self, tenant: str, key: str) -> None:
        """Count an attempt before it is judged, so that many at once are no way around. Raises RateLimited."""
        now = self._clock.monotonic()
        attempts = self._attempts.setdefault((tenant, key), deque())
        self._attempts.move_to_end((tenant, key))
        while attempts and attempts[0] <= now - WINDOW_SECONDS:
            attempts.popleft()
        if len(attempts) >= ATTEMPTS:
            raise RateLimited(retry_after=int(attempts[0] + WINDOW_SECONDS - now) + 1)
        attempts.append(now)
        while len(self._attempts) > REMEMBERED:
            self._attempts.popitem(last=False)

    def succeeded(self, tenant: str, key: str) -> None:
        """Forget the attempts on this address."""
        self._attempts.pop((tenant, key), None)


class Logins:
    """Judges a user's email and password."""

    def __init__(self, *, store: UserStore, passwords: Passwords, throttle: LoginThrottle, logger: Logger) -> None:
        self._store = store
        self._passwords = passwords
        self._throttle = throttle
        self._logger = logger

    async def log_in(self, tenant: str, email: str, password: str) -> UUID:
        """The user's id. An address that nobody has takes as long as a wrong password, and answers alike.

        Raises Unauthorized, RateLimited, ServiceUnavailable, DatabaseUnavailable.
        """
        email = _canonical(email)
        key = email_key(email)
        self._throttle.begin(tenant, key)
        people, _ = await self._store.find(tenant, Filter(email=email), limit=1)
        kept = people[0].password_hash if people else None
        if not await self._passwords.verify(kept, password):
            self._logger.info("login.refused", tenant=tenant)
            raise Unauthorized
        self._throttle.succeeded(tenant, key)
        self._logger.info("login.succeeded", tenant=tenant, user_id=str(people[0].user_id))
        return people[0].user_id


def _canonical(email: str) -> str:
    """The form in which addresses are kept; what is none is found nowhere."""
    try:
        return canonical_email(email)
    except ValueError:
        return email
