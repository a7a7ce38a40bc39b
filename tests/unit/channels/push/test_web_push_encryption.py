"""RFC 8291 and RFC 8292: the RFC's own example, the usual library, and a receiver that has the subscription's keys."""

import base64
import os
from pathlib import Path

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from angarium.channels.push.providers.key_file import read_key
from angarium.channels.push.providers.webpush.encryption import (
    LONGEST,
    RECORD_SIZE,
    NoSubscription,
    Subscription,
    TooLong,
    encrypted,
    new_key,
)
from angarium.channels.push.providers.webpush.vapid import LIFE, MOST_ORIGINS, Vapid, checked_subject
from tests.support.clock import ManualClock


def b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def key_of(scalar: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(b64(scalar), "big"), ec.SECP256R1())


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def browser() -> tuple[ec.EllipticCurvePrivateKey, Subscription]:
    key = new_key()
    return key, Subscription("https://push.example/1", point(key), os.urandom(16))


def test_the_example_of_rfc_8291_appendix_a() -> None:
    subscription = Subscription(
        "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
        b64("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        b64("BTBZMqHH6r4Tts7J_aSIgg"),
    )
    body = encrypted(
        b"When I grow up, I want to be a watermelon",
        subscription,
        make_key=lambda: key_of("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
        salt=b64("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert body == b64(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A"
        "_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


@given(st.binary(max_size=LONGEST))
@settings(max_examples=50, deadline=None)
def test_the_receiver_reads_what_was_sent(plain: bytes) -> None:
    key, subscription = browser()
    body = encrypted(plain, subscription)
    assert len(body) <= RECORD_SIZE
    assert http_ece.decrypt(body, private_key=key, auth_secret=subscription.auth, version="aes128gcm") == plain


def test_no_two_messages_are_encrypted_alike() -> None:
    _, subscription = browser()
    assert len({encrypted(b"x", subscription)[:37] for _ in range(20)}) == 20


def test_a_longer_message_is_refused() -> None:
    with pytest.raises(TooLong):
        encrypted(b"x" * (LONGEST + 1), browser()[1])


@pytest.mark.parametrize("public", [b"", b"\x04" + b"\x01" * 64, b"\x04" + b"\x00" * 64])
def test_a_key_that_is_no_point_of_the_curve_is_refused(public: bytes) -> None:
    with pytest.raises(NoSubscription):
        encrypted(b"x", Subscription("https://push.example/1", public, b"0" * 16))


@pytest.mark.parametrize("token", [{}, {"endpoint": "x"}, {"endpoint": "x", "keys": {}}, {"endpoint": "x", "keys": 1}])
def test_a_subscription_without_keys_is_refused(token: dict[str, object]) -> None:
    with pytest.raises(NoSubscription):
        Subscription.parse(token)


def claims(header: str, public: ec.EllipticCurvePublicKey, origin: str) -> dict[str, object]:
    token = header.removeprefix("vapid t=").partition(",")[0]
    decoded: dict[str, object] = jwt.decode(
        token, public, algorithms=["ES256"], audience=origin, options={"verify_exp": False}
    )
    return decoded


async def test_a_token_is_for_one_push_service_and_is_renewed_in_time() -> None:
    clock, key = ManualClock(), new_key()
    vapid = Vapid(key, "mailto:ops@example.com", clock)
    first = vapid.authorization("https://push.example")
    assert vapid.authorization("https://push.example") == first
    assert first.endswith(f", k={vapid.public}")
    assert b64(vapid.public) == point(key)
    made = claims(first, key.public_key(), "https://push.example")
    assert made == {
        "aud": "https://push.example", "exp": int(clock.now().timestamp()) + LIFE, "sub": "mailto:ops@example.com",
    }  # fmt: skip
    assert claims(vapid.authorization("https://other.example"), key.public_key(), "https://other.example")
    await clock.advance(LIFE / 2)
    later = vapid.authorization("https://push.example")
    assert (
        int(str(claims(later, key.public_key(), "https://push.example")["exp"])) == int(clock.now().timestamp()) + LIFE
    )


def test_tokens_of_invented_push_services_do_not_fill_the_memory() -> None:
    vapid = Vapid(new_key(), "mailto:ops@example.com", ManualClock())
    vapid._signed = lambda origin: origin  # type: ignore[method-assign]  # a signature takes long, and is not meant here
    for number in range(MOST_ORIGINS * 2):
        vapid.authorization(f"https://{number}.example")
    assert len(vapid._tokens) == MOST_ORIGINS


@pytest.mark.parametrize("subject", ["mailto:ops@example.com", "https://example.com/contact"])
def test_a_public_contact_is_taken(subject: str) -> None:
    assert checked_subject(subject) == subject


@pytest.mark.parametrize(
    "subject",
    [
        None, "", "ops@example.com", "mailto:", "mailto:ops", "mailto:ops@localhost", "mailto:ops@LOCALHOST.",
        "mailto:ops@push.invalid", "mailto:ops@machine.local", "https://localhost/", "https://app.localhost",
        "https://machine", "http://example.com", "https://[", "mailto:a b@example.com",
    ],
)  # fmt: skip
def test_a_contact_that_push_services_refuse_is_refused_at_the_start(subject: str | None) -> None:
    with pytest.raises(ValueError, match="subject") as caught:
        checked_subject(subject)
    assert "ops" not in str(caught.value)


def test_only_a_p256_key_without_a_password_is_taken(tmp_path: Path) -> None:
    pem = b"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n"
    files = {"empty": b"", "text": pem}
    keys: dict[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey] = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "p256": new_key(),
    }
    for name, key in keys.items():
        files[name] = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert isinstance(read_key(str(tmp_path / "p256")), ec.EllipticCurvePrivateKey)
    for name in ("empty", "text", "rsa", "p384", "missing"):
        with pytest.raises(ValueError, match="key file") as caught:
            read_key(str(tmp_path / name))
        assert "hunter2" not in str(caught.value)
