"""The frame of a REST service: bodies, errors, health, documents, direct routes."""
