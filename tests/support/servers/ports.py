"""Free ports that remain free."""

import secrets
import socket

_LOWEST, _HIGHEST = 20_000, 32_000


def free_port() -> int:
    """A free port on 127.0.0.1, below the kernel's range for outgoing connections.

    No client can occupy it while its server is stopped. In the ephemeral range, a client that connects repeatedly can
    become connected to itself.
    """
    while True:
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
