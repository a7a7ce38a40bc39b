"""Webhook requests of providers, signed in the same way as by the providers."""

import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from twilio.request_validator import RequestValidator

SECRET = "signing-secret-of-the-tests-0123456789"
AUTH_TOKEN = "auth-token-of-the-tests"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
SUBSCRIBE_URL = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
Signed = tuple[Mapping[str, str], bytes]
"""The headers and body of one request."""


@cache
def sendgrid_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def sendgrid_webhook_key() -> str:
    """The verification key in the format of SendGrid's settings page."""
    public = sendgrid_key().public_key()
    return b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def sendgrid(*events: Mapping[str, Any], timestamp: str = "1600112502") -> Signed:
    body = json.dumps(events).encode() + b"\r\n"
    signature = sendgrid_key().sign(timestamp.encode() + body, ec.ECDSA(SHA256()))
    return {
        "x-twilio-email-event-webhook-signature": b64encode(signature).decode(),
        "x-twilio-email-event-webhook-timestamp": timestamp,
        "content-type": "application/json",
    }, body


def mailgun(event: Mapping[str, Any], at: datetime) -> Signed:
    timestamp, token = str(int(at.timestamp())), "a1" * 25
    signature = hmac.new(SECRET.encode(), f"{timestamp}{token}".encode(), "sha256").hexdigest()
    signed = {"timestamp": timestamp, "token": token, "signature": signature}
    return {"content-type": "application/json"}, json.dumps({"signature": signed, "event-data": event}).encode()


def twilio(url: str, fields: Mapping[str, str]) -> Signed:
    signature = RequestValidator(AUTH_TOKEN).compute_signature(url, fields)
    form = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature}
    return form, urlencode(fields).encode()


def vonage(event: Mapping[str, Any], at: datetime, **claims: Any) -> Signed:
    body = json.dumps(event).encode()
    payload = {"iat": int(at.timestamp()), "jti": "j", "iss": "Vonage", "payload_hash": sha256(body).hexdigest()}
    token = jwt.encode({**payload, **claims}, SECRET, algorithm="HS256")
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}, body


@cache
def sns_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def sns_certificate(now: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(sns_key().public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(sns_key(), SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)


def sns(event: Mapping[str, Any] | str, *, version: str = "2", **changes: Any) -> Signed:
    """An SNS message with an SES event. `changes` are applied before signing."""
    message = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": event if isinstance(event, str) else json.dumps(event),
        "Timestamp": "2026-11-20T09:00:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        **changes,
    }
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
    algorithm = SHA1() if version == "1" else SHA256()  # noqa: S303 - version 1 of SNS
    message["Signature"] = b64encode(sns_key().sign(text.encode(), padding.PKCS1v15(), algorithm)).decode()
    return {"content-type": "text/plain; charset=UTF-8"}, json.dumps(message).encode()


def ses(kind: str, details: Mapping[str, Any], *, message: str = "0102-ses-1", **mail: Any) -> Mapping[str, Any]:
    """An event in the format of SES."""
    name = {"DeliveryDelay": "deliveryDelay", "Rendering Failure": "failure"}.get(kind, kind.lower())
    about = {"timestamp": "2026-11-20T08:59:00.000Z", "messageId": message, "destination": ["ada@example.com"], **mail}
    return {"eventType": kind, "mail": about, name: {"timestamp": "2026-11-20T09:00:00.000Z", **details}}
