"""The event of a claim, which SQLite puts together around the number of the attempt."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from angarium.notifications.store.sqlite.claim import _claimed_event, _Terms
from angarium.notifications.store.sqlite.sql import appendix, event_now


@given(st.text(st.characters(codec="utf-8")), st.integers(1, 10**6), st.integers(0, 10**16))
def test_around_the_number_it_is_the_event_itself(worker: str, attempt: int, now: int) -> None:
    before, after = _claimed_event(_Terms(UUID(int=1), now, now, worker))
    assert f"{before}{attempt}{after}" == appendix([event_now("claimed", now, attempt=attempt, worker=worker)])
