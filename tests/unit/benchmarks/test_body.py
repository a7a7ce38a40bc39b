import json

import pytest

from benchmarks.body import CHOICE, NUMBER, STAMP, Body

ITEM = f'{{"request_id":"order-{NUMBER}","user_id":"{CHOICE}","variables":{{"stamp":"{STAMP}","discount":"10%"}}}}'


def test_bodies_differ_where_they_must_and_have_one_length() -> None:
    body = Body(ITEM, ["aa", "bb"], bulk=0, start=9)
    first, second = body.next(5), body.next(123_456_789)
    assert len(first) == len(second)
    assert json.loads(first) == {
        "request_id": "order-0000000009",
        "user_id": "bb",
        "variables": {"stamp": "stamp-00000000000000000005-0000000009", "discount": "10%"},
    }
    assert json.loads(second)["request_id"] == "order-0000000010"
    assert json.loads(second)["user_id"] == "aa"


def test_a_bulk_has_its_items_numbered_on() -> None:
    body = Body(ITEM, ["aa"], bulk=3, start=0)
    body.next(0)
    items = json.loads(body.next(0))["notifications"]
    assert [item["request_id"] for item in items] == ["order-0000000003", "order-0000000004", "order-0000000005"]


def test_rewound_it_begins_again() -> None:
    body = Body(ITEM, [], bulk=0, start=4)
    first = body.next(1)
    body.rewind()
    assert body.next(1) == first


def test_choices_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        Body(ITEM, ["a", "bb"], bulk=0, start=0)
