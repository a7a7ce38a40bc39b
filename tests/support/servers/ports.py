"""Free ports that stay free."""

import secrets
import socket

_LOWEST, _HIGHEST = 20_000, 32_000


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on, below the range the kernel takes for outgoing connections.

    So no client can sit on it while its server is stopped: one that keeps connecting to its own ephemeral port
    would end up connected to itself.
    """
    while True:
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
