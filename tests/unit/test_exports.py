"""What other programs may import. Anything else may change without notice."""

import importlib
from types import ModuleType

import pytest

SURFACE = {
    "angarium": ["__version__"],
    "angarium.embedded": ["Embedded", "EmbeddedSettings", "Started", "open_embedded", "run_embedded"],
    "angarium.providers": [
        "GROUP",
        "Address",
        "Ambiguous",
        "Busy",
        "Channel",
        "Configuration",
        "Content",
        "EmailContent",
        "ImmediatePermit",
        "NoPermit",
        "Outbound",
        "Outcome",
        "Permanent",
        "Permit",
        "Provider",
        "ProviderEntry",
        "ProviderSurroundings",
        "ProviderUrl",
        "PushContent",
        "Retry",
        "Sent",
        "SmsContent",
        "WebhookContent",
    ],
    "angarium.testing": [
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
    ],
}
"""A name that leaves this table breaks its users: note it in CHANGELOG.md."""


def test_the_surface_is_what_is_promised() -> None:
    assert {name: importlib.import_module(name).__all__ for name in SURFACE} == SURFACE


@pytest.mark.parametrize("name", SURFACE)
def test_every_exported_name_exists_and_is_documented(name: str) -> None:
    package = importlib.import_module(name)
    exported = {member: getattr(package, member) for member in package.__all__}
    assert [member for member, value in exported.items() if not (value.__doc__ or "").strip()] == []


@pytest.mark.parametrize("name", SURFACE)
def test_every_public_name_of_a_package_is_exported(name: str) -> None:
    package = importlib.import_module(name)
    public = {
        member
        for member, value in vars(package).items()
        if not member.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public - set(package.__all__) == set()
