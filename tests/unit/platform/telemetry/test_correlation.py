"""Correlation ids and traces."""

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.platform.telemetry.correlation import (
    bind_correlation,
    child_traceparent,
    current_correlation_id,
    current_traceparent,
    new_correlation_id,
)

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("given_id", ["c-1", "!", "a" * 128, "~|{}"])
def test_a_good_id_is_kept(given_id: str) -> None:
    assert new_correlation_id(given_id, lambda: "new") == given_id


@pytest.mark.parametrize("given_id", [None, "", "a" * 129, "a b", "a\n", "é", "\x00", "a\x7f"])
def test_a_bad_id_is_replaced(given_id: str | None) -> None:
    assert new_correlation_id(given_id, lambda: "new") == "new"


def test_ids_are_bound_within_the_block_only() -> None:
    with bind_correlation("outer", PARENT):
        with bind_correlation("inner"):
            assert current_correlation_id() == "inner"
            assert current_traceparent() is None
        assert (current_correlation_id(), current_traceparent()) == ("outer", PARENT)
    assert current_correlation_id() is None


async def test_a_task_inherits_its_ids_and_keeps_them() -> None:
    release = asyncio.Event()

    async def read_later() -> str | None:
        await release.wait()
        return current_correlation_id()

    with bind_correlation("c-1"):
        task = asyncio.create_task(read_later())
    release.set()
    assert await task == "c-1"


def test_a_child_stays_in_the_trace_with_a_span_of_its_own() -> None:
    child = child_traceparent(PARENT, lambda size: b"\x0a" * size)
    assert child == "00-0af7651916cd43dd8448eb211c80319c-0a0a0a0a0a0a0a0a-01"


def test_a_later_version_is_read_as_ours() -> None:
    child = child_traceparent("cc" + PARENT[2:-2] + "03-what-will-be", lambda size: b"\x0a" * size)
    assert child == "00-0af7651916cd43dd8448eb211c80319c-0a0a0a0a0a0a0a0a-01"


@pytest.mark.parametrize(
    "parent",
    [
        None,
        "",
        "junk",
        "ff" + PARENT[2:],
        PARENT + "-more",
        PARENT.upper(),
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
    ],
)
def test_an_invalid_parent_begins_a_new_trace(parent: str | None) -> None:
    child = child_traceparent(parent)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", child)
    assert PARENT[3:35] not in child


def test_zeros_are_never_made() -> None:
    assert child_traceparent(None, bytes) == f"00-{'01' * 16}-{'01' * 8}-00"


@given(st.text(max_size=80))
def test_any_text_gives_a_valid_traceparent(text: str) -> None:
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", child_traceparent(text))
