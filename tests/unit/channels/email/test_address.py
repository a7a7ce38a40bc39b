from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.channels.email.address import check, check_address
from angarium.channels.email.message import Sender, build_message
from angarium.contracts.addresses import _PLAIN, _PLAIN_LENGTH, email_address, email_address_in_full
from angarium.delivery.provider import Address, InvalidAddress
from angarium.testing.providers import outbound

RULES = (email_address, email_address_in_full)


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("john@example.com", "john@example.com"),
        ("John.Doe+tag@EXAMPLE.com", "John.Doe+tag@example.com"),
        ("a@exämple.com", "a@xn--exmple-cua.com"),
        ("jörg@exämple.com", "jörg@exämple.com"),
        ("bounce@sandbox.test", "bounce@sandbox.test"),
        ("root@localhost", "root@localhost"),
        ("printer@Office.local", "printer@office.local"),
    ],
)
@pytest.mark.parametrize("rule", RULES)
def test_what_may_be_sent_to(rule: Callable[[str], str], address: str, canonical: str) -> None:
    assert check(address, rule) == canonical
    assert check(canonical, rule) == canonical


@pytest.mark.parametrize(
    "address",
    [
        "",
        "john",
        "john@",
        "@example.com",
        "john@example",
        "john@@example.com",
        "john doe@example.com",
        "john@exa mple.com",
        "john@example..com",
        ".john@example.com",
        "john@-example.com",
        "John <john@example.com>",
        '"a@evil.com, b" <b@x>',
        '"john doe"@example.com',
        "a@example.com,b@example.com",
        "a@example.com\r\nBcc: b@example.com",
        "a\u202e@example.com",
        "a\u2028b@example.com",
        "john@[127.0.0.1]",
        "john@[IPv6:::1]",
        "a@b@localhost",
        "a b@localhost",
        "a@host\n.local",
        "\ud800@example.com",
        "a" * 65 + "@example.com",
        "a@" + "b" * 250 + ".com",
    ],
)
@pytest.mark.parametrize("rule", RULES)
def test_what_cannot_be_sent_to(rule: Callable[[str], str], address: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        check(address, rule)
    assert not address or address not in str(caught.value)


def test_the_name_stays() -> None:
    assert check_address(Address("a@EXAMPLE.com", "Ann")) == Address("a@example.com", "Ann")


@pytest.mark.slow
@given(st.from_regex(_PLAIN, fullmatch=True).filter(lambda address: len(address) <= _PLAIN_LENGTH))
def test_what_is_passed_quickly_the_library_passes_unchanged(address: str) -> None:
    assert email_address(address) == email_address_in_full(address) == address


@pytest.mark.parametrize(
    ("name", "shown"), [("O\u0092Brien", "O Brien"), ("=?utf-8?b?YQ==?=", "= ?utf-8?b?YQ==?="), ("\u2028", None)]
)
def test_a_name_that_no_header_may_hold_keeps_no_mail_from_being_sent(name: str, shown: str | None) -> None:
    address = check_address(Address("a@b.example", name))
    assert address == Address("a@b.example", shown)
    mail = build_message(outbound(address=address), sender=Sender.parse("n@a.example"), date=datetime.now(UTC))
    assert b"a@b.example" in mail
