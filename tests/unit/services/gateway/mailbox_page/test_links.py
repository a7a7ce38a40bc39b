from datetime import UTC, datetime
from uuid import UUID

import pytest

from angarium.contracts.mailbox import MailboxMessage
from angarium.contracts.statuses import Channel
from angarium.services.gateway.mailbox_page.links import links_of


def a_mail(html: str | None, text: str | None) -> MailboxMessage:
    return MailboxMessage(
        id=UUID(int=0),
        channel=Channel.EMAIL,
        to="a@x.test",
        from_="",
        subject=None,
        title=None,
        text=text,
        html=html,
        headers={},
        notification_id=None,
        received_at=datetime.now(UTC),
    )


@pytest.mark.parametrize(
    ("html", "text", "expected"),
    [
        ("<a href='https://x.test/?a=1&amp;b=2'> Go\n <b>now</b></a>", None, {"https://x.test/?a=1&b=2": "Go now"}),
        (None, "See https://x.test/a, or (http://y.test/b).", {"https://x.test/a": "", "http://y.test/b": ""}),
        ("<a href='https://x.test/'>x</a>", "https://x.test/", {"https://x.test/": "x"}),
        ("<a href='javascript:alert(1)'>x</a><a href='mailto:a@x.test'>y</a><a>z</a>", "", {}),
        ("<a href='https://x.test/'>never closed <script>", None, {"https://x.test/": "never closed"}),
        (None, None, {}),
    ],
)
def test_links_are_found_in_both_parts(html: str | None, text: str | None, expected: dict[str, str]) -> None:
    assert links_of(a_mail(html, text)) == expected
