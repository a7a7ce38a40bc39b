"""What rendering makes: the content of one message, for one channel."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmailContent:
    """A rendered mail: subject on one line, HTML and text parts (at least one)."""

    subject: str
    html: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class PushContent:
    """A rendered push."""

    title: str | None
    body: str
    image: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class SmsContent:
    """A rendered SMS."""

    text: str


Content = EmailContent | PushContent | SmsContent
