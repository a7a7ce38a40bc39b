"""Looks up users and templates concurrently, each once for all requests that share it."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from angarium.contracts.errors import ServiceUnavailable, TemplateNotFound, UserNotFound
from angarium.contracts.notifications import NotificationRequest
from angarium.contracts.templates import CompiledTemplate
from angarium.contracts.users import Contact
from angarium.directory.port import Contacts, DirectoryUnavailable, Templates

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

_TemplateKey = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class Found:
    """The results of the look-up."""

    contacts: Mapping[UUID, Contact | DirectoryUnavailable | None]
    templates: Mapping[_TemplateKey, CompiledTemplate | DirectoryUnavailable | None]

    def contact(self, request: NotificationRequest) -> Contact | None:
        """The request's user; None for a recipient who is not a stored user.

        Raises UserNotFound, ServiceUnavailable.
        """
        if request.user_id is None:
            return None
        contact = self.contacts[request.user_id]
        if contact is None:
            raise UserNotFound
        return _reached(contact, "users")

    def template(self, request: NotificationRequest) -> CompiledTemplate:
        """The request's template version. Raises TemplateNotFound, ServiceUnavailable."""
        template = self.templates[_template_key(request)]
        if template is None:
            raise TemplateNotFound
        return _reached(template, "templates")


class LookUp:
    """Looks up contacts and templates."""

    def __init__(self, contacts: Contacts, templates: Templates, *, fast_paths: bool = True) -> None:
        self._contacts = contacts
        self._templates = templates
        self._fast_paths = fast_paths

    async def find(self, tenant: str, requests: Sequence[NotificationRequest]) -> Found:
        """Look up everything that `requests` name. An unavailable directory fails only the requests that need it.

        With `fast_paths` cached values are used without yielding to the event loop.
        """
        users = {request.user_id for request in requests if request.user_id is not None}
        keys = {_template_key(request) for request in requests}
        if not self._fast_paths:
            return await self._ask(tenant, dict.fromkeys(users), dict.fromkeys(keys))
        contacts = {user_id: self._contacts.kept(tenant, user_id) for user_id in users}
        templates = {key: self._kept_version(tenant, key) for key in keys}
        if None in contacts.values() or None in templates.values():
            return await self._ask(tenant, contacts, templates)
        return Found(contacts, templates)

    async def _ask(
        self,
        tenant: str,
        contacts: Mapping[UUID, Contact | None],
        templates: Mapping[_TemplateKey, CompiledTemplate | None],
    ) -> Found:
        """Look up the missing ones."""
        users = [(user_id, self._contacts.known(tenant, user_id)) for user_id, kept in contacts.items() if kept is None]
        versions = [(key, self._version(tenant, key)) for key, kept in templates.items() if kept is None]
        asked, told = await asyncio.gather(_settle(users), _settle(versions))
        return Found({**contacts, **asked}, {**templates, **told})

    def _kept_version(self, tenant: str, key: _TemplateKey) -> CompiledTemplate | None:
        code, version = key
        if version is None:
            return self._templates.kept_published(tenant, code)
        return self._templates.kept_version(tenant, code, version)

    async def _version(self, tenant: str, key: _TemplateKey) -> CompiledTemplate | None:
        code, version = key
        if version is None:
            return await self._templates.published(tenant, code)
        return await self._templates.version(tenant, code, version)


def _template_key(request: NotificationRequest) -> _TemplateKey:
    return request.template_code, request.template_version


async def _settle(
    questions: Sequence[tuple[KeyT, Awaitable[ValueT | None]]],
) -> Mapping[KeyT, ValueT | DirectoryUnavailable | None]:
    answers = await asyncio.gather(*(_answer(question) for _, question in questions))
    return {key: answer for (key, _), answer in zip(questions, answers, strict=True)}


async def _answer(question: Awaitable[ValueT | None]) -> ValueT | DirectoryUnavailable | None:
    try:
        return await question
    except DirectoryUnavailable as error:
        return error


def _reached(value: ValueT | DirectoryUnavailable, service: str) -> ValueT:
    if isinstance(value, DirectoryUnavailable):
        message = f"The {service} service does not answer; try again"
        raise ServiceUnavailable(message) from value
    return value
