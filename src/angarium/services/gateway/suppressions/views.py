"""API views of the suppression list."""

import csv
import io
from collections.abc import Iterable

from angarium.contracts.fields import rfc3339
from angarium.contracts.suppressions import SuppressionView
from angarium.notifications.suppressions.model import Suppression
from angarium.services.gateway.suppressions.file import COLUMNS


def suppression_view(entry: Suppression) -> SuppressionView:
    """An entry as the API returns it."""
    return SuppressionView(
        id=entry.id,
        channel=entry.channel,
        address=entry.address,
        reason=entry.reason,
        source=entry.source,
        created_at=entry.created_at,
        expires_at=entry.expires_at,
    )


def csv_lines(rows: Iterable[Iterable[str]]) -> str:
    """Rows as CSV (RFC 4180)."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def csv_headings() -> str:
    """The first line of an export."""
    return csv_lines([[*COLUMNS, "created_at"]])


def csv_row(entry: Suppression) -> str:
    """An entry as a line of an export. The address of an erased user and a missing expiry are empty."""
    ends = "" if entry.expires_at is None else rfc3339(entry.expires_at)
    cells = (entry.channel, entry.address or "", entry.reason, entry.source, ends, rfc3339(entry.created_at))
    return csv_lines([cells])
