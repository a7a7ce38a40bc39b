"""The house around the code is in order: verbs, pages, images, and the contract's services and ports in all of them."""

import ast
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from angarium.channels.kit import EVERYWHERE
from angarium.channels.registry import CHANNELS
from angarium.contracts.statuses import Channel
from angarium.delivery.settings import WorkerSettings
from angarium.services.gateway.settings import GatewaySettings
from angarium.services.templates.settings import TemplatesSettings
from angarium.services.users.settings import UsersSettings

ROOT = Path(__file__).parents[2]
WORKERS = {channel.value for channel in CHANNELS}
SERVICES = {"gateway": 8000, "users": 8001, "templates": 8002} | {
    channel.value: entry.port for channel, entry in CHANNELS.items()
}
OF_EACH_CHANNEL = ("providers", "retry_delays")
"""What the names of a channel's own settings end with; they are read by the channel's name."""
STORES = {"postgres": {5432}, "rabbitmq": {5672, 15672}, "redis": {6379}, "mail": {1025, 8025}}
VERBS = {"setup", "run", "run-distributed", "migrate", "test", "test-fast", "check", "clean"}
FOLDERS = ("src", "tests", "docs", "scripts", "deploy", "benchmarks", "examples", ".github", ".ci")
"""Where the project's files are when git can't say, as in an unpacked archive."""
TEXT = {"", ".css", ".html", ".js", ".json", ".mako", ".md", ".py", ".sh", ".sql", ".toml", ".txt", ".yaml", ".yml"}


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _ours() -> Iterator[Path]:
    """Every file that git tracks or would track; without git, those at the top and in the project's folders."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        listing = [git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - fixed words
        yield from (ROOT / name for name in done.stdout.split("\0") if name)
        return
    yield from ROOT.iterdir()
    for folder in FOLDERS:
        yield from (path for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts)


def _files() -> Iterator[Path]:
    """Every text file that belongs to the project, except the lock file, which names what it must."""
    for path in _ours():
        named = path.suffix in TEXT and path.name not in {"uv.lock", ".env"} and not path.name.startswith(".coverage")
        if named and path.is_file() and not _binary(path):
            yield path


def _tests() -> Iterator[Path]:
    """The files of tests that are in a folder."""
    yield from (path for path in (ROOT / "tests").glob("*/**/*.py") if "__pycache__" not in path.parts)


def _read_attributes(tree: ast.AST) -> Iterator[str]:
    """The names of attributes that code reads, but for what only judges settings."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        if not (isinstance(node, ast.FunctionDef) and node.name == "refuse_unsafe"):
            yield from _read_attributes(node)


def _binary(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\0" in file.read(8192)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(_read("compose.yaml"))
    return document


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(_read(".github/workflows/ci.yml"))
    return document


@pytest.fixture(scope="module")
def targets() -> dict[str, str]:
    """The Dockerfile's stages by name."""
    stages = re.split(r"^FROM \S+ AS (\S+)\n", _read("Dockerfile"), flags=re.MULTILINE)[1:]
    return dict(zip(stages[::2], stages[1::2], strict=True))


def _verbs() -> dict[str, str | None]:
    """The Makefile's phony verbs and their help."""
    rules = re.findall(r"^([a-z][a-z-]*):(?!=)[^#\n]*(?:## (.+))?$", _read("Makefile"), flags=re.MULTILINE)
    return {name: text or None for name, text in rules}


class TestMakefile:
    def test_every_verb_has_a_help_text(self) -> None:
        assert [verb for verb, text in _verbs().items() if not text] == []

    def test_every_verb_is_phony_and_every_phony_is_a_verb(self) -> None:
        phony = re.findall(r"^\.PHONY: (.+)$", _read("Makefile"), flags=re.MULTILINE)
        assert set(" ".join(phony).split()) == set(_verbs())

    def test_the_contracts_verbs_exist(self) -> None:
        assert set(_verbs()) >= VERBS

    def test_make_alone_lists_every_verb(self) -> None:
        make = shutil.which("make")
        assert make
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        done = subprocess.run(  # noqa: S603 - our own Makefile
            [make, "--no-print-directory"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        assert set(re.findall(r"^  make ([a-z-]+)", done.stdout, flags=re.MULTILINE)) == set(_verbs())


class TestCompose:
    def test_every_service_and_store_is_there(self, compose: dict[str, Any]) -> None:
        assert set(compose["services"]) == {*SERVICES, *STORES, "migrate"}

    @pytest.mark.parametrize("service", sorted(SERVICES))
    def test_a_service_is_built_from_its_own_target(self, compose: dict[str, Any], service: str) -> None:
        assert compose["services"][service]["build"]["target"] == service

    @pytest.mark.parametrize("service", sorted(SERVICES.keys() - WORKERS))
    def test_a_rest_service_is_published_on_the_contracts_port(self, compose: dict[str, Any], service: str) -> None:
        port = SERVICES[service]
        assert compose["services"][service]["ports"] == [f"127.0.0.1:{port}:{port}"]

    @pytest.mark.parametrize("worker", sorted(WORKERS))
    def test_a_worker_takes_no_port_of_the_host(self, compose: dict[str, Any], worker: str) -> None:
        assert "ports" not in compose["services"][worker]
        assert compose["services"][worker]["expose"] == [str(SERVICES[worker])]

    @pytest.mark.parametrize("store", sorted(STORES))
    def test_a_store_has_its_usual_ports_and_a_healthcheck(self, compose: dict[str, Any], store: str) -> None:
        service = compose["services"][store]
        published = [port.split(":") for port in service["ports"]]
        assert {int(port) for _, _, port in published} == STORES[store]
        assert all((address, outside) == ("127.0.0.1", inside) for address, outside, inside in published)
        assert service["healthcheck"]["test"][0] == "CMD"

    @pytest.mark.parametrize("service", sorted(SERVICES))
    def test_a_service_waits_for_the_migration(self, compose: dict[str, Any], service: str) -> None:
        needs = compose["services"][service]["depends_on"]
        assert needs["migrate"] == {"condition": "service_completed_successfully"}
        assert all(need["condition"].startswith("service_") for need in needs.values())

    @pytest.mark.parametrize("service", sorted(SERVICES))
    def test_a_service_gets_no_other_services_database(self, compose: dict[str, Any], service: str) -> None:
        own = {"users": "USERS", "templates": "TEMPLATES"}.get(service, "NOTIFICATIONS")
        environment = compose["services"][service]["environment"]
        assert [name for name in environment if name.endswith("_DATABASE_URL")] == [f"ANGARIUM_{own}_DATABASE_URL"]

    def test_the_migration_gets_every_database(self, compose: dict[str, Any]) -> None:
        environment = compose["services"]["migrate"]["environment"]
        assert sum(name.endswith("_DATABASE_URL") for name in environment) == len(
            ("notifications", "users", "templates")
        )

    def test_every_variable_has_a_default_and_the_production_overlay_none(self) -> None:
        assert re.findall(r"\$\{(\w+)(?!\w|:-)", _read("compose.yaml")) == []
        assert re.findall(r"\$\{(\w+)(?!\w|:?\?)", _read("deploy/compose.production.yaml")) == []

    def test_the_overlay_of_mariadb_moves_every_database(self, compose: dict[str, Any]) -> None:
        text = _read("deploy/compose.mariadb.yaml")
        overlay = yaml.load(re.sub(r"!(?:reset|override)", "", text), yaml.SafeLoader)["services"]
        for name, service in compose["services"].items():
            urls = {key for key in service.get("environment", {}) if key.endswith("_DATABASE_URL")}
            moved: dict[str, str] = (overlay.get(name) or {}).get("environment", {}) if urls else {}
            assert set(moved) == urls, name
            assert all(url.startswith("mysql://") and "@mariadb:3306/" in url for url in moved.values())
        assert re.findall(r"\$\{(\w+)(?!\w|:\?)", text) == []

    def test_production_demands_every_secret_of_the_development_file(self) -> None:
        secret = r"\$\{(\w*(?:PASSWORD|TOKEN|SECRET|KEY)\w*)"
        assert set(re.findall(secret, _read("compose.yaml"))) == set(
            re.findall(secret, _read("deploy/compose.production.yaml"))
        )


class TestImages:
    @pytest.mark.parametrize(("service", "port"), sorted(SERVICES.items()))
    def test_a_target_starts_its_service_on_its_port(self, targets: dict[str, str], service: str, port: int) -> None:
        verb = "work" if service in WORKERS else "serve"
        assert f'CMD ["{verb}", "{service}"]' in targets[service]
        assert f"ANGARIUM_PORT={port}\n" in targets[service]
        assert f"EXPOSE {port}\n" in targets[service]

    def test_every_service_is_checked_for_health_and_runs_unprivileged(self, targets: dict[str, str]) -> None:
        assert "HEALTHCHECK" in targets["runtime"]
        assert "\nUSER angarium\n" in targets["runtime"]
        assert not any("USER" in stage for name, stage in targets.items() if name != "runtime")

    def test_the_build_context_has_everything_that_is_copied(self) -> None:
        allowed = {line[1:] for line in _read(".dockerignore").splitlines() if line.startswith("!")}
        copied = re.findall(r"^COPY (?!--from)(.+) \S+$", _read("Dockerfile"), flags=re.MULTILINE)
        names = {name for line in copied for name in line.split()}
        assert names <= allowed
        assert [name for name in names if not (ROOT / name).exists()] == []

    def test_continuous_integration_builds_an_image_for_each_service(self, workflow: dict[str, Any]) -> None:
        assert workflow["jobs"]["images"]["uses"] == "./.github/workflows/images.yml"
        job = yaml.safe_load(_read(".github/workflows/images.yml"))["jobs"]["image"]
        assert set(job["strategy"]["matrix"]["service"]) == set(SERVICES)
        builds = [step for step in job["steps"] if "build-push-action" in step.get("uses", "")]
        assert [step["with"]["target"] for step in builds] == ["${{ matrix.service }}"]

    @pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda path: path.name)
    def test_every_action_is_pinned_to_a_commit(self, path: Path) -> None:
        used = re.findall(r"uses: (\S+)( # v[\d.]+)?$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert [use for use, version in used if not use.startswith("./") and not version] == []
        assert [use for use, _ in used if not re.fullmatch(r"\./\S+|[\w/-]+@[0-9a-f]{40}", use)] == []

    def test_images_of_a_release_have_one_name_everywhere(self, compose: dict[str, Any]) -> None:
        named = {name: service["image"] for name, service in compose["services"].items() if "build" in service}
        assert {
            name: f"${{ANGARIUM_IMAGES:-angarium}}/{name}:${{ANGARIUM_TAG:-latest}}" for name in SERVICES
        }.items() <= named.items()

    def test_continuous_integration_runs_the_readmes_test_command(self, workflow: dict[str, Any]) -> None:
        assert any(step.get("run") == ".ci/run" for step in workflow["jobs"]["test"]["steps"])
        assert re.search(r"^exec make test\b", _read(".ci/run"), flags=re.MULTILINE)
        assert os.access(ROOT / ".ci/run", os.X_OK)


class TestChannels:
    def test_every_channel_has_one_line_in_the_registry(self) -> None:
        assert list(CHANNELS) == list(Channel)
        assert [entry.channel for entry in CHANNELS.values()] == list(Channel)
        assert len({entry.port for entry in CHANNELS.values()}) == len(CHANNELS)

    def test_every_channel_is_one_folder_that_imports_no_other(self) -> None:
        folders = {path.name for path in (ROOT / "src/angarium/channels").iterdir() if (path / "channel.py").exists()}
        assert folders == WORKERS
        contracts = tomllib.loads(_read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
        [independent] = [one["modules"] for one in contracts if one["name"].startswith("Channels")]
        assert set(independent) == {f"angarium.channels.{name}" for name in folders}

    @pytest.mark.parametrize("ending", OF_EACH_CHANNEL)
    def test_every_channel_has_its_settings(self, ending: str) -> None:
        assert {f"{channel}_{ending}" for channel in Channel} <= WorkerSettings.model_fields.keys()

    @pytest.mark.parametrize("channel", Channel)
    def test_every_channel_serves_with_the_providers_of_all(self, channel: Channel) -> None:
        assert CHANNELS[channel].schemes.isdisjoint(EVERYWHERE)

    def test_the_mailbox_page_filters_by_every_channel(self) -> None:
        page = _read("src/angarium/services/gateway/mailbox_page/static/mailbox.html")
        style = _read("src/angarium/services/gateway/mailbox_page/static/mailbox.css")
        assert re.findall(r'data-channel="(\w+)"', page) == [channel.value for channel in Channel]
        assert {f".{channel} {{ color:" for channel in Channel if f".{channel} {{ color:" not in style} == set()

    def test_the_operators_page_names_every_provider_of_a_channel(self) -> None:
        pages = [ROOT / "docs/operations.md", *sorted((ROOT / "docs").glob("providers*/*.md"))]
        pages += (ROOT / "docs").glob("providers.md")
        page = "\n".join(path.read_text(encoding="utf-8") for path in pages)
        assert [
            s for entry in CHANNELS.values() for s in entry.schemes if f"`{s}://" not in page and f"={s}://" not in page
        ] == []


class TestPages:
    def test_the_readmes_make_commands_are_verbs(self) -> None:
        used = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", _read("README.md"), flags=re.MULTILINE))
        assert used <= set(_verbs())
        assert used >= {"run", "run-distributed", "test", "test-fast", "check"}

    def test_every_link_between_pages_leads_somewhere(self) -> None:
        broken = [
            f"{page.relative_to(ROOT)}: {target}"
            for page in _files()
            if page.suffix == ".md"
            for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
            if not (page.parent / target).exists()
        ]
        assert broken == []

    def test_decisions_are_numbered_titled_and_listed(self) -> None:
        folder = ROOT / "docs/decisions"
        pages = sorted(folder.glob("[0-9]*.md"))
        index = (folder / "README.md").read_text(encoding="utf-8")
        assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
        for page in pages:
            text = page.read_text(encoding="utf-8")
            assert re.match(rf"# {page.name[:4]}: \S.+\n", text), page.name
            headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
            assert headings == ["Context", "Decision", "Consequences", "What would change our mind"], page.name
            assert f"({page.name})" in index, page.name

    def test_the_architectures_layers_are_those_that_imports_are_held_to(self) -> None:
        block = _read("ARCHITECTURE.md").split("```")[1]
        names = [re.split(r"\.\{| {2,}", line.strip())[0] for line in block.strip().splitlines()]
        contracts = tomllib.loads(_read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
        layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
        assert names == layers

    def test_the_changelog_keeps_a_place_for_what_is_unreleased(self) -> None:
        assert re.search(r"^## \[Unreleased\]$", _read("CHANGELOG.md"), flags=re.MULTILINE)

    def test_the_example_settings_name_only_our_variables(self) -> None:
        names = re.findall(r"^#?([A-Z_]+)=", _read(".env.example"), flags=re.MULTILINE)
        assert [name for name in names if not name.startswith("ANGARIUM_") and not name.endswith("_PASSWORD")] == []

    def test_the_operators_page_names_every_setting_and_no_other(self) -> None:
        page = _read("docs/operations.md").partition("## Settings")[2].partition("\n## ")[0]
        rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("|")]
        named = {word for row in rows for word in re.findall(r"`([A-Z_]+)`", row)}
        kinds = (GatewaySettings, UsersSettings, TemplatesSettings, WorkerSettings)
        assert named == {name.upper() for kind in kinds for name in kind.model_fields}

    def test_every_setting_is_read(self) -> None:
        """Somewhere else than where it is refused."""
        read = {name for path in (ROOT / "src").rglob("*.py") for name in _read_attributes(ast.parse(path.read_text()))}
        kinds = (GatewaySettings, UsersSettings, TemplatesSettings, WorkerSettings)
        read |= {f"{channel}_{ending}" for channel in Channel for ending in OF_EACH_CHANNEL}
        assert {name for kind in kinds for name in kind.model_fields} - read == set()

    def test_the_contributors_page_lists_the_folders_of_tests(self) -> None:
        section = _read("CONTRIBUTING.md").partition("| tests |")[2].partition("\n\n")[0]
        listed = re.findall(r"^\| `(\w+)/`", section, flags=re.MULTILINE)
        assert sorted(listed) == sorted({path.relative_to(ROOT / "tests").parts[0] for path in _tests()})

    def test_the_project_stands_alone(self) -> None:
        """No path of somebody's machine, no package registry by name, no page that is not here."""
        home = r"(?<![\w.])/(?:root|home|Users|work)/"
        registry = "|".join(re.escape(name) for name in ("pypi" + ".org", "python" + "hosted", "npmjs" + ".com"))
        pages = {path.name for path in _files() if path.suffix == ".md"}
        found = []
        for path in _files():
            text = path.read_text(encoding="utf-8")
            found += [f"{path.relative_to(ROOT)}: {word}" for word in re.findall(f"{home}|{registry}", text)]
            named = set(re.findall(r"\b[A-Z]{3,}\.md\b", text))
            found += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(named - pages)]
        assert found == []


def test_shell_scripts_parse() -> None:
    sh = shutil.which("sh")
    assert sh
    for script in (ROOT / "scripts").glob("*.sh"):
        subprocess.run([sh, "-n", str(script)], check=True)  # noqa: S603 - our own scripts
