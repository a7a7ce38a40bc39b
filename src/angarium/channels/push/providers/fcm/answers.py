"""The meaning of refusals of FCM.

https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
https://firebase.google.com/docs/cloud-messaging/error-codes
"""

from collections.abc import Iterator

from angarium.channels.answers import AnswerTable, ApiError, Row, Verdict, fields_of, text_of, words_of
from angarium.platform.http.api.port import ApiAnswer

_CODES = "https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode"
_PAGE = "https://firebase.google.com/docs/cloud-messaging/error-codes"
TOKEN_FIELD = "message.token"  # noqa: S105 - a field's name


def _codes(*codes: str) -> frozenset[str]:
    return frozenset(codes)


_NO_TOKEN = words_of("^The registration token is not a valid FCM registration token")
ROWS = (
    Row({404}, Verdict.SUPPRESS, _CODES, codes=_codes("UNREGISTERED")),
    Row({404}, Verdict.CONFIGURATION, _PAGE),  # no such project, or not this API
    # The token belongs to another project: our key or the app is wrong, so the device is kept.
    Row({403}, Verdict.PERMANENT, _CODES, codes=_codes("SENDER_ID_MISMATCH")),
    Row({400}, Verdict.SUPPRESS, _PAGE, codes=_codes(TOKEN_FIELD)),
    Row({400}, Verdict.SUPPRESS, _PAGE, words=_NO_TOKEN),
    Row({400}, Verdict.PERMANENT, _CODES),
    Row({401, 403}, Verdict.CONFIGURATION, _CODES),  # THIRD_PARTY_AUTH_ERROR: the app's APNs or Web Push key
    Row({429}, Verdict.RETRY, _CODES, codes=_codes("QUOTA_EXCEEDED")),
    Row({429, 500, 502, 503, 504}, Verdict.RETRY, _CODES),
)


def error_of(answer: ApiAnswer) -> ApiError:
    """FCM's error code, the invalid fields, Google's status, and the message."""
    error = fields_of(answer)["error"]
    if not isinstance(error, dict):
        raise TypeError("not an error")
    codes = tuple(code for code in (*_details(error.get("details")), text_of(error.get("status"))) if code)
    return ApiError(codes, text_of(error.get("message")))


def _details(details: object) -> Iterator[str]:
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict):
            continue
        yield text_of(detail.get("errorCode"))
        violations = detail.get("fieldViolations")
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, dict):
                yield text_of(violation.get("field"))


TABLE = AnswerTable(ROWS, read=error_of)
