"""Where settings come from, and which are refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from angarium.contracts.errors import SettingsError
from angarium.contracts.statuses import Channel
from angarium.delivery.settings import ProviderSettings, SmsSettings
from angarium.directory.settings import DirectorySettings, PreferenceSettings
from angarium.notifications.settings import NotificationsDatabaseSettings, QueueSettings, RetentionSettings
from angarium.platform.settings.settings import AuthSettings, CacheSettings, CallbackSettings
from angarium.services.gateway.settings import MailboxSettings


class Everything(
    NotificationsDatabaseSettings,
    QueueSettings,
    CacheSettings,
    DirectorySettings,
    AuthSettings,
    ProviderSettings,
    SmsSettings,
    PreferenceSettings,
    MailboxSettings,
    CallbackSettings,
    RetentionSettings,
):
    """All groups in one."""


STRONG = "9f0b7c6b1f3d4d9e8a2c5e7f60b1d3c4"
PRODUCTION = {
    "ANGARIUM_ENV": "production",
    "ANGARIUM_SERVICE_TOKEN": STRONG,
    "ANGARIUM_EMAIL_PROVIDERS": "smtp://mail.internal:25",
    "ANGARIUM_PUSH_PROVIDERS": "",
    "ANGARIUM_SMS_PROVIDERS": "",
}


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env`, no TOML file, no variables but the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ANGARIUM_CONFIG", raising=False)


def environment(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_defaults_are_those_of_the_contract() -> None:
    settings = Everything.load()
    assert (settings.env, settings.host, settings.log_level, settings.log_format) == (
        "development",
        "127.0.0.1",
        "info",
        "auto",
    )
    assert settings.notifications_database_url == "sqlite:///angarium-data/notifications.sqlite3"
    assert (settings.broker_url, settings.cache_url) == ("memory://", "memory://")
    assert settings.delays(Channel.EMAIL) == tuple(timedelta(seconds=n) for n in (1, 2, 4, 8, 16))
    assert [provider.scheme for provider in settings.providers(Channel.SMS)] == ["mailbox"]
    assert settings.rate_limit is not None
    assert settings.rate_limit.per_second == 20000
    assert (settings.mailbox_smtp_port, settings.database_pool, settings.status_events) == (1025, 10, "off")


def test_the_database_file_stands_in_the_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANGARIUM_DATA_DIR", "/var/lib/angarium")
    assert Everything.load().notifications_database_url == "sqlite:////var/lib/angarium/notifications.sqlite3"


def test_a_channels_own_delays_win(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {"ANGARIUM_RETRY_DELAYS": "1s", "ANGARIUM_SMS_RETRY_DELAYS": "5s,6s"})
    settings = Everything.load()
    assert settings.delays(Channel.SMS) == (timedelta(seconds=5), timedelta(seconds=6))
    assert settings.delays(Channel.PUSH) == (timedelta(seconds=1),)


def test_an_empty_list_of_providers_disables_the_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {"ANGARIUM_PUSH_PROVIDERS": "", "ANGARIUM_API_KEY": "", "ANGARIUM_PORT": ""})
    settings = Everything.load()
    assert settings.providers(Channel.PUSH) == ()
    assert settings.api_key is None
    assert settings.port == 8000


def test_the_first_source_that_names_a_setting_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "angarium.toml").write_text(
        'ANGARIUM_HOST = "toml"\nport = 1\nlog_level = "error"\nsms_providers = ["twilio://a:b@+1", "mailbox://"]\n'
    )
    (tmp_path / ".env").write_text("ANGARIUM_PORT=2\nANGARIUM_LOG_LEVEL=warning\nUNKNOWN=1\n")
    monkeypatch.setenv("ANGARIUM_LOG_LEVEL", "debug")
    settings = Everything.load(log_format="json")
    assert (settings.host, settings.port, settings.log_level, settings.log_format) == ("toml", 2, "debug", "json")
    assert len(settings.sms_providers) == 2


def test_a_named_file_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANGARIUM_CONFIG", "nowhere.toml")
    with pytest.raises(SettingsError, match=r"^ANGARIUM_CONFIG: nowhere.toml cannot be read"):
        Everything.load()


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "angarium.toml").write_text("port: 1")
    with pytest.raises(SettingsError, match=r"^ANGARIUM_CONFIG: angarium.toml is not valid TOML \(at line 1, .*\)$"):
        Everything.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANGARIUM_PORT", "canary"),
        ("ANGARIUM_PORT", "65536"),
        ("ANGARIUM_ENV", "canary"),
        ("ANGARIUM_AUTH", "canary"),
        ("ANGARIUM_RETRY_DELAYS", "1s,canary"),
        ("ANGARIUM_RETRY_DELAYS", "1s,0ms"),
        ("ANGARIUM_SMS_RETRY_DELAYS", "9999999999h"),
        ("ANGARIUM_PUSH_RETRY_DELAYS", ",".join(["1s"] * 21)),
        ("ANGARIUM_EMAIL_PROVIDERS", "canary:secret@host"),
        ("ANGARIUM_SMS_PROVIDERS", "twilio://canary:canary@x:y"),
        ("ANGARIUM_RATE_LIMIT", "canary"),
        ("ANGARIUM_SMS_COUNTRIES", "canary"),
        ("ANGARIUM_SMS_LIMIT_PER_NUMBER", "canary"),
        ("ANGARIUM_SMS_LIMIT_PER_TENANT", "0/day"),
        ("ANGARIUM_CALLBACK_ALLOW", "canary"),
        ("ANGARIUM_WORKER_CONCURRENCY", "0"),
        ("ANGARIUM_QUEUE_MAX_LENGTH", "canary"),
        ("ANGARIUM_RETENTION", "23h"),
        ("ANGARIUM_RETENTION", "canary"),
        ("ANGARIUM_REDACT_AFTER", "0s"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        Everything.load()
    assert str(refused.value).startswith(f"{name}: ")
    assert "\n" not in str(refused.value)
    assert "canary" not in str(refused.value)


def test_two_wrong_settings_are_both_named(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {"ANGARIUM_PORT": "x", "ANGARIUM_LOG_LEVEL": "loud"})
    with pytest.raises(SettingsError) as refused:
        Everything.load()
    assert "ANGARIUM_PORT: " in str(refused.value)
    assert "ANGARIUM_LOG_LEVEL: " in str(refused.value)


@pytest.mark.parametrize(
    "added",
    [
        {},
        {"ANGARIUM_API_KEY": f"ang_live_{STRONG}", "ANGARIUM_LINK_SECRET": STRONG, "ANGARIUM_JWT_SECRET": STRONG},
        {
            "ANGARIUM_BROKER_URL": "amqp://guest:7Hq2@example.com:5672/",
            "ANGARIUM_CACHE_URL": "redis://development:6379",
        },
        {"ANGARIUM_JWT_JWKS_URL": "https://login.example/keys"},
        {"ANGARIUM_JWT_JWKS_URL": "http://[::1]:8080/keys"},
    ],
)
def test_production_starts_when_nothing_can_be_guessed(added: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {**PRODUCTION, **added})
    assert Everything.load().production


def test_development_takes_any_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {**PRODUCTION, "ANGARIUM_ENV": "development", "ANGARIUM_SERVICE_TOKEN": "a"})
    assert not Everything.load().production


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"ANGARIUM_SERVICE_TOKEN": ""}, "ANGARIUM_SERVICE_TOKEN"),
        ({"ANGARIUM_SERVICE_TOKEN": "Change-Me-please"}, "ANGARIUM_SERVICE_TOKEN"),
        ({"ANGARIUM_SERVICE_TOKEN": STRONG[:-1]}, "ANGARIUM_SERVICE_TOKEN"),
        ({"ANGARIUM_SERVICE_TOKEN": "passwords" * 8}, "ANGARIUM_SERVICE_TOKEN"),
        ({"ANGARIUM_API_KEY": "ang_live_example_9f0b7c6b1f3d4d9e8a2c5e7f60b1d3c4"}, "ANGARIUM_API_KEY"),
        ({"ANGARIUM_API_KEY": "prod-key-secret-123"}, "ANGARIUM_API_KEY"),
        ({"ANGARIUM_LINK_SECRET": "b"}, "ANGARIUM_LINK_SECRET"),
        ({"ANGARIUM_JWT_SECRET": "changeme" * 8}, "ANGARIUM_JWT_SECRET"),
        ({"ANGARIUM_JWT_SECRET": "0123" * 8}, "ANGARIUM_JWT_SECRET"),
        ({"ANGARIUM_JWT_JWKS_URL": "http://login.internal/keys"}, "ANGARIUM_JWT_JWKS_URL"),
        ({"ANGARIUM_CALLBACK_SECRET": "whsec_example"}, "ANGARIUM_CALLBACK_SECRET"),
        ({"ANGARIUM_EMAIL_PROVIDERS": "smtp://m,mailbox://"}, "ANGARIUM_EMAIL_PROVIDERS"),
        ({"ANGARIUM_SMS_PROVIDERS": "mailbox://"}, "ANGARIUM_SMS_PROVIDERS"),
        ({"ANGARIUM_AUTH": "off"}, "ANGARIUM_AUTH"),
        ({"ANGARIUM_BROKER_URL": "amqp://guest:guest@rabbitmq:5672/"}, "ANGARIUM_BROKER_URL"),
        ({"ANGARIUM_BROKER_URL": "amqp://a:7Hq2@one:5672,a:development@two:5672/"}, "ANGARIUM_BROKER_URL"),
        ({"ANGARIUM_CACHE_URL": "redis://:change-me@redis:6379/0"}, "ANGARIUM_CACHE_URL"),
        (
            {"ANGARIUM_NOTIFICATIONS_DATABASE_URL": "postgresql://angarium:development@postgres/notification_db"},
            "ANGARIUM_NOTIFICATIONS_DATABASE_URL",
        ),
        ({"ANGARIUM_CRASH_AT": "after_send"}, "ANGARIUM_CRASH_AT"),
    ],
)
def test_production_refuses(changed: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {**PRODUCTION, **changed})
    with pytest.raises(SettingsError, match=rf"^{named}: .*production$"):
        Everything.load()


def test_a_certificate_needs_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cert.pem").write_text("")
    monkeypatch.setenv("ANGARIUM_TLS_CERT", "cert.pem")
    with pytest.raises(SettingsError, match=r"^ANGARIUM_TLS_KEY: "):
        Everything.load()
    monkeypatch.setenv("ANGARIUM_TLS_KEY", "nowhere.pem")
    with pytest.raises(SettingsError, match=r"^ANGARIUM_TLS_KEY: is not a file$"):
        Everything.load()


def test_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "ANGARIUM_API_KEY": "canary",
        "ANGARIUM_SERVICE_TOKEN": "canary",
        "ANGARIUM_JWT_SECRET": "canary",
        "ANGARIUM_JWT_PUBLIC_KEY": "canary",
        "ANGARIUM_CALLBACK_SECRET": "canary",
        "ANGARIUM_BROKER_URL": "amqp://canary:canary@h",
        "ANGARIUM_CACHE_URL": "redis://:canary@h",
        "ANGARIUM_NOTIFICATIONS_DATABASE_URL": "postgresql://u:canary@h/d",
        "ANGARIUM_NOTIFICATIONS_READ_DATABASE_URL": "postgresql://u:canary@h/d",
        "ANGARIUM_EMAIL_PROVIDERS": "smtp://u:canary@h",
    }
    environment(monkeypatch, secrets)
    settings = Everything.load()
    assert "canary" not in repr(settings)
    assert "canary" not in str(settings)


def test_settings_do_not_change() -> None:
    settings = Everything.load()
    with pytest.raises(ValueError, match="frozen"):
        settings.host = "elsewhere"  # type: ignore[misc]  # what is tested


@pytest.mark.parametrize(("value", "period"), [("off", None), ("90d", timedelta(days=90)), ("24h", timedelta(days=1))])
def test_history_is_kept_for_a_period_or_without_limit(
    value: str, period: timedelta | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (Everything.load().retention, Everything.load().redact_after) == (None, None)
    environment(monkeypatch, {"ANGARIUM_RETENTION": value, "ANGARIUM_REDACT_AFTER": value})
    assert (Everything.load().retention, Everything.load().redact_after) == (period, period)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("PUBLIC_URL", url) for url in (
            "https://h h", "https://h:99999", "https://h:x", "https://[::1", "https://h?x=1", "https://h#x", "https://:80",
            "https://straße.example", "https://user:password@h", "https://h\n", "//h", "https:/h",
        )),
        ("GATEWAY_URL", "http://h:99999"),
        ("USERS_URL", "http://h?x=1"),
        ("TEMPLATES_URL", "http:///x"),
        ("JWT_JWKS_URL", "https://h:x/keys"),
        ("RETENTION", "99999999d"),
        ("REDACT_AFTER", "36501d"),
        ("FAILOVER_AFTER", "999999999999h"),
        ("QUEUE_MESSAGE_TTL", "50d"),
    ],
)  # fmt: skip
def test_a_value_that_would_fail_later_stops_the_start(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {f"ANGARIUM_{name}": value})
    with pytest.raises(SettingsError, match=rf"^ANGARIUM_{name}: [^\n]*$") as caught:
        Everything.load()
    assert "password" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "https://mail.example:8443/angarium/"),
        ("PUBLIC_URL", "http://[::1]:8000"),
        ("JWT_JWKS_URL", "https://login.example/keys?tenant=a"),
        ("RETENTION", "36500d"),
        ("QUEUE_MESSAGE_TTL", "49d"),
    ],
)
def test_values_at_the_limits_are_taken(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {f"ANGARIUM_{name}": value})
    Everything.load()
