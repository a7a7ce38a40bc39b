"""Adds the built-in templates to the stored ones."""

from collections.abc import Mapping
from importlib.resources import files
from uuid import UUID

from angarium.contracts.statuses import DeliveryPolicy
from angarium.contracts.templates import ChannelSources, CompiledTemplate
from angarium.directory.port import Templates

INLINE = "_inline"
"""Content from the request: `subject`, `html` (unescaped) and `text`."""
VERIFICATION = "_verification"
"""Asks a person to verify an address: `username`, `verification_link`, `subject`."""
VERIFICATION_SUBJECT = "Verify your email address"
PROVIDER_TEST = "_provider_test"
"""A test message for every channel: `provider`, the provider's name."""


class WithBuiltIn:
    """Implements `directory.port.Templates`: returns built-in codes for all tenants, others from `stored`."""

    def __init__(self, stored: Templates) -> None:
        self._stored = stored
        self._built_in: Mapping[str, CompiledTemplate] = {
            template.code: template for template in (_inline(), _verification(), _provider_test())
        }

    def kept_published(self, tenant: str, code: str) -> CompiledTemplate | None:
        return self._built_in.get(code) or self._stored.kept_published(tenant, code)

    def kept_version(self, tenant: str, code: str, version: int) -> CompiledTemplate | None:
        found = self._built_in.get(code)
        if found is None:
            return self._stored.kept_version(tenant, code, version)
        return found if version == found.version else None

    async def published(self, tenant: str, code: str) -> CompiledTemplate | None:
        return self._built_in.get(code) or await self._stored.published(tenant, code)

    async def version(self, tenant: str, code: str, version: int) -> CompiledTemplate | None:
        found = self._built_in.get(code)
        if found is None:
            return await self._stored.version(tenant, code, version)
        return found if version == found.version else None


def _inline() -> CompiledTemplate:
    sources = {"subject": "{{ subject }}", "html": "{{ html }}", "text": "{{ text }}"}
    required = ["subject", "html", "text"]
    return _template(INLINE, 1, ChannelSources(email=sources), required=required, raw_html=True)


def _verification() -> CompiledTemplate:
    folder = files("angarium.directory.built_in")
    sources = {
        "subject": "{{ subject }}",
        "html": folder.joinpath("verification.html").read_text(encoding="utf-8"),
        "text": folder.joinpath("verification.txt").read_text(encoding="utf-8"),
    }
    required = ["username", "verification_link"]
    return _template(VERIFICATION, 1, ChannelSources(email=sources), required=required, raw_html=False)


def _provider_test() -> CompiledTemplate:
    title, text = "Test of {{ provider }}", "This test message was sent through the provider {{ provider }}."
    sources = ChannelSources(
        email={"subject": title, "html": f"<p>{text}</p>", "text": text},
        push={"title": title, "body": text},
        sms={"text": text},
        webhook={"title": title, "text": text},
    )
    return _template(PROVIDER_TEST, 1, sources, required=["provider"], raw_html=False)


def _template(
    code: str, version: int, sources: ChannelSources, *, required: list[str], raw_html: bool
) -> CompiledTemplate:
    return CompiledTemplate(
        template_id=UUID(bytes=code.encode().ljust(16, b"\0")[:16]),
        tenant="",
        code=code,
        version=version,
        language="en",
        required_variables=required,
        defaults={"subject": VERIFICATION_SUBJECT} if code == VERIFICATION else {},
        category=None,
        delivery_policy=DeliveryPolicy.AT_LEAST_ONCE,
        retry_delays=None,
        locales={"en": sources},
        raw_html=raw_html,
    )
