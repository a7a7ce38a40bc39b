"""Generates the plain-text part of mails whose HTML is in the request.

The HTML may be hostile, so a child process parses it. This is the parent's side; `plain_text_child` is the child's.
"""

from angarium.contracts.errors import ValidationFailed
from angarium.platform.children.pool import ChildPool, OverLimits
from angarium.platform.clock import Clock
from angarium.services.gateway.b2b.bodies import MOST_CHARACTERS

MODULE = "angarium.services.gateway.b2b.plain_text_child"
MOST_WAITING = 200
"""Maximum waiting requests per tenant."""


class PlainTexts:
    """Parses HTML in child processes with limits of time and memory."""

    def __init__(self, clock: Clock) -> None:
        self._children = ChildPool(MODULE, clock, most_waiting=MOST_WAITING)

    async def of(self, tenant: str, field: str, html: str) -> str:
        """The text of `html` from `field`; empty if it has no readable text.

        Raises ValidationFailed (naming `field`) for HTML that exceeds the limits, RateLimited and Transient.
        """
        try:
            text = (await self._children.ask(tenant, html.encode())).decode()
        except OverLimits as over:
            raise ValidationFailed.of(field, f"{over.message} to be read as text; give text as well") from over
        if len(text) > MOST_CHARACTERS:
            raise ValidationFailed.of(field, f"as text it is larger than {MOST_CHARACTERS} characters")
        return text

    async def close(self) -> None:
        """End the children. Idempotent."""
        await self._children.close()
