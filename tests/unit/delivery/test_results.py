"""What is kept of a provider's answer."""

from hypothesis import given
from hypothesis import strategies as st

from angarium.delivery.results import ANSWER_LIMIT, tidy


@given(st.text() | st.text("ab \t\n\x00", min_size=ANSWER_LIMIT, max_size=3 * ANSWER_LIMIT))
def test_an_answer_is_one_printable_line(answer: str) -> None:
    plain = "".join(c if c.isprintable() else " " for c in answer[: ANSWER_LIMIT * 2])
    assert tidy(answer) == " ".join(plain.split())[:ANSWER_LIMIT]
