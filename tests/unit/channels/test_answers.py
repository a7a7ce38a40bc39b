"""The table of answers: which row decides, what it becomes, and what its words may hold."""

from datetime import UTC, datetime, timedelta

import pytest

from angarium.channels.answers import (
    AnswerTable,
    ApiError,
    Row,
    Verdict,
    as_outcome,
    failure,
    fields_of,
    shown,
    text_of,
    words_of,
)
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry
from angarium.platform.http.api.port import AnswerLost, ApiAnswer, NotSent, Untrusted

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PAGE = "https://provider.example/errors"


def read(answer: ApiAnswer) -> ApiError:
    fields = fields_of(answer)
    return ApiError((text_of(fields["code"]),), text_of(fields["message"]))


TABLE = AnswerTable(
    [
        Row({400, 404}, Verdict.SUPPRESS, PAGE, codes=frozenset({"21211", "gone"})),
        Row({400}, Verdict.CONFIGURATION, PAGE, words=words_of("not verified")),
        Row({500}, Verdict.AMBIGUOUS, PAGE),
    ],
    read=read,
)


def outcome(status: int, body: str = "", headers: dict[str, str] | None = None, *hidden: str) -> Outcome:
    return TABLE.outcome(ApiAnswer(status, headers or {}, body.encode()), NOW, *hidden)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, '{"code": 21211, "message": "bad"}', Permanent("400 21211 bad", suppress=True)),
        (404, '{"code": "gone", "message": ""}', Permanent("404 gone", suppress=True)),
        (404, '{"code": "other", "message": ""}', Permanent("404 other")),
        (400, '{"code": 1, "message": "Sender NOT VERIFIED"}', Configuration("400 1 Sender NOT VERIFIED")),
        (500, "", Ambiguous("500")),
        (502, "<html>Bad Gateway</html>", Retry("502")),
        (503, "[" * 100_000, Retry("503")),
        (429, '"text"', Retry("429")),
        (408, "null", Retry("408")),
        (401, '{"code": {}, "message": []}', Configuration("401")),
        (403, "{}", Configuration("403")),
        (422, "\ufffd\x00", Permanent("422")),
        (302, "", Configuration("302")),
        (204, "", Configuration("204")),
    ],
)
def test_the_first_row_that_fits_decides(status: int, body: str, expected: Outcome) -> None:
    assert outcome(status, body) == expected


@pytest.mark.fault(30)
def test_a_retry_waits_as_long_as_the_provider_asks() -> None:
    assert outcome(429, headers={"retry-after": "7"}) == Retry("429", timedelta(seconds=7))
    assert outcome(503, headers={"retry-after": "Fri, 20 Nov 2026 09:01:00 GMT"}) == Retry("503", timedelta(minutes=1))


def test_words_hold_no_address_number_token_or_secret() -> None:
    text = "no <ada@example.com>, +1 415 555-0100, " + "t" * 50 + " or s3cret\r\nX: y\u2028" + "z" * 300
    words = shown(text, "s3cret", "")
    assert words.startswith("no [address], [number], [token] or [hidden] X: y")
    assert len(words) <= 200
    assert outcome(400, '{"code": 5, "message": "Invalid canary"}', None, "canary").answer == "400 5 Invalid [hidden]"


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict.RETRY, Retry("x", timedelta(1))),
        (Verdict.LATER, Retry("x", timedelta(1), provider_fault=False)),
        (Verdict.PERMANENT, Permanent("x")),
        (Verdict.POLICY, Permanent("x")),
        (Verdict.SUPPRESS, Permanent("x", suppress=True)),
        (Verdict.CONFIGURATION, Configuration("x")),
        (Verdict.AMBIGUOUS, Ambiguous("x")),
    ],
)
def test_each_verdict_has_one_outcome(verdict: Verdict, expected: Outcome) -> None:
    assert as_outcome(verdict, "x", timedelta(1)) == expected


def test_without_an_answer_only_what_was_written_leaves_doubt() -> None:
    assert failure(NotSent("no connection")) == Retry("no connection", provider_fault=True, unreachable=True)
    assert failure(AnswerLost("late")) == Ambiguous("late")
    assert failure(Untrusted("certificate")) == Configuration("certificate")
