"""An issuer's published keys."""

import json
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from angarium.contracts.errors import ServiceUnavailable, Unauthorized
from angarium.platform.auth.tokens import TokenVerifier
from angarium.platform.settings.settings import AuthSettings
from tests.support.clock import ManualClock

FIRST = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SECOND = ec.generate_private_key(ec.SECP256R1())
SECRET = "0123456789abcdef0123456789abcdef"


def published(key_id: str, key: Any, **more: Any) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": key_id, **more}


class Issuer:
    """Serves a key set; counts."""

    def __init__(self) -> None:
        self.keys: list[Any] = [published("k1", FIRST)]
        self.asked = 0
        self.down = False

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        assert str(request.url) == "https://issuer.test/jwks"
        self.asked += 1
        if self.down:
            message = "refused"
            raise httpx2.ConnectError(message)
        return httpx2.Response(200, json={"keys": self.keys})


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def verifier(issuer: Issuer, clock: ManualClock) -> TokenVerifier:
    settings = AuthSettings(
        jwt_jwks_url="https://issuer.test/jwks", jwt_audience="angarium", jwt_issuer="issuer", jwt_secret=SECRET
    )
    return TokenVerifier(settings, clock, transport=httpx2.MockTransport(issuer))


def token(key: Any, algorithm: str, clock: ManualClock, **headers: Any) -> str:
    expires = int(clock.now().timestamp()) + 3600
    claims = {"sub": "billing", "aud": "angarium", "iss": "issuer", "exp": expires}
    return jwt.encode(claims, key, algorithm, headers=headers)


async def test_a_token_is_checked_by_the_key_it_names(
    verifier: TokenVerifier, issuer: Issuer, clock: ManualClock
) -> None:
    for _ in range(3):
        assert (await verifier.verify(token(FIRST, "RS256", clock, kid="k1"))).name == "billing"
    assert issuer.asked == 1


async def test_a_token_without_a_key_id_is_checked_by_the_configured_key(
    verifier: TokenVerifier, issuer: Issuer, clock: ManualClock
) -> None:
    assert (await verifier.verify(token(SECRET, "HS256", clock))).name == "billing"
    assert issuer.asked == 0


async def test_a_turned_key_is_found(verifier: TokenVerifier, issuer: Issuer, clock: ManualClock) -> None:
    await verifier.verify(token(FIRST, "RS256", clock, kid="k1"))
    issuer.keys = [published("k2", SECOND)]
    await clock.advance(30)
    assert (await verifier.verify(token(SECOND, "ES256", clock, kid="k2"))).name == "billing"
    with pytest.raises(Unauthorized):
        await verifier.verify(token(FIRST, "RS256", clock, kid="k1"))


async def test_a_withdrawn_key_is_forgotten_after_ten_minutes(
    verifier: TokenVerifier, issuer: Issuer, clock: ManualClock
) -> None:
    await verifier.verify(token(FIRST, "RS256", clock, kid="k1"))
    issuer.keys = []
    await clock.advance(600)
    with pytest.raises(Unauthorized):
        await verifier.verify(token(FIRST, "RS256", clock, kid="k1"))


async def test_unknown_key_ids_make_no_flood(verifier: TokenVerifier, issuer: Issuer, clock: ManualClock) -> None:
    for number in range(20):
        with pytest.raises(Unauthorized):
            await verifier.verify(token(FIRST, "RS256", clock, kid=f"unknown-{number}"))
    assert issuer.asked == 1


async def test_while_the_issuer_is_down_its_known_keys_go_on(
    verifier: TokenVerifier, issuer: Issuer, clock: ManualClock
) -> None:
    issuer.down = True
    with pytest.raises(ServiceUnavailable):
        await verifier.verify(token(FIRST, "RS256", clock, kid="k1"))
    issuer.down = False
    await clock.advance(30)
    await verifier.verify(token(FIRST, "RS256", clock, kid="k1"))
    issuer.down = True
    await clock.advance(700)
    assert (await verifier.verify(token(FIRST, "RS256", clock, kid="k1"))).name == "billing"


async def test_a_published_key_has_the_algorithm_of_its_kind_alone(verifier: TokenVerifier, clock: ManualClock) -> None:
    for algorithm in ("RS512", "PS256"):
        with pytest.raises(Unauthorized):
            await verifier.verify(token(FIRST, algorithm, clock, kid="k1"))
    with pytest.raises(Unauthorized):
        await verifier.verify(token(SECRET, "HS256", clock, kid="k1"))


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "k": "AAAA", "kid": "k1"},
        {"kty": "RSA", "kid": "k1"},
        published("k1", FIRST, use="enc"),
        published("k1", FIRST, alg="RS512"),
        published("k1", rsa.generate_private_key(public_exponent=65537, key_size=1024)),  # noqa: S505 - too weak on purpose
        published("k1", ec.generate_private_key(ec.SECP384R1())),
        {"kid": "k1"},
        "text",
    ],
)
async def test_keys_that_are_not_taken_are_passed_over(
    verifier: TokenVerifier, issuer: Issuer, clock: ManualClock, entry: Any
) -> None:
    issuer.keys = [entry, published("k2", SECOND)]
    with pytest.raises(Unauthorized):
        await verifier.verify(token(FIRST, "RS256", clock, kid="k1"))
    assert (await verifier.verify(token(SECOND, "ES256", clock, kid="k2"))).name == "billing"


async def test_an_answer_that_is_no_key_set_is_none(issuer: Issuer, clock: ManualClock) -> None:
    settings = AuthSettings(jwt_jwks_url="https://issuer.test/jwks", jwt_audience="a", jwt_issuer="i")
    for answer in (httpx2.Response(200, text="<html>"), httpx2.Response(200, json=[]), httpx2.Response(500)):
        transport = httpx2.MockTransport(lambda _, answer=answer: answer)
        with pytest.raises(ServiceUnavailable):
            await TokenVerifier(settings, clock, transport=transport).verify(token(FIRST, "RS256", clock, kid="k1"))
