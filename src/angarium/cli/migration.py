"""`angarium migrate`: upgrades every configured database, one after the other."""

from angarium.cli.output import Output
from angarium.cli.settings import MigrationSettings
from angarium.notifications.store.schema import MIGRATIONS as NOTIFICATIONS
from angarium.platform.database.engine import open_engine
from angarium.platform.database.migrate import database_of, upgrade
from angarium.services.templates.app import MIGRATIONS as TEMPLATES
from angarium.services.users.app import MIGRATIONS as USERS


async def migrate_all(settings: MigrationSettings, output: Output) -> None:
    """Upgrade each database to the newest schema. Idempotent. Raises SettingsError, DatabaseUnavailable.

    Prints `{"database", "status": "up to date"}` for each database after its upgrade.
    """
    databases = (
        ("notifications", settings.notifications_database_url, NOTIFICATIONS),
        ("users", settings.users_database_url, USERS),
        ("templates", settings.templates_database_url, TEMPLATES),
    )
    for name, url, migrations in databases:
        setting = f"ANGARIUM_{name.upper()}_DATABASE_URL"
        engine = open_engine(url, pool_size=1, setting=setting)
        try:
            with database_of(setting):
                await upgrade(engine, migrations)
        finally:
            await engine.dispose()
        output.thing({"database": name, "status": "up to date"}, f"{name}: up to date")
