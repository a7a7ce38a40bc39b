"""API keys, service tokens and how they are shown."""

import asyncio
import re
import stat
from pathlib import Path

import pytest

from angarium.contracts.errors import Forbidden, Unauthorized
from angarium.contracts.scopes import Scope, known_scopes
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.credentials import credentials_of, hash_key, new_api_key
from angarium.platform.auth.service_token import ServiceTokens, caller_headers, service_token_of, shared_service_token
from angarium.platform.settings.settings import ServiceTokenSettings


@pytest.mark.parametrize("kind", ["live", "test"])
def test_a_key_says_what_it_is_and_is_long(kind: str) -> None:
    key = new_api_key("live" if kind == "live" else "test")
    assert re.fullmatch(rf"ang_{kind}_[a-z2-7]{{40}}", key)


def test_keys_come_from_the_entropy_given() -> None:
    assert new_api_key("live", bytes) == "ang_live_" + "a" * 40
    assert len({new_api_key() for _ in range(100)}) == 100


def test_a_hash_is_sha256() -> None:
    assert hash_key("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert len(hash_key("\udcff\ud800")) == 64


@pytest.mark.parametrize(
    ("headers", "kind", "secret"),
    [
        ({"x-api-key": "k"}, "api_key", "k"),
        ({"authorization": "Bearer t"}, "bearer", "t"),
        ({"authorization": "bearer  t "}, "bearer", "t"),
        ({"x-api-key": "k", "authorization": "Bearer t"}, "api_key", "k"),
    ],
)
def test_what_is_shown_is_read(headers: dict[str, str], kind: str, secret: str) -> None:
    shown = credentials_of(headers)
    assert (shown.kind, shown.secret) == (kind, secret)
    assert f"'{secret}'" not in repr(shown)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"authorization": "Basic dTpw"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"x-api-key": "k" * 8193},
    ],
)
def test_nothing_good_shown_is_unauthorized(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorized):
        credentials_of(headers)


def test_a_caller_needs_the_scope_or_all() -> None:
    Caller("t", "n", frozenset({Scope.USERS_READ})).require(Scope.USERS_READ)
    Caller("t", "n", frozenset({Scope.ADMIN})).require(Scope.USERS_WRITE)
    with pytest.raises(Forbidden):
        Caller("t", "n", frozenset({Scope.USERS_READ})).require(Scope.USERS_WRITE)


def test_unknown_scopes_grant_nothing() -> None:
    assert known_scopes(["admin ", "ADMIN", "users:read", ""]) == {Scope.USERS_READ}


@pytest.mark.parametrize(
    ("tenant", "name"), [("default", "billing"), ("acmé", "a\r\nx-evil: 1"), ("日本", "%41"), (" t ", "")]
)
def test_who_asks_survives_the_headers(tenant: str, name: str) -> None:
    caller = Caller(tenant, name, frozenset({Scope.USERS_READ, Scope.TEMPLATES_READ}))
    headers = caller_headers(tenant, caller)
    assert all(value.isascii() and "\r" not in value and "\n" not in value for value in headers.values())
    assert ServiceTokens("good").authenticate({"x-service-token": "good", **headers}) == caller


def test_plain_names_travel_as_they_are() -> None:
    headers = caller_headers("acme-1", Caller("acme-1", "billing service", frozenset()))
    assert headers["x-angarium-tenant"] == "acme-1"
    assert headers["x-angarium-caller"] == "billing service"


def test_a_service_may_have_no_scopes_or_ask_for_itself() -> None:
    tokens = ServiceTokens("good")
    nobody = tokens.authenticate({"x-service-token": "good", "x-angarium-scopes": ""})
    itself = tokens.authenticate({"x-service-token": "good"})
    assert nobody is not None
    assert nobody.scopes == frozenset()
    assert itself == Caller("default", "service", frozenset({Scope.ADMIN}))


@pytest.mark.parametrize("shown", ["", "goo", "good ", "Good", "gööd", "\udcff"])
def test_a_wrong_token_is_unauthorized(shown: str) -> None:
    with pytest.raises(Unauthorized):
        ServiceTokens("good").authenticate({"x-service-token": shown})


@pytest.mark.parametrize("configured", [None, ""])
def test_without_a_token_configured_none_is_good(configured: str | None) -> None:
    assert ServiceTokens(configured).authenticate({}) is None
    with pytest.raises(Unauthorized):
        ServiceTokens(configured).authenticate({"x-service-token": ""})


def test_the_configured_token_is_taken(tmp_path: Path) -> None:
    assert service_token_of(ServiceTokenSettings(service_token="configured", data_dir=tmp_path)) == "configured"
    assert not list(tmp_path.iterdir())


async def test_processes_of_one_folder_share_a_token(tmp_path: Path) -> None:
    settings = ServiceTokenSettings(data_dir=tmp_path / "data")
    tokens = await asyncio.gather(*(asyncio.to_thread(service_token_of, settings) for _ in range(20)))
    assert len(set(tokens)) == 1
    assert len(tokens[0]) == 64
    (file,) = (tmp_path / "data").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert shared_service_token(tmp_path / "data") == tokens[0]
