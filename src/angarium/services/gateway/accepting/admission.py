"""Checks a candidate against its user and template, and builds its record."""

from uuid import UUID

from angarium.contracts.errors import Detail, ValidationFailed
from angarium.contracts.templates import CompiledTemplate
from angarium.contracts.users import Contact
from angarium.notifications.model import NewNotification
from angarium.services.gateway.accepting.acceptance import Origin
from angarium.services.gateway.accepting.candidate import Candidate


def check_against_template(candidate: Candidate, template: CompiledTemplate) -> None:
    """Raise ValidationFailed naming every channel without a part and every missing required variable."""
    details = [*_channel_faults(candidate, template), *_variable_faults(candidate, template)]
    if details:
        raise ValidationFailed(details=details)


def admit(
    candidate: Candidate,
    *,
    identifier: UUID,
    origin: Origin,
    contact: Contact | None,
    template: CompiledTemplate,
) -> NewNotification:
    """The record of an admitted candidate. Omitted values come from the user, then from the template."""
    request = candidate.request
    return NewNotification(
        id=identifier,
        tenant=origin.caller.tenant,
        caller=origin.caller.identity,
        request_id=candidate.request_id,
        fingerprint=candidate.fingerprint,
        channel=request.notification_type,
        template_code=template.code,
        template_version=template.version,
        locale=_locale(candidate, contact, template),
        priority=request.priority,
        correlation_id=origin.correlation_id,
        user_id=request.owner,
        recipient=candidate.recipient,
        category=request.category or template.category,
        variables=candidate.variables,
        metadata=candidate.metadata,
        policy=template.delivery_policy,
        traceparent=origin.traceparent,
        fallback=tuple(request.fallback),
        callback_url=request.callback_target,
        send_at=candidate.send_at,
        expires_at=candidate.expires_at,
        test=origin.caller.test,
        options=candidate.options,
        files=candidate.files,
    )


def _locale(candidate: Candidate, contact: Contact | None, template: CompiledTemplate) -> str:
    request = candidate.request
    person = request.recipient if contact is None else contact
    return request.locale or (person.locale if person is not None else None) or template.language


def _channel_faults(candidate: Candidate, template: CompiledTemplate) -> list[Detail]:
    faults = []
    for position, channel in enumerate(candidate.channels):
        if not template.serves(channel):
            field = "template_code" if position == 0 else f"fallback.{position - 1}"
            faults.append(Detail(field, f"template {template.code} has no {channel} part"))
    return faults


def _variable_faults(candidate: Candidate, template: CompiledTemplate) -> list[Detail]:
    missing = template.missing(candidate.request.variables, candidate.channels)
    return [Detail(f"variables.{name}", f"required by template {template.code}") for name in missing]
