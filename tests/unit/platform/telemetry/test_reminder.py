"""A persistent fault is logged at increasing intervals, a new one immediately."""

from angarium.platform.telemetry.reminder import Reminder
from tests.support.clock import ManualClock


async def test_a_fault_is_due_at_once_then_after_growing_pauses() -> None:
    clock = ManualClock()
    reminder = Reminder(clock)
    due = []
    for second in range(2000):
        if reminder.due("refused"):
            due.append(second)
        await clock.advance(1)
    assert due == [0, 10, 30, 70, 150, 310, 630, 1230, 1830]


async def test_another_fault_and_one_after_the_end_are_due_at_once() -> None:
    reminder = Reminder(ManualClock())
    assert [reminder.due("a"), reminder.due("a"), reminder.due("b"), reminder.due("b")] == [True, False, True, False]
    reminder.clear()
    assert reminder.due("b")
