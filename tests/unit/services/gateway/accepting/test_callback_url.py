from ipaddress import ip_network

import pytest

from angarium.contracts.errors import ValidationFailed
from angarium.services.gateway.accepting.callback_url import check_callback_url

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize("url", ["https://example.com/hook", "https://10.0.0.1:8443/x?y=1", "HTTPS://example.com"])
def test_https_is_taken(url: str) -> None:
    check_callback_url(url, ())


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/hook", "http://localhost:9000/", "http://[::1]/x", "http://hooks.internal/x"]
)
def test_http_is_taken_where_a_range_allows_it(url: str) -> None:
    check_callback_url(url, LOOPBACK)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "http://127.0.0.1/",
        "ftp://example.com/",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "example.com",
        "",
        "https://user:secret@example.com/",
        "https://example.com:99999/",
        "https://example.com/\r\nX: y",
        "https://exa mple.com/",
        "https://[::1",
    ],
)
def test_anything_else_is_refused_by_name(url: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        check_callback_url(url, ())
    assert [detail.field for detail in refused.value.details] == ["callback_url"]


def test_http_outside_the_ranges_is_refused() -> None:
    with pytest.raises(ValidationFailed):
        check_callback_url("http://10.0.0.1/", LOOPBACK)
