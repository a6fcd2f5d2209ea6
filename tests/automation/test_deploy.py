"""What deploy/ names is there: settings, figures, extras, labels. promtool has the last word, where it is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from prediction_mcp.automation import metrics
from prediction_mcp.automation.crew import Crew, Member
from prediction_mcp.automation.worker import Worker
from prediction_mcp.connection import open_account
from prediction_mcp.settings import Settings
from tests.automation.conftest import Home

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BOARD = json.loads((DEPLOY / "grafana/dashboards/prediction-mcp.json").read_text())
OURS = {"machine", "tables", "server", "worker"}
NAMES = {field.alias for field in Settings.model_fields.values()}


def expressions() -> Iterator[str]:
    for panel in BOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for group in yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def test_services_are_those_that_are_told_of() -> None:
    assert set(SERVICES) == {*OURS, "postgres", "redis", "prometheus", "grafana"}
    assert [name for name, service in SERVICES.items() if service.get("profiles")] == ["prometheus", "grafana"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nothing_is_open_to_others_and_everything_is_pinned(name: str) -> None:
    service = SERVICES[name]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert re.fullmatch(r"prediction-mcp:local|[a-z/]+:v?\d[\w.-]*", service["image"])
    if name in OURS:
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    if name in ("postgres", "redis"):
        assert service["networks"] == ["inner"]


def test_settings_have_the_names_that_the_program_reads() -> None:
    for name in OURS:
        assert set(SERVICES[name]["environment"]) <= NAMES
    told = re.findall(r"^#?([A-Z_]+)=", (DEPLOY / "example.env").read_text(), re.MULTILINE)
    assert {name for name in told if name not in NAMES} == {"POSTGRES_PASSWORD"}


def test_no_secret_has_a_value_of_its_own() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{(\w*(?:TOKEN|PASSWORD)):\?", text)) == {"HTTP_TOKEN", "POSTGRES_PASSWORD"}
    assert not re.search(r"\$\{\w*(?:TOKEN|PASSWORD)(?!:\?)", text)
    assert not re.search(r"^\w+=\S", (DEPLOY / "example.env").read_text(), re.MULTILINE)


def test_commands_are_the_program_s() -> None:
    """Each as it stands there, with --help behind it."""
    for name in OURS - {"machine"}:
        command = [sys.executable, "-m", "prediction_mcp", *SERVICES[name]["command"], "--help"]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_image_has_the_extras_that_the_services_use() -> None:
    made = re.search(r"^\t\$\(UV\) pip compile.*$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert made is not None
    extras = set(re.findall(r"--extra (\w+)", made[0]))
    assert extras == {"automation", "postgres", "redis"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[\[<>=]", line)[0].lower() for line in project["dependencies"]}
    wanted |= {
        re.split(r"[\[<>=]", line)[0].lower() for extra in extras for line in project["optional-dependencies"][extra]
    }
    whole = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    image = dict(re.findall(r"^([\w.-]+)==(\S+)", (DEPLOY / "requirements.lock").read_text(), re.MULTILINE))
    assert wanted <= image.keys()
    assert image.items() <= whole.items()


async def test_boards_and_rules_ask_for_figures_that_are_told(home: Home) -> None:
    """Names from /metrics of a worker in use, labels from the families that have samples."""
    await home.rule("recurring", every="1d", count=2, max_runs=5)
    await home.tick()
    names, labels = {"up"}, {"job", "instance", "le"}
    crew = Crew(Path(), open_account)
    crew.members["alice"] = Member("alice", Path(), (), None, Worker(home.desk.account))
    one = (await metrics.text(home.desk, home.attendant, private=True)).decode()
    many = (await metrics.crew_text(crew, private=True)).decode()
    assert set(re.findall(r"^# TYPE .*", one, re.MULTILINE)) < set(re.findall(r"^# TYPE .*", many, re.MULTILINE))
    for family in text_string_to_metric_families(many):
        suffixes = {"counter": ("_total",), "histogram": ("_bucket",)}.get(family.type, ("",))
        names.update(family.name + suffix for suffix in suffixes)
        labels.update(label for sample in family.samples for label in sample.labels)
    labels |= {"channel"}  # of messages: none went here
    for expression in expressions():
        asked = set(re.findall(r"\bprediction_mcp_\w+|\bup\b", expression))
        assert asked
        assert asked <= names
        by = re.findall(r"by \(([^)]*)\)", expression)
        used = set(re.findall(r"(\w+)=\"", expression)) | {name for some in by for name in some.split(", ")}
        assert used <= labels


def test_panels_lie_beside_each_other() -> None:
    taken = dict[tuple[int, int], str]()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        for place in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            assert place[0] < 24
            assert taken.setdefault(place, panel["title"]) == panel["title"]
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    uids = {target["datasource"]["uid"] for panel in BOARD["panels"] for target in panel["targets"]}
    assert uids == {source["uid"] for source in sources}


@pytest.mark.parametrize(
    "words", [("check", "rules", "rules.yml"), ("check", "config", "--syntax-only", "prometheus.yml"),
              ("test", "rules", "rules.test.yml")]
)  # fmt: skip
def test_prometheus_takes_them(words: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool isn't here: Prometheus' own word on its rules is missing")
    done = subprocess.run([promtool, *words], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
