"""Grace periods before the sweeper acts."""

from datetime import timedelta

PENDING_GRACE = timedelta(minutes=10)
"""From acceptance (or release) to a claim; after it the message is considered lost and republished."""
DUE_GRACE = timedelta(seconds=60)
"""From a retry's due time to its claim."""
LEASE_GRACE = timedelta(seconds=30)
"""From the expiry of a lease to a claim by another worker."""
LONGEST_GRACE = timedelta(hours=6)
"""Upper bound of the back-off between re-publishes of unclaimed work."""
RESULT_OUTBOX_LEASE = timedelta(seconds=10)
"""The lease of a result's recorder on its outbox messages."""

GIVEN_UP_CODE = "outcome_unknown"
GIVEN_UP_MESSAGE = "the worker was lost while sending; the provider may have taken it"
"""The reason of an `at_most_once` notification whose lease expired."""
EXPIRED_CODE = "expired"
EXPIRED_MESSAGE = "its time had passed before it could be sent"
