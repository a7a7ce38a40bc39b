"""Classifies SMTP replies: one table, in which the first matching row wins.

Codes are those of RFC 5321 §4.2.3 and RFC 4954 §6, enhanced codes those of RFC 3463 and RFC 5248.
"""

import re
from dataclasses import dataclass
from enum import StrEnum, auto

from angarium.channels.answers import Verdict, as_outcome
from angarium.channels.email.providers.smtp.reply import Reply
from angarium.delivery.outcome import Ambiguous, Outcome, Retry


class Phase(StrEnum):
    """The command that a reply answers."""

    SESSION = auto()  # greeting, EHLO, STARTTLS, AUTH: before any mail
    MAIL = auto()
    RCPT = auto()
    COPY = auto()  # RCPT of cc and bcc
    DATA = auto()
    FINAL = auto()  # the final dot


_ANY_PHASE = frozenset(Phase)
_ABOUT_RECIPIENT = frozenset({Phase.RCPT, Phase.COPY, Phase.DATA, Phase.FINAL})
_TRANSIENT = frozenset(range(400, 500))
_REFUSED = frozenset(range(500, 600))
_SIZE = (
    r"\b(message|mail|e-?mail|data|content)( \w+)?( is)? (size|too (large|big|long))\b",
    r"\bsize (limit|exceed)",
)
_MAILBOX = (
    r"\b(mailbox|inbox|recipient|user|account)('s)?( \w+){0,3} (full|over ?quota|storage|quota exceeded)\b",
    r"\b(mailbox|recipient|user) (has )?(exceeded|exceeds|reached) (its|his|her|the) (\w+ )?(quota|storage|limit)",
    r"\b(recipient|mailbox|user)( address)?( \w+)? (suspended|disabled|inactive|unverified|not verified)\b",
    r"\brecipient address\b",
    r"\btried to reach\b",
)
_OUTGOING = r"\b(send(ing)?|sender|sent|outgoing|outbound|daily|hourly|monthly|messages?|e?mails?|rate|relay(ing)?)\b"
_BOUND = r"\b(quotas?|limits?|thresholds?|allowance)\b"
_SENDER = (
    rf"{_OUTGOING}.{{0,60}}{_BOUND}",
    rf"{_BOUND}.{{0,60}}{_OUTGOING}",
    r"\bsuspended\b|\bsending (is )?(paused|disabled)\b",
    r"\b(not|un)[ -]?verified\b|\bverified sender\b|\bsender (verify|verification)\b|\bunauthenticated senders?\b",
    r"\bnot owned\b|\bsend[ -]?as\b|\bsend on behalf\b|\bsender address (was )?rejected\b",
    r"\bnot (allowed|permitted|authori[sz]ed) to (send|relay)\b|\bunable to relay\b|\brelay(ing)?( access)? denied\b",
    r"\bauthentication (is )?required\b|\bmust authenticate\b",
)
_QUOTA = (r"\b(quota|limit) (is |was |has been )?(exceeded|reached)",)
START_INPUT = 354
_CLOSING, _PERMANENT = 421, 500
_LOOKED_AT = 1000
"""Characters of a reply that are searched."""
_STORAGE = frozenset({552})
"""Codes about a mailbox's storage (RFC 5321 §4.2.3), unless the text is about sending."""


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: matches codes in phases, with enhanced code prefixes and words.

    Without enhanced codes or words, it matches any.
    """

    codes: frozenset[int]
    verdict: Verdict
    enhanced: tuple[str, ...] = ()
    phases: frozenset[Phase] = _ANY_PHASE
    words: re.Pattern[str] | None = None

    def fits(self, reply: Reply, phase: Phase) -> bool:
        """Whether this row matches `reply`."""
        if reply.code not in self.codes or phase not in self.phases:
            return False
        if self.enhanced and not f"{reply.enhanced}.".startswith(self.enhanced):
            return False
        return self.words is None or self.words.search(reply.text, 0, _LOOKED_AT) is not None


TABLE: tuple[Row, ...] = (
    # About us, whatever the phase: RFC 4954 §6, RFC 5248 §2.4.
    Row(frozenset({523, 524, 525, 530, 534, 535, 538}), Verdict.CONFIGURATION),
    Row(_TRANSIENT, Verdict.RETRY, phases=frozenset({Phase.SESSION})),
    Row(_REFUSED, Verdict.CONFIGURATION, phases=frozenset({Phase.SESSION})),
    # Not now.
    Row(frozenset({421, 454}), Verdict.RETRY),
    Row(_TRANSIENT | _REFUSED, Verdict.RETRY, enhanced=("4.3.", "4.4.")),
    Row(_TRANSIENT | _REFUSED, Verdict.LATER, enhanced=("4.",)),
    Row(frozenset({450, 452}), Verdict.LATER),
    Row(frozenset({451}), Verdict.LATER, phases=frozenset({Phase.RCPT, Phase.COPY})),
    Row(_TRANSIENT, Verdict.RETRY),
    # About our own mailbox in Exchange Online, where a mail is first stored: full, over its quota, not ours to send as.
    Row(_REFUSED, Verdict.CONFIGURATION, words=_words(r"\bSTOREDRV\.(Submission|ClientSubmit)\b(?!.*Recipients)")),
    # About this mail or this mailbox: too long, an unsupported kind (x.6), full.
    Row(_REFUSED, Verdict.PERMANENT, enhanced=("5.2.2.", "5.2.3.", "5.3.4.", "5.6.")),
    Row(_REFUSED, Verdict.PERMANENT, words=_words(*_SIZE)),
    # About this recipient.
    Row(
        frozenset({550, 551, 553}),
        Verdict.SUPPRESS,
        enhanced=("5.1.1.", "5.1.2.", "5.1.3.", "5.1.6.", "5.2.1."),
        phases=_ABOUT_RECIPIENT,
    ),
    # About the sender or its account (RFC 3463: x.1.7, x.1.8, x.3, x.4.5; RFC 4954, 5248: x.7.8, x.7.9, x.7.11, x.7.13,
    # x.7.14; Exchange Online: 5.1.90, 5.2.251-255, 5.7.60, 5.7.501-503, 5.7.7xx). At MAIL a refusal cannot be about
    # anything else.
    Row(_REFUSED, Verdict.CONFIGURATION, phases=frozenset({Phase.MAIL})),
    Row(
        _REFUSED,
        Verdict.CONFIGURATION,
        enhanced=(
            *(
                "5.1.7.",
                "5.1.8.",
                "5.1.90.",
                "5.2.251.",
                "5.2.252.",
                "5.2.253.",
                "5.2.254.",
                "5.2.255.",
                "5.3.",
                "5.4.5.",
            ),
            *("5.7.3.", "5.7.8.", "5.7.9.", "5.7.11.", "5.7.13.", "5.7.14.", "5.7.57.", "5.7.60."),
            *("5.7.501.", "5.7.502.", "5.7.503.", "5.7.705.", "5.7.708.", "5.7.750."),
        ),
    ),
    Row(_REFUSED, Verdict.PERMANENT, words=_words(*_MAILBOX)),
    Row(_REFUSED, Verdict.CONFIGURATION, words=_words(*_SENDER), phases=_ABOUT_RECIPIENT),
    Row(_REFUSED - _STORAGE, Verdict.CONFIGURATION, words=_words(*_QUOTA), phases=_ABOUT_RECIPIENT),
    # Anything else.
    Row(_REFUSED, Verdict.POLICY, enhanced=("5.7.",)),
    Row(_REFUSED, Verdict.PERMANENT),
)


def verdict(reply: Reply, phase: Phase) -> Verdict | None:
    """The class of a refusal; None if it is not one, so that the server violates SMTP."""
    return next((row.verdict for row in TABLE if row.fits(reply, phase)), None)


def refusal(reply: Reply, phase: Phase, words: str) -> Outcome:
    """The outcome of a negative reply; `words` is the text to record."""
    found = verdict(reply, phase)
    return lost(phase, f"unexpected {words}") if found is None else as_outcome(found, words)


def lost(phase: Phase, words: str) -> Outcome:
    """The outcome without a reply: after the final dot it is unknown, before it nothing was sent."""
    return Ambiguous(words) if phase is Phase.FINAL else Retry(words, unreachable=phase is Phase.SESSION)


def leaves_out(reply: Reply, *, every_copy: bool) -> bool:
    """Whether the mail is sent without the copy refused by `reply`."""
    if reply.positive or reply.code == _CLOSING:
        return False
    return reply.code >= _PERMANENT or not every_copy


def is_accepted(phase: Phase, reply: Reply) -> bool:
    """Whether the command of `phase` succeeded; DATA is answered with 354."""
    if phase is Phase.DATA:
        return reply.code == START_INPUT
    return reply.positive
