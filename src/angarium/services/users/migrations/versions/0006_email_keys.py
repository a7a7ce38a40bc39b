"""Two domains that case folding takes for one, such as `straße.example` and `strasse.example`, are two addresses.

`email_key` becomes the local part in lower case and the domain in ASCII. Only addresses with other letters than ASCII
change. The new keys distinguish more addresses than the old ones, so two users do not get the same key; if that should
happen, the second one does not change. Processes of the previous version do not find these addresses until they are
replaced.
"""

from collections.abc import Iterator, Sequence
from unicodedata import normalize

import sqlalchemy as sa
from alembic.operations import Operations
from email_validator import EmailNotValidError, validate_email

revision = "0006"
down_revision = "0005"

_BATCH = 1000
_users = sa.table(
    "users",
    sa.column("user_id", sa.Uuid()),
    sa.column("tenant", sa.String()),
    sa.column("email", sa.String()),
    sa.column("email_key", sa.String()),
)
_OTHER_LETTERS = {"sqlite": "length(CAST(email AS BLOB)) <> length(email)"}
_ELSEWHERE = "octet_length(email) <> char_length(email)"


def upgrade(op: Operations) -> None:
    bind = op.get_bind()
    for rows in _batches(bind):
        new = {(row["tenant"], key): row["user_id"] for row in rows if (key := _key(row["email"])) != row["email_key"]}
        taken = _taken(bind, {tenant for tenant, _ in new}, {key for _, key in new})
        changes = [{"id": user_id, "key": key} for (tenant, key), user_id in new.items() if (tenant, key) not in taken]
        if changes:
            change = sa.update(_users).where(_users.c.user_id == sa.bindparam("id", type_=sa.Uuid()))
            bind.execute(change.values(email_key=sa.bindparam("key")), changes)


def _batches(bind: sa.Connection) -> Iterator[Sequence[sa.RowMapping]]:
    wanted = sa.text(_OTHER_LETTERS.get(bind.dialect.name, _ELSEWHERE))
    query = sa.select(_users).where(_users.c.email.is_not(None), wanted).order_by(_users.c.user_id).limit(_BATCH)
    rows = bind.execute(query).mappings().all()
    while rows:
        yield rows
        rows = bind.execute(query.where(_users.c.user_id > rows[-1]["user_id"])).mappings().all()


def _taken(bind: sa.Connection, tenants: set[str], keys: set[str]) -> set[tuple[str, str]]:
    query = sa.select(_users.c.tenant, _users.c.email_key).where(
        _users.c.tenant.in_(tenants), _users.c.email_key.in_(keys)
    )
    return {(row.tenant, row.email_key) for row in bind.execute(query)} if keys else set()


def _key(email: str) -> str:
    local, _, domain = email.rpartition("@")
    return f"{normalize('NFC', local.lower())}@{_ascii(domain)}"


def _ascii(domain: str) -> str:
    if domain.isascii():
        return domain.lower()
    try:
        checked = validate_email(f"a@{domain}", strict=True, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return domain.casefold()  # as before: it was never an address
    return checked.ascii_domain.lower()
