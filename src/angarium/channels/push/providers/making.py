"""Builds push providers from their URLs."""

from collections.abc import Callable, Mapping

from angarium.channels.api import ApiProviders
from angarium.channels.push.provider import PushApi, PushProvider
from angarium.channels.push.providers import onesignal
from angarium.channels.push.providers.apns import api as apns
from angarium.channels.push.providers.fcm import api as fcm
from angarium.channels.push.providers.webpush import provider as webpush
from angarium.delivery.hosts import share_of_a_host
from angarium.delivery.process import ProviderParts
from angarium.delivery.provider import Provider
from angarium.delivery.providers.registry import Factory
from angarium.delivery.settings import WorkerSettings
from angarium.platform.http.api.http2 import Http2Client
from angarium.platform.http.api.port import ApiClient
from angarium.platform.http.guard.api import GuardedApi
from angarium.platform.http.guard.opening import open_guarded
from angarium.platform.settings.values import ProviderUrl

SCHEMES = frozenset({"fcm", "onesignal", "webpush", "apns"})


def factories(settings: WorkerSettings, parts: ProviderParts) -> Mapping[str, Factory]:
    """The factory of each scheme. Clients are opened for configured providers and closed with the process."""
    apis, clock = ApiProviders(parts), parts.clock

    def make(api: PushApi, client: ApiClient, url: ProviderUrl) -> Provider:
        return PushProvider(api, client, clock=clock, logger=parts.logger, timeout=_seconds(url))

    def over_http1(api_of: Callable[[ProviderUrl], PushApi]) -> Factory:
        return lambda url: make(api_of(url), apis.client, url)

    def over_http2(url: ProviderUrl) -> Provider:
        api = apns.from_url(url, clock=clock)
        return make(api, _http2(parts), url)

    def guarded(url: ProviderUrl) -> Provider:
        api = webpush.api_of(url, clock=clock)
        # Every message goes to base_url, which is not a user's choice.
        client = apis.client if url.base_url is not None else GuardedApi(open_guarded(settings, parts.stack))
        return webpush.WebPushProvider(
            api,
            client,
            clock=clock,
            logger=parts.logger,
            timeout=_seconds(url),
            at_one_host=share_of_a_host(settings.worker_concurrency),
        )

    return {
        "fcm": over_http1(lambda url: fcm.from_url(url, client=apis.client, clock=clock)),
        "onesignal": over_http1(lambda url: onesignal.from_url(url, clock=clock)),
        "apns": over_http2,
        "webpush": guarded,
    }


def _http2(parts: ProviderParts) -> ApiClient:
    try:
        client = Http2Client()
    except ImportError:
        raise ValueError("needs HTTP/2: pip install 'angarium[http2]'") from None
    parts.stack.push_async_callback(client.close)
    return client


def _seconds(url: ProviderUrl) -> float | None:
    return None if url.timeout is None else url.timeout.total_seconds()
