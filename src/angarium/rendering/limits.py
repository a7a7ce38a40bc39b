"""Resource limits of templates, against hostile ones."""

from collections.abc import Callable
from dataclasses import dataclass

from liquid.exceptions import ResourceLimitError

Timer = Callable[[], float]
"""Returns seconds of work: CPU time of the thread, so that templates do not fail on a busy machine."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one part of a template.

    `seconds` of work are shared by all parts of a message. They are checked at every step, and a step takes a fraction
    of a second at worst, so a rendering ends well within two seconds.
    """

    seconds: float = 0.5
    output_bytes: int = 1_000_000
    characters: int = 1_000_000  # of one value that a filter makes, however nested
    local_characters: int = 4_000_000  # of all that a template assigned
    items: int = 10_000  # of one list or range
    iterations: int = 100_000  # of all loops together
    integer_bits: int = 4096
    markups: int = 5_000  # tags and outputs of one source
    markup_characters: int = 2_000
    markup_blanks: int = 200  # in one run; the lexer backtracks over them


class OverLimit(ResourceLimitError):
    """A template exceeds its limits."""

    def __init__(self, message: str) -> None:
        super().__init__(message, token=None)


def weigh(value: object, limits: Limits) -> int:
    """Count the characters and items in `value`, including nested ones.

    Raises OverLimit as soon as the limit is exceeded.
    """
    total = 0
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, (list, tuple, dict, range)):
            total += _count(item, limits)
            if isinstance(item, dict):
                waiting.extend(item.keys())
                waiting.extend(item.values())
            elif not isinstance(item, range):
                waiting.extend(item)
        elif isinstance(item, int) and item.bit_length() > limits.integer_bits:
            raise OverLimit("the number is too large")
        if total > limits.characters:
            raise OverLimit(f"the value is larger than {limits.characters} characters")
    return total


def _count(items: list[object] | tuple[object, ...] | dict[object, object] | range, limits: Limits) -> int:
    count = items.stop - items.start if isinstance(items, range) else len(items)  # len() overflows on huge ranges
    if count > limits.items:
        raise OverLimit(f"a list may have at most {limits.items} items")
    return max(count, 0)


class OutOfTime(OverLimit):
    """A template takes longer than it was given"""


class Budget:
    """Counts the resources used by one rendering."""

    __slots__ = ("_deadline", "_iterations", "_limits", "_steps", "_timer")

    def __init__(self, limits: Limits, timer: Timer, deadline: float | None = None) -> None:
        self._limits = limits
        self._timer = timer
        self._deadline = timer() + limits.seconds if deadline is None else deadline
        self._steps = 0
        self._iterations = 0

    def step(self) -> None:
        """Count a cheap step; checks the time occasionally."""
        self._steps += 1
        if not self._steps & 15:
            self.check()

    def check(self) -> None:
        """Raise OverLimit when the time is used up."""
        if self._timer() > self._deadline:
            raise OutOfTime("the template takes too long")

    def loop(self, length: int) -> None:
        """Count a loop with `length` iterations."""
        self._iterations += length
        if self._iterations > self._limits.iterations:
            raise OverLimit(f"loops may run at most {self._limits.iterations} times in all")
        self.check()
