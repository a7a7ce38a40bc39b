"""The authentication token for APNs: signed with ES256, used for 40 minutes.

https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns

Apple accepts a token for an hour, and refuses clients that create one more often than every 20 minutes.
"""

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from angarium.platform.clock import Clock

LIFE = 40 * 60.0
"""Seconds after which the token is replaced."""
SHORTEST_LIFE = 20 * 60.0
"""Seconds during which a refused token is not replaced."""


class ProviderToken:
    """Creates and caches the token. `key_id` and `team_id` are those of the key at Apple."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, *, key_id: str, team_id: str, clock: Clock) -> None:
        self._key = key
        self._key_id = key_id
        self._team_id = team_id
        self._clock = clock
        self._made = float("-inf")
        self._token = ""

    def get(self) -> str:
        """Return the current token."""
        if self._clock.monotonic() - self._made >= LIFE:
            self._make()
        return self._token

    def renew(self, refused: str) -> bool:
        """Whether `get` returns another token than the one refused as expired.

        A token younger than 20 minutes is not replaced: in that case this machine's clock is wrong.
        """
        if refused == self._token and self._clock.monotonic() - self._made >= SHORTEST_LIFE:
            self._make()
        return refused != self._token

    def _make(self) -> None:
        self._made = self._clock.monotonic()
        claims = {"iss": self._team_id, "iat": int(self._clock.now().timestamp())}
        self._token = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self._key_id})
