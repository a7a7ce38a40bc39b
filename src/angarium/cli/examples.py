"""Examples at the end of each command's `--help`. A test parses all of them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from cyclopts import App

EXAMPLES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "up": ("angarium up", "ANGARIUM_PORT=8080 angarium up --first-notification"),
        "serve": ("angarium serve gateway",),
        "work": ("angarium work email",),
        "migrate": ("angarium migrate --json",),
        "send": (
            "angarium send email order_shipped ada@example.com --var name=Ada --var number=42 --watch",
            "angarium send sms order_shipped +14155550123 --var name=Ada --var number=42",
            "angarium send email order_shipped --user 0192d6a0-7ec9-764a-b61a-ce54ccb0749d --attach invoice.pdf",
        ),
        "status": ("angarium status 0192d6a0-7ec9-764a-b61a-ce54ccb0749d --watch",),
        "why": ("angarium why 0192d6a0-7ec9-764a-b61a-ce54ccb0749d",),
        "cancel": ("angarium cancel 0192d6a0-7ec9-764a-b61a-ce54ccb0749d",),
        "tail": ("angarium tail --channel email --status failed --follow",),
        "doctor": ("angarium doctor --json",),
        "completion": ("angarium completion bash > ~/.local/share/bash-completion/completions/angarium",),
        "prune": ("angarium prune --older-than 90d --dry-run", "angarium prune --older-than 30d --redact"),
        "keys create": ("angarium keys create shop --scope notifications:send --scope notifications:read",),
        "keys list": ("angarium keys list --json",),
        "keys revoke": ("angarium keys revoke 0192d6a0-7ec9-764a-b61a-ce54ccb0749d",),
        "keys rotate": ("angarium keys rotate 0192d6a0-7ec9-764a-b61a-ce54ccb0749d",),
        "tenants create": ("angarium tenants create acme --name 'Acme Inc.'",),
        "tenants list": ("angarium tenants list",),
        "operators create": ("angarium operators create ada",),
        "operators list": ("angarium operators list",),
        "operators revoke": ("angarium operators revoke 0192d6a0-7ec9-764a-b61a-ce54ccb0749d",),
        "dead-letters list": ("angarium dead-letters list --by-reason", "angarium dead-letters list --channel email"),
        "dead-letters replay": (
            "angarium dead-letters replay 0192d6a0-7ec9-764a-b61a-ce54ccb0749d",
            "angarium dead-letters replay --reason retries_exhausted --dry-run",
            "angarium dead-letters replay --all --rate 50",
        ),
        "dead-letters discard": ("angarium dead-letters discard 0192d6a0-7ec9-764a-b61a-ce54ccb0749d",),
        "providers list": ("angarium providers list",),
        "providers test": ("angarium providers test smtp --to ada@example.com --watch",),
        "providers open": ("angarium providers open smtp",),
        "providers close": ("angarium providers close smtp",),
        "providers auto": ("angarium providers auto smtp",),
        "providers pause": ("angarium providers pause smtp",),
        "providers resume": ("angarium providers resume ses", "angarium providers resume ses --always"),
        "suppressions list": ("angarium suppressions list --channel email",),
        "suppressions add": ("angarium suppressions add email ada@example.com",),
        "suppressions remove": ("angarium suppressions remove 0192d6a0-7ec9-764a-b61a-ce54ccb0749d",),
        "suppressions import": ("angarium suppressions import bounces.csv",),
        "suppressions export": ("angarium suppressions export > suppressions.csv",),
        "templates push": ("angarium templates push ./templates --dry-run",),
        "templates pull": ("angarium templates pull ./templates",),
        "templates lint": ("angarium templates lint ./templates",),
        "templates list": ("angarium templates list",),
        "templates preview": ("angarium templates preview order_shipped --var name=Ada --var number=42",),
        "users import": ("angarium users import users.csv",),
    }
)
"""Example command lines by command, including its group."""
_HELP = frozenset({"--help", "-h"})


def completed(app: App, tokens: Sequence[str]) -> str:
    """The examples to print after the help that `tokens` request; empty if they request none.

    Lines are not wrapped, so that they can be copied. Also sets the command's help to its whole docstring: it is
    registered with the first line only.
    """
    if _HELP.isdisjoint(tokens):
        return ""
    path: list[str] = []
    for token in tokens:
        if token.startswith("-") or token not in app:
            break
        app = app[token]
        path.append(token)
    lines = EXAMPLES.get(" ".join(path))
    if lines is None or app.default_command is None:
        return ""
    app.help = app.default_command.__doc__
    return "\n".join(["", f"Example{'s' if len(lines) > 1 else ''}:", *(f"  {line}" for line in lines), ""])
