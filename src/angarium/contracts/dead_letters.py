"""Bodies of the dead-letter API."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from angarium.contracts.fields import Body, Flag, InstantField, Timestamp, field_error
from angarium.contracts.notifications import Reason, Text
from angarium.contracts.statuses import Channel


class DeadLetterView(BaseModel):
    """A notification that ended `failed`, or a message that matches no notification (`payload`)."""

    id: UUID
    notification_id: UUID | None
    channel: Channel
    template_code: str | None
    reason: Reason
    attempts: int
    correlation_id: str | None
    failed_at: Timestamp
    payload: str | None = None


class DeadLetterGroup(BaseModel):
    """`group_by=reason`."""

    reason: str
    channel: Channel
    count: int
    oldest_at: Timestamp
    example: str


class DeadLetterFilter(Body):
    """A filter of dead letters. Without fields it matches all of them."""

    channel: Channel | None = None
    reason: Text | None = None
    template_code: Text | None = None
    older_than: InstantField | None = None

    @property
    def empty(self) -> bool:
        """Whether the filter matches everything."""
        return all(value is None for value in self.__dict__.values())


def _number(value: object) -> object:
    """`value`, which is no switch: true is not 1 per second. A form has the number as text."""
    if isinstance(value, bool):
        message = "must be a number"
        raise ValueError(message)  # noqa: TRY004 - what pydantic expects of a validator
    return value


class ReplayRequest(Body):
    """`POST /api/v1/dead-letters/replay`: replay matching dead letters, or all with `{"all": true}`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"filter": {"channel": "email", "reason": "retries_exhausted"}, "dry_run": True}]
        }
    )

    filter: DeadLetterFilter | None = None
    all: Flag = False
    dry_run: Flag = False
    rate_per_second: Annotated[float, Field(gt=0, le=100_000), BeforeValidator(_number)] | None = None

    @property
    def wanted(self) -> DeadLetterFilter:
        """The filter that selects the dead letters."""
        return self.filter or DeadLetterFilter()

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if self.all is not self.wanted.empty:
            required = "required: a filter, or all: true for every dead letter"
            raise field_error("filter", "must be left out with all: true" if self.all else required)
        return self


class ReplayResult(BaseModel):
    """The number of matching and of requeued dead letters."""

    matched: int
    replayed: int
    dry_run: bool
