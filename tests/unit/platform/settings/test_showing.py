"""Settings that people may see: every one, and no secret."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import Field, SecretStr, create_model

from angarium.platform.settings.base import known_fields
from angarium.platform.settings.groups import BrokerSettings
from angarium.platform.settings.showing import shown
from angarium.platform.settings.values import Countries, ProviderUrl, RateLimit, parse_networks, parse_provider_urls

SECRET = "s3cr3t-of-the-test"


def value_of(value: Any, name: str = "thing", *, open_field: bool = True) -> str:
    """How a setting of that value is shown."""
    kind = create_model("Group", **{name: (Any, Field(default=None, repr=open_field))})  # type: ignore[call-overload]  # a name that is not known here
    [found] = shown([kind.model_construct(**{name: value})])
    assert found.name == f"ANGARIUM_{name.upper()}"
    return found.value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        ((), "–"),
        ("info", "info"),
        (8000, "8000"),
        (SecretStr(SECRET), "set"),
        (timedelta(milliseconds=250), "0.25 s"),
        ((timedelta(seconds=1), timedelta(seconds=2)), "1 s, 2 s"),
        (RateLimit(20, timedelta(minutes=1)), "20 in 60 s"),
        (Countries(frozenset({"FR", "DE"}), allowed=True), "+DE,FR"),
        (parse_networks("127.0.0.0/8,::1/128"), "127.0.0.0/8, ::1/128"),
        ("postgresql://app:s3cr3t-of-the-test@db:5432/x?password=s3cr3t-of-the-test", "postgresql://db:5432/x"),
        ("amqp://a:s3cr3t-of-the-test@one,amqp://a:s3cr3t@of-the-test@two:5672/v", "amqp://two:5672/v"),
        ("redis+sentinel://:s3cr3t-of-the-test@h1:26379,h2:26379/0?master=m", "redis+sentinel://h1:26379,h2:26379/0"),
        ("sqlite:////var/lib/angarium/users.sqlite3", "sqlite:////var/lib/angarium/users.sqlite3"),
    ],
)
def test_a_value_is_shown_without_what_may_be_secret(value: object, expected: str) -> None:
    assert value_of(value) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"smtp://me:{SECRET}@mail.example:587?tls=starttls", "smtp://mail.example"),
        (f"smtp://mail.example:25?webhook_key={SECRET}&name=main", "smtp://mail.example (main)"),
        (f"sendgrid://{SECRET}@api", "sendgrid://api"),
        (f"sendgrid://{SECRET}", "sendgrid://"),
        (f"fcm:///run/{SECRET}.json", "fcm://"),
        (f"twilio://AC1:{SECRET}@+15005550006", "twilio://+15005550006"),
    ],
)
def test_a_provider_is_shown_by_its_scheme_its_host_and_its_name(url: str, expected: str) -> None:
    assert value_of(parse_provider_urls(url), open_field=False) == expected
    assert SECRET not in value_of((ProviderUrl.parse(url),))


def test_a_field_that_is_hidden_in_a_repr_is_set_whatever_it_is() -> None:
    assert value_of(SECRET, open_field=False) == "set"
    assert value_of(SECRET, "thing_url") == "set"  # a URL without a scheme may be anything


def test_a_setting_of_several_groups_is_shown_once_and_as_it_was_given() -> None:
    default, given = BrokerSettings.model_construct(), BrokerSettings.model_construct(queue_max_length=5)
    found = {one.name: one for one in shown([default, given])}
    assert len(found) == len(shown([default, given]))
    assert (found["ANGARIUM_QUEUE_MAX_LENGTH"].value, found["ANGARIUM_QUEUE_MAX_LENGTH"].given) == ("5", True)
    assert found["ANGARIUM_BROKER_URL"].given is False


def test_no_setting_shows_a_secret() -> None:
    """Each field of each group that is a secret, a URL or hidden, filled with one."""
    for name, info in known_fields().items():
        if name.endswith("_providers"):
            value: object = parse_provider_urls(f"smtp://u:{SECRET}@h?webhook_key={SECRET}")
        elif name.endswith("_url") or not info.repr:
            value = f"amqp://u:{SECRET}@h/v?password={SECRET}"
        elif "SecretStr" in str(info.annotation):
            value = SecretStr(SECRET)
        else:
            continue
        assert SECRET not in value_of(value, name, open_field=info.repr), name
