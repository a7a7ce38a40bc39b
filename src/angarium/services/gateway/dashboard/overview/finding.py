"""One thing that is wrong, as a value."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


class Severity(IntEnum):
    """How soon someone must act. The most urgent sorts first."""

    CRITICAL = 0
    WARNING = 1
    NOTICE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong. `href` and `action`: where to go; `command`: what to run instead."""

    severity: Severity
    title: str
    detail: str = ""
    since: datetime | None = None
    href: str | None = None
    action: str | None = None
    command: str | None = None
