"""What an answer of a provider means, as data: one table for each provider, read from the top.

A row names statuses, and where these are not enough the provider's own error codes or words of its message. The first
row that fits decides. Each row cites the page of the provider that says so.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto

import msgspec

from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry
from angarium.platform.http.api.port import AnswerLost, ApiAnswer, Forbidden, NotSent, Untrusted
from angarium.platform.http.waiting import parse_retry_after

ANSWER_LENGTH = 200
_ADDRESS = re.compile(r"<?[^\s<>\"'(),;:]+@[^\s<>\"'(),;]+>?")
_NUMBER = re.compile(r"\+?\d[\d ().-]{5,}\d")
_TOKEN = re.compile(r"[A-Za-z0-9_:.-]{40,}")
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,60}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class Verdict(StrEnum):
    """The class of an answer."""

    RETRY = auto()  # a provider's fault: its breaker counts it
    LATER = auto()  # retry; about the recipient, so no breaker counts it
    PERMANENT = auto()
    POLICY = auto()  # permanent, and somebody should look: reputation, content, authentication of the domain
    SUPPRESS = auto()  # permanent, and the address gets nothing any more
    OPTED_OUT = auto()  # as SUPPRESS, until the recipient takes it back
    CONFIGURATION = auto()  # about the sender or its account: another provider may take the message
    AMBIGUOUS = auto()  # the provider may have taken the message


def as_outcome(verdict: Verdict, words: str, after: timedelta | None = None) -> Outcome:
    """The outcome of a refusal of this class; `after`: not before, where the provider said so."""
    match verdict:
        case Verdict.RETRY:
            return Retry(words, after)
        case Verdict.LATER:
            return Retry(words, after, provider_fault=False)
        case Verdict.PERMANENT | Verdict.POLICY:
            return Permanent(words)
        case Verdict.SUPPRESS | Verdict.OPTED_OUT:
            return Permanent(words, suppress=True, opted_out=verdict is Verdict.OPTED_OUT)
        case Verdict.CONFIGURATION:
            return Configuration(words)
        case Verdict.AMBIGUOUS:
            return Ambiguous(words)


class ApiError(msgspec.Struct, frozen=True):
    """What a provider's answer says is wrong: its own codes, most telling first, and its message."""

    codes: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: for these statuses, with one of these codes and these words. Without them: whatever they are.

    `source` is the page of the provider that the row follows. `from_attempt`: it holds for later attempts only.
    """

    statuses: Collection[int]
    verdict: Verdict
    source: str
    codes: frozenset[str] = frozenset()
    words: re.Pattern[str] | None = None
    from_attempt: int = 1

    def fits(self, status: int, error: ApiError, attempt: int) -> bool:
        """Whether this row speaks about the answer to attempt number `attempt` (from 1)."""
        if status not in self.statuses or attempt < self.from_attempt:
            return False
        if self.codes and self.codes.isdisjoint(error.codes):
            return False
        return self.words is None or self.words.search(error.message) is not None


def words_of(*patterns: str) -> re.Pattern[str]:
    """Any of these patterns, in either case."""
    return re.compile("|".join(patterns), re.IGNORECASE)


def retry_after(answer: ApiAnswer, now: datetime) -> timedelta | None:
    """The wait that `Retry-After` asks for: seconds or a date (RFC 9110 §10.2.3). None: it asks for none."""
    return parse_retry_after(answer.headers.get("retry-after"), now)


HTTP = "https://www.rfc-editor.org/rfc/rfc9110#section-15"
USUAL: Sequence[Row] = (
    Row(frozenset({408, 425, 429}), Verdict.RETRY, HTTP),
    Row(range(500, 600), Verdict.RETRY, HTTP),
    Row(frozenset({401, 403}), Verdict.CONFIGURATION, HTTP),
    Row(range(400, 500), Verdict.PERMANENT, HTTP),
    # Neither a success nor a refusal: what answers is not the provider's API.
    Row(range(1000), Verdict.CONFIGURATION, HTTP),
)
"""What holds where a provider's own rows say nothing."""


class AnswerTable:
    """Reads refusals of one provider. `read` finds its error in an answer and never raises but ValueError.

    `wait` finds the time until which the provider asks to be left alone. After `rows` those of `USUAL` hold.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        read: Callable[[ApiAnswer], ApiError],
        wait: Callable[[ApiAnswer, datetime], timedelta | None] = retry_after,
    ) -> None:
        self.rows = tuple(rows)
        self._all = (*rows, *USUAL)
        self._read = read
        self._wait = wait

    def error(self, answer: ApiAnswer) -> ApiError:
        """What `answer` says is wrong; an HTML page of some proxy says nothing."""
        try:
            return self._read(answer)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
            return ApiError()

    def verdict(self, answer: ApiAnswer, attempt: int = 1) -> Verdict:
        """The class of a refusal of attempt number `attempt` (from 1)."""
        error = self.error(answer)
        return next(row.verdict for row in self._all if row.fits(answer.status, error, attempt))

    def outcome(self, answer: ApiAnswer, now: datetime, *hidden: str, attempt: int = 1) -> Outcome:
        """What a refusal means; its words hold no address, and nothing of `hidden`."""
        error = self.error(answer)
        words = [str(answer.status), *(code for code in error.codes[:1] if _CODE.fullmatch(code))]
        text = " ".join([*words, shown(error.message, *hidden)]).strip()
        return as_outcome(self.verdict(answer, attempt), text, self._wait(answer, now))


def failure(error: NotSent | AnswerLost) -> Outcome:
    """What it means that there is no answer. A provider that cannot be reached has a fault; a lost answer is in doubt.

    For providers without idempotency keys: one that has them may turn `Ambiguous` into a retry.
    """
    match error:
        case Untrusted():
            return Configuration(str(error))
        case Forbidden():
            return Permanent(str(error), code="invalid_address")
        case NotSent():
            return Retry(str(error), unreachable=True)
        case AnswerLost():
            return Ambiguous(str(error))


def shown(text: str, *hidden: str) -> str:
    """`text` as it may be recorded: one short line without addresses, phone numbers, tokens and what is `hidden`."""
    text = _UNPRINTABLE.sub(" ", text)
    for secret in hidden:
        if secret:
            text = text.replace(secret, "[hidden]")
    if "@" in text:
        text = _ADDRESS.sub("[address]", text)
    text = _TOKEN.sub("[token]", _NUMBER.sub("[number]", text))
    return text.strip()[:ANSWER_LENGTH]


def text_of(value: object) -> str:
    """A field of a provider's error as text; what has another shape is none."""
    match value:
        case str():
            return value
        case bool() | None:
            return ""
        case int():
            return str(value)
        case _:
            return ""


def fields_of(answer: ApiAnswer) -> Mapping[str, object]:
    """The object that an answer's body is. Raises ValueError where it is none."""
    value = msgspec.json.decode(answer.body)
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value
