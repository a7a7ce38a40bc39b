"""API views of keys."""

from angarium.contracts.keys import KeyCreated, KeyView
from angarium.services.gateway.keys.store import ApiKey
from angarium.services.gateway.keys.use_cases import FreshKey


def key_view(key: ApiKey) -> KeyView:
    """A key without its secret."""
    return KeyView(
        key_id=key.key_id,
        name=key.name,
        tenant=key.tenant,
        kind=key.kind,
        scopes=sorted(key.scopes),
        rate_limit=key.rate_limit,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )


def key_created(fresh: FreshKey) -> KeyCreated:
    """A new key with its secret."""
    return KeyCreated(**key_view(fresh.key).model_dump(), key=fresh.secret)
