"""Users and templates that a test puts there itself; an adapter of the directory's ports in memory."""

from collections.abc import Collection, Mapping
from uuid import UUID, uuid4

from angarium.contracts.statuses import DeliveryPolicy
from angarium.contracts.templates import ChannelSources, CompiledTemplate
from angarium.contracts.users import Contact, Preferences
from angarium.directory.port import DirectoryUnavailable


class MemoryContacts:
    """Users by tenant and id; `down` makes the service unreachable."""

    def __init__(self) -> None:
        self.down = False
        self._contacts: dict[tuple[str, UUID], Contact] = {}

    def add(self, tenant: str = "default", *, locale: str | None = None) -> UUID:
        user_id = uuid4()
        self._contacts[tenant, user_id] = Contact(
            user_id=user_id,
            name="John",
            email="john@example.com",
            phone=None,
            devices=[],
            locale=locale,
            timezone=None,
            preferences=Preferences(),
        )
        return user_id

    def remove(self, user_id: UUID, tenant: str = "default") -> None:
        del self._contacts[tenant, user_id]

    def kept(self, tenant: str, user_id: UUID) -> Contact | None:
        return None if self.down else self._contacts.get((tenant, user_id))

    async def known(self, tenant: str, user_id: UUID) -> Contact | None:
        if self.down:
            raise DirectoryUnavailable
        return self.kept(tenant, user_id)

    async def current(self, tenant: str, user_ids: Collection[UUID]) -> Mapping[UUID, Contact]:
        found = {user_id: await self.known(tenant, user_id) for user_id in user_ids}
        return {user_id: contact for user_id, contact in found.items() if contact is not None}

    async def current_of(self, wanted: Mapping[str, Collection[UUID]]) -> Mapping[tuple[str, UUID], Contact]:
        return {
            (tenant, user_id): contact
            for tenant, user_ids in wanted.items()
            for user_id, contact in (await self.current(tenant, user_ids)).items()
        }


class MemoryTemplates:
    """Versions by tenant, code and number; the last one added is the published one."""

    def __init__(self) -> None:
        self.down = False
        self._versions: dict[tuple[str, str], list[CompiledTemplate]] = {}

    def add(
        self,
        code: str,
        *,
        tenant: str = "default",
        required: Collection[str] = (),
        defaults: Mapping[str, object] | None = None,
        sources: ChannelSources | None = None,
        category: str | None = None,
        policy: DeliveryPolicy = DeliveryPolicy.AT_LEAST_ONCE,
    ) -> None:
        versions = self._versions.setdefault((tenant, code), [])
        template = CompiledTemplate(
            template_id=uuid4(),
            tenant=tenant,
            code=code,
            version=len(versions) + 1,
            language="en",
            required_variables=list(required),
            defaults=dict(defaults or {}),
            category=category,
            delivery_policy=policy,
            retry_delays=None,
            locales={"en": sources or EVERY_CHANNEL},
        )
        versions.append(template)

    def kept_published(self, tenant: str, code: str) -> CompiledTemplate | None:
        return self.kept_version(tenant, code, len(self._versions.get((tenant, code), [])))

    def kept_version(self, tenant: str, code: str, version: int) -> CompiledTemplate | None:
        versions = self._versions.get((tenant, code), [])
        return versions[version - 1] if 0 < version <= len(versions) and not self.down else None

    async def published(self, tenant: str, code: str) -> CompiledTemplate | None:
        if self.down:
            raise DirectoryUnavailable
        return self.kept_published(tenant, code)

    async def version(self, tenant: str, code: str, version: int) -> CompiledTemplate | None:
        if self.down:
            raise DirectoryUnavailable
        return self.kept_version(tenant, code, version)


EVERY_CHANNEL = ChannelSources(
    email={"subject": "Hello {{name}}", "html": "<p>Hello {{name}}</p>", "text": "Hello {{name}}"},
    push={"title": "Hello", "body": "Hello {{name}}"},
    sms={"text": "Hello {{name}}"},
)
