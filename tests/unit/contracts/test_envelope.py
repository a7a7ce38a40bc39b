"""What `meta` says of a list."""

import pytest

from angarium.contracts.envelope import TOTAL_LIMIT, Meta, many, one


@pytest.mark.parametrize(
    ("total", "shown", "capped"),
    [(0, 0, False), (9_999, 9_999, False), (10_000, 10_000, False), (10_001, 10_000, True), (500_000, 10_000, True)],
)
def test_a_total_is_exact_up_to_ten_thousand(total: int, shown: int, capped: bool) -> None:
    meta = Meta.of_page(total=total, limit=100, page=1, next_cursor="more" if total > 100 else None)
    assert (TOTAL_LIMIT, meta.total, meta.total_capped) == (10_000, shown, capped)
    assert (meta.total_pages, meta.has_next) == (max(1, shown // 100 + (shown % 100 > 0)), total > 100)
    assert ("total_capped" in meta.model_dump(mode="json")) is capped


def test_the_last_counted_page_of_a_capped_list_has_a_next_one() -> None:
    assert Meta.of_page(total=10_001, limit=100, page=100, next_cursor="more").has_next
    assert not Meta.of_page(total=10_000, limit=100, page=100).has_next


def test_behind_a_cursor_nothing_is_counted() -> None:
    meta = many([1], total=None, limit=1, page=1, next_cursor="more").model_dump(mode="json")["meta"]
    assert meta == {
        "total": None,
        "limit": 1,
        "page": 1,
        "total_pages": None,
        "has_next": True,
        "has_previous": True,
        "next_cursor": "more",
    }
    assert not Meta.of_page(total=None, limit=1, page=1).has_next


def test_one_thing_is_one_of_one() -> None:
    meta = one("it").meta
    assert (meta.total, meta.page, meta.total_pages, meta.has_next, meta.has_previous) == (1, 1, 1, False, False)
