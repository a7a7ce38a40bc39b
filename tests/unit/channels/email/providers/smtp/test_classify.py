import pytest

from angarium.channels.email.providers.smtp.classify import TABLE, Phase, Row, lost, refusal, verdict
from angarium.channels.email.providers.smtp.reply import Reply, answer
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry

_R, _LATER = Retry(""), Retry("", provider_fault=False)
_P, _S, _C = Permanent(""), Permanent("", suppress=True), Configuration("")

SENDER = [
    "550 5.4.5 Daily user sending quota exceeded",
    "550-5.4.5 Daily SMTP relay limit exceeded for user".replace("-", " ", 1),
    "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
    "554 Message rejected: Email address is not verified. The following identities failed the check in region",
    "554 Message rejected: Sending paused for this account",
    "554 Message rejected: Sending suspended for this account",
    "554 5.7.0 Not sent. The limit on the number of allowed outgoing messages was exceeded. Try again later.",
    "550 Quota exceeded",
    "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; send as denied",
    "554 5.2.252 SendAsDenied; not allowed",
    "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded",
    "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; message not sent",
    "550 5.2.251 Sender throttled due to continuous mailbox full errors.",
    "550 5.2.255 Sender throttled due to continuous invalid recipients errors.",
    "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
    "553 5.7.1 <n@x.test>: Sender address rejected: not owned by user app",
    "550 5.7.1 <n@x.test>: Sender address rejected: not logged in",
    "550 The from address does not match a verified Sender Identity",
    "550 5.7.1 Unable to relay",
    "554 5.7.1 <a@b.test>: Relay access denied",
    "550 Sender verify failed",
    "550 5.3.2 system not accepting network messages",
    "550 5.7.705 Access denied, tenant has exceeded threshold",
    "552 You have exceeded your hourly sending limit",
    "550 Account suspended",
    "525 5.7.13 account disabled",
]
RECIPIENT = [
    "552 5.2.2 mailbox over quota",
    "550 5.2.2 The recipient's inbox is out of storage; quota exceeded",
    "552 Mailbox quota exceeded",
    "550 user is over quota",
    "554 mailbox full",
    "550 <a@b.test>: Recipient address rejected: unverified address",
    "550 Recipient not verified",
    "550 The email account that you tried to reach is suspended",
    "552 Quota exceeded",
    "552 too big",
]
ROWS: list[tuple[str, Phase, Outcome]] = [
    # retryable
    ("421 4.3.2 shutting down", Phase.MAIL, _R),
    ("421 too many connections", Phase.RCPT, _R),
    ("450 4.2.1 mailbox busy", Phase.RCPT, _LATER),
    ("450 greylisted", Phase.RCPT, _LATER),
    ("451 4.7.1 greylisted", Phase.RCPT, _LATER),
    ("451 greylisted", Phase.RCPT, _LATER),
    ("451 local error", Phase.FINAL, _R),
    ("451 4.3.0 queue", Phase.FINAL, _R),
    ("452 4.2.2 over quota", Phase.RCPT, _LATER),
    ("452 4.3.1 no storage", Phase.MAIL, _R),
    ("454 Throttling failure: Maximum sending rate exceeded", Phase.FINAL, _R),
    ("454 4.7.0 temporary authentication failure", Phase.SESSION, _R),
    ("455 parameters", Phase.MAIL, _R),
    ("550 4.4.1 contradictory, and kind", Phase.RCPT, _R),
    ("554 4.7.1 contradictory, and kind", Phase.FINAL, _LATER),
    # permanent, and the address is dead
    *((f"{code} {enhanced} no", phase, _S)
      for code in (550, 551, 553)
      for enhanced in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.2.1")
      for phase in (Phase.RCPT, Phase.FINAL)),
    # the sender's fault, said in the same words
    ("550 5.1.1 who are you", Phase.MAIL, _C),
    ("550 5.1.8 bad sender", Phase.RCPT, _C),
    ("550 5.1.10 null mx", Phase.RCPT, _P),
    ("554 5.1.1 another code", Phase.RCPT, _P),
    # permanent
    ("552 too big", Phase.FINAL, _P),
    ("552 5.2.2 full", Phase.RCPT, _P),
    ("550 5.2.2 full", Phase.RCPT, _P),
    ("554 5.3.4 too big", Phase.FINAL, _P),
    # policy
    ("550 5.7.1 blocked", Phase.RCPT, _P),
    ("554 5.7.26 unauthenticated", Phase.FINAL, _P),
    ("550 5.7.509 dmarc", Phase.FINAL, _P),
    # configuration
    ("530 5.7.0 authentication required", Phase.MAIL, _C),
    ("534 5.7.9 application password required", Phase.SESSION, _C),
    ("535 5.7.8 credentials", Phase.SESSION, _C),
    ("554 no service here", Phase.SESSION, _C),
    ("502 no EHLO", Phase.SESSION, _C),
    *((line, phase, _C) for phase in (Phase.RCPT, Phase.FINAL) for line in SENDER),
    *((line, Phase.MAIL, _C) for line in ("550 5.7.1 no", "553 not owned", "501 syntax", "500 what", "552 quota")),
    # about the mail or the recipient, in words that resemble those about the sender
    *((line, Phase.RCPT, _P) for line in RECIPIENT),
    ("552 5.3.4 too big", Phase.MAIL, _P),
    ("552 Message size exceeds fixed limit", Phase.MAIL, _P),
    ("552 message size limit exceeded", Phase.FINAL, _P),
    ("553 5.6.7 international address", Phase.MAIL, _P),
    # whatever else
    ("550 no such user", Phase.RCPT, _P),
    ("554 transaction failed", Phase.FINAL, _P),
    ("571 blocked", Phase.RCPT, _P),
]  # fmt: skip


def reply_of(line: str) -> Reply:
    return Reply(int(line[:3]), line[4:])


@pytest.mark.parametrize(("line", "phase", "expected"), ROWS)
def test_the_class_of_a_reply(line: str, phase: Phase, expected: Outcome) -> None:
    assert refusal(reply_of(line), phase, "") == expected


def test_every_row_of_the_table_is_tested() -> None:
    def deciding(line: str, phase: Phase) -> Row:
        return next(row for row in TABLE if row.fits(reply_of(line), phase))

    assert {id(deciding(line, phase)) for line, phase, _ in ROWS} == {id(row) for row in TABLE}


@pytest.mark.parametrize("phase", Phase)
def test_every_refusal_has_a_class(phase: Phase) -> None:
    assert [code for code in range(400, 600) if verdict(Reply(code, ""), phase) is None] == []


@pytest.mark.parametrize("phase", Phase)
def test_a_reply_that_makes_no_sense_is_doubt_only_after_the_final_dot(phase: Phase) -> None:
    expected = Ambiguous if phase is Phase.FINAL else Retry
    assert isinstance(refusal(Reply(199, "what"), phase, "199 what"), expected)
    assert isinstance(lost(phase, "gone"), expected)


def test_an_answer_holds_no_address_and_no_secret() -> None:
    reply = Reply(550, "5.1.1 <canary@x.test>: user 'canary@x.test' unknown, mailto:canary@x.test (hunter2)")
    words = answer(reply, "hunter2", "")
    assert words.startswith("550 5.1.1 [address]")
    assert "canary" not in words
    assert "hunter2" not in words


def test_an_answer_is_one_short_printable_line() -> None:
    words = answer(Reply(554, "a\r\nb\x1b[31m\u2028" + "x" * 5000))
    assert len(words) <= 200
    assert words.isprintable()
