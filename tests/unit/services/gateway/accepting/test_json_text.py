import pytest

from angarium.contracts.errors import ValidationFailed
from angarium.services.gateway.accepting.candidate import json_text


def test_text_is_the_json_of_the_value() -> None:
    assert json_text("variables", {"name": "Zoë", "n": [1, 2.5, None, True]}) == '{"name":"Zoë","n":[1,2.5,null,true]}'


@pytest.mark.parametrize("value", [{"a": "x\x00y"}, {"x\x00": 1}, {"a": {"b": ["\x00"]}}])
def test_a_nul_character_is_refused_wherever_it_hides(value: dict[str, object]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        json_text("variables", value)
    assert refused.value.details[0].field == "variables"


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert json_text("variables", {"a": "\\u0000"}) == '{"a":"\\\\u0000"}'


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(ValidationFailed, match="Validation failed"):
        json_text("metadata", {"a": "\ud800"})


def test_a_value_too_deep_is_refused() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValidationFailed):
        json_text("variables", value)
    while value:  # taken apart by hand: the interpreter would recurse
        value = value.pop()  # type: ignore[assignment]  # each level holds one list
