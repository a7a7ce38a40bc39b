"""Request bodies that differ in what must differ and have one length: made by joining pieces, not by a serialiser."""

import itertools
import re
from collections.abc import Sequence

STAMP = "{{STAMP}}"
"""Becomes `stamp-<20 digits>-<10 digits>`: when the request began (monotonic clock, nanoseconds) and its number."""
NUMBER = "{{NUMBER}}"
"""Becomes the number of the request, 10 digits."""
CHOICE = "{{CHOICE}}"
"""Becomes the next of the choices, all of one length."""

_PLACES = re.compile("|".join(re.escape(place) for place in (STAMP, NUMBER, CHOICE)))


class Body:
    """`item` with its places filled, or `bulk` of them as a list; numbers count from `start`.

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
        """Begin again with the first number."""
        self._number = self._start

    def _item(self, stamp: int) -> str:
        number = self._number
        self._number += 1
        return self._template % {"s": stamp, "n": number, "c": self._choices[number % len(self._choices)]}
