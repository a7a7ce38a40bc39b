"""Signing in and out. A session is a random token in a cookie; only its SHA-256 hash is stored."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from angarium.contracts.errors import ServiceUnavailable, Transient, Unauthorized
from angarium.contracts.operators import SCOPES, Role
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.credentials import hash_key
from angarium.platform.auth.passwords import Passwords
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.auth.throttle import LoginThrottle
from angarium.platform.clock import Clock
from angarium.platform.runtime import Runtime
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.store import Actor
from angarium.services.gateway.operators.store import Operator, OperatorStore

LIFETIME = timedelta(hours=12)
LINK_LIFETIME = timedelta(hours=12)
DEVELOPER = "developer"
"""The name of the account that sign-in links use. It has no password."""
_RANDOM_BYTES = 32
Entropy = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in operator. `token` is the secret value of the session cookie."""

    operator: Operator
    token: str = field(repr=False)

    @property
    def caller(self) -> Caller:
        """The operator as a caller of the API's use cases."""
        return caller_of(self.operator)


class SignInLinks:
    """Sign-in links for development. Each works once, within 12 hours, until the process ends."""

    def __init__(self, clock: Clock, entropy: Entropy = os.urandom) -> None:
        self._clock = clock
        self._entropy = entropy
        self._until: dict[str, float] = {}

    def make(self) -> str:
        """Create a link and return its token."""
        now = self._clock.monotonic()
        self._until = {hashed: until for hashed, until in self._until.items() if until > now}
        token = new_token(self._entropy)
        self._until[hash_key(token)] = now + LINK_LIFETIME.total_seconds()
        return token

    def good(self, token: str) -> bool:
        """Whether the link is valid. Does not use it up."""
        return self._until.get(hash_key(token), 0.0) > self._clock.monotonic()

    def use(self, token: str) -> bool:
        """Invalidate the link. False if it was not valid."""
        good = self.good(token)
        self._until.pop(hash_key(token), None)
        return good


class Sessions:
    """Signs operators in and out. Every method raises DatabaseUnavailable if the database is unavailable."""

    def __init__(
        self,
        *,
        store: OperatorStore,
        passwords: Passwords,
        throttle: LoginThrottle,
        links: SignInLinks,
        audit: AuditLog,
        runtime: Runtime,
        entropy: Entropy = os.urandom,
    ) -> None:
        self.links = links
        self._store = store
        self._passwords = passwords
        self._throttle = throttle
        self._audit = audit
        self._runtime = runtime
        self._entropy = entropy

    async def sign_in(self, tenant: str, name: str, password: str, address: str | None) -> Session:
        """Check name and password and start a session.

        Raises Unauthorized, RateLimited, ServiceUnavailable. An unknown name gives the same error after the same time
        as a wrong password.
        """
        self._throttle.begin(tenant, name)
        try:
            operator = await self._store.named(tenant, name)
            password_hash = None if operator is None else operator.password_hash
            good = await self._passwords.verify(password_hash, password)
        except (ServiceUnavailable, Transient):
            self._throttle.withdraw(tenant, name)
            raise
        if operator is None or not good:
            self._runtime.logger.info("operator.refused", tenant=tenant)
            raise Unauthorized("The name or the password is wrong")
        self._throttle.succeeded(tenant, name)
        return await self._begin(operator, address)

    async def sign_in_by_link(self, token: str, address: str | None) -> Session | None:
        """Start a session of the development account, an admin of the default tenant. None if the link is not valid."""
        if not self.links.use(token):
            return None
        operator = await self._store.named(DEFAULT_TENANT, DEVELOPER)
        return await self._begin(operator or await self._make_developer(address), address)

    async def find(self, token: str) -> Session | None:
        """The session of `token`, None if it has ended or does not exist."""
        operator = await self._store.of_session(hash_key(token), self._runtime.clock.now())
        return None if operator is None else Session(operator, token)

    async def sign_out(self, session: Session, address: str | None) -> None:
        """End the session and record it in the audit log."""
        entry = self._audit.entry(_actor(session.operator, address), "operator.signed_out", session.operator.name)
        await self._store.end_session(hash_key(session.token), entry)

    async def _begin(self, operator: Operator, address: str | None) -> Session:
        now, token = self._runtime.clock.now(), new_token(self._entropy)
        entry = self._audit.entry(_actor(operator, address), "operator.signed_in", operator.name)
        await self._store.begin_session(
            operator.operator_id, hash_key(token), now=now, until=now + LIFETIME, entry=entry
        )
        self._runtime.logger.info("operator.signed_in", tenant=operator.tenant, operator=str(operator.operator_id))
        return Session(operator, token)

    async def _make_developer(self, address: str | None) -> Operator:
        operator = Operator(
            operator_id=self._runtime.identifiers.new(),
            tenant=DEFAULT_TENANT,
            name=DEVELOPER,
            role=Role.ADMIN,
            created_at=self._runtime.clock.now(),
        )
        entry = self._audit.entry(_actor(operator, address), "operator.created", operator.operator_id)
        await self._store.add(operator, entry)
        return await self._store.named(DEFAULT_TENANT, DEVELOPER) or operator


def caller_of(operator: Operator) -> Caller:
    """The operator as a caller: `operator:NAME` in the audit log, with the scopes of its role."""
    return Caller(operator.tenant, operator.name, SCOPES[operator.role], kind="operator")


def new_token(entropy: Entropy) -> str:
    """256 random bits as URL-safe text."""
    return urlsafe_b64encode(entropy(_RANDOM_BYTES)).decode().rstrip("=")


def _actor(operator: Operator, address: str | None) -> Actor:
    return Actor(caller_of(operator), address, None)
