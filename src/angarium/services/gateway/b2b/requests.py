"""What the B2B bodies mean as requests to notify."""

import asyncio
from collections.abc import Mapping
from typing import Any

from angarium.contracts.notifications import Recipient
from angarium.contracts.statuses import Channel
from angarium.directory.built_in.templates import INLINE, VERIFICATION, VERIFICATION_SUBJECT
from angarium.services.gateway.b2b.bodies import ReferredRequest, SendRequest, VerificationRequest


async def inline_or_template(body: SendRequest, request_id: str) -> ReferredRequest:
    """The request of a `send`."""
    if body.template_code is not None:
        return _request(body, request_id, body.template_code, {**_content(body), **body.variables})
    html = body.message or body.html_content or ""
    text = body.text
    if text is None:
        text = await asyncio.to_thread(_text_of, html)
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
    return ReferredRequest(
        notification_type=Channel.EMAIL,
        recipient=Recipient(email=body.email),
        template_code=code,
        variables=variables,
        request_id=request_id,
        callback_url=body.callback_url,
        reference=body.user_id,
    )


def _content(body: SendRequest) -> Mapping[str, str]:
    """The content fields that are there, as variables."""
    given = {"subject": body.subject, "message": body.message, "html_content": body.html_content, "text": body.text}
    return {name: value for name, value in given.items() if value is not None}


def _text_of(html: str) -> str:
    """The plain text of literal HTML; nothing where it defies reading."""
    # Liquid and a parser of HTML, 20 MB that most gateways never need.
    from angarium.rendering.html import make_text  # noqa: PLC0415
    from angarium.rendering.limits import Limits  # noqa: PLC0415
    from angarium.rendering.problems import TemplateProblem  # noqa: PLC0415

    try:
        return make_text(html, "html", Limits())
    except (TemplateProblem, RecursionError, ValueError):
        return ""
