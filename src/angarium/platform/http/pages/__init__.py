"""The documentation page, and the style that pages share."""
