"""Builds a channel's providers from their URLs."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta

from angarium.contracts.errors import SettingsError
from angarium.contracts.providers import provider_id_of
from angarium.contracts.statuses import Channel
from angarium.delivery.provider import Provider
from angarium.notifications.providers.model import Configured
from angarium.platform.settings.values import ProviderUrl, is_private_origin

_PLACE = ("username", "password", "host", "port", "path")
"""The parts of a URL with an address or credentials."""
Factory = Callable[[ProviderUrl], Provider]


def build_providers(
    urls: Sequence[ProviderUrl],
    factories: Mapping[str, Factory],
    *,
    variable: str,
    production: bool = False,
    with_webhooks: Collection[str] = (),
) -> Sequence[Provider]:
    """Build a provider for each URL, in order.

    Raises SettingsError that names `variable` and the scheme, never the URL.

    `with_webhooks`: the schemes with a `webhook_key`, which the gateway uses.
    In `production` a `base_url` must be https or on this machine, since requests carry credentials.
    """
    providers = []
    for url in urls:
        factory = factories.get(url.scheme)
        if factory is None:
            known = ", ".join(f"{scheme}://" for scheme in sorted(factories))
            raise SettingsError(f"{variable}: unknown provider {url.scheme}:// (known: {known})")
        try:
            if url.webhook_key is not None and url.scheme not in with_webhooks:
                raise ValueError("has no webhooks, so webhook_key has no effect")  # noqa: TRY301 - one place formats
            if production:
                _refuse_plain_http(url)
            providers.append(factory(url))
        except ValueError as error:
            raise SettingsError(f"{variable}: {url.scheme}:// {error}") from None
    return providers


def describe_providers(channel: Channel, urls: Sequence[ProviderUrl]) -> Sequence[Configured]:
    """The general settings of each provider in the URLs, in order.

    A provider without `name` is named after its scheme, with a number if that is already used.
    """
    names = numbered([url.name or url.scheme for url in urls])
    return [
        Configured(
            provider_id=provider_id_of(channel, name),
            channel=channel,
            name=name,
            scheme=url.scheme,
            position=position,
            weight=url.weight,
            rate=None if url.rate is None else url.rate.per_second,
        )
        for position, (url, name) in enumerate(zip(urls, names, strict=True), start=1)
    ]


def numbered(names: Sequence[str]) -> Sequence[str]:
    """Make names unique: the second `smtp` becomes `smtp-2`."""
    taken: list[str] = []
    for name in names:
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name}-{number}"
        taken.append(free)
    return taken


def of_no_place(make: Callable[[timedelta | None], Provider]) -> Factory:
    """The factory of a provider whose URL says nothing but its `timeout`, which `make` takes.

    It raises ValueError for a URL with an address, credentials or own parameters.
    """

    def factory(url: ProviderUrl) -> Provider:
        if any(getattr(url, name) for name in _PLACE):
            raise ValueError(f"takes no host, as in {url.scheme}://")
        unknown = [*url.options, *(["base_url"] if url.base_url is not None else [])]
        if unknown:
            raise ValueError(f"has an unknown parameter: {min(unknown)}")
        return make(url.timeout)

    return factory


def _refuse_plain_http(url: ProviderUrl) -> None:
    if url.base_url is not None and not is_private_origin(url.base_url):
        raise ValueError("base_url must be https, since ENV is production and requests carry credentials")
