"""What axe-core checks on every page."""

AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
    "iframes": False,  # our frames are sandboxed: axe-core cannot reach into them, and its try is a console error
}
