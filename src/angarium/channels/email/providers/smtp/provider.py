"""Sends mails through any SMTP server, over few connections that stay open."""

from datetime import timedelta
from uuid import UUID

import msgspec

from angarium.channels.email.headers import UnsafeMessage
from angarium.channels.email.message import Sender, build_message, message_id
from angarium.channels.email.providers.smtp.classify import Phase, Verdict, lost, refusal, verdict
from angarium.channels.email.providers.smtp.connect import Server, SessionRefused, open_session
from angarium.channels.email.providers.smtp.deadline import Deadline
from angarium.channels.email.providers.smtp.pool import PoolClosed, SessionPool
from angarium.channels.email.providers.smtp.reply import answer
from angarium.channels.email.providers.smtp.session import Answer, Envelope, Session, SessionLost
from angarium.delivery.outcome import Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import Outbound
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

POOL = 8
TIMEOUT = timedelta(seconds=10)
MAX_IDLE = timedelta(seconds=60)
_UNAVAILABLE = 421


class _Letter(msgspec.Struct, frozen=True):
    notification_id: UUID
    message_id: str
    envelope: Envelope
    data: bytes


class _Progress:
    """Which session a send uses, so that a deadline that strikes knows how far it came."""

    session: Session | None = None

    @property
    def phase(self) -> Phase:
        return self.session.phase if self.session is not None else Phase.SESSION


class SmtpProvider:
    """SMTP (RFC 5321), with PIPELINING (RFC 2920) and SMTPUTF8 (RFC 6531) where offered.

    `timeout` bounds a send as a whole: the wait for a free connection, the connection itself, the dialogue.
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
        timeout: timedelta = TIMEOUT,
        max_idle: timedelta = MAX_IDLE,
    ) -> None:
        self._secret = server.password or ""
        self._sender = sender
        self._clock = clock
        self._logger = logger
        self._timeout = timeout.total_seconds()
        self._deadline = Deadline(self._timeout)
        self._pool = SessionPool(lambda: open_session(server), size=pool, max_idle=max_idle, clock=clock)

    async def send(self, message: Outbound) -> Outcome:
        try:
            letter = self._letter(message)
        except UnsafeMessage as error:
            return Permanent(str(error), code="invalid_message")
        progress = _Progress()
        try:
            return await self._deadline.bound(self._deliver(letter, progress))
        except TimeoutError:
            return lost(progress.phase, f"no answer within {self._timeout:g} s")
        except SessionRefused as refused:
            return refused.outcome
        except PoolClosed:
            return Retry("the provider is closed", provider_fault=False)
        except Exception as error:  # the port promises an outcome whatever happens
            self._logger.exception("provider.broken", provider=self.name)
            return lost(progress.phase, f"internal error ({type(error).__name__})")

    async def ready(self) -> bool:
        return not self._pool.closed

    async def close(self) -> None:
        await self._pool.close()

    def _letter(self, message: Outbound) -> _Letter:
        data = build_message(message, sender=self._sender, date=self._clock.now())
        envelope = Envelope(self._sender.address, message.address.value)
        identifier = message_id(message.message_key, self._sender)
        return _Letter(message.notification_id, identifier, envelope, data.replace(b"\r\n.", b"\r\n.."))

    async def _deliver(self, letter: _Letter, progress: _Progress) -> Outcome:
        while True:
            progress.session = None
            session = progress.session = await self._pool.acquire()
            try:
                outcome = await self._transfer(session, letter)
            except SessionLost:
                self._pool.drop(session)
                if session.stale:
                    continue
                return lost(session.phase, "connection closed")
            except BaseException:
                self._pool.drop(session)
                raise
            if outcome is not None:
                return outcome

    async def _transfer(self, session: Session, letter: _Letter) -> Outcome | None:
        """The outcome; None: the session had ended before this mail began, so another is to be taken."""
        unfit = _unfit(session, letter)
        if unfit is not None:
            self._pool.give_back(session)
            return unfit
        result = await session.transfer(letter.envelope, letter.data)
        outcome = self._outcome(result, letter)
        if result.reply.code != _UNAVAILABLE:
            self._pool.give_back(session)
            return outcome
        self._pool.drop(session)
        return None if session.uses > 1 and result.phase in {Phase.SESSION, Phase.MAIL} else outcome

    def _outcome(self, result: Answer, letter: _Letter) -> Outcome:
        words = answer(result.reply, self._secret)
        if result.phase is Phase.FINAL and result.reply.positive:
            return Sent(words, letter.message_id)
        if verdict(result.reply, result.phase) is Verdict.POLICY:
            self._logger.warning(
                "provider.policy", provider=self.name, answer=words, notification_id=letter.notification_id
            )
        return refusal(result.reply, result.phase, words)


def _unfit(session: Session, letter: _Letter) -> Outcome | None:
    if letter.envelope.international and not session.supports("smtputf8"):
        return Permanent("the server takes no international addresses (SMTPUTF8)")
    if 0 < session.size_limit < len(letter.data):
        return Permanent(f"the mail is longer than the {session.size_limit} bytes that the server takes")
    return None
