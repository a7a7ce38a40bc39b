"""Evaluates the Prometheus alarms with promtool, on samples scraped from running processes."""

import asyncio
import subprocess
from collections.abc import Mapping
from pathlib import Path

import httpx2
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.servers.binaries import find
from tests.support.system import System

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus/angarium.rules.yaml"
INTERVAL = "15s"
_CALM, _AFTER = 8, 24
"""The number of intervals with the first samples, and then with the last ones."""
_EVALUATED = "6m"

Samples = Mapping[str, float]
"""Values by series, in the notation of Prometheus."""


async def scrape(system: System) -> Samples:
    """The metrics of all processes as Prometheus would store them, with `up` (0 if a process does not answer)."""
    samples: dict[str, float] = {}
    async with httpx2.AsyncClient(timeout=30, trust_env=False) as client:
        for name in system.commands:
            labels = {"job": "angarium", "instance": name}
            try:
                text = (await client.get(f"{system.address(name)}/metrics")).raise_for_status().text
            except httpx2.TransportError:
                samples[_series("up", labels)] = 0.0
                continue
            samples[_series("up", labels)] = 1.0
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    samples[_series(sample.name, {**sample.labels, **labels})] = sample.value
    return samples


async def firing(before: Samples, after: Samples, *alerts: str) -> str:
    """Empty if exactly `alerts` fire some minutes after `before` changed to `after`; otherwise promtool's output.

    Each of the two samples is repeated for several minutes, as if it had been scraped that often.
    """
    series = [
        {"series": name, "values": f"{_values(before.get(name), _CALM)} {_values(after.get(name), _AFTER)}"}
        for name in sorted({*before, *after})
    ]
    wanted = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(alerts)]
    expression = 'group by (alertname) (ALERTS{alertstate="firing"})'
    check = {"expr": expression, "eval_time": _EVALUATED, "exp_samples": wanted}
    case = {"interval": INTERVAL, "input_series": series, "promql_expr_test": [check]}
    content = {"rule_files": [str(RULES)], "evaluation_interval": INTERVAL, "tests": [case]}
    return await asyncio.to_thread(_judge, yaml.safe_dump(content))


def promtool(*arguments: str, content: str = "") -> subprocess.CompletedProcess[str]:
    """Run promtool."""
    command = [find("promtool", "prometheus"), *arguments]
    return subprocess.run(command, input=content, capture_output=True, text=True, check=False)  # noqa: S603 - ours


def _judge(content: str) -> str:
    done = promtool("test", "rules", "/dev/stdin", content=content)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _series(name: str, labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{pairs}}}"


def _values(value: float | None, count: int) -> str:
    return f"_x{count}" if value is None else f"{value:.17g}x{count - 1}"
