"""Decisions from a request's head: its route, authorization, query parameters and body limit."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from re import Pattern
from types import MappingProxyType
from typing import Any, NamedTuple, get_args, get_origin
from urllib.parse import parse_qsl

from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import ParamTypes
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.requests import Request
from starlette.routing import BaseRoute
from starlette.types import Scope

from angarium.contracts.errors import Detail, ValidationFailed
from angarium.contracts.paths import PUBLIC
from angarium.platform.auth.caller import SERVICE_TOKEN_HEADER, Caller
from angarium.platform.http.frame.bodies import BodyRules
from angarium.platform.http.frame.dependencies import DECIDES_BY_HEAD, PASSES_QUERY, QUERY_PATTERN
from angarium.platform.http.frame.openapi import SCOPE_MARK, SERVICE_MARK, dependencies_of

Guard = Callable[[Request], Awaitable[Caller]]
_MOST_PARAMETERS = 100
_MARKS = (SCOPE_MARK, SERVICE_MARK, DECIDES_BY_HEAD)
PUBLIC_KEY = "angarium.public"
"""Set in the scope of a request whose public path is routed as another one."""
_NOTHING: Mapping[str, str] = MappingProxyType({})
_SEQUENCES = (list, set, tuple, frozenset)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The query parameters of a route: `single` at most once, `repeated` and `patterns` any number of times."""

    single: frozenset[str] = frozenset()
    repeated: frozenset[str] = frozenset()
    patterns: tuple[Pattern[str], ...] = ()

    def check(self, query: bytes) -> None:
        """Raise ValidationFailed, which names each unknown or repeated parameter."""
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
    """One route. `path_format` is its template; `guards` authenticate and authorize; `limit`: bytes of a body.

    `parameters`: None if any query is accepted. `internal`: for other services only. `needs`: bytes that a body over
    256 KB must contain.
    """

    path_format: str
    guards: tuple[Guard, ...]
    limit: int
    raw: bool
    parameters: Parameters | None
    internal: bool = False
    needs: bytes | None = None

    async def admit(self, request: Request) -> Caller | None:
        """Return the caller; None if the route needs none. Raises Unauthorized, Forbidden, RateLimited, Transient."""
        caller = None
        for guard in self.guards:
            caller = await guard(request)
        return caller

    def check_query(self, scope: Scope, headers: Mapping[str, str]) -> None:
        """Raise ValidationFailed for parameters that the route doesn't have.

        Applies under `/api/`, and to calls that another service forwards from there.
        """
        query = scope["query_string"]
        if not query or self.parameters is None or self.internal:
            return
        public = scope["path"].startswith(PUBLIC) or PUBLIC_KEY in scope
        if public or (self.guards and SERVICE_TOKEN_HEADER in headers):
            self.parameters.check(query)


class Found(NamedTuple):
    """The route of a request and its path parameters; `head` is None if the method is not `allowed`."""

    head: Head | None
    path_parameters: Mapping[str, str] = _NOTHING
    allowed: frozenset[str] = frozenset()


class Heads:
    """The routes of an app, in the framework's matching order."""

    def __init__(self, routes: Sequence[BaseRoute], rules: BodyRules) -> None:
        self._rules = rules
        self._literal: dict[tuple[str, str], _Entry] = {}
        self._patterns: dict[str, tuple[Pattern[str], dict[str, _Entry]]] = {}
        for order, route in enumerate(iter_route_contexts(routes)):
            self._add(order, route)

    @property
    def methods(self) -> frozenset[str]:
        """Every method that any route accepts."""
        given = {method for method, _ in self._literal}
        return _with_implied(given.union(*(entries for _, entries in self._patterns.values())))

    def find(self, method: str, path: str) -> Found | None:
        """The route of `path` (without a trailing slash); None if there is none."""
        best, named = self._literal.get((method, path)), _NOTHING
        for pattern, entries in self._patterns.values():
            entry = entries.get(method)
            if entry is not None and (best is None or entry.order < best.order):
                match = pattern.match(path)
                if match is not None:
                    best, named = entry, match.groupdict()
        if best is not None:
            return Found(self._for(best.head, path), named)
        allowed = self._allowed(path)
        return Found(None, allowed=allowed) if allowed else None

    def _allowed(self, path: str) -> frozenset[str]:
        """The methods of `path`; empty if no route matches."""
        given = [method for method, literal in self._literal if literal == path]
        for pattern, entries in self._patterns.values():
            if pattern.match(path) is not None:
                given += entries
        return _with_implied(given) if given else frozenset()

    def _for(self, head: Head, path: str) -> Head:
        """The head with the body rules of this path, if it has any: one route may serve many paths."""
        if not self._rules.concern(path):
            return head
        limit, raw = self._rules.limit(path, guarded=bool(head.guards)), self._rules.is_raw(path)
        return Head(head.path_format, head.guards, limit, raw, head.parameters, head.internal, head.needs)

    def _add(self, order: int, route: RouteContext) -> None:
        template, pattern = route.path_format, getattr(route, "path_regex", None)
        if template is None or pattern is None:
            return
        entry = _Entry(order, self._head(template, route))
        for method in route.methods or ():
            if "{" in template:
                self._patterns.setdefault(template, (pattern, {}))[1].setdefault(method, entry)
            else:
                self._literal.setdefault((method, template), entry)

    def _head(self, template: str, route: RouteContext) -> Head:
        own: tuple[Guard, ...] | None = getattr(route.original_route, "guards", None)  # of a direct route
        dependant = getattr(route, "dependant", None)
        calls = list(dependencies_of(dependant)) if dependant is not None else []
        marked = [call for call in calls if any(hasattr(call, mark) for mark in _MARKS)]
        internal = hasattr(route.original_route, SERVICE_MARK) or any(hasattr(call, SERVICE_MARK) for call in marked)
        guards = own if own is not None else tuple(marked)
        limit = self._rules.limit(template, guarded=bool(guards))
        needs: bytes | None = getattr(route.original_route, "large_needs", None)
        raw = self._rules.is_raw(template)
        return Head(template, guards, limit, raw, _parameters(dependant, calls), internal, needs)


@dataclass(frozen=True, slots=True)
class _Entry:
    order: int
    head: Head


def _with_implied(methods: Iterable[str]) -> frozenset[str]:
    """Add HEAD where there is GET."""
    given = frozenset(methods)
    return given | {"HEAD"} if "GET" in given else given


def _parameters(dependant: Dependant | None, calls: Sequence[Callable[..., Any]]) -> Parameters | None:
    if dependant is None or any(hasattr(call, PASSES_QUERY) for call in calls):
        return None
    fields = [
        field for field in get_flat_params(dependant) if getattr(field.field_info, "in_", None) == ParamTypes.query
    ]
    repeated = {field.alias for field in fields if _is_list(field.field_info.annotation)}
    patterns = tuple(pattern for call in calls if (pattern := getattr(call, QUERY_PATTERN, None)) is not None)
    return Parameters(frozenset({field.alias for field in fields} - repeated), frozenset(repeated), patterns)


def _in_query(field: ModelField) -> bool:
    return getattr(field.field_info, "in_", None) == ParamTypes.query


def _is_list(annotation: object) -> bool:
    """Whether a parameter may be repeated, also for `list[str] | None`."""
    return get_origin(annotation) in _SEQUENCES or any(get_origin(kind) in _SEQUENCES for kind in get_args(annotation))


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise ValidationFailed.of("query", f"must have at most {_MOST_PARAMETERS} parameters") from None
