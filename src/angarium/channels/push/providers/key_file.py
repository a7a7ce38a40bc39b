"""Private keys for authentication at push services: P-256, for ES256."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def read_key(path: str) -> ec.EllipticCurvePrivateKey:
    """Read the P-256 key in a PEM file, such as Apple's `.p8`.

    Raises ValueError with the reason, without any content of the file.
    """
    try:
        key = load_pem_private_key(Path(path).read_bytes(), None)
    except OSError as error:
        raise ValueError(f"has a key file that cannot be read ({type(error).__name__})") from None
    except (ValueError, TypeError):
        raise ValueError("has a key file that is not a private key in PEM without a password") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("has a key file that is not a P-256 key")  # noqa: TRY004 - a setting is wrong, not a type
    return key
