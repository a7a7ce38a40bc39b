"""The URLs of SendGrid, Mailgun and SES: what they mean, and that a wrong one stops the start with one line."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from angarium.channels.api import ApiProvider
from angarium.channels.email.channel import EMAIL, build_kit
from angarium.contracts.errors import SettingsError
from angarium.delivery.process import ProviderParts
from angarium.delivery.provider import Provider
from angarium.delivery.settings import WorkerSettings
from angarium.platform.clock import SystemClock
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.identifiers import Identifiers
from angarium.testing.providers import outbound
from tests.support.mailbox_gateway import quiet_logger


@pytest.fixture
async def parts() -> AsyncIterator[ProviderParts]:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        client = ServiceClient("http://gateway", service_token=None, name="gateway")
        stack.push_async_callback(client.close)
        yield ProviderParts(
            gateway=client, clock=clock, identifiers=Identifiers(clock), logger=quiet_logger(), stack=stack
        )


def built(parts: ProviderParts, url: str) -> Provider:
    settings = WorkerSettings.load(email_providers=url, email_from="Angarium <notify@example.org>")
    [provider] = build_kit(settings, parts).providers
    return provider


@pytest.mark.parametrize(
    ("url", "sent_to"),
    [
        ("sendgrid://KEY@api", "https://api.sendgrid.com/v3/mail/send"),
        ("sendgrid://KEY@api?region=eu", "https://api.eu.sendgrid.com/v3/mail/send"),
        ("sendgrid://KEY@api?base_url=http://127.0.0.1:9000/", "http://127.0.0.1:9000/v3/mail/send"),
        ("mailgun://KEY@mg.example.org", "https://api.mailgun.net/v3/mg.example.org/messages.mime"),
        ("mailgun://KEY@mg.example.org?region=eu", "https://api.eu.mailgun.net/v3/mg.example.org/messages.mime"),
        ("mailgun://KEY@bücher.example", "https://api.mailgun.net/v3/xn--bcher-kva.example/messages.mime"),
        (
            "mailgun://KEY@mg.example.org?region=eu&base_url=http://[::1]:9000",
            "http://[::1]:9000/v3/mg.example.org/messages.mime",
        ),
        ("ses://KEY:a/b+c@eu-west-1", "https://email.eu-west-1.amazonaws.com/v2/email/outbound-emails"),
        ("ses://KEY:a/b+c@us-gov-west-1", "https://email.us-gov-west-1.amazonaws.com/v2/email/outbound-emails"),
        ("ses://KEY:a/b+c@cn-north-1", "https://email.cn-north-1.amazonaws.com.cn/v2/email/outbound-emails"),
    ],
)
async def test_each_url_leads_to_its_api(parts: ProviderParts, url: str, sent_to: str) -> None:
    provider = built(parts, url)
    assert isinstance(provider, ApiProvider)
    assert (await provider._api.request(outbound())).url == sent_to
    assert provider.name in EMAIL.schemes
    await provider.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sendgrid://canary@elsewhere", "must be sendgrid://KEY@api"),
        ("sendgrid://api", "must be sendgrid://KEY@api"),
        ("sendgrid://canary:canary@api", "must be sendgrid://KEY@api"),
        ("sendgrid://canary@api/canary", "must be sendgrid://KEY@api"),
        ("sendgrid://canary@api?region=mars", "region must be eu or global"),
        ("sendgrid://canary@api?sandbox=1", "unknown parameter: sandbox"),
        ("sendgrid://canary@api?timeout=0s", "timeout must be longer than 0"),
        ("sendgrid://canary@api?base_url=https://canary.example/path", "base_url must be an origin"),
        ("sendgrid://canary@api?base_url=https://u:canary@h", "base_url must be an origin"),
        ("sendgrid://canary@api?name=UPPER", "name must be"),
        ("mailgun://canary@", "must be mailgun://KEY@DOMAIN"),
        ("mailgun://canary@../../v4", "must be mailgun://KEY@DOMAIN"),
        ("mailgun://mg.example.org", "must be mailgun://KEY@DOMAIN"),
        ("mailgun://canary@mg.example.org?region=ap", "region must be us or eu"),
        ("mailgun://canary@mg.example.org?tracking=no", "unknown parameter: tracking"),
        ("ses://canary@eu-west-1", "must be ses://KEY:SECRET@REGION"),
        ("ses://canary:canary@evil.example", "must be ses://KEY:SECRET@REGION"),
        ("ses://canary:canary@eu-west-1?configuration_set=a%20b", "configuration_set"),
        ("ses://canary:canary@eu-west-1?token=canary", "unknown parameter: token"),
    ],
)
async def test_a_wrong_one_stops_the_start_without_being_shown(parts: ProviderParts, url: str, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        built(parts, url)
    message = str(refused.value)
    assert message.startswith("ANGARIUM_EMAIL_PROVIDERS: ")
    assert words in message
    assert "\n" not in message
    assert "canary" not in message


async def test_without_its_extra_ses_says_what_to_install(
    parts: ProviderParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "botocore.auth", None)
    with pytest.raises(SettingsError, match=r"pip install 'angarium\[ses\]'"):
        built(parts, "ses://KEY:SECRET@eu-west-1")


@pytest.mark.parametrize(
    ("base_url", "allowed"),
    [
        ("http://fake.example", False),
        ("http://localhost:9000", True),
        ("http://[::1]:9000", True),
        ("https://fake.example", True),
    ],
)
async def test_in_production_requests_with_credentials_are_not_sent_in_the_clear(
    parts: ProviderParts, base_url: str, *, allowed: bool
) -> None:
    settings = WorkerSettings.load(email_providers=f"sendgrid://KEY@api?base_url={base_url}").model_copy(
        update={"env": "production"}
    )
    assert settings.production
    if allowed:
        assert len(build_kit(settings, parts).providers) == 1
    else:
        with pytest.raises(SettingsError, match="base_url must be https"):
            build_kit(settings, parts)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("smtp://user:pass@mail.internal:25?tls=off", False),
        ("smtp://mail.internal:25?tls=off", True),
        ("smtp://user:pass@127.0.0.1:25?tls=off", True),
        ("smtp://user:pass@mail.internal:587", True),
    ],
)
def test_in_production_a_password_goes_to_an_smtp_server_by_tls_only(
    parts: ProviderParts, url: str, *, allowed: bool
) -> None:
    settings = WorkerSettings.load(email_providers=url)
    assert len(build_kit(settings, parts).providers) == 1
    production = settings.model_copy(update={"env": "production"})
    if allowed:
        assert len(build_kit(production, parts).providers) == 1
    else:
        with pytest.raises(SettingsError, match="a password needs TLS"):
            build_kit(production, parts)
