"""Sends messages of every channel to the gateway's built-in mailbox, for development."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from email.utils import parseaddr
from http import HTTPStatus
from typing import Any

import msgspec

from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Ambiguous, Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import ImmediatePermit, Outbound
from angarium.notifications.options import EmailOptions, Options
from angarium.platform.batching import GroupCommit
from angarium.platform.http.client.client import ServiceClient, ServiceDown
from angarium.rendering.content import EmailContent, PushContent, SmsContent, WebhookContent

PATH = "/internal/v1/mailbox/messages"
_BATCH_MESSAGES = 200
_BATCH_BYTES = 4_000_000


class _Refused(Exception):
    """The mailbox refuses the message"""


_Item = tuple[str, bytes]
"""Tenant, and the message as JSON."""


class MailboxProvider:
    """Posts messages in batches: everything that waits when a post ends goes into the next one.

    `sender` is shown as the sender of mails. The caller closes the client. `timeout` bounds
    the wait for the gateway; the message may be caught all the same.
    """

    name = "mailbox"

    def __init__(self, client: ServiceClient, *, sender: str = "", timeout: timedelta | None = None) -> None:
        self._client = client
        self._timeout = None if timeout is None else timeout.total_seconds()
        self._sender = sender
        self._posts: GroupCommit[_Item, None] = GroupCommit(self._post, limit=_BATCH_MESSAGES)
        self._closed = False

    def acquire(self, message: Outbound) -> ImmediatePermit:
        return ImmediatePermit(self.send, message)

    async def send(self, message: Outbound) -> Outcome:
        if self._closed:
            return Retry("the provider is closed", provider_fault=False)
        try:
            bodies = caught(message, self._sender)
        except UnicodeEncodeError:
            return Permanent("the message is not Unicode", code="invalid_message")
        return await self._posted([(message.tenant, body) for body in bodies]) or Sent(
            "caught", f"<{message.message_key}@mailbox>"
        )

    async def _posted(self, items: Sequence[_Item]) -> Outcome | None:
        """Why they may not have been caught; None: they were."""
        try:
            async with asyncio.timeout(self._timeout):
                await (self._posts.submit(items[0]) if len(items) == 1 else self._posts.submit_many(items))
        except TimeoutError:
            return Ambiguous(f"no answer within {self._timeout:g} s")
        except ServiceDown as error:
            return Retry(str(error))
        except _Refused as error:
            return Permanent(str(error), code="invalid_message")
        except Exception as error:  # noqa: BLE001 - the port promises an outcome whatever happens
            return Retry(f"internal error ({type(error).__name__})")
        return None

    async def ready(self) -> bool:
        return not self._closed

    async def close(self) -> None:
        self._closed = True
        await self._posts.drain()

    async def _post(self, items: Sequence[_Item]) -> Sequence[None]:
        for tenant, batch in _batches(items):
            answer = await self._client.post(PATH, tenant=tenant, content=b"[" + b",".join(batch) + b"]")
            if answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
                raise _Refused(f"the mailbox refuses the message ({answer.status_code})")
            if answer.status_code != HTTPStatus.CREATED:
                raise ServiceDown(f"the mailbox answered {answer.status_code}")
        return [None] * len(items)


def caught(message: Outbound, sender: str) -> list[bytes]:
    """`contracts.mailbox.CaughtMessage` as JSON, for each recipient of the envelope."""
    body: dict[str, Any] = {
        "channel": str(message.channel),
        "to": _to(message),
        "sender": sender if message.channel is Channel.EMAIL else "",
        "headers": {**message.headers, "Message-ID": f"<{message.message_key}@mailbox>"},
        "notification_id": str(message.notification_id),
        **_parts(message),
    }
    options = message.options
    if message.channel is Channel.PUSH and options.push is not None:
        body["push"] = options.push
    if message.channel is not Channel.EMAIL or (options.email is None and not options.attachments):
        return [msgspec.json.encode(body)]
    return _mails(body, options, sender)


def _mails(body: dict[str, Any], options: Options, sender: str) -> list[bytes]:
    email = options.email or EmailOptions()
    if email.from_name is not None:
        body["sender"] = f"{email.from_name} <{parseaddr(sender)[1]}>"
    own = {"Cc": ", ".join(email.cc), "Reply-To": email.reply_to}
    body["headers"] = {**body["headers"], **{name: value for name, value in own.items() if value}}
    body["attachments"] = options.attachments
    recipients = dict.fromkeys([body["to"], *email.cc, *email.bcc])
    return [msgspec.json.encode({**body, "to": recipient}) for recipient in recipients]


def _to(message: Outbound) -> str:
    subscription = message.address.subscription
    return message.address.value or (str(subscription.get("endpoint", "")) if subscription else "")


def _parts(message: Outbound) -> dict[str, str | None]:
    match message.content:
        case EmailContent(subject, html, text):
            return {"subject": subject, "html": html, "text": text}
        case PushContent(title, body, image, link):
            shown = {"title": title, "text": body, "image": image, "link": link}
            return {name: value for name, value in shown.items() if value is not None}
        case SmsContent(text):
            return {"text": text}
        case WebhookContent(json, title, text):
            return {"title": title, "text": text if json is None else json}


def _batches(items: Sequence[_Item]) -> Iterator[tuple[str, list[bytes]]]:
    """Group items by tenant, in posts of limited size."""
    by_tenant: defaultdict[str, list[bytes]] = defaultdict(list)
    for tenant, body in items:
        by_tenant[tenant].append(body)
    for tenant, bodies in by_tenant.items():
        batch: list[bytes] = []
        size = 0
        for body in bodies:
            if batch and size + len(body) > _BATCH_BYTES:
                yield tenant, batch
                batch, size = [], 0
            batch.append(body)
            size += len(body)
        yield tenant, batch
