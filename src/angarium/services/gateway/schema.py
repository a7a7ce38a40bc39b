"""The gateway's own tables in `notification_db`, each declared by its resource.

Their migrations are those of the record (`angarium.notifications.migrations`): one database has one history.
"""

from angarium.services.gateway.audit import schema as audit
from angarium.services.gateway.callbacks import schema as callbacks
from angarium.services.gateway.keys import schema as keys
from angarium.services.gateway.operators import schema as operators
from angarium.services.gateway.tenants import schema as tenants

SCHEMAS = (keys.metadata, tenants.metadata, audit.metadata, callbacks.metadata, operators.metadata)
