"""The spans of requests to providers' APIs hold a method, a status and nothing of the URL."""

from collections.abc import Mapping

import pytest

from angarium.platform.http.api.port import AnswerLost, ApiAnswer
from angarium.platform.http.api.tracing import TracedApiClient
from tests.support.spans import Kept

URL = "https://token.secret.test/send/ada@example.com?key=cnry"


class Scripted:
    """Answers with a status, or raises; keeps the headers."""

    def __init__(self, answer: int | Exception) -> None:
        self.answer = answer
        self.headers: Mapping[str, str] = {}
        self.closed = False

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout: float | None = None,  # noqa: ASYNC109 - as the port has it
    ) -> ApiAnswer:
        self.headers = headers
        if isinstance(self.answer, Exception):
            raise self.answer
        return ApiAnswer(self.answer, {}, b"ada@example.com")

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(("status", "error"), [(202, None), (429, "429"), (503, "503")])
async def test_a_request_has_a_span_with_its_status(status: int, error: str | None) -> None:
    kept, scripted = Kept(), Scripted(status)
    client = TracedApiClient(scripted, kept.tracing)
    assert (await client.request("POST", URL, headers={"authorization": "cnry"}, body=b"cnry")).status == status
    await client.close()
    assert scripted.closed
    [span] = kept.spans
    assert span.attributes is not None
    assert dict(span.attributes) == {
        "http.request.method": "POST",
        "http.request.body.size": 4,
        "http.response.status_code": status,
        **({} if error is None else {"error.type": error}),
    }
    assert scripted.headers == {"authorization": "cnry"}, "a provider gets no trace"


async def test_a_lost_answer_marks_the_span() -> None:
    kept = Kept()
    client = TracedApiClient(Scripted(AnswerLost("https://cnry lost")), kept.tracing)
    with pytest.raises(AnswerLost):
        await client.request("GET", URL, headers={})
    [span] = kept.spans
    assert span.attributes is not None
    assert span.attributes["error.type"] == "AnswerLost"
    assert "cnry" not in span.to_json()
    assert "example.com" not in span.to_json()
