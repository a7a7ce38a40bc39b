"""The directory's templates with the built-in ones before them."""

from collections.abc import Mapping
from importlib.resources import files
from uuid import UUID

from angarium.contracts.statuses import DeliveryPolicy
from angarium.contracts.templates import ChannelSources, CompiledTemplate
from angarium.directory.port import Templates

INLINE = "_inline"
"""Content that comes with its request: `subject`, `html` (as it is) and `text`."""
VERIFICATION = "_verification"
"""Asks someone to verify an address: `username`, `verification_link`, `subject`."""
VERIFICATION_SUBJECT = "Verify your email address"


class WithBuiltIn:
    """Implements `directory.port.Templates`: built-in codes are answered here, for all tenants, others by `stored`."""

    def __init__(self, stored: Templates) -> None:
        self._stored = stored
        self._built_in: Mapping[str, CompiledTemplate] = {
            template.code: template for template in (_inline(), _verification())
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
    return _template(INLINE, 1, sources, required=["subject", "html", "text"], raw_html=True)


def _verification() -> CompiledTemplate:
    folder = files("angarium.directory.built_in")
    sources = {
        "subject": "{{ subject }}",
        "html": folder.joinpath("verification.html").read_text(encoding="utf-8"),
        "text": folder.joinpath("verification.txt").read_text(encoding="utf-8"),
    }
    return _template(VERIFICATION, 1, sources, required=["username", "verification_link"], raw_html=False)


def _template(
    code: str, version: int, sources: dict[str, str], *, required: list[str], raw_html: bool
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
        locales={"en": ChannelSources(email=sources)},
        raw_html=raw_html,
    )
