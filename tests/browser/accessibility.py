"""The rules that axe-core checks on every page."""

AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
    "iframes": False,  # frames are sandboxed: axe-core cannot access them, and trying causes a console error
}
