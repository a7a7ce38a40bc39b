"""Compiles drafts in a child process, since drafts may be hostile and the compilers are native code.

This is the parent's side; `compiling_child` is the child's.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from angarium.contracts.templates import TemplateVersionCreate
from angarium.platform.children.pool import ChildPool, OverLimits
from angarium.platform.clock import Clock
from angarium.rendering.fragments import Fragment, Fragments
from angarium.rendering.problems import TemplateInvalid, TemplateProblem
from angarium.services.templates.drafting.model import Draft, Source, Sources

MODULE = "angarium.services.templates.drafting.compiling_child"
MOST_WAITING = 64
"""Maximum waiting drafts per tenant."""


GetFragments = Callable[[], Awaitable[Fragments]]
"""Looks up the layouts and partials referenced in a draft."""


class Compiling(Protocol):
    """Builds drafts from requests."""

    async def draft(self, tenant: str, code: str, body: TemplateVersionCreate, fragments: GetFragments) -> Draft:
        """Build the version for `body`. `fragments` is called once a child is available.

        Raises the errors of `fragments`, TemplateInvalid, RateLimited (too many drafts of the tenant wait) and
        Transient.
        """
        ...


class CompileJob(msgspec.Struct):
    """A draft to compile: `body` as encoded by TemplateVersionCreate."""

    code: str
    body: dict[str, Any]
    fragments: dict[str, Fragment]


class CompileFault(msgspec.Struct):
    """A TemplateProblem."""

    field: str
    message: str
    line: int | None
    column: int | None


class CompileAnswer(msgspec.Struct):
    """Either a draft or its errors."""

    source: dict[str, Any] | None = None
    compiled: dict[str, Any] | None = None
    faults: list[CompileFault] = []


class Compilers:
    """Compiles in child processes with limits of time and memory. A draft that exceeds them is invalid."""

    def __init__(self, clock: Clock) -> None:
        self._children = ChildPool(MODULE, clock, most_waiting=MOST_WAITING)

    async def draft(self, tenant: str, code: str, body: TemplateVersionCreate, fragments: GetFragments) -> Draft:
        try:
            async with self._children.turn(tenant):
                given = body.model_dump(mode="json", include=set(TemplateVersionCreate.model_fields))
                job = msgspec.json.encode(CompileJob(code, given, dict(await fragments())))
                answer = msgspec.json.decode(await self._children.do(job), type=CompileAnswer)
        except OverLimits as over:
            raise TemplateInvalid([TemplateProblem(over.field or "content", over.message)]) from over
        if answer.faults:
            raise TemplateInvalid([TemplateProblem(f.field, f.message, f.line, f.column) for f in answer.faults])
        return Draft(source=Source.model_validate(answer.source), compiled=Sources.model_validate(answer.compiled))

    async def close(self) -> None:
        """End the children. Idempotent."""
        await self._children.close()
