"""Moved to `angarium.testing.http_api`."""

from angarium.testing.http_api import Call, Handler, Reply, ScriptedApi, scripted_api

__all__ = ["Call", "Handler", "Reply", "ScriptedApi", "scripted_api"]
