"""The container's HEALTHCHECK: exits with 0 if `/health` of the service answers with 200."""

import os
import ssl
import sys
import urllib.request


def main() -> int:
    """Request `/health` over loopback. The certificate is not verified, since it is the service's own."""
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
