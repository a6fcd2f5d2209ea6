"""Our client and our exchange have all that the specification names; what each lacks is listed by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import drift, packages, table
from tests.conformance.contract import client_lacks, exchange_lacks
from tests.conformance.schema import SCHEMA_FILE, SDK_FILE
from tests.conformance.specification import Specification

ROOT = Path(__file__).parents[2]


async def test_the_client_has_every_endpoint_parameter_and_required_field() -> None:
    lacks = await client_lacks(Specification(SDK_FILE))
    assert not lacks.all, "\n".join(lacks.all)
    print(f"\nclient: {lacks.looked_at}")
    assert lacks.looked_at == {"endpoints": 107, "parameters": 322, "required fields": 1000}


@pytest.mark.parametrize("file", [SDK_FILE, SCHEMA_FILE], ids=["sdk", "october"])
def test_the_exchange_has_every_endpoint_and_parameter(file: Path) -> None:
    lacks = exchange_lacks(Specification(file))
    assert not lacks.all, "\n".join(lacks.all)
    print(f"\nexchange: {lacks.looked_at}")
    assert lacks.looked_at["endpoints"] >= 107


@pytest.mark.long
async def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """A specification with one more of each: the guard can fail."""
    document = json.loads(SDK_FILE.read_text())
    more = tmp_path / "newer.json"
    status = next(e for e in document["endpoints"] if e["path"] == "/exchange/status")
    document["endpoints"].append({**status, "path": "/exchange/weather"})
    markets = next(e for e in document["endpoints"] if e["path"] == "/markets")
    markets["params"].append({"name": "colour", "required": False})
    document["models"]["Market"]["properties"]["smell"] = {"type": "string"}
    document["models"]["Market"]["required"].append("smell")
    document["models"]["CreateOrderV2Request"]["properties"]["mood"] = {"type": "string"}
    more.write_text(json.dumps(document))
    lacks = await client_lacks(Specification(more))
    assert lacks.endpoints == ["GET /exchange/weather"]
    assert "GET /markets: colour" in lacks.parameters
    assert "POST /portfolio/events/orders: body mood" in lacks.parameters
    assert "GET /markets/{ticker}: answer market.smell" in lacks.fields
    ours = exchange_lacks(Specification(more))
    assert ours.endpoints == ["GET /exchange/weather"]
    assert "GET /markets: colour" in ours.parameters
    report = "\n".join(await drift.report(more, SDK_FILE))
    for line in ("+ GET /exchange/weather", "GET /markets: + colour", "Market: + smell (required)"):
        assert line in report, report


async def test_the_table_of_endpoints_is_true() -> None:
    """IMPLEMENTATION_SUMMARY.md; ``make table`` writes it anew."""
    assert table.between(table.SUMMARY.read_text()) == await table.rows()


@pytest.mark.conformance
def test_a_package_read_as_source_has_what_introspection_found() -> None:
    """``make drift`` reads the newest SDK so; here the one whose facts are kept."""
    read, kept = packages.kalshi(ROOT / ".conformance"), json.loads(SDK_FILE.read_text())
    assert {(e["method"], e["path"]) for e in read["endpoints"]} == {
        (e["method"], e["path"]) for e in kept["endpoints"]
    }
    assert [e["request"] for e in _sorted(read)] == [e.get("request") for e in _sorted(kept)]
    assert read["models"].keys() == kept["models"].keys()
    for name, model in kept["models"].items():
        fields = read["models"][name].get("properties", {}).keys()
        assert fields - {"title"} == model.get("properties", {}).keys(), name  # introspection took titles for remarks


def _sorted(document: dict[str, Any]) -> list[Any]:
    return sorted(document["endpoints"], key=lambda e: (e["method"], e["path"]))
