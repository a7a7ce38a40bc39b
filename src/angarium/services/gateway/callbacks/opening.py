"""Opens the sender of callbacks from the settings."""

from contextlib import AsyncExitStack

from angarium.platform.http.guard.opening import open_posts
from angarium.platform.runtime import Runtime
from angarium.services.gateway.callbacks.sending import CallbackSender, TracedSender
from angarium.services.gateway.settings import GatewaySettings


def open_sender(settings: GatewaySettings, stack: AsyncExitStack, runtime: Runtime) -> CallbackSender | None:
    """Open the sender, closed with `stack`; None if there is no signing secret.

    In development a secret is generated and stored in DATA_DIR. Raises SettingsError.
    """
    posts = open_posts(settings, stack, runtime.clock)
    if posts is None:
        return None
    return CallbackSender(posts) if runtime.tracing is None else TracedSender(posts, runtime.tracing)
