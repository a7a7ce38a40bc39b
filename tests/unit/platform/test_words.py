"""The platform knows no product word: another product could be built on it.

A word is a service, a channel, a queue, an exchange or a path of ours. Looked at are the names and the texts of the
code; docstrings may give examples. The product's own name and its header names are in one place each, and allowed.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import angarium.platform
from angarium.contracts import messages
from angarium.contracts.statuses import Channel

_PLATFORM = Path(angarium.platform.__file__).parent
_SERVICES = ("gateway", "users", "templates")
_PATHS = ("/api", "/internal", "/mailbox", "/unsubscribe", "/preferences")
_QUEUES = (
    messages.WORK_EXCHANGE,
    messages.EVENTS_EXCHANGE,
    messages.FAILED_QUEUE,
    messages.RETRY_EXCHANGE.partition("{")[0],
    messages.RETRY_QUEUE.partition("{")[0],
)
_ALLOWED = {
    # Standard Webhooks (https://www.standardwebhooks.com) has this word in its header names and its library.
    "http/guard/signing.py": {"webhook"},
    "http/guard/posting.py": {"webhook"},
    # Google's files of service accounts have `client_email`.
    "http/api/service_account.py": {"email"},
    # A provider's own webhooks, verified with `webhook_key`; not the channel.
    "settings/values.py": {"webhook"},
}
_STANDARD_LIBRARY = {"push_async_callback", "email.utils"}
_PARTS = re.compile(r"[a-z]+", re.IGNORECASE)


def words_in(text: str) -> set[str]:
    """The product words in a name or a text: `users_url` and `UsersStore` have `users`."""
    if text in _STANDARD_LIBRARY:
        return set()
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    found = {part.lower() for part in _PARTS.findall(split)} & {*_SERVICES, *map(str, Channel)}
    paths = {path for path in _PATHS if re.search(rf"(?<!/){path}", text)}  # `https://api.…` is no path
    return found | paths | {queue for queue in _QUEUES if queue in text}


def docstrings(tree: ast.Module) -> set[int]:
    """The ids of the nodes that are texts and nothing else: docstrings of modules, classes, functions, constants."""
    bodies = [getattr(node, "body", None) for node in ast.walk(tree)]
    expressions = (
        step.value for body in bodies if isinstance(body, list) for step in body if isinstance(step, ast.Expr)
    )
    return {id(value) for value in expressions if isinstance(value, ast.Constant)}


def texts_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every identifier and text of a module with its line, but for docstrings."""
    left_out = docstrings(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in left_out:
                yield node.lineno, text
            case ast.Name(id=text) | ast.Attribute(attr=text) | ast.arg(arg=text) | ast.ClassDef(name=text):
                yield node.lineno, text
            case ast.FunctionDef(name=text) | ast.AsyncFunctionDef(name=text) | ast.keyword(arg=str(text)):
                yield node.lineno, text
            case ast.alias(name=text):
                yield node.lineno, text
            case ast.ImportFrom(module=str(text)):
                yield node.lineno, text
            case _:
                pass


def product_words(name: str, source: str) -> list[str]:
    """`line: text`, for each text of `source` that has a product word."""
    allowed = _ALLOWED.get(name, set())
    return [f"{line}: {text}" for line, text in texts_of(ast.parse(source)) if words_in(text) - allowed]


@pytest.mark.parametrize("path", sorted(_PLATFORM.rglob("*.py")), ids=lambda path: str(path.relative_to(_PLATFORM)))
def test_the_platform_knows_no_product_word(path: Path) -> None:
    assert product_words(str(path.relative_to(_PLATFORM)), path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "users_url = ''",
        "class UsersStore: ...",
        "def send_sms(): ...",
        "call(templates=1)",
        "path = '/internal/v1/audit'",
        "name = f'retry.{ms}.queue'",
        "from angarium.services import gateway",
        "def f(email): ...",
        "x.gateway.y",
        "queue = 'failed.queue'",
    ],
)
def test_a_product_word_is_found(source: str) -> None:
    assert product_words("x.py", source)


def test_docstrings_may_give_examples() -> None:
    assert product_words("x.py", '"""As the gateway does."""\nLIMIT = 1\n"""For users."""\n') == []


def test_every_exemption_is_needed() -> None:
    for name, words in _ALLOWED.items():
        found = {word for _, text in texts_of(ast.parse((_PLATFORM / name).read_text())) for word in words_in(text)}
        assert words <= found, name
