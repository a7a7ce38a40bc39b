"""Addresses of the services, and settings of preference links."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from angarium.platform.settings.base import Settings
from angarium.platform.settings.groups import CacheSettings, RateLimitSettings, ServiceTokenSettings, require_http
from angarium.platform.settings.sources import wrong
from angarium.platform.settings.values import Words


class DirectorySettings(ServiceTokenSettings):
    """The addresses of the services."""

    gateway_url: str = Field(default="http://localhost:8000", repr=False)
    users_url: str = Field(default="http://localhost:8001", repr=False)
    templates_url: str = Field(default="http://localhost:8002", repr=False)

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        for field in ("gateway_url", "users_url", "templates_url"):
            require_http(field, getattr(self, field))


class SurroundingsSettings(CacheSettings, DirectorySettings, RateLimitSettings):
    """Settings of the users and templates services."""


class PublicSettings(Settings):
    """`public_url`: the gateway's URL for browsers and providers."""

    public_url: str | None = None

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        if self.public_url is not None:
            require_http("public_url", self.public_url)
            if "@" in urlsplit(self.public_url).netloc:
                raise wrong("public_url", "must not have credentials, since everyone sees it")


class CategorySettings(Settings):
    """Categories that users cannot disable."""

    mandatory_categories: Words = ("security",)


class PreferenceSettings(CategorySettings, PublicSettings):
    """Which categories can be disabled, and the preference links.

    Without `link_secret`, links are signed with a key derived from the service token.
    """

    link_secret: SecretStr | None = None

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        self.refuse_weak("link_secret", self.link_secret)
