"""Request bodies of equal length that differ only where they must. Joining pieces is faster than serialising."""

import itertools
import re
from collections.abc import Sequence

STAMP = "{{STAMP}}"
"""Replaced by `stamp-<20 digits>-<10 digits>`: the request's start (monotonic clock, nanoseconds) and its number."""
NUMBER = "{{NUMBER}}"
"""Replaced by the number of the request, 10 digits."""
CHOICE = "{{CHOICE}}"
"""Replaced by the next of the choices, which have equal lengths."""

_PLACES = re.compile("|".join(re.escape(place) for place in (STAMP, NUMBER, CHOICE)))


class Body:
    """`item` with its placeholders replaced, or a list of `bulk` such items. Numbers count from `start`.

    Raises ValueError for choices of different lengths.
    """

    def __init__(self, item: str, choices: Sequence[str], *, bulk: int, start: int) -> None:
        if len({len(choice) for choice in choices}) > 1:
            raise ValueError("the choices have different lengths")
        texts, places = _PLACES.split(item), _PLACES.findall(item)
        self._template = "".join(
            text.replace("%", "%%")
            + {STAMP: "stamp-%(s)020d-%(n)010d", NUMBER: "%(n)010d", CHOICE: "%(c)s"}.get(place, "")
            for text, place in itertools.zip_longest(texts, places, fillvalue="")
        )
        self._choices = choices or ("",)
        self._bulk = bulk
        self._start = self._number = start

    def next(self, stamp: int) -> bytes:
        """The body of the next request."""
        if not self._bulk:
            return self._item(stamp).encode()
        items = ",".join(self._item(stamp) for _ in range(self._bulk))
        return f'{{"notifications":[{items}]}}'.encode()

    def rewind(self) -> None:
        """Restart with the first number."""
        self._number = self._start

    def _item(self, stamp: int) -> str:
        number = self._number
        self._number += 1
        return self._template % {"s": stamp, "n": number, "c": self._choices[number % len(self._choices)]}
