"""Keyed hashes of addresses, which remain after a user is erased.

The key is random, specific to this installation and stored with the list, because it must live as long as the list,
longer than secrets in the settings, which are rotated. With an unkeyed hash a phone number could be found by trying all
numbers.
"""

import os
from collections.abc import Callable
from functools import partial
from hashlib import blake2b

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.statuses import Channel
from angarium.notifications.suppressions.model import Target
from angarium.notifications.suppressions.schema import suppression_keys
from angarium.platform.database.engine import reading, writing

KeyOf = Callable[[Target], str]
_KEY_BYTES = 32
_ROW = 1


class AddressKeys:
    """Computes the keys of addresses. `entropy` generates the secret, in the first process that needs it."""

    def __init__(self, engine: AsyncEngine, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._engine = engine
        self._entropy = entropy
        self._key_of: KeyOf | None = None

    async def opened(self) -> KeyOf:
        """Return the function from a target to its key, the same in every process. Raises DatabaseUnavailable."""
        if self._key_of is None:
            self._key_of = partial(address_key, bytes.fromhex(await self._secret()))
        return self._key_of

    async def _secret(self) -> str:
        query = select(suppression_keys.c.secret).where(suppression_keys.c.id == _ROW)
        async with reading(self._engine) as connection:
            stored: str | None = await connection.scalar(query)
        if stored is not None:
            return stored
        fresh = self._entropy(_KEY_BYTES).hex()
        try:
            async with writing(self._engine) as connection:
                await connection.execute(insert(suppression_keys).values({"id": _ROW, "secret": fresh}))
        except IntegrityError:  # another process created one
            async with reading(self._engine) as connection:
                return str(await connection.scalar(query))
        return fresh


def address_key(secret: bytes, target: Target) -> str:
    """The keyed hash (RFC 7693 §2.9) of a target in hexadecimal digits, ignoring the case of email addresses."""
    address = target.address.lower() if target.channel is Channel.EMAIL else target.address
    text = f"{target.tenant}\0{target.channel}\0{address}"
    return blake2b(text.encode(), key=secret, digest_size=_KEY_BYTES).hexdigest()
