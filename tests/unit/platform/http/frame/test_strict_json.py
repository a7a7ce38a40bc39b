"""Large bodies are weighed before they are decoded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.contracts.errors import PayloadTooLarge, ValidationFailed
from angarium.platform.http.frame import bodies
from angarium.platform.http.frame.bodies import MOST_CONTAINERS, MOST_VALUES, decode_heavy_json, weigh_json


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"{}," * MOST_CONTAINERS + b"1]",
        b"[" + b"[]," * MOST_CONTAINERS + b"1]",
        b"[" + b"1," * MOST_VALUES + b"1]",
        b'[{"a":"' + b"{" * 70_000 + b'"},' + b"[]," * MOST_CONTAINERS + b"1]",
        b"[" * (MOST_CONTAINERS + 1),
        b'["\\"",' + b"{}," * MOST_CONTAINERS + b"1]",
    ],
    ids=["objects", "lists", "values", "after text", "open", "after an escape"],
)
async def test_too_many_values_are_refused_before_decoding(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "decode_json", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(PayloadTooLarge) as refused:
        await decode_heavy_json(body)
    assert str(MOST_CONTAINERS) in refused.value.message


@pytest.mark.parametrize(
    "text",
    ["," * 600_000, "{" * 200_000, '"[,' * 100_000, "\\" * 300_001 + "[" * 100_001, '\\"' * 100_000 + "{," * 100_000],
)
async def test_what_stands_in_text_has_no_weight(text: str) -> None:
    value = {"a": text, "b": [1, 2], text[:100]: text}
    assert await decode_heavy_json(json.dumps(value).encode()) == value


async def test_what_is_at_the_limit_is_taken() -> None:
    value: list[list[int]] = [[] for _ in range(MOST_CONTAINERS - 1)]
    assert await decode_heavy_json(json.dumps(value).encode()) == value


async def test_what_is_no_json_stays_a_400() -> None:
    for body in (b'"' * 200_001, b'"' + b"\\" * 200_000, b"[" * 99_000):
        with pytest.raises(ValidationFailed):
            await decode_heavy_json(body)


JSON = st.recursive(
    st.none() | st.integers() | st.text(alphabet='",[]{}\\a'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='",[]{}\\a'), inner),
    max_leaves=30,
)


@given(value=JSON, size=st.integers(1, 7))
async def test_slices_change_nothing(value: object, size: int) -> None:
    """However a body is cut, as many containers are counted as it has."""
    body = json.dumps(value).encode()
    containers = _containers(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "_SLICE", size)
        patch.setattr(bodies, "MOST_CONTAINERS", containers)
        await weigh_json(body)
        patch.setattr(bodies, "MOST_CONTAINERS", containers - 1)
        with pytest.raises(PayloadTooLarge):
            await weigh_json(body)


def _containers(value: object) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_containers, value.values()))
    return 1 + sum(map(_containers, value)) if isinstance(value, list) else 0
