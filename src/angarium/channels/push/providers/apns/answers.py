"""The meaning of refusals of APNs.

https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
"""

from angarium.channels.answers import AnswerTable, ApiError, Row, Verdict, fields_of, text_of
from angarium.platform.http.api.port import ApiAnswer

_PAGE = "https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns"


def _reasons(*reasons: str) -> frozenset[str]:
    return frozenset(reasons)


ROWS = (
    Row({410}, Verdict.SUPPRESS, _PAGE),  # Unregistered, ExpiredToken
    Row({400}, Verdict.SUPPRESS, _PAGE, codes=_reasons("BadDeviceToken", "Unregistered", "ExpiredToken")),
    # The device belongs to another app: the topic or the app's registration is wrong, so the device is kept.
    Row({400}, Verdict.PERMANENT, _PAGE, codes=_reasons("DeviceTokenNotForTopic")),
    Row(
        {400},
        Verdict.CONFIGURATION,
        _PAGE,
        codes=_reasons("BadTopic", "MissingTopic", "TopicDisallowed", "BadEnvironmentKeyInToken"),
    ),
    Row({413}, Verdict.PERMANENT, _PAGE, codes=_reasons("PayloadTooLarge")),
    Row({400, 413}, Verdict.PERMANENT, _PAGE),
    # InvalidProviderToken, ExpiredProviderToken after its renewal, another environment, a bad certificate.
    Row({403}, Verdict.CONFIGURATION, _PAGE),
    Row({404, 405}, Verdict.CONFIGURATION, _PAGE),  # BadPath, MethodNotAllowed: not this API
    Row({429}, Verdict.LATER, _PAGE, codes=_reasons("TooManyRequests")),  # to this one device
    Row({429, *range(500, 600)}, Verdict.RETRY, _PAGE),
)


def error_of(answer: ApiAnswer) -> ApiError:
    """The `reason`."""
    return ApiError((text_of(fields_of(answer).get("reason")),))


TABLE = AnswerTable(ROWS, read=error_of)
