"""Opens clients for client-supplied URLs, from the settings."""

import secrets
from base64 import b64decode, b64encode
from contextlib import AsyncExitStack

from angarium.contracts.errors import SettingsError
from angarium.platform.auth.development import kept_secret
from angarium.platform.clock import Clock
from angarium.platform.http.guard.guarded import GuardedClient, SystemResolver
from angarium.platform.http.guard.posting import SignedPosts
from angarium.platform.http.guard.signing import FEWEST_BYTES, PREFIX, Signer, split_secrets
from angarium.platform.settings.groups import CallbackSettings
from angarium.platform.settings.sources import wrong


def open_posts(settings: CallbackSettings, stack: AsyncExitStack, clock: Clock) -> SignedPosts | None:
    """Open signed posts, closed with `stack`; None if there is no signing secret.

    In development a secret is generated and stored in DATA_DIR. Raises SettingsError.
    """
    signer = _signer(settings)
    if signer is None:
        return None
    return SignedPosts(open_guarded(settings, stack), signer, clock)


def open_guarded(settings: CallbackSettings, stack: AsyncExitStack) -> GuardedClient:
    """A client that reaches public addresses and those of CALLBACK_ALLOW, closed with `stack`."""
    resolver = SystemResolver()
    stack.callback(resolver.close)
    client = GuardedClient(resolve=resolver, allowed=settings.callback_allow)
    stack.push_async_callback(client.close)
    return client


def _signer(settings: CallbackSettings) -> Signer | None:
    if settings.callback_secret is None:
        return None if settings.production else Signer([_development_secret(settings)])
    found = split_secrets(settings.callback_secret.get_secret_value())
    try:
        signer = Signer(found)
    except ValueError as error:
        raise _refused(str(error)) from None
    if settings.production and any(_size(secret) < FEWEST_BYTES for secret in found):
        message = f"must be at least {FEWEST_BYTES} bytes, ENV is production"
        raise _refused(message)
    return signer


def _size(secret: str) -> int:
    return len(b64decode(secret.removeprefix(PREFIX) + "=="))


def _refused(why: str) -> SettingsError:
    return wrong("callback_secret", why)


def _development_secret(settings: CallbackSettings) -> str:
    def make() -> str:
        return PREFIX + b64encode(secrets.token_bytes(FEWEST_BYTES)).decode()

    return kept_secret(settings.data_dir / "callback-secret", make)
