"""The actor of a change, for the audit log."""

from starlette.requests import Request

from angarium.platform.auth.caller import Caller
from angarium.platform.telemetry.correlation import current_correlation_id
from angarium.services.gateway.audit.store import Actor


def actor_of(request: Request, caller: Caller) -> Actor:
    """The caller, with the address of the connection (never one from a header that clients can set)."""
    address = None if request.client is None else request.client.host
    return Actor(caller, address, current_correlation_id())
