"""A finding of the overview: one current problem."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


class Severity(IntEnum):
    """How urgent a finding is. The most urgent sorts first."""

    CRITICAL = 0
    WARNING = 1
    NOTICE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem. `href` is a page that helps, `action` its link text, `command` a shell command."""

    severity: Severity
    title: str
    detail: str = ""
    since: datetime | None = None
    href: str | None = None
    action: str | None = None
    command: str | None = None
