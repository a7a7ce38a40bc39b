"""The provider-independent form of an SMS."""

from dataclasses import dataclass
from datetime import datetime

from angarium.channels.api import Unsendable, invalid
from angarium.delivery.outcome import Permanent
from angarium.delivery.provider import Outbound
from angarium.rendering.content import SmsContent
from angarium.rendering.sms import measure_sms


@dataclass(frozen=True, slots=True)
class SmsMessage:
    """One text to one number in E.164. `life`: seconds after which it must no longer be delivered, if any."""

    to: str
    text: str
    life: int | None

    @property
    def is_unicode(self) -> bool:
        """Whether the text requires UCS-2, with 70 characters per segment instead of 160."""
        return measure_sms(self.text).encoding == "UCS-2"


def sms_of(message: Outbound, now: datetime, *, longest: int) -> SmsMessage:
    """The SMS in `message` at `now` (aware). Raises Unsendable, also for more than `longest` characters."""
    content = message.content
    if not isinstance(content, SmsContent):
        raise invalid("not an SMS")
    if len(content.text) > longest:
        raise invalid(f"the text is longer than {longest} characters")
    try:
        content.text.encode()
    except UnicodeEncodeError:
        raise invalid("the message is not Unicode") from None
    number = message.address.value
    if not (number.startswith("+") and number[1:].isascii() and number[1:].isdigit()):
        raise Unsendable(Permanent("not an international phone number (E.164)", code="invalid_address"))
    life = None if message.expires_at is None else max(0, int((message.expires_at - now).total_seconds()))
    return SmsMessage(number, content.text, life)
