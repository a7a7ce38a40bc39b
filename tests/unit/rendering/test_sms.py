"""Encodings and segments of SMS texts."""

import pytest

from angarium.rendering.sms import SmsSize, measure_sms


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", SmsSize("GSM-7", 1)),
        ("a" * 160, SmsSize("GSM-7", 1)),
        ("a" * 161, SmsSize("GSM-7", 2)),
        ("a" * 306, SmsSize("GSM-7", 2)),
        ("a" * 307, SmsSize("GSM-7", 3)),
        ("€" * 80, SmsSize("GSM-7", 1)),
        ("€" * 81, SmsSize("GSM-7", 2)),
        ("a" * 152 + "€" + "a" * 152, SmsSize("GSM-7", 3)),
        ("Grüße à Åsa @ £5\n", SmsSize("GSM-7", 1)),
        ("ç", SmsSize("UCS-2", 1)),
        ("я" * 70, SmsSize("UCS-2", 1)),
        ("я" * 71, SmsSize("UCS-2", 2)),
        ("😀" * 35, SmsSize("UCS-2", 1)),
        ("😀" * 36, SmsSize("UCS-2", 2)),
        ("я" * 66 + "😀" * 3, SmsSize("UCS-2", 2)),
    ],
)
def test_segments(text: str, size: SmsSize) -> None:
    assert measure_sms(text) == size
