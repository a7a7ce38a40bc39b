"""No migration stops the writers of a large table; and the lint that says so finds what it is for."""

from importlib.resources import files

import pytest

from tests.migration.lint import problems
from tests.migration.test_schemas import SCHEMAS

RELEASED = {
    ("angarium.services.users.migrations", "0005_search.py"): ["index without CONCURRENTLY on users"],
}
"""What stands in releases. Nothing is added here."""
_TRIGGER = 'op.execute("CREATE TRIGGER t AFTER INSERT ON notifications EXECUTE FUNCTION f()")'
_HEAD = "def upgrade(op):\n"


@pytest.mark.parametrize("migrations", SCHEMAS)
@pytest.mark.fault(51)
def test_no_migration_stops_the_writers_of_a_table_that_was_there(migrations: str) -> None:
    found = {
        (migrations, file.name): said
        for file in files(f"{migrations}.versions").iterdir()
        if file.name.endswith(".py") and (said := problems(file.read_text(encoding="utf-8")))
    }
    assert found == {place: said for place, said in RELEASED.items() if place[0] == migrations}


@pytest.mark.parametrize(
    "step",
    [
        'op.create_index("ix", "notifications", ["tenant"])',
        'op.create_index("ix", table_name="notifications", columns=["tenant"])',
        'op.execute("CREATE INDEX ix ON notifications (tenant)")',
        'op.execute("CREATE UNIQUE INDEX IF NOT EXISTS ix ON notifications (tenant)")',
        'op.execute(f"CREATE INDEX {name} ON notifications (tenant)")',
        'op.execute("DO $$ BEGIN CREATE INDEX ix ON notifications (tenant); END $$")',
        'op.create_foreign_key("fk", "callbacks", "notifications", ["notification_id"], ["id"])',
        'op.create_unique_constraint("uq", "notifications", ["id"])',
        'op.create_check_constraint("ck", "notifications", "priority > 0")',
        'op.execute("ALTER TABLE notifications ADD CONSTRAINT ck CHECK (priority > 0)")',
        'op.alter_column("notifications", "tenant", type_=sa.Text())',
        'op.alter_column("notifications", "user_id", nullable=False)',
        'op.execute("ALTER TABLE notifications ALTER COLUMN user_id SET NOT NULL")',
        'op.execute("ALTER TABLE notifications ALTER priority TYPE bigint")',
        'op.add_column("notifications", sa.Column("x", sa.Integer(), nullable=False))',
        'op.execute("UPDATE notifications SET priority = 5")',
        'op.execute("DELETE FROM notifications WHERE test")',
        _TRIGGER + '\n    op.execute("INSERT INTO copies SELECT id FROM notifications")',  # noqa: S608 - ours
        'op.execute("INSERT INTO copies SELECT n.id FROM (SELECT id FROM notifications) n")',
        'op.execute("LOCK TABLE notifications")',
        'op.execute("REINDEX TABLE notifications")',
        'op.execute("VACUUM FULL notifications")',
    ],
)
def test_what_stops_writers_is_found(step: str) -> None:
    assert problems(f"{_HEAD}    {step}\n") != []


@pytest.mark.parametrize(
    "step",
    [
        'op.create_table("new", sa.Column("id", sa.Uuid()))\n    op.create_index("ix", "new", ["id"])',
        'op.create_table("new")\n    op.execute("CREATE INDEX ix ON new (id)")',
        'op.create_table("new")\n    op.create_unique_constraint("uq", "new", ["id"])',
        'add_index(op, "ix", "notifications", ["tenant"])',
        'op.execute("CREATE INDEX CONCURRENTLY ix ON notifications (tenant)")',
        'op.execute("REINDEX INDEX CONCURRENTLY ix")',
        'op.execute("ALTER TABLE notifications ADD CONSTRAINT ck CHECK (priority > 0) NOT VALID")',
        'op.execute("ALTER TABLE notifications SET (fillfactor = 90)")',
        'op.add_column("notifications", sa.Column("x", sa.Integer()))',
        'op.add_column("notifications", sa.Column("x", sa.Boolean(), nullable=False, server_default=sa.false()))',
        'op.alter_column("notifications", "x", server_default=None)',
        _TRIGGER,
        'fill(op, "INSERT INTO copies SELECT id FROM notifications WHERE id > :after AND id <= :last", "x")',
        '"""UPDATE notifications would stop everything."""',
    ],
)
def test_steps_that_block_no_writer_pass(step: str) -> None:
    assert problems(f"{_HEAD}    {step}\n") == []
