"""The meaning of refusals of push services (RFC 8030, and the pages of the large ones).

https://developer.mozilla.org/en-US/docs/Web/API/Push_API defines no errors: each service has its own.
"""

from collections.abc import Mapping

from angarium.channels.answers import AnswerTable, ApiError, Row, Verdict, fields_of, text_of, words_of
from angarium.platform.http.api.port import ApiAnswer

_RFC = "https://www.rfc-editor.org/rfc/rfc8030#section-5"
_VAPID = "https://www.rfc-editor.org/rfc/rfc8292#section-4.2"
_MOZILLA = "https://mozilla-services.github.io/autopush-rs/errors.html"
_APPLE = "https://developer.apple.com/documentation/usernotifications/sending-web-push-notifications-in-web-apps-and-browsers"
_GOOGLE = "https://developers.google.com/web/ilt/pwa/introduction-to-push-notifications"
_WINDOWS = "https://learn.microsoft.com/en-us/windows/apps/develop/notifications/push-notifications/push-request-response-headers"
_OTHER_KEY = words_of("do not correspond", "VapidPkHashMismatch", "public key mismatch", "mismatched? sender ?id")
"""The subscription was made with another key than ours: only it is unusable."""

ROWS = (
    Row({404, 410}, Verdict.SUPPRESS, _RFC),
    Row({413}, Verdict.PERMANENT, _RFC),
    Row({429}, Verdict.RETRY, _RFC),
    Row({406}, Verdict.RETRY, _WINDOWS),  # too many to one channel
    Row({400, 401, 403}, Verdict.PERMANENT, _GOOGLE, words=_OTHER_KEY),
    Row({400}, Verdict.CONFIGURATION, _APPLE, words=words_of("vapid", "jwt", "authoriz", "credential")),
    Row({401, 403}, Verdict.CONFIGURATION, _VAPID),
    Row(range(500, 600), Verdict.RETRY, _MOZILLA),
)


def error_of(answer: ApiAnswer) -> ApiError:
    """Apple's `reason`, or the text of Google and Mozilla."""
    if not answer.body.lstrip().startswith(b"{"):
        return ApiError((), answer.body[:1000].decode(errors="replace"))
    fields = fields_of(answer)
    error = fields.get("error")
    inner: Mapping[str, object] = error if isinstance(error, dict) else {}
    reason = text_of(fields.get("reason"))
    texts = (reason, text_of(fields.get("message")), text_of(error), text_of(inner.get("message")))
    return ApiError(tuple(filter(None, (reason,))), " ".join(filter(None, texts)))


TABLE = AnswerTable(ROWS, read=error_of)
