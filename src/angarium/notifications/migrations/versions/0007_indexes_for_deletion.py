"""Dead letters by their notification or without one, and due callbacks by their origin."""

from alembic.operations import Operations

from angarium.platform.database.online import add_index

revision = "0007"
down_revision = "0006"


def upgrade(op: Operations) -> None:
    add_index(
        op,
        "ix_dead_letters_notification_id",
        "dead_letters",
        ["notification_id"],
        where="notification_id IS NOT NULL",
    )
    add_index(op, "ix_dead_letters_foreign", "dead_letters", ["id"], where="notification_id IS NULL")
    add_index(op, "ix_callbacks_origin_next_at", "callbacks", ["origin", "next_at"], where="next_at IS NOT NULL")
