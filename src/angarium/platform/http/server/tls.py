"""TLS between services: one certificate per process, and mutual TLS with a client CA."""

import ssl

from angarium.platform.settings.groups import ProcessSettings
from angarium.platform.settings.sources import wrong


def server_context(settings: ProcessSettings) -> ssl.SSLContext | None:
    """The server's TLS context; None: plain HTTP. With TLS_CLIENT_CA clients must present a certificate of that CA.

    Raises SettingsError.
    """
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _load(context, settings)
    if settings.tls_client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(settings: ProcessSettings) -> ssl.SSLContext | None:
    """The TLS context of clients between services; None: the system's CAs suffice, or there is no TLS.

    With TLS_CLIENT_CA that CA is also trusted, and the process presents its own certificate. Raises SettingsError.
    """
    if settings.tls_client_ca is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    _load(context, settings)
    return context


def _load(context: ssl.SSLContext, settings: ProcessSettings) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if settings.tls_cert is not None:
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ValueError) as error:
        raise wrong("tls_cert", f"certificate and key cannot be used ({type(error).__name__})") from None
    try:
        if settings.tls_client_ca is not None:
            context.load_verify_locations(settings.tls_client_ca)
    except (OSError, ValueError) as error:
        raise wrong("tls_client_ca", f"the certificate cannot be used ({type(error).__name__})") from None
