"""How long the store waits for something to happen before the sweeper looks after it."""

from datetime import timedelta

PENDING_GRACE = timedelta(minutes=10)
"""From acceptance (or release) to a claim; then the message is thought lost and published again."""
DUE_GRACE = timedelta(seconds=60)
"""From the moment a retry is due to its claim."""
LEASE_GRACE = timedelta(seconds=30)
"""From the end of a lease to a claim by another worker."""
LONGEST_GRACE = timedelta(hours=6)
"""Upper bound of the back-off between re-publishes of unclaimed work."""
RESULT_OUTBOX_LEASE = timedelta(seconds=10)
"""How long the recorder of a result has to publish what it wrote to the outbox."""

GIVEN_UP_CODE = "outcome_unknown"
GIVEN_UP_MESSAGE = "the worker was lost while sending; the provider may have taken it"
"""The reason of an `at_most_once` notification whose lease ended."""
EXPIRED_CODE = "expired"
EXPIRED_MESSAGE = "its time had passed before it could be sent"
