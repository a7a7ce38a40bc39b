"""Users and templates, the connection of a process to them, and preferences that change during a run."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from angarium.contracts.statuses import DeliveryPolicy
from angarium.contracts.templates import ChannelSources, CompiledTemplate
from angarium.contracts.users import Contact, Preferences
from angarium.directory.port import DirectoryUnavailable
from tests.simulation.network import Link

_MAIL = ChannelSources(email={"subject": "Hello {{ name }}", "html": "<p>{{ name }}</p>", "text": "{{ name }}"})


def _template(policy: DeliveryPolicy, number: int) -> CompiledTemplate:
    return CompiledTemplate(
        template_id=UUID(int=number),
        tenant="default",
        code=policy.value,
        version=1,
        language="en",
        required_variables=["name"],
        defaults={},
        category=None,
        delivery_policy=policy,
        retry_delays=None,
        locales={"en": _MAIL},
    )


TEMPLATES: Mapping[str, CompiledTemplate] = {
    policy.value: _template(policy, number) for number, policy in enumerate(DeliveryPolicy, start=1)
}
"""One template per delivery policy, with the policy's name as code."""
_CONTACT = Contact(
    user_id=UUID(int=0),
    name="Ann",
    email="ann@example.com",
    phone=None,
    devices=[],
    locale=None,
    timezone=None,
    preferences=Preferences(),
)


@dataclass
class Users:
    """The data of the users service."""

    contacts: dict[UUID, Contact] = field(default_factory=dict)

    def add(self, user_id: UUID) -> None:
        """Add a user who has opted out of nothing."""
        self.contacts[user_id] = msgspec.structs.replace(_CONTACT, user_id=user_id)

    def opt_out(self, user_id: UUID) -> None:
        """Opt the user out of email."""
        contact = self.contacts[user_id]
        self.contacts[user_id] = msgspec.structs.replace(contact, preferences=Preferences(email=False))


class DirectoryLink:
    """Contacts and Templates of one process. Nothing is cached, so each lookup crosses the network."""

    def __init__(self, users: Users, link: Link) -> None:
        self._users = users
        self._link = link

    def kept(self, _tenant: str, _user_id: UUID) -> Contact | None:
        return None

    async def known(self, _tenant: str, user_id: UUID) -> Contact | None:
        await self._reach()
        return self._users.contacts.get(user_id)

    async def current(self, _tenant: str, user_ids: Collection[UUID]) -> Mapping[UUID, Contact | None]:
        try:
            await self._reach()
        except DirectoryUnavailable:
            return {}
        return {user_id: self._users.contacts.get(user_id) for user_id in sorted(user_ids)}

    async def current_of(self, wanted: Mapping[str, Collection[UUID]]) -> Mapping[tuple[str, UUID], Contact | None]:
        return {
            (tenant, user_id): contact
            for tenant, user_ids in wanted.items()
            for user_id, contact in (await self.current(tenant, user_ids)).items()
        }

    def kept_published(self, _tenant: str, _code: str) -> CompiledTemplate | None:
        return None

    def kept_version(self, _tenant: str, _code: str, _version: int) -> CompiledTemplate | None:
        return None

    async def published(self, _tenant: str, code: str) -> CompiledTemplate | None:
        await self._reach()
        return TEMPLATES.get(code)

    async def version(self, _tenant: str, code: str, _version: int) -> CompiledTemplate | None:
        await self._reach()
        return TEMPLATES.get(code)

    async def _reach(self) -> None:
        await self._link.travel()
        if self._link.weather.directory_away:
            raise DirectoryUnavailable
