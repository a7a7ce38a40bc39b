"""Ends well if the service in this container says that it is alive; what HEALTHCHECK runs."""

import os
import ssl
import sys
import urllib.request


def main() -> int:
    """Ask `/health` on the service's own port. Its certificate is its own and not looked at: this is loopback."""
    scheme = "https" if os.environ.get("ANGARIUM_TLS_CERT") else "http"
    context = ssl._create_unverified_context() if scheme == "https" else None  # noqa: S323, SLF001 - loopback
    if context is not None and os.environ.get("ANGARIUM_TLS_CLIENT_CA"):
        context.load_cert_chain(os.environ["ANGARIUM_TLS_CERT"], os.environ.get("ANGARIUM_TLS_KEY"))
    try:
        address = f"{scheme}://127.0.0.1:{os.environ['ANGARIUM_PORT']}/health"
        with urllib.request.urlopen(address, timeout=3, context=context) as answer:  # noqa: S310 - http or https
            return int(answer.status != 200)  # noqa: PLR2004 - HTTP's OK
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
