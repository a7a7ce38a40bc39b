"""uvicorn with TLS and bounds."""
