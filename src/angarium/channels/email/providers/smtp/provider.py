"""Sends mails through any SMTP server, over a few kept-alive connections."""

from datetime import timedelta

from angarium.channels.answers import Verdict
from angarium.channels.email.headers import UnsafeMessage
from angarium.channels.email.message import (
    BuildMessage,
    Sender,
    build_message,
    copies_of,
    is_international,
    message_id,
)
from angarium.channels.email.providers.smtp.classify import Phase, lost, refusal, verdict
from angarium.channels.email.providers.smtp.connect import Server, open_session
from angarium.channels.email.providers.smtp.pool import Letter, SessionPool, SmtpPermit
from angarium.channels.email.providers.smtp.reply import answer
from angarium.channels.email.providers.smtp.session import Answer, Envelope
from angarium.channels.email.providers.smtp.times import Times
from angarium.delivery.outcome import Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import NoPermit, Outbound
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

POOL = 8
PATIENT_ATTEMPTS = 3
"""Attempts that send nothing while a cc or bcc address is temporarily refused; later ones leave it out."""
MAX_IDLE = timedelta(seconds=60)


class SmtpProvider:
    """SMTP (RFC 5321), with PIPELINING (RFC 2920) and SMTPUTF8 (RFC 6531) if offered.

    A permit is one of `pool` sessions. `times` limits each step of the dialogue; the wait for a permit has no limit.
    A mail whose final dot was not sent within `patience`, or before it expires, is aborted.
    """

    name = "smtp"

    def __init__(
        self,
        server: Server,
        *,
        sender: Sender,
        clock: Clock,
        logger: Logger,
        pool: int = POOL,
        times: Times | None = None,
        patience: timedelta | None = None,
        max_idle: timedelta = MAX_IDLE,
        build: BuildMessage = build_message,
    ) -> None:
        times = times or Times()
        self._secret = server.password or ""
        self._sender = sender
        self._patience = patience
        self._build = build
        self._clock = clock
        self._logger = logger
        self._pool = SessionPool(lambda: open_session(server, times), size=pool, max_idle=max_idle, clock=clock)

    def acquire(self, message: Outbound) -> SmtpPermit:
        return SmtpPermit(self._pool, self, message)

    async def send(self, message: Outbound) -> Outcome:
        try:
            async with self.acquire(message) as permit:
                return await permit.send()
        except NoPermit:
            return Retry("the provider is closed", provider_fault=False)

    async def ready(self) -> bool:
        return not self._pool.closed

    async def close(self) -> None:
        await self._pool.close()

    def letter(self, message: Outbound) -> Letter | Outcome:
        """Build the mail, or return the outcome of a message that cannot be one."""
        try:
            data = self._build(message, sender=self._sender, date=self._clock.now())
        except UnsafeMessage as error:
            return Permanent(str(error), code="invalid_message")
        return Letter(self._envelope(message), data.replace(b"\r\n.", b"\r\n.."))

    def _envelope(self, message: Outbound) -> Envelope:
        if message.options.email is None:
            return Envelope(self._sender.address, message.address.value)
        copies = copies_of(message)
        return Envelope(
            self._sender.address,
            message.address.value,
            copies=(*copies.cc, *copies.bcc),
            every_copy=message.attempt <= PATIENT_ATTEMPTS,
            utf8_header=is_international(message),
        )

    def patience(self, message: Outbound) -> float | None:
        """Seconds during which the mail may be aborted; None: only the steps' timeouts apply."""
        limits = [] if self._patience is None else [self._patience]
        if message.expires_at is not None:
            limits.append(max(message.expires_at - self._clock.now(), timedelta(0)))
        return min(limits).total_seconds() if limits else None

    def broken(self, phase: Phase, error: Exception) -> Outcome:
        """The outcome if our own code failed in `phase`; logs `error`."""
        self._logger.error("provider.broken", provider=self.name, exc_info=error)
        return lost(phase, f"internal error ({type(error).__name__})")

    def outcome(self, result: Answer, message: Outbound) -> Outcome:
        """The outcome of the server's answer to the mail."""
        words = answer(result.reply, self._secret)
        if result.phase is Phase.FINAL and result.reply.positive:
            if result.left_out:
                reason = answer(result.left_out[0], self._secret)
                words = f"{words}; left out {len(result.left_out)} of cc and bcc: {reason}"
            return Sent(words, message_id(message.message_key, self._sender))
        if verdict(result.reply, result.phase) is Verdict.POLICY:
            self._logger.warning(
                "provider.policy", provider=self.name, answer=words, notification_id=message.notification_id
            )
        return refusal(result.reply, result.phase, words)
