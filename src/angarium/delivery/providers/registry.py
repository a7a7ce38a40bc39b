"""Makes a channel's providers from their URLs."""

from collections.abc import Callable, Mapping, Sequence

from angarium.contracts.errors import SettingsError
from angarium.delivery.provider import Provider
from angarium.platform.settings_values import ProviderUrl

Factory = Callable[[ProviderUrl], Provider]


def build_providers(
    urls: Sequence[ProviderUrl], factories: Mapping[str, Factory], *, variable: str
) -> Sequence[Provider]:
    """A provider for each URL, in order. Raises SettingsError that names `variable` and the scheme, never the URL."""
    providers = []
    for url in urls:
        factory = factories.get(url.scheme)
        if factory is None:
            known = ", ".join(f"{scheme}://" for scheme in sorted(factories))
            raise SettingsError(f"{variable}: unknown provider {url.scheme}:// (known: {known})")
        try:
            providers.append(factory(url))
        except ValueError as error:
            raise SettingsError(f"{variable}: {url.scheme}:// {error}") from None
    return providers
