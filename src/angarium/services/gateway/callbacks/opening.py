"""Opens what callbacks need, from the settings."""

from contextlib import AsyncExitStack

from angarium.platform.clock import Clock
from angarium.platform.http.guard.opening import open_posts
from angarium.services.gateway.callbacks.sending import CallbackSender
from angarium.services.gateway.settings import GatewaySettings


def open_sender(settings: GatewaySettings, stack: AsyncExitStack, clock: Clock) -> CallbackSender | None:
    """The sender that the settings ask for, closed with `stack`; None: there is no secret to sign with.

    On a development machine a secret is made and kept in DATA_DIR. Raises SettingsError.
    """
    posts = open_posts(settings, stack, clock)
    return None if posts is None else CallbackSender(posts)
