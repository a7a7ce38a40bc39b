"""SMTP replies, and their text for the record."""

import re

import msgspec

ANSWER_LENGTH = 200

_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
_ADDRESS = re.compile(r"<?[^\s<>\"'(),;:]+@[^\s<>\"'(),;]+>?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class Reply(msgspec.Struct, frozen=True):
    """A complete reply (RFC 5321 §4.2): its code and its text, with lines joined by spaces."""

    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 3463) at the start of the text, or an empty string."""
        match = _ENHANCED.match(self.text)
        return match[1] if match else ""

    @property
    def positive(self) -> bool:
        """Whether the command succeeded."""
        return 200 <= self.code < 300  # noqa: PLR2004 - RFC 5321 §4.2.1


def answer(reply: Reply, *secrets: str) -> str:
    """The reply for the record: short, one line, without addresses and `secrets`."""
    text = _UNPRINTABLE.sub(" ", reply.text)
    if "@" in text:
        text = _ADDRESS.sub("[address]", text)
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[secret]")
    return f"{reply.code} {text}".strip()[:ANSWER_LENGTH]
