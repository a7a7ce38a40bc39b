from datetime import timedelta

import pytest

from angarium.platform.broker.port import Outgoing, Topology
from angarium.platform.broker.routing import check_delay, topic_matches


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("email.sent", "email.sent", True),
        ("email.sent", "email.failed", False),
        ("email.*", "email.sent", True),
        ("email.*", "email", False),
        ("email.*", "email.sent.late", False),
        ("*.sent", "sms.sent", True),
        ("#", "", True),
        ("#", "a.b.c", True),
        ("email.#", "email", True),
        ("email.#", "email.a.b", True),
        ("#.failed", "failed", True),
        ("#.failed", "a.b.failed", True),
        ("#.failed", "a.failed.b", False),
        ("a.#.z", "a.z", True),
        ("a.#.z", "a.b.c.z", True),
        ("a.#.z", "a.b.c", False),
        ("*", "", False),
    ],
)
def test_topic_patterns(pattern: str, key: str, matches: bool) -> None:
    assert topic_matches(pattern, key) is matches


def test_only_declared_delays_of_the_first_direct_exchange_pass() -> None:
    topology = Topology(("work", "other"), ("events",), (), (timedelta(seconds=1),))
    check_delay(Outgoing("work", "k", b"", "1", delay=timedelta(seconds=1)), topology)
    with pytest.raises(ValueError, match="no delay queue"):
        check_delay(Outgoing("work", "k", b"", "1", delay=timedelta(seconds=2)), topology)
    with pytest.raises(ValueError, match="goes to work"):
        check_delay(Outgoing("other", "k", b"", "1", delay=timedelta(seconds=1)), topology)
