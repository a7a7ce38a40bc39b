from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from angarium.contracts.statuses import Channel
from angarium.directory.preference_links import LIFE_DAYS, PreferenceLink, PreferenceLinks
from tests.support.clock import ManualClock

DAY = 86400.0
LINKS = PreferenceLinks("a secret", ManualClock())


@given(st.text(max_size=20), st.uuids(), st.sampled_from(Channel), st.none() | st.text(max_size=20))
def test_a_token_says_what_was_put_in(tenant: str, user_id: UUID, channel: Channel, category: str | None) -> None:
    token = LINKS.token(tenant, user_id, channel, category)
    link = LINKS.read(token)
    assert link is not None
    assert (link.tenant, link.user_id, link.channel, link.category) == (tenant, user_id, channel, category)
    assert token.replace("-", "a").replace("_", "a").isalnum()


@given(st.integers(0, 1000), st.integers(1, 255))
def test_no_byte_of_it_can_be_changed(position: int, change: int) -> None:
    raw = bytearray(urlsafe_b64decode(_padded(LINKS.token("default", UUID(int=1), Channel.EMAIL, "news"))))
    raw[position % len(raw)] ^= change
    assert LINKS.read(urlsafe_b64encode(bytes(raw)).decode()) is None


@given(st.text(max_size=200))
def test_an_invalid_token_gives_none(text: str) -> None:
    assert LINKS.read(text) is None


def test_another_secret_and_another_time_read_nothing() -> None:
    token = LINKS.token("default", uuid4(), Channel.EMAIL, None)
    assert PreferenceLinks("another", ManualClock()).read(token) is None


async def test_it_ends() -> None:
    clock = ManualClock()
    links = PreferenceLinks("a secret", clock)
    token = links.token("default", uuid4(), Channel.EMAIL, None)
    assert token == links.token("default", _user(links.read(token)), Channel.EMAIL, None)
    await clock.advance(LIFE_DAYS * DAY)
    assert links.read(token) is not None
    await clock.advance(DAY)
    assert links.read(token) is None


def _padded(token: str) -> str:
    return token + "=" * (-len(token) % 4)


def _user(link: PreferenceLink | None) -> UUID:
    assert link is not None
    return link.user_id
