"""Hostile bearer tokens: each is a 401, whatever the key."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from angarium.contracts.errors import SettingsError, Unauthorized
from angarium.contracts.scopes import Scope
from angarium.platform.auth.tokens import TokenVerifier
from angarium.platform.settings.settings import AuthSettings
from tests.support.clock import ManualClock

SECRET = "0123456789abcdef0123456789abcdef"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NAMES: Mapping[str, Any] = {"jwt_audience": "angarium", "jwt_issuer": "https://issuer.test/"}
CLOCK = ManualClock()
NOW = int(CLOCK.now().timestamp())
CLAIMS: Mapping[str, Any] = {
    "sub": "billing",
    "aud": "angarium",
    "iss": "https://issuer.test/",
    "exp": NOW + 300,
    "iat": NOW,
    "scope": "notifications:send users:read unheard:of",
    "tenant": "acme",
}


def public_pem(key: Any) -> str:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def verifier(**settings: Any) -> TokenVerifier:
    return TokenVerifier(AuthSettings(**NAMES, **settings), CLOCK)


def by_secret() -> TokenVerifier:
    return verifier(jwt_secret=SECRET)


def by_rsa() -> TokenVerifier:
    return verifier(jwt_public_key=public_pem(RSA_KEY))


def signed(changes: Mapping[str, Any] | None = None, *, headers: dict[str, Any] | None = None) -> str:
    claims = {**CLAIMS, **(changes or {})}
    return jwt.encode({k: v for k, v in claims.items() if v is not ...}, SECRET, "HS256", headers=headers)


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(header: Mapping[str, Any], key: bytes | None) -> str:
    """A token put together by hand, signed by HMAC or not at all."""
    content = f"{segment(header)}.{segment(dict(CLAIMS))}"
    signature = b"" if key is None else hmac.new(key, content.encode(), hashlib.sha256).digest()
    return f"{content}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


async def refused(checked_by: TokenVerifier, token: str) -> None:
    with pytest.raises(Unauthorized) as answer:
        await checked_by.verify(token)
    assert not answer.value.details


async def test_a_good_token_brings_its_caller() -> None:
    caller = await by_secret().verify(signed())
    assert (caller.tenant, caller.name, caller.key_id) == ("acme", "billing", None)
    assert caller.scopes == {Scope.NOTIFICATIONS_SEND, Scope.USERS_READ}


async def test_the_tenant_is_default_where_none_is_named() -> None:
    assert (await by_secret().verify(signed({"tenant": ...}))).tenant == "default"


async def test_no_scope_claim_grants_nothing() -> None:
    assert (await by_secret().verify(signed({"scope": ...}))).scopes == frozenset()


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA_KEY, "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
)
async def test_each_kind_of_public_key_has_its_algorithm(key: Any, algorithm: str) -> None:
    one_line = public_pem(key).replace("\n", "\\n")
    caller = await verifier(jwt_public_key=one_line).verify(jwt.encode(dict(CLAIMS), key, algorithm))
    assert caller.name == "billing"


@pytest.mark.parametrize("algorithm", ["none", "nOnE", "NONE", "", None, "HS384", "HS512", "hs256", 1, ["HS256"]])
@pytest.mark.parametrize("key", [None, SECRET.encode(), b""])
async def test_a_token_cannot_choose_its_algorithm(algorithm: object, key: bytes | None) -> None:
    await refused(by_secret(), forged({"alg": algorithm, "typ": "JWT"}, key))


async def test_the_public_key_is_no_hmac_secret() -> None:
    pem = public_pem(RSA_KEY).encode()
    for key in (pem, pem.strip(), RSA_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)):
        await refused(by_rsa(), forged({"alg": "HS256", "typ": "JWT"}, key))
    both = verifier(jwt_secret=SECRET, jwt_public_key=public_pem(RSA_KEY))
    await refused(both, forged({"alg": "HS256", "typ": "JWT"}, pem))


async def test_other_rsa_algorithms_are_not_pinned() -> None:
    for algorithm in ("RS384", "RS512", "PS256"):
        await refused(by_rsa(), jwt.encode(dict(CLAIMS), RSA_KEY, algorithm))


NO_TIMES = (float("inf"), float("-inf"), float("nan"), 10**400)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW - 31},
        *({name: value} for name in ("exp", "nbf", "iat") for value in NO_TIMES),
        {"exp": ...},
        {"exp": None},
        {"exp": str(NOW + 300)},
        {"exp": True},
        {"iat": NOW + 31},
        {"iat": "now"},
        {"nbf": NOW + 31},
        {"aud": "other"},
        {"aud": ["other", "angarium2"]},
        {"aud": "angariu"},
        {"aud": ...},
        {"iss": "https://issuer.test"},
        {"iss": "https://issuer.test/evil"},
        {"iss": "https://evil.test/?https://issuer.test/"},
        {"iss": ...},
        {"sub": ...},
        {"sub": ""},
        {"tenant": ""},
        {"tenant": "a\x00b"},
        {"tenant": "a\r\nx-angarium-scopes: admin"},
        {"tenant": "x" * 300},
        {"sub": "a\x00b"},
        {"sub": "a\nb"},
        {"sub": "x" * 300},
    ],
)
async def test_a_claim_that_is_wrong_or_missing_is_refused(changes: dict[str, Any]) -> None:
    await refused(by_secret(), signed(changes))


@pytest.mark.parametrize(
    "changes", [{"iss": ["https://issuer.test/"]}, {"sub": 5}, {"scope": ["admin"]}, {"tenant": 7}]
)
async def test_a_claim_of_another_type_is_refused(changes: dict[str, Any]) -> None:
    content = f"{segment({'alg': 'HS256', 'typ': 'JWT'})}.{segment({**CLAIMS, **changes})}"
    signature = hmac.new(SECRET.encode(), content.encode(), hashlib.sha256).digest()
    await refused(by_secret(), f"{content}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}")


@pytest.mark.parametrize(
    "changes", [{"exp": NOW - 29}, {"iat": NOW + 29}, {"nbf": NOW + 29}, {"aud": ["x", "angarium"]}]
)
async def test_thirty_seconds_of_leeway_are_given(changes: dict[str, Any]) -> None:
    assert (await by_secret().verify(signed(changes))).name == "billing"


@pytest.mark.parametrize(
    "headers",
    [
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": False},
        {"crit": ["unheard-of"], "unheard-of": 1},
        {"crit": []},
        {"kid": "../../../../dev/null"},
        {"kid": "' OR '1'='1"},
        {"kid": "key\n"},
        {"kid": ""},
    ],
)
async def test_headers_that_would_steer_the_check_are_refused(headers: dict[str, Any]) -> None:
    header = {"alg": "HS256", "typ": "JWT", **headers}
    await refused(by_secret(), forged(header, SECRET.encode()))
    await refused(by_secret(), forged(header, b""))


async def test_keys_named_by_the_token_are_not_used() -> None:
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key()))
    for headers in (
        {"jwk": jwk},
        {"jku": "http://127.0.0.1:1/jwks"},
        {"x5u": "http://127.0.0.1:1/x"},
        {"x5c": ["AA=="]},
    ):
        await refused(by_rsa(), jwt.encode(dict(CLAIMS), own, "RS256", headers=headers))


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "é", "a" * 8000, "\x00.\x00.\x00", "eyJhbGciOiJIUzI1NiJ9.e30."]
)
async def test_what_is_no_token_is_refused(token: str) -> None:
    await refused(by_secret(), token)


async def test_a_token_without_bottom_is_refused() -> None:
    deep = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 100_000).rstrip(b"=").decode()
    await refused(by_secret(), f"{deep}.e30.AA")


async def test_a_changed_token_is_refused() -> None:
    header, _, signature = signed().split(".")
    await refused(by_secret(), f"{header}.{segment({**CLAIMS, 'scope': 'admin'})}.{signature}")
    await refused(by_secret(), signed() + "A")


async def test_without_a_key_no_token_is_good() -> None:
    nothing = TokenVerifier(AuthSettings(), CLOCK)
    assert not nothing.enabled
    await refused(nothing, signed())


async def test_a_refusal_takes_no_time_worth_measuring() -> None:
    started = time.perf_counter()
    await refused(by_secret(), "a." + "A" * 8000 + ".b")
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"jwt_secret": "x" * 31, **NAMES}, "ANGARIUM_JWT_SECRET"),
        ({"jwt_secret": SECRET, "jwt_issuer": "i"}, "ANGARIUM_JWT_AUDIENCE"),
        ({"jwt_secret": SECRET, "jwt_audience": "a"}, "ANGARIUM_JWT_ISSUER"),
        ({"jwt_public_key": "canary", **NAMES}, "ANGARIUM_JWT_PUBLIC_KEY"),
        ({"jwt_public_key": public_pem(ec.generate_private_key(ec.SECP384R1())), **NAMES}, "ANGARIUM_JWT_PUBLIC_KEY"),
        (
            {
                "jwt_public_key": RSA_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
                **NAMES,
            },
            "ANGARIUM_JWT_PUBLIC_KEY",
        ),
        ({"jwt_jwks_url": "https://issuer.test/jwks", "jwt_issuer": "i"}, "ANGARIUM_JWT_AUDIENCE"),
    ],
)
def test_a_key_that_cannot_be_relied_on_stops_the_start(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{named}: ") as refusal:
        TokenVerifier(AuthSettings(**settings), CLOCK)
    assert "canary" not in str(refusal.value)
