"""Test tools for an Angarium installation or your own provider. See docs/testing.md.

Nothing else in Angarium imports this package. It needs no test framework.
"""

from angarium.contracts.crash_points import CrashPoint
from angarium.testing.crash import DidNotCrash, run_until_crash
from angarium.testing.http_api import Call, Reply, ScriptedApi, scripted_api
from angarium.testing.ledger import Account, Ledger
from angarium.testing.providers import ODD_MESSAGES, ProviderConformance, Subject, outbound
from angarium.testing.proxy import Proxy
from angarium.testing.smtp.script import Received, Step
from angarium.testing.smtp.server import SmtpServer
from angarium.testing.smtp.sink import SmtpSink

__all__ = [
    "ODD_MESSAGES",
    "Account",
    "Call",
    "CrashPoint",
    "DidNotCrash",
    "Ledger",
    "ProviderConformance",
    "Proxy",
    "Received",
    "Reply",
    "ScriptedApi",
    "SmtpServer",
    "SmtpSink",
    "Step",
    "Subject",
    "outbound",
    "run_until_crash",
    "scripted_api",
]
