"""What the head of a request decides: the route, who may call it, which query it takes, how large its body may be."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from re import Pattern
from typing import Any, get_origin
from urllib.parse import parse_qsl

from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import ParamTypes
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.requests import Request
from starlette.routing import BaseRoute

from angarium.contracts.errors import Detail, ValidationFailed
from angarium.platform.auth.caller import SERVICE_TOKEN_HEADER, Caller
from angarium.platform.http.frame.bodies import BodyRules
from angarium.platform.http.frame.dependencies import PASSES_QUERY, QUERY_PATTERN
from angarium.platform.http.frame.openapi import SCOPE_MARK, SERVICE_MARK, dependencies_of

Guard = Callable[[Request], Awaitable[Caller]]
_MOST_PARAMETERS = 100
PUBLIC = "/api/"
"""Where query parameters that a route doesn't have are refused."""
_SEQUENCES = (list, set, tuple, frozenset)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The query parameters of a route: `single` once at most, `repeated` and `patterns` any number of times."""

    single: frozenset[str] = frozenset()
    repeated: frozenset[str] = frozenset()
    patterns: tuple[Pattern[str], ...] = ()

    def check(self, query: bytes) -> None:
        """Raise ValidationFailed, which names each parameter that is unknown or given too often."""
        counts: dict[str, int] = {}
        for name, _ in _pairs(query):
            counts[name] = counts.get(name, 0) + 1
        details = [Detail(name, fault) for name, count in counts.items() if (fault := self._fault(name, count))]
        if details:
            raise ValidationFailed(details=details[:_MOST_PARAMETERS])

    def _fault(self, name: str, count: int) -> str | None:
        if name in self.repeated or any(pattern.fullmatch(name) for pattern in self.patterns):
            return None
        if name in self.single:
            return "must be given once" if count > 1 else None
        return "unknown query parameter"


NO_PARAMETERS = Parameters()


@dataclass(frozen=True, slots=True)
class Head:
    """One route. `path_format` is its template; `guards` say who calls, or refuse; `limit`: bytes of a body.

    `parameters`: None where any query is taken. `internal`: for other services alone.
    """

    path_format: str
    guards: tuple[Guard, ...]
    limit: int
    raw: bool
    parameters: Parameters | None
    internal: bool = False

    async def admit(self, request: Request) -> Caller | None:
        """The caller; None where none is asked for. Raises Unauthorized, Forbidden, RateLimited, Transient."""
        caller = None
        for guard in self.guards:
            caller = await guard(request)
        return caller

    def check_query(self, path: str, query: bytes, headers: Mapping[str, str]) -> None:
        """Raise ValidationFailed for parameters that the route doesn't have.

        That holds under `/api/`, and for calls that the gateway passes on from there.
        """
        if not query or self.parameters is None or self.internal:
            return
        if path.startswith(PUBLIC) or (self.guards and SERVICE_TOKEN_HEADER in headers):
            self.parameters.check(query)


@dataclass(frozen=True, slots=True)
class Found:
    """The route of a request, with what its path named; `head` is None where the method is not `allowed`."""

    head: Head | None
    path_parameters: Mapping[str, str]
    allowed: frozenset[str]


class Heads:
    """The routes of an app, in the order in which the framework would try them."""

    def __init__(self, routes: Sequence[BaseRoute], rules: BodyRules) -> None:
        self._rules = rules
        self._literal: dict[str, list[_Entry]] = {}
        self._templates: dict[str, tuple[Pattern[str], list[_Entry]]] = {}
        for order, route in enumerate(iter_route_contexts(routes)):
            self._add(order, route)

    @property
    def methods(self) -> frozenset[str]:
        """Every method that any route takes."""
        lists = [*self._literal.values(), *(entries for _, entries in self._templates.values())]
        return _with_implied(entry.method for entries in lists for entry in entries)

    def find(self, method: str, path: str) -> Found | None:
        """The route of `path` (without a last slash); None where no route has it."""
        matches: list[tuple[_Entry, Mapping[str, str]]] = [(entry, {}) for entry in self._literal.get(path, ())]
        for pattern, entries in self._templates.values():
            match = pattern.match(path)
            if match is not None:
                matches += [(entry, match.groupdict()) for entry in entries]
        if not matches:
            return None
        allowed = _with_implied(entry.method for entry, _ in matches)
        fitting = [(entry, named) for entry, named in matches if entry.method == method]
        if not fitting:
            return Found(None, {}, allowed)
        entry, named = min(fitting, key=lambda found: found[0].order)
        return Found(self._for(entry.head, path), named, allowed)

    def _for(self, head: Head, path: str) -> Head:
        """The head with the body's rules of this very path, where it has any: one route may pass on many paths."""
        limit, raw = self._rules.limit(path, guarded=bool(head.guards)), self._rules.is_raw(path)
        if (limit, raw) == (head.limit, head.raw):
            return head
        return Head(head.path_format, head.guards, limit, raw, head.parameters, head.internal)

    def _add(self, order: int, route: RouteContext) -> None:
        template, pattern = route.path_format, getattr(route, "path_regex", None)
        if template is None or pattern is None:
            return
        head = self._head(template, route)
        entries = [_Entry(order, method, head) for method in sorted(route.methods or ())]
        if "{" in template:
            self._templates.setdefault(template, (pattern, []))[1].extend(entries)
        else:
            self._literal.setdefault(template, []).extend(entries)

    def _head(self, template: str, route: RouteContext) -> Head:
        own: tuple[Guard, ...] | None = getattr(route.original_route, "guards", None)  # of a direct route
        dependant = getattr(route, "dependant", None)
        calls = list(dependencies_of(dependant)) if dependant is not None else []
        marked = [call for call in calls if hasattr(call, SCOPE_MARK) or hasattr(call, SERVICE_MARK)]
        internal = hasattr(route.original_route, SERVICE_MARK) or any(hasattr(call, SERVICE_MARK) for call in marked)
        guards = own if own is not None else tuple(marked)
        limit = self._rules.limit(template, guarded=bool(guards))
        return Head(template, guards, limit, self._rules.is_raw(template), _parameters(dependant, calls), internal)


@dataclass(frozen=True, slots=True)
class _Entry:
    order: int
    method: str
    head: Head


def _with_implied(methods: Iterable[str]) -> frozenset[str]:
    """HEAD goes where GET does, and every path answers OPTIONS."""
    given = {"OPTIONS", *methods}
    return frozenset({*given, "HEAD"} if "GET" in given else given)


def _parameters(dependant: Dependant | None, calls: Sequence[Callable[..., Any]]) -> Parameters | None:
    if dependant is None or any(hasattr(call, PASSES_QUERY) for call in calls):
        return None
    fields = [
        field for field in get_flat_params(dependant) if getattr(field.field_info, "in_", None) == ParamTypes.query
    ]
    repeated = {field.alias for field in fields if get_origin(field.field_info.annotation) in _SEQUENCES}
    patterns = tuple(pattern for call in calls if (pattern := getattr(call, QUERY_PATTERN, None)) is not None)
    return Parameters(frozenset({field.alias for field in fields} - repeated), frozenset(repeated), patterns)


def _in_query(field: ModelField) -> bool:
    return getattr(field.field_info, "in_", None) == ParamTypes.query


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise ValidationFailed.of("query", f"must have at most {_MOST_PARAMETERS} parameters") from None
