"""What an SMTP reply means for a mail: one table, read from the top, the first row that fits decides.

Codes are those of RFC 5321 §4.2.3 and RFC 4954 §6, enhanced codes those of RFC 3463 and RFC 5248.
"""

from dataclasses import dataclass
from enum import StrEnum, auto

from angarium.channels.email.providers.smtp.reply import Reply
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry


class Phase(StrEnum):
    """What the reply answers."""

    SESSION = auto()  # greeting, EHLO, STARTTLS, AUTH: nothing of a mail yet
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    FINAL = auto()  # the final dot


class Verdict(StrEnum):
    """The class of a reply."""

    RETRY = auto()  # a provider's fault: its breaker counts it
    LATER = auto()  # retry; about the recipient, so no breaker counts it
    PERMANENT = auto()
    POLICY = auto()  # permanent, and somebody should look: reputation, content, authentication of the domain
    SUPPRESS = auto()
    CONFIGURATION = auto()


_ANY_PHASE = frozenset(Phase)
_ABOUT_RECIPIENT = frozenset({Phase.RCPT, Phase.DATA, Phase.FINAL})
_TRANSIENT = frozenset(range(400, 500))
_REFUSED = frozenset(range(500, 600))


@dataclass(frozen=True, slots=True)
class Row:
    """One row: which codes, with which enhanced codes (beginnings; none: whatever it is), answering what."""

    codes: frozenset[int]
    verdict: Verdict
    enhanced: tuple[str, ...] = ()
    phases: frozenset[Phase] = _ANY_PHASE

    def fits(self, reply: Reply, phase: Phase) -> bool:
        """Whether this row speaks about `reply`."""
        if reply.code not in self.codes or phase not in self.phases:
            return False
        return not self.enhanced or f"{reply.enhanced}.".startswith(self.enhanced)


TABLE: tuple[Row, ...] = (
    Row(frozenset({530, 534, 535}), Verdict.CONFIGURATION),
    Row(_TRANSIENT, Verdict.RETRY, phases=frozenset({Phase.SESSION})),
    Row(_REFUSED, Verdict.CONFIGURATION, phases=frozenset({Phase.SESSION})),
    Row(frozenset({421, 454}), Verdict.RETRY),
    Row(_TRANSIENT | _REFUSED, Verdict.RETRY, enhanced=("4.3.", "4.4.")),
    Row(_TRANSIENT | _REFUSED, Verdict.LATER, enhanced=("4.",)),
    Row(frozenset({450, 452}), Verdict.LATER),
    Row(frozenset({451}), Verdict.LATER, phases=frozenset({Phase.RCPT})),
    Row(_TRANSIENT, Verdict.RETRY),
    Row(
        frozenset({550, 551, 553}),
        Verdict.SUPPRESS,
        enhanced=("5.1.1.", "5.1.2.", "5.1.3.", "5.1.6.", "5.2.1."),
        phases=_ABOUT_RECIPIENT,
    ),
    Row(frozenset({552}), Verdict.PERMANENT),
    Row(_REFUSED, Verdict.PERMANENT, enhanced=("5.2.2.", "5.3.4.")),
    Row(_REFUSED, Verdict.POLICY, enhanced=("5.7.",)),
    Row(_REFUSED, Verdict.PERMANENT),
)


def verdict(reply: Reply, phase: Phase) -> Verdict | None:
    """The class of a refusal; None: it is no refusal, so the server does not speak SMTP as agreed."""
    return next((row.verdict for row in TABLE if row.fits(reply, phase)), None)


def refusal(reply: Reply, phase: Phase, words: str) -> Outcome:
    """The outcome of a reply that is not the one hoped for; `words` is what is kept of it."""
    match verdict(reply, phase):
        case Verdict.RETRY:
            return Retry(words)
        case Verdict.LATER:
            return Retry(words, provider_fault=False)
        case Verdict.PERMANENT | Verdict.POLICY:
            return Permanent(words)
        case Verdict.SUPPRESS:
            return Permanent(words, suppress=True)
        case Verdict.CONFIGURATION:
            return Configuration(words)
        case None:
            return lost(phase, f"unexpected {words}")


def lost(phase: Phase, words: str) -> Outcome:
    """The outcome where no reply came: after the final dot nobody knows, before it nothing was sent."""
    return Ambiguous(words) if phase is Phase.FINAL else Retry(words)
