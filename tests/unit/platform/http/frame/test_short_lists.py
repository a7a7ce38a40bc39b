"""Pages of short lists, by number and by cursor."""

import pytest

from angarium.contracts.errors import ValidationFailed
from angarium.platform.cursor import encode_cursor
from angarium.platform.http.frame.short_lists import part_of, short_page_query, whole_page_query

LETTERS = list("abcde")


def test_cursors_show_everything_once() -> None:
    page, seen, totals = short_page_query(limit=2), [], []
    while True:
        answer = part_of(LETTERS, page)
        seen += answer.data
        totals.append((answer.meta.total, answer.meta.has_next, answer.meta.has_previous))
        if answer.meta.next_cursor is None:
            break
        page = short_page_query(cursor=answer.meta.next_cursor)
    assert seen == LETTERS
    assert totals == [(5, True, False), (None, True, True), (None, False, True)]


@pytest.mark.parametrize(("page", "shown"), [(1, ["a", "b"]), (3, ["e"]), (4, []), (1_000_000, [])])
def test_pages_have_numbers(page: int, shown: list[str]) -> None:
    answer = part_of(LETTERS, short_page_query(page, 2))
    assert answer.data == shown
    assert (answer.meta.total, answer.meta.total_pages, answer.meta.page) == (5, 3, page)
    assert (answer.meta.next_cursor is not None) is (page < 3)


def test_a_page_has_ten_things_unless_it_says_otherwise() -> None:
    assert short_page_query().limit == 10


def test_a_list_is_whole_unless_a_page_of_it_is_asked_for() -> None:
    whole = part_of(LETTERS * 30, whole_page_query())
    assert (len(whole.data), whole.meta.total, whole.meta.limit, whole.meta.has_next) == (150, 150, 150, False)
    assert len(part_of(LETTERS * 30, whole_page_query(page=1)).data) == 10
    assert len(part_of(LETTERS * 30, whole_page_query(limit=100)).data) == 100
    assert part_of([], whole_page_query()).meta.limit == 1


@pytest.mark.parametrize("place", [b"", b"1", b"0.2", b"2.0", b"2.101", b"1000001.2", b"a.b", b"2.2.2", b"-1.2"])
def test_a_cursor_that_no_page_gave(place: bytes) -> None:
    with pytest.raises(ValidationFailed) as refused:
        short_page_query(cursor=encode_cursor(place))
    assert [detail.field for detail in refused.value.details] == ["cursor"]


def test_a_cursor_keeps_its_limit() -> None:
    cursor = part_of(LETTERS, short_page_query(limit=2)).meta.next_cursor
    assert short_page_query(limit=2, cursor=cursor).limit == 2
    with pytest.raises(ValidationFailed) as refused:
        short_page_query(limit=3, cursor=cursor)
    assert [detail.field for detail in refused.value.details] == ["limit"]
