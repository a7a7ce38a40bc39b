"""Faults of a template beside their lines."""

import pytest

from angarium.contracts.errors import Detail
from angarium.services.gateway.dashboard.editor.faults import LONGEST_LINE, excerpt, faults_of

SOURCE = "one\ntwo\n\t{{ three | }}\nfour\nfive\nsix"


def test_a_fault_is_shown_with_the_lines_around_it_and_a_caret_below_its_character() -> None:
    [fault] = faults_of([Detail("html", "expected word", 3, 12)], {"html": SOURCE})
    assert (fault["field"], fault["message"], fault["line"], fault["column"]) == ("html", "expected word", 3, 12)
    assert [line["number"] for line in fault["excerpt"]] == [1, 2, 3, 4, 5]
    marks = [line["mark"] for line in fault["excerpt"]]
    assert marks == [None, None, "\t          ^", None, None]


@pytest.mark.parametrize(
    ("line", "column", "numbers", "mark"),
    [
        (1, 1, [1, 2, 3], "^"),
        (6, 4, [4, 5, 6], "   ^"),
        (6, None, [4, 5, 6], None),
        (6, LONGEST_LINE + 1, [4, 5, 6], None),
    ],
)
def test_a_place_at_an_end_has_fewer_lines(line: int, column: int | None, numbers: list[int], mark: str | None) -> None:
    lines = excerpt(SOURCE, line, column)
    assert [one["number"] for one in lines] == numbers
    assert next(one["mark"] for one in lines if one["number"] == line) == mark


@pytest.mark.parametrize("line", [None, 0, 7])
def test_without_a_line_in_the_source_nothing_is_shown(line: int | None) -> None:
    assert excerpt(SOURCE, line, 1) == ()


def test_a_long_line_is_cut() -> None:
    [line] = excerpt("x" * 1000, 1, 5)
    assert len(line["text"]) == LONGEST_LINE


@pytest.mark.parametrize(
    ("field", "anchor"),
    [("html", "html"), ("retry_delays.0", "retry_delays"), ("translations.pt-BR.html", "translations.pt-BR.html")],
)
def test_a_fault_leads_to_its_field(field: str, anchor: str) -> None:
    assert faults_of([Detail(field, "is wrong")], {})[0]["anchor"] == anchor
