"""JSON in templates: the filter `json`, and the check of rendered JSON (RFC 8259)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from liquid import Undefined
from liquid.exceptions import FilterArgumentError


class Sample(int, Sequence["Sample"]):
    """A sample for a variable of any type: renders as a number, has every property, and is a list of two samples.

    A number is valid JSON with and without quotes. An `agreeing` one equals everything that it is compared with.
    """

    _agreeing: bool

    def __new__(cls, value: int = 1, *, agreeing: bool = False) -> Self:
        made = super().__new__(cls, value)
        made._agreeing = agreeing
        return made

    def __getitem__(self, key: object) -> "Sample":
        return self

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator["Sample"]:
        return iter((self, self))

    def __eq__(self, other: object) -> bool:
        return self._agreeing or super().__eq__(other) is True

    def __hash__(self) -> int:
        return super().__hash__()


class FalseSample(Sample):
    """A sample that is false in conditions."""

    def __liquid__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class JsonFault:
    """Why a text is not valid JSON; `index` counts characters from 0."""

    message: str
    index: int

    def __str__(self) -> str:
        return f"{self.message} (character {self.index + 1})"


def json_fault(text: str) -> JsonFault | None:
    """The first error in `text`; None if it is one JSON value that can be encoded as UTF-8.

    NaN and Infinity are refused, as in the standard.
    """
    try:
        json.loads(text, parse_constant=_refuse, parse_int=str, parse_float=str)
        text.encode()
    except json.JSONDecodeError as error:
        return JsonFault(error.msg, error.pos)
    except _NoNumberError as error:
        return JsonFault(f"{error} is not a number in JSON", max(text.find(str(error)), 0))
    except UnicodeEncodeError as error:
        return JsonFault("a lone surrogate", error.start)
    except RecursionError:
        return JsonFault("nested too deeply", 0)
    return None


def json_filter(value: object) -> str:
    """`{{ value | json }}`: `value` as JSON; a missing variable is null. Raises FilterArgumentError."""
    try:
        return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        message = "json: the value cannot be written as JSON"
        raise FilterArgumentError(message, token=None) from error


class _NoNumberError(ValueError):
    """The message is the invalid number."""


def _refuse(word: str) -> object:
    raise _NoNumberError(word)


def _plain(value: object) -> Any:
    match value:
        case Undefined():
            return None
        case Sample():
            return int(value)
        case Decimal():
            return float(value)
        case range():
            return list(value)
        case Mapping():
            return dict(value)
        case _:
            return value
