"""Checks shared by all adapters: delays and topic patterns (AMQP 0-9-1 §3.1.3.3)."""

from collections.abc import Sequence

from angarium.platform.broker.port import Outgoing, Topology


def check_delay(message: Outgoing, topology: Topology) -> None:
    """Raise ValueError for a delayed message that no delay queue could return."""
    if message.delay not in topology.delays:
        raise ValueError(f"no delay queue is declared for {message.delay}")
    if message.exchange != topology.direct_exchanges[0]:
        raise ValueError(f"a delayed message goes to {topology.direct_exchanges[0]}, not to {message.exchange}")


def topic_matches(pattern: str, routing_key: str) -> bool:
    """Whether a topic binding matches a key: `*` is one word, `#` any number of words."""
    return _words_match(pattern.split("."), routing_key.split(".") if routing_key else [])


def _words_match(pattern: Sequence[str], words: Sequence[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return _words_match(pattern[1:], words) or (bool(words) and _words_match(pattern, words[1:]))
    return bool(words) and pattern[0] in {"*", words[0]} and _words_match(pattern[1:], words[1:])
