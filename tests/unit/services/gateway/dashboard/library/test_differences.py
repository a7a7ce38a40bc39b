"""Differences as lines."""

from angarium.services.gateway.dashboard.library.differences import parts_of


def test_each_line_has_its_kind_and_the_names_of_the_versions_are_left_out() -> None:
    diff = "--- version 1\n+++ version 2\n@@ -1,2 +1,2 @@\n same\n-old\n+new\n--- a line of dashes"
    [part] = parts_of({"html": diff})
    assert part["name"] == "html"
    assert part["lines"] == [
        {"kind": "place", "text": "@@ -1,2 +1,2 @@"},
        {"kind": "same", "text": " same"},
        {"kind": "removed", "text": "-old"},
        {"kind": "added", "text": "+new"},
        {"kind": "removed", "text": "--- a line of dashes"},
    ]
