"""The points at which `CRASH_AT` can end a process."""

from enum import StrEnum


class CrashPoint(StrEnum):
    """Points at which a crash has distinct effects, in the order of a notification's life cycle."""

    BEFORE_ACCEPT = "before_accept"  # validated, nothing written
    AFTER_ACCEPT = "after_accept"  # the row is durable, the client has no answer, nothing is published
    AFTER_PUBLISH = "after_publish"  # the broker has confirmed, the outbox row still exists
    AFTER_CLAIM = "after_claim"  # claimed by a worker, nothing sent
    BEFORE_SEND = "before_send"  # rendered, the provider is not called
    AFTER_SEND = "after_send"  # the provider answered, the result is not recorded: the only ambiguous point
    AFTER_RECORD = "after_record"  # recorded, nothing published or acknowledged
