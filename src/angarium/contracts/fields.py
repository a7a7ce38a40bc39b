"""Field types shared by several bodies, each with its rule and source."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, get_args

import msgspec
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

METADATA_BYTES = 4096
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""The bounds of times in requests. Within them every database, offset and sum with a delay can represent the value."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Body(BaseModel):
    """A request body. An undeclared field is an error that names it; null means "not given"."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)
    not_null: ClassVar[frozenset[str]] = frozenset()
    """Names under which null counts as not given. Not those that are not declared: they are an error, whatever they
    hold.
    """

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls.not_null = frozenset(
            field.alias or name for name, field in cls.model_fields.items() if _means_nothing_as_null(field)
        )

    @model_validator(mode="before")
    @classmethod
    def _given(cls, value: Any) -> Any:
        if not isinstance(value, dict) or None not in value.values():
            return value
        return {name: field for name, field in value.items() if field is not None or name not in cls.not_null}

    @classmethod
    def further_faults(cls, content: Mapping[str, Any]) -> Iterable[tuple[str, str]]:  # noqa: ARG003 - for subclasses
        """Field and message of errors that can be found only if all fields are valid.

        Also called for a body with other errors, so that the answer reports all of them.
        """
        return ()


class Change(Body):
    """The body of a PATCH. Omitted fields do not change; null clears a field."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls.not_null = frozenset()


def _means_nothing_as_null(field: FieldInfo) -> bool:
    """Whether a field that is null can be left out: it has a default, or must be given and cannot be null."""
    return not field.is_required() or type(None) not in get_args(field.annotation)


def field_error(field: str, message: str) -> PydanticCustomError:
    """A validation error of a body that names the field to correct, relative to that body."""
    return PydanticCustomError("field_error", "{message}", {"field": field, "message": message})


def renamed(content: Any, names: Mapping[str, str]) -> Any:
    """Rename the fields of `content` to the contract's names; `names` maps the accepted aliases.

    A null alias counts as absent. Raises a field error if a field is given twice with different values.
    """
    if not isinstance(content, Mapping) or names.keys().isdisjoint(content):
        return content
    fields = {name: value for name, value in content.items() if name not in names}
    for alias, name in names.items():
        value = content.get(alias)
        if value is None:
            continue
        if fields.get(name) not in (None, value):
            raise field_error(alias, f"differs from {name}")
        fields[name] = value
    return fields


def rfc3339(moment: datetime) -> str:
    """Format `moment` in UTC with `Z` (RFC 3339). Microseconds are written only if they are not zero."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def storable(value: dict[str, Any]) -> dict[str, Any]:
    """Check that every database can store `value` as JSON: no NUL, no lone surrogate. Raises ValueError."""
    _encode(value)
    return value


def _small(value: dict[str, Any]) -> dict[str, Any]:
    if len(_encode(value)) > METADATA_BYTES:
        message = f"must be at most {METADATA_BYTES} bytes of JSON"
        raise ValueError(message)
    return value


def _encode(value: dict[str, Any]) -> bytes:
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        message = "must not contain lone surrogates"
        raise ValueError(message) from None
    if _NUL.search(encoded):
        message = "must not contain NUL characters"
        raise ValueError(message)
    return encoded


def _written(value: object) -> object:
    if not isinstance(value, datetime) and not (isinstance(value, str) and _DATE.match(value)):
        message = "must be a time as text (RFC 3339)"
        raise ValueError(message)
    return value


def _in_range(moment: datetime) -> datetime:
    """`moment` in UTC. Raises ValueError beyond EARLIEST and LATEST."""
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:
        in_utc = None
    if in_utc is None or not EARLIEST <= in_utc <= LATEST:
        message = f"must lie between {EARLIEST:%Y-%m-%d} and {LATEST:%Y-%m-%d}"
        raise ValueError(message)
    return in_utc


_MOMENT = WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization")
Timestamp = Annotated[datetime, PlainSerializer(rfc3339, return_type=str), _MOMENT]
"""A time in answers."""
InstantField = Annotated[
    AwareDatetime,
    BeforeValidator(_written),
    AfterValidator(_in_range),
    PlainSerializer(rfc3339, return_type=str),
    _MOMENT,
]
"""A time in a request, from 2000 to 2200. It must have an offset and is converted to UTC."""
Metadata = Annotated[dict[str, Any], AfterValidator(_small)]
Locale = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$", max_length=35)]
"""A well-formed language tag (BCP 47 / RFC 5646 §2.1)."""
TemplateCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_][a-z0-9_.-]{0,99}$")]
Category = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
RequestId = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
StrictCount = Annotated[int, Field(strict=True)]
"""An integer, not a string or a fraction."""
HIGHEST_VERSION = 2_147_483_647
"""The highest template version: the maximum of an INTEGER column."""
EMAIL_FORMAT = Field(json_schema_extra={"format": "email"})
URL_FORMAT = Field(json_schema_extra={"format": "uri"})
"""The format of URLs in the documents (JSON Schema, Validation §7.3)."""
Flag = Annotated[bool, Field(strict=True)]
"""`true` or `false`. Numbers and strings are rejected."""
