"""Runs the command line against a system under test."""

import asyncio
import json
import os
from typing import Any

from tests.support.system import ANGARIUM, System


async def run_angarium(system: System, *arguments: str) -> tuple[int, Any, str]:
    """Run `angarium …arguments --json`. Return its exit status, JSON output and error output."""
    environment = {**os.environ, "ANGARIUM_GATEWAY_URL": system.url, "ANGARIUM_API_KEY": system.key}
    process = await asyncio.create_subprocess_exec(
        str(ANGARIUM),
        *arguments,
        "--json",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, complaints = await process.communicate()
    return process.returncode or 0, json.loads(out) if out else None, complaints.decode()
