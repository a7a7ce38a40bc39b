"""Tables of providers' answers: each maps answers to outcomes, and the first matching row wins.

A row lists statuses and, if needed, the provider's error codes or words of its message. Each row cites the provider's
page.
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
    POLICY = auto()  # permanent, and needs attention: reputation, content, authentication of the domain
    SUPPRESS = auto()  # permanent, and the address is suppressed
    OPTED_OUT = auto()  # as SUPPRESS, until the recipient revokes it
    CONFIGURATION = auto()  # about the sender or its account: another provider may accept the message
    AMBIGUOUS = auto()  # the provider may have accepted the message


def as_outcome(verdict: Verdict, words: str, after: timedelta | None = None) -> Outcome:
    """The outcome of a refusal of this class; `after`: the earliest retry, if the provider named one."""
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
    """The error in a provider's answer: its codes, the most specific first, and its message."""

    codes: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: matches these statuses, with one of these codes and these words; without them, any.

    `source` is the provider's page. `from_attempt`: matches only from this attempt on.
    """

    statuses: Collection[int]
    verdict: Verdict
    source: str
    codes: frozenset[str] = frozenset()
    words: re.Pattern[str] | None = None
    from_attempt: int = 1

    def fits(self, status: int, error: ApiError, attempt: int) -> bool:
        """Whether this row matches the answer to attempt number `attempt` (from 1)."""
        if status not in self.statuses or attempt < self.from_attempt:
            return False
        if self.codes and self.codes.isdisjoint(error.codes):
            return False
        return self.words is None or self.words.search(error.message) is not None


def words_of(*patterns: str) -> re.Pattern[str]:
    """A case-insensitive match of any of these patterns."""
    return re.compile("|".join(patterns), re.IGNORECASE)


def retry_after(answer: ApiAnswer, now: datetime) -> timedelta | None:
    """The wait requested by `Retry-After`: seconds or a date (RFC 9110 §10.2.3). None if there is none."""
    return parse_retry_after(answer.headers.get("retry-after"), now)


HTTP = "https://www.rfc-editor.org/rfc/rfc9110#section-15"
USUAL: Sequence[Row] = (
    Row(frozenset({408, 425, 429}), Verdict.RETRY, HTTP),
    Row(range(500, 600), Verdict.RETRY, HTTP),
    Row(frozenset({401, 403}), Verdict.CONFIGURATION, HTTP),
    Row(range(400, 500), Verdict.PERMANENT, HTTP),
    # Neither a success nor a refusal: the answer is not from the provider's API.
    Row(range(1000), Verdict.CONFIGURATION, HTTP),
)
"""The rows used if none of a provider's own rows match."""


class AnswerTable:
    """Interprets one provider's refusals. `read` extracts the error from an answer and raises only ValueError.

    `wait` extracts the wait that the provider requests. After `rows` those of `USUAL` apply.
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
        """The error in `answer`; empty for a proxy's HTML page."""
        try:
            return self._read(answer)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
            return ApiError()

    def verdict(self, answer: ApiAnswer, attempt: int = 1) -> Verdict:
        """The class of a refusal of attempt number `attempt` (from 1)."""
        error = self.error(answer)
        return next(row.verdict for row in self._all if row.fits(answer.status, error, attempt))

    def outcome(self, answer: ApiAnswer, now: datetime, *hidden: str, attempt: int = 1) -> Outcome:
        """The outcome of a refusal. Its text contains no address and nothing of `hidden`."""
        error = self.error(answer)
        words = [str(answer.status), *(code for code in error.codes[:1] if _CODE.fullmatch(code))]
        text = " ".join([*words, shown(error.message, *hidden)]).strip()
        return as_outcome(self.verdict(answer, attempt), text, self._wait(answer, now))


def failure(error: NotSent | AnswerLost) -> Outcome:
    """The outcome without an answer: an unreachable provider is at fault; a lost answer is ambiguous.

    For providers without idempotency keys; one with them may turn `Ambiguous` into a retry.
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
    """`text` for the record: one short line without addresses, phone numbers, tokens and what is `hidden`."""
    text = _UNPRINTABLE.sub(" ", text)
    for secret in hidden:
        if secret:
            text = text.replace(secret, "[hidden]")
    if "@" in text:
        text = _ADDRESS.sub("[address]", text)
    text = _TOKEN.sub("[token]", _NUMBER.sub("[number]", text))
    return text.strip()[:ANSWER_LENGTH]


def text_of(value: object) -> str:
    """A field of a provider's error as text; empty if it has another type."""
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
    """Decode the JSON object in an answer's body. Raises ValueError for anything else."""
    value = msgspec.json.decode(answer.body)
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value
