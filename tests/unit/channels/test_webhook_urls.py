"""Where providers are asked to post receipts."""

from pathlib import Path

import pytest

from angarium.channels.webhook_urls import webhook_urls
from angarium.contracts.statuses import Channel
from angarium.delivery.settings import WorkerSettings

URLS = "twilio://AC0123:T@+15005550006,twilio://AC0456:T@+15005550007,vonage://K:S@1415?name=backup"


def test_each_provider_has_a_url_of_its_name() -> None:
    settings = WorkerSettings.load(sms_providers=URLS, public_url="https://n.example/", webhook_token="t")
    url_of = webhook_urls(settings, Channel.SMS)
    assert [url_of(url) for url in settings.providers(Channel.SMS)] == [
        f"https://n.example/webhooks/{name}/t" for name in ("twilio", "twilio-2", "backup")
    ]


@pytest.mark.parametrize(
    "settings", [{}, {"webhook_token": "t"}, {"env": "production", "public_url": "https://n.example"}]
)
def test_without_an_address_or_a_token_nothing_is_asked_for(settings: dict[str, str]) -> None:
    others = {"email_providers": "", "push_providers": "", "service_token": "a-service-token-of-the-unit-tests"}
    loaded = WorkerSettings.load(sms_providers=URLS, **others, **settings)
    url_of = webhook_urls(loaded, Channel.SMS)
    assert [url_of(url) for url in loaded.providers(Channel.SMS)] == [None] * 3


def test_in_development_the_token_is_made_once(tmp_path: Path) -> None:
    settings = WorkerSettings.load(sms_providers=URLS, public_url="http://localhost", data_dir=tmp_path)
    first, *_ = settings.providers(Channel.SMS)
    made = [webhook_urls(settings, Channel.SMS)(first) for _ in range(2)]
    assert made[0] == made[1] == f"http://localhost/webhooks/twilio/{(tmp_path / 'webhook-token').read_text()}"
