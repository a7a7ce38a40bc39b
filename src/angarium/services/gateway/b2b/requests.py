"""Converts B2B bodies to notification requests."""

from collections.abc import Mapping
from typing import Any

from angarium.contracts.notifications import Recipient
from angarium.contracts.statuses import Channel
from angarium.directory.built_in.templates import INLINE, VERIFICATION, VERIFICATION_SUBJECT
from angarium.services.gateway.b2b.bodies import ReferredRequest, SendRequest, VerificationRequest
from angarium.services.gateway.b2b.plain_text import PlainTexts


async def inline_or_template(
    body: SendRequest, request_id: str, tenant: str, plain_texts: PlainTexts
) -> ReferredRequest:
    """The request of a `send`. Raises the errors of `PlainTexts.of`."""
    if body.template_code is not None:
        return _request(body, request_id, body.template_code, {**_content(body), **body.variables})
    html = body.message or body.html_content or ""
    text = body.text
    if text is None:
        text = await plain_texts.of(tenant, "message" if body.message else "html_content", html)
    subject = body.subject or ""
    return _request(body, request_id, INLINE, {"subject": subject, "html": html, "text": text.strip() or subject})


def verification(body: VerificationRequest, request_id: str) -> ReferredRequest:
    """The request of a `send-verification`."""
    variables = {
        "username": body.username,
        "verification_link": body.verification_link,
        "subject": body.subject or VERIFICATION_SUBJECT,
    }
    return _request(body, request_id, VERIFICATION, variables)


def _request(
    body: SendRequest | VerificationRequest, request_id: str, code: str, variables: dict[str, Any]
) -> ReferredRequest:
    request = ReferredRequest(
        notification_type=Channel.EMAIL,
        recipient=Recipient(email=body.email),
        template_code=code,
        variables=variables,
        request_id=request_id,
        callback_url=body.callback_url,
        reference=body.user_id,
    )
    return request.written_in(camel_case=body.camel_case)


def _content(body: SendRequest) -> Mapping[str, str]:
    """The given content fields, as variables."""
    given = {"subject": body.subject, "message": body.message, "html_content": body.html_content, "text": body.text}
    return {name: value for name, value in given.items() if value is not None}
