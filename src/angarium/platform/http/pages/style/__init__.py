"""The look that every page shares: custom properties for light and dark, and the plain elements."""

from importlib.resources import files


def styled(own: str) -> str:
    """A page's whole style: the shared one, then its own rules."""
    return (files("angarium.platform.http.pages.style") / "base.css").read_text(encoding="utf-8") + own
