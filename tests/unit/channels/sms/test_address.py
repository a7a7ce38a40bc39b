import pytest

from angarium.channels.sms.address import check, check_address
from angarium.delivery.provider import Address, InvalidAddress


@pytest.mark.parametrize(
    ("number", "canonical"),
    [
        ("+14155550123", "+14155550123"),
        ("+1 (415) 555-0123", "+14155550123"),
        ("+33612345678", "+33612345678"),
        ("+15005550006", "+15005550006"),
        ("+49 1511 2345678", "+4915112345678"),
    ],
)
def test_what_may_be_sent_to(number: str, canonical: str) -> None:
    assert check(number) == canonical
    assert check_address(Address(number, "Ann")) == Address(canonical, "Ann")


@pytest.mark.parametrize(
    "number",
    ["", "12345", "4155550123", "+1415", "+999123456789", "+1415555012345678", "++14155550123", "+1415555O123",
     "+14155550123;ext=1", "tel:+14155550123", "+14155550123\n", "+\u0661\u0664155550123", "+abcdefghijk"],
)  # fmt: skip
def test_what_cannot_be_sent_to(number: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        check(number)
    assert not number or number not in str(caught.value)
