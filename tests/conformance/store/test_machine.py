"""Whatever happens in whatever order: the table of transitions holds, and no token but the last can write."""

import asyncio
import itertools
import shutil
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from angarium.contracts.statuses import TRANSITIONS, UNFINISHED, DeliveryPolicy, Status, may_become
from angarium.notifications.model import Claimed, Event, NothingToDo, NotNow
from tests.conformance.store.backends import (
    LEASE,
    TENANT,
    Backend,
    letter_of,
    notification,
    open_postgresql,
    open_sqlite,
    result,
)

ResultT = TypeVar("ResultT")
Opener = Callable[[], Coroutine[Any, Any, Backend]]
RESULTS = sorted(TRANSITIONS[Status.SENDING] - {Status.SENDING})
MOVES = [Status.CANCELLED, Status.DELIVERED, Status.SENT, Status.FAILED, Status.PENDING, Status.EXPIRED]
LONG = LEASE + timedelta(seconds=40)
"""Enough for every lease to end and for the sweeper to see it."""


@dataclass
class Expected:
    """What a row must look like."""

    policy: DeliveryPolicy
    status: Status = Status.PENDING
    attempts: int = 0
    token: UUID | None = None
    lease_is_over: bool = False


class Life(RuleBasedStateMachine):
    """Claims, results, moves, replays, sweeps and the passing of time against a model of each notification."""

    opener: Opener
    ids = Bundle("ids")
    claims = Bundle("claims")
    letters = Bundle("letters")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.backend = self.run(type(self).opener())
        self.expected: dict[UUID, Expected] = {}

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        return self.loop.run(work)

    def teardown(self) -> None:
        self.run(self.backend.close())
        self.loop.close()

    @rule(target=ids, policy=st.sampled_from(DeliveryPolicy))
    def accept(self, policy: DeliveryPolicy) -> UUID:
        new = notification(policy=policy)
        self.run(self.backend.accept(new))
        self.expected[new.id] = Expected(policy)
        return new.id

    @rule(target=claims, identifier=ids)
    def claim(self, identifier: UUID) -> Claimed | None:
        expected, token = self.expected[identifier], uuid4()
        [verdict] = self.run(self.backend.store.claim([identifier], token=token, lease=LEASE, worker="w"))
        free = expected.status in {Status.PENDING, Status.RETRYING}
        over = expected.status is Status.SENDING and expected.lease_is_over
        if over and expected.policy is DeliveryPolicy.AT_MOST_ONCE:
            expected.status = Status.UNKNOWN
        elif free or over:
            expected.status, expected.token, expected.lease_is_over = Status.SENDING, token, False
            expected.attempts += 1
            assert isinstance(verdict, Claimed)
            assert verdict.attempt == expected.attempts
            return verdict
        elif expected.status is Status.SENDING:
            assert isinstance(verdict, NotNow)
            return None
        assert verdict == NothingToDo(identifier, expected.status)
        return None

    @rule(target=letters, claim=claims, status=st.sampled_from(RESULTS), burns=st.booleans())
    def record(self, claim: Claimed | None, status: Status, burns: bool) -> UUID | None:
        if claim is None:
            return None
        expected = self.expected[claim.id]
        letter = letter_of(claim) if status is Status.FAILED else None
        outcome = result(claim, status, dead_letter=letter, burns_attempt=burns)
        [written] = self.run(self.backend.store.record([outcome]))
        mine = expected.token == claim.claim_token
        assert written is (mine and expected.status in {Status.SENDING, status})
        if not mine or expected.status is not Status.SENDING:
            return None
        expected.status = status
        expected.attempts -= 0 if burns else 1
        return letter.id if letter else None

    @rule(identifier=ids, to=st.sampled_from(MOVES))
    def move(self, identifier: UUID, to: Status) -> None:
        expected = self.expected[identifier]
        event = Event(str(to), self.backend.clock.now())
        old = self.run(self.backend.store.move(identifier, tenant=TENANT, to=to, event=event))
        assert old is expected.status
        if old is not Status.SENDING and may_become(old, to):
            expected.status = to

    @rule(letter=letters)
    def replay(self, letter: UUID | None) -> None:
        shown = self.run(self.backend.reader.dead_letters.get(TENANT, letter)) if letter else None
        if letter is None or shown is None or shown.notification_id is None:
            return
        expected = self.expected[shown.notification_id]
        replayed = self.run(self.backend.store.replay([letter], tenant=TENANT))
        assert list(replayed) == ([letter] if expected.status is Status.FAILED else [])
        if replayed:
            expected.status, expected.attempts, expected.token = Status.PENDING, 0, None

    @rule()
    def let_time_pass(self) -> None:
        self.run(self.backend.pass_time(LONG))
        for expected in self.expected.values():
            expected.lease_is_over = True

    @rule()
    def sweep(self) -> None:
        report = self.run(self.backend.store.sweep(1000))
        released = [e for e in self.expected.values() if e.status is Status.SCHEDULED]
        lost = [
            e
            for e in self.expected.values()
            if e.status is Status.SENDING and e.lease_is_over and e.policy is DeliveryPolicy.AT_MOST_ONCE
        ]
        assert (report.released, report.unknown, report.expired) == (len(released), len(lost), 0)
        for expected in released:
            expected.status = Status.PENDING
        for expected in lost:
            expected.status = Status.UNKNOWN

    @invariant()
    def every_row_is_as_expected(self) -> None:
        rows = self.run(self.backend.query("SELECT id, status, attempts, sweep_at, events FROM notifications"))
        assert len(rows) == len(self.expected)
        for row in rows:
            expected = self.expected[UUID(str(row["id"]))]
            assert (row["status"], row["attempts"]) == (expected.status, expected.attempts)
            assert (row["sweep_at"] is not None) == (expected.status in UNFINISHED)


def _explore(opener: Opener, *, examples: int) -> None:
    machine = type("LifeHere", (Life,), {"opener": staticmethod(opener)})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=30, deadline=None, derandomize=True)
    )


def test_on_sqlite(migrated_sqlite: Path, tmp_path: Path) -> None:
    numbers = itertools.count()

    async def opener() -> Backend:
        return open_sqlite(Path(shutil.copy(migrated_sqlite, tmp_path / f"{next(numbers)}.db")))

    _explore(opener, examples=40)


@pytest.mark.distributed
def test_on_postgresql(migrated_postgresql: str) -> None:
    async def opener() -> Backend:
        return await open_postgresql(migrated_postgresql)

    _explore(opener, examples=25)
