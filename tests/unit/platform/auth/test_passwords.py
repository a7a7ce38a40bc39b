"""Passwords are verified in the same time whether one is stored or not."""

from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters

from angarium.platform.auth.passwords import Passwords


class Watched(PasswordHasher):
    """Notes the hashes that are verified and counts those that are made."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.verified: list[str] = []
        self.made = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.made += 1
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the library's name
        self.verified.append(str(hash))
        return super().verify(hash, password)


async def test_a_password_is_verified_by_its_hash() -> None:
    passwords = Passwords(Watched())
    kept = await passwords.hash("correct horse")
    assert await passwords.verify(kept, "correct horse")
    assert not await passwords.verify(kept, "battery staple")


@pytest.mark.parametrize("password", ["", "correct horse"])
async def test_without_a_stored_hash_one_of_the_same_cost_is_verified(password: str) -> None:
    hasher = Watched()
    passwords = Passwords(hasher)
    for _ in range(2):
        assert not await passwords.verify(None, password)
    real = extract_parameters(hasher.hash(""))
    assert [extract_parameters(used) for used in hasher.verified] == [real, real]
    assert hasher.made == 1
