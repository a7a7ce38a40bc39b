"""Compiles drafts in this process, for tests that do not test the compiler processes."""

import asyncio

from angarium.contracts.templates import TemplateVersionCreate
from angarium.rendering.compile import Compiler
from angarium.services.templates.drafting.compiling import GetFragments
from angarium.services.templates.drafting.making import make_draft
from angarium.services.templates.drafting.model import Draft


class InThread:
    """Implements `Compiling`."""

    async def draft(self, tenant: str, code: str, body: TemplateVersionCreate, fragments: GetFragments) -> Draft:
        return await asyncio.to_thread(make_draft, Compiler(), code, body, await fragments())
