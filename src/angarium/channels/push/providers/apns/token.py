"""The token that identifies us to APNs: signed with ES256, one for 40 minutes.

https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns

Apple takes a token for an hour, and refuses those who make a new one more often than every 20 minutes.
"""

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from angarium.platform.clock import Clock

LIFE = 40 * 60.0
"""Seconds after which a token is made anew."""
SHORTEST_LIFE = 20 * 60.0
"""Seconds before which a refused token is not made anew."""


class ProviderToken:
    """Makes and holds the token. `key_id` and `team_id` are those of the key at Apple."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, *, key_id: str, team_id: str, clock: Clock) -> None:
        self._key = key
        self._key_id = key_id
        self._team_id = team_id
        self._clock = clock
        self._made = float("-inf")
        self._token = ""

    def get(self) -> str:
        """The token to send with now."""
        if self._clock.monotonic() - self._made >= LIFE:
            self._make()
        return self._token

    def renew(self, refused: str) -> bool:
        """Whether `get` gives another token than the one that was refused as expired.

        None is made in place of one that is younger than 20 minutes: then this machine's clock is wrong.
        """
        if refused == self._token and self._clock.monotonic() - self._made >= SHORTEST_LIFE:
            self._make()
        return refused != self._token

    def _make(self) -> None:
        self._made = self._clock.monotonic()
        claims = {"iss": self._team_id, "iat": int(self._clock.now().timestamp())}
        self._token = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self._key_id})
