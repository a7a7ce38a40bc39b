"""The answer tables of SendGrid, Mailgun and SES: a test a row, each row with the page it follows."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from angarium.channels.answers import AnswerTable
from angarium.channels.email.providers import mailgun, sendgrid, ses
from angarium.delivery.outcome import Configuration, Outcome, Permanent, Retry
from angarium.platform.http.api.port import ApiAnswer

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
TABLES: Mapping[str, AnswerTable] = {"sendgrid": sendgrid.TABLE, "mailgun": mailgun.TABLE, "ses": ses.TABLE}
HOSTS = {"sendgrid": "www.twilio.com", "mailgun": "documentation.mailgun.com", "ses": "docs.aws.amazon.com"}


def _errors(message: str, field: str | None = None) -> object:
    return {"errors": [{"message": message, "field": field, "help": None}]}


def _aws(kind: str, message: str = "") -> tuple[Mapping[str, str], object]:
    return {"x-amzn-errortype": f"{kind}:http://internal.amazon.com/coral/"}, {"message": message}


VERIFIED = "The from address does not match a verified Sender Identity."
UNVERIFIED = "Email address is not verified. The following identities failed the check in region EU-WEST-1: a@b.example"

SENDGRID = [
    (429, _errors("too many requests"), Retry("429 too many requests")),
    (401, _errors("The provided authorization grant is invalid"), Configuration),
    (401, _errors("Maximum credits exceeded"), Configuration),
    (403, _errors(VERIFIED, "from"), Configuration(f"403 from {VERIFIED}")),
    (400, _errors(VERIFIED, "from"), Configuration),
    (400, _errors("Does not contain a valid address.", "personalizations.0.to.0.email"), Permanent),
    (406, _errors("missing Accept header"), Permanent),
    (413, _errors("payload too large"), Permanent),
    (451, _errors("unavailable"), Permanent),
    (404, "<html>not found</html>", Configuration("404")),
    (405, _errors("method not allowed"), Configuration),
    (500, _errors("internal"), Retry),
    (503, "", Retry("503")),
    (422, {"errors": "text"}, Permanent("422")),
    (400, {"errors": [7]}, Permanent("400")),
    (400, {"errors": []}, Permanent("400")),
]
MAILGUN = [
    (429, {"message": "rate limited"}, Retry("429 rate limited")),
    (500, {"message": "internal"}, Retry),
    (503, "", Retry("503")),
    (401, "Forbidden", Configuration("401")),
    (403, {"message": "Domain x is not allowed to send"}, Configuration),
    (404, {"message": "Domain not found: x"}, Retry("404 Domain not found: x", provider_fault=False)),
    (404, "<html></html>", Configuration("404")),
    (405, "", Configuration),
    (400, {"message": "to parameter is not a valid address. please check documentation"}, Permanent),
    (400, {"message": "Domain x is not allowed to send: The domain is unverified"}, Configuration),
    (420, {"message": "Domain x is not allowed to send: recipient limit exceeded, try again after"}, Configuration),
    (400, {"message": "Account x is disabled"}, Configuration),
    (402, {"message": "Request failed"}, Permanent),
    (413, {"message": "too large"}, Permanent),
]
SES = [
    (429, _aws("TooManyRequestsException", "Maximum sending rate exceeded."), Retry),
    (429, _aws("TooManyRequestsException", "Daily message quota exceeded."), Configuration),
    (400, _aws("ThrottlingException", "Rate exceeded"), Retry("400 Throttling Rate exceeded")),
    (400, _aws("MessageRejected", UNVERIFIED), Configuration),
    (400, _aws("MessageRejected", "Virus detected"), Permanent("400 MessageRejected Virus detected")),
    (400, _aws("BadRequestException", "Missing final '@domain'"), Permanent),
    (400, _aws("AccountSuspendedException"), Configuration("400 AccountSuspended")),
    (400, _aws("SendingPausedException"), Configuration),
    (400, _aws("MailFromDomainNotVerifiedException"), Configuration),
    (400, _aws("LimitExceededException"), Configuration),
    (404, _aws("NotFoundException", "Configuration set <x> does not exist."), Configuration),
    (403, _aws("SignatureDoesNotMatchException"), Configuration),
    (403, _aws("UnrecognizedClientException"), Configuration),
    (400, _aws("RequestExpired"), Configuration),
    (404, ({}, "<html>"), Configuration("404")),
    (400, ({}, {"__type": "com.amazon#BadRequestException", "Message": "x"}), Permanent("400 BadRequest x")),
    (400, ({}, {"message": 7}), Permanent("400 7")),
    (500, _aws("InternalFailure"), Retry("500 InternalFailure")),
    (503, _aws("ServiceUnavailable"), Retry),
]


def outcome(table: AnswerTable, status: int, headers: Mapping[str, str], body: object, attempt: int = 1) -> Outcome:
    text = body if isinstance(body, str) else json.dumps(body)
    return table.outcome(ApiAnswer(status, headers, text.encode()), NOW, attempt=attempt)


def same(found: Outcome, expected: Outcome | type[Outcome]) -> bool:
    return isinstance(found, expected) if isinstance(expected, type) else found == expected


@pytest.mark.parametrize(("status", "body", "expected"), SENDGRID)
def test_sendgrid(status: int, body: object, expected: Outcome | type[Outcome]) -> None:
    assert same(outcome(sendgrid.TABLE, status, {}, body), expected)


@pytest.mark.parametrize(("status", "body", "expected"), MAILGUN)
def test_mailgun(status: int, body: object, expected: Outcome | type[Outcome]) -> None:
    assert same(outcome(mailgun.TABLE, status, {}, body), expected)


@pytest.mark.parametrize(("status", "answer", "expected"), SES)
def test_ses(status: int, answer: tuple[Mapping[str, str], object], expected: Outcome | type[Outcome]) -> None:
    headers, body = answer
    assert same(outcome(ses.TABLE, status, headers, body), expected)


def test_a_mailgun_domain_that_stays_unknown_is_a_wrong_region_or_domain() -> None:
    body = {"message": "Domain not found: x"}
    outcomes = [outcome(mailgun.TABLE, 404, {}, body, attempt) for attempt in (1, 2, 3)]
    assert [type(found) for found in outcomes] == [Retry, Configuration, Configuration]


def test_no_refusal_suppresses_an_address() -> None:
    """These APIs take a mail before they know the recipient; what they refuse is about the request."""
    found = [outcome(sendgrid.TABLE, status, {}, body) for status, body, _ in SENDGRID]
    found += [outcome(mailgun.TABLE, status, {}, body) for status, body, _ in MAILGUN]
    found += [outcome(ses.TABLE, status, *answer) for status, answer, _ in SES]
    assert not [one for one in found if isinstance(one, Permanent) and one.suppress]


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 30)}, timedelta(seconds=30)),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) - 30)}, None),
        ({"x-ratelimit-reset": "9" * 30}, timedelta(days=1)),
        ({"x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-reset": "²"}, None),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 30), "retry-after": "5"}, timedelta(seconds=5)),
        ({}, None),
    ],
)
def test_sendgrid_says_when_its_limit_ends(headers: Mapping[str, str], after: timedelta | None) -> None:
    assert outcome(sendgrid.TABLE, 429, headers, "") == Retry("429", after)


@pytest.mark.parametrize("name", TABLES)
def test_each_row_decides_something_and_cites_the_providers_page(name: str) -> None:
    """A row that no case of this file reaches is dead or untested."""
    table = TABLES[name]
    cases: list[tuple[int, Mapping[str, str], object]] = []
    match name:
        case "sendgrid":
            cases += [(status, {}, body) for status, body, _ in SENDGRID]
        case "mailgun":
            cases += [(status, {}, body) for status, body, _ in MAILGUN]
        case _:
            cases += [(status, *answer) for status, answer, _ in SES]
    reached = set()
    for status, headers, body in cases:
        text = body if isinstance(body, str) else json.dumps(body)
        answer = ApiAnswer(status, headers, text.encode())
        for attempt in (1, 2):
            error = table.error(answer)
            fitting = [n for n, row in enumerate(table.rows) if row.fits(status, error, attempt)]
            reached.update(fitting[:1])
    assert reached == set(range(len(table.rows)))
    assert {row.source.split("/")[2] for row in table.rows} == {HOSTS[name]}
