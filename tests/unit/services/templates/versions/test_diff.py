"""What changed between two versions, in bounded time."""

from datetime import UTC, datetime

from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.services.templates.drafting.model import Source
from angarium.services.templates.library.model import Version
from angarium.services.templates.versions.diff import MOST_LINES, MOST_LINES_IN_ALL, diff_versions

LANGUAGES = [f"q{letter}" for letter in "abcdefghij"]


def version(number: int, lines: int, mark: str) -> Version:
    text = "\n".join(f"{mark}{line}" for line in range(lines))
    source = Source(
        name="t",
        description="",
        channel=Channel.EMAIL,
        language="en",
        required_variables=[],
        defaults={},
        category=None,
        delivery_policy=DeliveryPolicy.AT_LEAST_ONCE,
        retry_delays=None,
        parts={"content": text},
        translations={language: {"content": text} for language in LANGUAGES},
    )
    at = datetime(2026, 11, 20, tzinfo=UTC)
    return Version(version=number, status="draft", source=source, created_at=at, created_by=None)


async def test_parts_are_compared_until_the_budget_is_spent() -> None:
    changes = await diff_versions(version(1, MOST_LINES // 2, "a"), version(2, MOST_LINES // 2, "b"))
    assert len(changes) == 1 + len(LANGUAGES)
    compared = [path for path, change in changes.items() if "too long to compare" not in change]
    assert compared == ["content", "translations.qa.content", "translations.qb.content", "translations.qc.content"]
    assert len(compared) * MOST_LINES == MOST_LINES_IN_ALL


async def test_one_part_may_not_be_too_long() -> None:
    changes = await diff_versions(version(1, MOST_LINES, "a"), version(2, 1, "b"))
    assert "too long to compare" in changes["content"]
