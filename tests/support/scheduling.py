"""Decides which tests of a parallel run share a process."""

import re

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

JOURNEYS = "tests/journeys/"
_FORM = re.compile(r"\[(embedded-plain|embedded|distributed|mariadb)\b")


class ByFileAndForm(LoadFileScheduling):  # type: ignore[misc]  # its base has no types
    """The tests of a file share a process, and so do the journeys of a form, since they share one system."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        form = _FORM.search(nodeid) if file.startswith(JOURNEYS) else None
        return f"{JOURNEYS}[{form[1]}]" if form is not None else file
