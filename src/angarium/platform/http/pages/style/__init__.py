"""The shared style of all pages: custom properties for light and dark, and basic elements."""

from importlib.resources import files


def styled(own: str) -> str:
    """A page's style: the shared one followed by its own rules."""
    return (files("angarium.platform.http.pages.style") / "base.css").read_text(encoding="utf-8") + own
