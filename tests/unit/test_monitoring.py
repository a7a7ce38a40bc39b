"""Alarms and dashboard of deploy/ use what the product measures, and promtool takes them."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from angarium.platform.telemetry.metrics import Metrics
from tests.support.alarms import DEPLOY, RULES, promtool

CASES = RULES.with_name("angarium.rules.test.yaml")
DASHBOARD = DEPLOY / "grafana/dashboards/angarium.json"
OVERLAY = DEPLOY / "compose.monitoring.yaml"
SCRAPED = frozenset({"instance", "job", "le"})
_METRIC = re.compile(r"\b(angarium_\w+)(?:\{([^}]*)\})?")


def _rules() -> list[dict[str, Any]]:
    content = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in content["groups"] for rule in group["rules"]]


def _dashboard() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return content


def _panels() -> list[dict[str, Any]]:
    return [panel for panel in _dashboard()["panels"] if panel["type"] != "row"]


def _queries() -> Iterator[str]:
    for panel in _panels():
        yield from (target["expr"] for target in panel["targets"])
    for variable in _dashboard()["templating"]["list"]:
        yield variable.get("definition", "")


def _measured() -> Mapping[str, frozenset[str]]:
    """The labels of every series that the product shows, by its name."""
    found: dict[str, frozenset[str]] = {}
    for instrument in vars(Metrics()).values():
        if isinstance(instrument, MetricWrapperBase):
            suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "gauge": [""]}
            for suffix in suffixes[str(instrument._type)]:
                found[f"{instrument._name}{suffix}"] = frozenset(instrument._labelnames)
    return found


EXPRESSIONS = [rule["expr"] for rule in _rules()] + list(_queries())


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_that_is_used_exists(expression: str) -> None:
    measured = _measured()
    labels: set[str] = set()
    for name, selected in _METRIC.findall(expression):
        assert name in measured
        labels |= measured[name]
        assert set(re.findall(r"(\w+)(?:=~|!~|!=|=)", selected)) <= measured[name] | SCRAPED
    grouped = {label for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in re.split(r",\s*", group)}
    assert grouped <= labels | SCRAPED | {"class"}


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {name for query in _queries() for name, _ in _METRIC.findall(query)}
    left = {re.sub(r"_(bucket|count|sum)$", "", name) for name in _measured()}
    assert left - {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown} == set()


@pytest.mark.slow
def test_promtool_takes_the_rules() -> None:
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_every_alarm_fires_in_its_case() -> None:
    done = promtool("test", "rules", str(CASES))
    assert done.returncode == 0, done.stdout + done.stderr
    names = [rule["alert"] for rule in _rules()]
    assert set(re.findall(r'alertname="(\w+)"', CASES.read_text(encoding="utf-8"))) == set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alarm_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning", "notice"}
    assert set(rule["annotations"]) == {"summary", "description", "action"}
    assert all(len(text) < 200 for text in rule["annotations"].values())


@pytest.mark.slow
def test_promtool_takes_every_query_of_the_dashboard(tmp_path: Path) -> None:
    queries = [query for query in _queries() if query and not query.startswith("label_values")]
    filled = [re.sub(r"\$\{?(?!\{?1)\w+\}?", "x", query.replace("$__rate_interval", "5m")) for query in queries]
    rules = [{"record": f"query:{place}", "expr": expression} for place, expression in enumerate(filled)]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    done = promtool("check", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_takes_any_data_source_and_no_panel_covers_another() -> None:
    dashboard = _dashboard()
    assert dashboard["templating"]["list"][0] == {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "refresh": 1,
    }
    sources = re.findall(r'"uid": "([^"]*)"', DASHBOARD.read_text(encoding="utf-8"))
    assert set(sources) == {"angarium", "${datasource}"}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert all(panel["title"] and panel["description"] for panel in _panels())
    for one, other in combinations([panel["gridPos"] for panel in dashboard["panels"]], 2):
        apart = any(
            first[at] + first[size] <= second[at]
            for first, second in ((one, other), (other, one))
            for at, size in (("x", "w"), ("y", "h"))
        )
        assert apart, (one, other)


def test_prometheus_scrapes_every_process_of_compose() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text(encoding="utf-8"))
    services = yaml.safe_load((DEPLOY.parent / "compose.yaml").read_text(encoding="utf-8"))["services"]
    ports = {
        name: int((service.get("ports") or service["expose"])[0].rpartition(":")[2])
        for name, service in services.items()
        if "build" in service and name != "migrate"
    }
    scraped = {
        name: found["port"]
        for job in config["scrape_configs"]
        for found in job["dns_sd_configs"]
        for name in found["names"]
    }
    assert scraped == ports
    assert all(re.fullmatch(r"angarium-\w+", job["job_name"]) for job in config["scrape_configs"])
    overlay = yaml.safe_load(OVERLAY.read_text(encoding="utf-8"))["services"]
    assert {name for name in overlay if "image" not in overlay[name]} == set(ports)
    assert all("OTEL_EXPORTER_OTLP_ENDPOINT" in overlay[name]["environment"] for name in ports)


def test_the_overlay_mounts_what_is_there_and_publishes_on_this_machine_alone() -> None:
    overlay = yaml.safe_load(OVERLAY.read_text(encoding="utf-8"))["services"]
    added = [service for service in overlay.values() if "image" in service]
    assert all(re.search(r":v?\d+\.\d+\.\d+$", service["image"]) for service in added)
    for mount in (mount for service in added for mount in service.get("volumes", ()) if mount.startswith("./")):
        assert (DEPLOY.parent / mount.partition(":")[0]).exists(), mount
    assert all(port.startswith("127.0.0.1:") for service in added for port in service["ports"])
