"""Parses the option `--var NAME=VALUE`."""

import json
from typing import Any

from angarium.cli.usage import WrongUsage


def variable(item: str) -> tuple[str, Any]:
    """The name and value of a template variable. A value that is not valid JSON is text. Raises WrongUsage."""
    name, separator, value = item.partition("=")
    if not separator:
        raise WrongUsage(f"--var {name}: must be NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
