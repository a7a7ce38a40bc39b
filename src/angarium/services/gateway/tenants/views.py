"""API views of tenants."""

from angarium.contracts.tenants import TenantView
from angarium.services.gateway.tenants.store import Tenant


def tenant_view(tenant: Tenant) -> TenantView:
    """A tenant."""
    return TenantView(tenant=tenant.tenant, name=tenant.name, created_at=tenant.created_at)
