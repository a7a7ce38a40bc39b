from collections.abc import Sequence
from typing import Any

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.contracts.preferences import PreferencesPatch
from angarium.contracts.users import ChannelSwitches, Preferences
from angarium.services.users.people.preferences import merged

pytestmark = pytest.mark.slow

WHOLE = {
    "email": False,
    "push": True,
    "sms": True,
    "webhook": True,
    "categories": {"marketing": {"email": False, "sms": True}},
    "quiet_hours": {"start": "22:00", "end": "07:00"},
}
DEFAULTS = {"email": True, "push": True, "sms": True, "webhook": True, "categories": {}, "quiet_hours": None}


@pytest.fixture
async def path(client: httpx2.AsyncClient) -> str:
    answer = await client.post("/users", json={"name": "A", "email": "a@example.com"})
    return f"/users/{answer.json()['data']['user_id']}/preferences"


async def test_everything_is_on_until_someone_says_otherwise(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.json()["data"] == DEFAULTS
    assert answer.headers["etag"] == '"1"'


PUTS: Sequence[tuple[Any, ...]] = [
    ({}, {}),
    ({"email": True, "push": True}, {"email": True}),
    ({"preferences": {"email": True, "push": False}}, {"email": True, "push": False}),
    ({"sms": None, "categories": None, "quiet_hours": None}, {}),
    ({"categories": {}}, {}),
    (
        {"categories": {"marketing": {"push": False, "email": None}}},
        {"categories": {"marketing": {"email": False, "push": False, "sms": True}}},
    ),
    ({"categories": {"marketing": None}}, {}),
    (
        {"categories": {"news": {"email": False}}},
        {"categories": {"marketing": {"email": False, "sms": True}, "news": {"email": False}}},
    ),
    ({"user_id": "x", "id": "x", "created_at": "x", "updated_at": "x", "sms": False}, {"sms": False}),
    ({"user_id": "x", "preferences": {"sms": False}}, {"sms": False}),
]


async def test_a_put_sets_what_it_names_and_what_it_does_not_name_stays(
    client: httpx2.AsyncClient, path: str, subtests: pytest.Subtests
) -> None:
    for body, changed in PUTS:
        with subtests.test(body=body):
            await client.patch(path, json={"categories": None})
            assert (await client.put(path, json=WHOLE)).json()["data"] == WHOLE
            answer = await client.put(path, json=body)
            assert answer.status_code == 200, answer.text
            assert answer.json()["data"] == {**WHOLE, **changed}
            assert (await client.get(path)).json()["data"] == {**WHOLE, **changed}


async def test_a_put_of_what_get_gave_changes_nothing(client: httpx2.AsyncClient, path: str) -> None:
    for wishes in ({}, WHOLE):
        await client.put(path, json=wishes)
        before = await client.get(path)
        again = await client.put(path, json=before.json()["data"])
        assert (again.status_code, again.json()["data"]) == (200, before.json()["data"])
        assert again.headers["etag"] == before.headers["etag"]


async def test_a_patch_takes_wrapped_preferences_too(client: httpx2.AsyncClient, path: str) -> None:
    await client.put(path, json=WHOLE)
    answer = await client.patch(path, json={"preferences": {"sms": False, "quiet_hours": None}})
    assert answer.json()["data"] == {**WHOLE, "sms": False, "quiet_hours": None}
    both = await client.patch(path, json={"preferences": {"sms": True}, "sms": False})
    assert both.status_code == 400
    assert (await client.get(path)).json()["data"]["sms"] is False


PATCHES: Sequence[tuple[Any, ...]] = [
    ({}, {}),
    ({"sms": False}, {"sms": False}),
    ({"quiet_hours": None}, {"quiet_hours": None}),
    ({"categories": None}, {"categories": {}}),
    (
        {"categories": {"marketing": {"push": False}}},
        {"categories": {"marketing": {"email": False, "push": False, "sms": True}}},
    ),
    ({"categories": {"marketing": {"email": None}}}, {"categories": {"marketing": {"sms": True}}}),
    ({"categories": {"marketing": {"email": None, "sms": None}}}, {"categories": {}}),
    ({"categories": {"marketing": None}}, {"categories": {}}),
    (
        {"categories": {"news": {"sms": False}}},
        {"categories": {"marketing": {"email": False, "sms": True}, "news": {"sms": False}}},
    ),
]


async def test_patch_changes_what_it_names(client: httpx2.AsyncClient, path: str, subtests: pytest.Subtests) -> None:
    for patch, changed in PATCHES:
        with subtests.test(patch=patch):
            await client.patch(path, json={"categories": None})
            await client.put(path, json=WHOLE)
            assert (await client.patch(path, json=patch)).json()["data"] == {**WHOLE, **changed}


WRONG: Sequence[tuple[Any, ...]] = [
    ({"sms": None}, "sms"),
    ({"sms": "perhaps"}, "sms"),
    ({"fax": True}, "fax"),
    ({"categories": {"a b": {}}}, "categories.a b"),
    ({"categories": {"news": {"fax": False}}}, "categories.news.fax"),
    ({"quiet_hours": {"start": "22:00"}}, "quiet_hours.end"),
]


async def test_what_is_wrong_is_named(client: httpx2.AsyncClient, path: str, subtests: pytest.Subtests) -> None:
    for body, named in WRONG:
        with subtests.test(body=body):
            answer = await client.patch(path, json=body)
            assert answer.status_code == 400
            assert named in {detail["field"] for detail in answer.json()["error"]["details"]}
    assert (await client.get(path)).json()["data"] == DEFAULTS


@pytest.mark.parametrize("whole", [False, True])
async def test_mandatory_categories_cannot_be_switched_off(
    client: httpx2.AsyncClient, path: str, *, whole: bool
) -> None:
    off = {"categories": {"security": {"email": False}, "news": {"email": False}}}
    answer = await (client.put if whole else client.patch)(path, json=off)
    assert answer.status_code == 400
    fields = [detail["field"] for detail in answer.json()["error"]["details"]]
    assert fields == ["categories.security.email"]
    assert (await client.get(path)).json()["data"] == DEFAULTS
    on = {"categories": {"security": {"email": True}}}
    assert (await client.patch(path, json=on)).status_code == 200
    user = await client.patch(path.removesuffix("/preferences"), json={"preferences": off})
    assert [detail["field"] for detail in user.json()["error"]["details"]] == ["preferences.categories.security.email"]


async def test_the_channels_switches_show_in_the_user(client: httpx2.AsyncClient, path: str) -> None:
    await client.put(path, json=WHOLE)
    user = (await client.get(path.removesuffix("/preferences"))).json()["data"]
    assert user["preferences"] == {"email": False, "push": True, "sms": True, "webhook": True}


switch = st.sampled_from([True, False])
switches = st.builds(ChannelSwitches, email=switch, push=switch, sms=switch, webhook=switch)
preferences = st.builds(
    Preferences,
    email=switch,
    push=switch,
    sms=switch,
    webhook=switch,
    categories=st.dictionaries(st.sampled_from(["a", "b", "c"]), switches),
)


@given(preferences, preferences)
def test_a_patch_that_names_everything_and_no_new_category_wins_and_repeating_it_changes_nothing(
    old: Preferences, new: Preferences
) -> None:
    patch = PreferencesPatch.model_validate(msgspec.to_builtins(new))
    once = merged(old, patch)
    assert (once.email, once.push, once.sms) == (new.email, new.push, new.sms)
    assert new.categories.items() <= once.categories.items()
    assert old.categories.keys() | new.categories.keys() == once.categories.keys()
    assert merged(once, patch) == once
