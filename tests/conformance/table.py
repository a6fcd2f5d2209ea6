"""The table endpoint → client method → tool → exchange in IMPLEMENTATION_SUMMARY.md: ``make table`` writes it."""

from __future__ import annotations

import ast
import asyncio
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.desk.kalshi.catalogue import Catalogue
from prediction_mcp.desk.kalshi.fees import FeeCache
from prediction_mcp.desk.kalshi.guarded import Guarded
from prediction_mcp.desk.kalshi.realtime.feeds import Feeds
from prediction_mcp.exchange.fronts.kalshi.api import ENDPOINTS
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.protocol.toolset import Toolset
from prediction_mcp.safety.guard import Guard
from prediction_mcp.tools.kalshi import analysis, brakes, discovery, portfolio, realtime, trading
from prediction_mcp.tools.kalshi.advanced import around, orders, quotes, raw_feed
from tests.conformance.contract import client_calls, client_methods
from tests.conformance.reach import reached
from tests.conformance.schema import SDK_FILE
from tests.conformance.specification import Key, Specification, unnamed

SUMMARY = Path(__file__).parents[2] / "IMPLEMENTATION_SUMMARY.md"
BEGINS, ENDS = "<!-- endpoints: written by make table -->", "<!-- end of endpoints -->"
TOOLSETS = (discovery, analysis, trading, portfolio, realtime, brakes, orders, quotes, around, raw_feed)
OWNERS: dict[str, type] = {
    "account": Account, "fees": FeeCache, "catalogue": Catalogue, "feeds": Feeds, "guard": Guard, "Guarded": Guarded,
}  # fmt: skip
MOST = 3
"""Tools that a row names."""


async def rows() -> list[str]:
    """The table's lines."""
    spec = Specification(SDK_FILE)
    seen, tools = await client_calls(spec), await tools_by_method()
    served = {(e.method, unnamed(e.path)): e.run for e in ENDPOINTS}
    lines = ["| endpoint | client | tools | exchange |", "|---|---|---|---|"]
    for key, endpoint in sorted(spec.endpoints.items(), key=lambda item: (item[1].path, item[1].method)):
        methods = sorted(seen[key].methods) if key in seen else []
        used = sorted({tool for method in methods for tool in tools.get(method, ())})
        cells = (f"{endpoint.method} {endpoint.path}", ", ".join(methods) or "–", _shown(used), _served(served, key))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _shown(tools: list[str]) -> str:
    return f"{len(tools)} tools" if len(tools) > MOST else ", ".join(tools) or "–"


def _served(served: dict[Key, Any], key: Key) -> str:
    run = served.get(key)
    return "–" if run is None else f"{run.__module__.rsplit('.', 1)[-1]}.{run.__name__}"


async def tools_by_method() -> dict[str, set[str]]:
    """Which tools can come to call which method of the client, by what their sources name."""
    async with KalshiClient("http://127.0.0.1:1/trade-api/v2") as client:
        methods = {name for name, _ in client_methods(client)}
        resources = {name.split(".")[0] for name in methods}
    found = defaultdict[str, set[str]](set)
    for module in TOOLSETS:
        toolset: Toolset = module.mcp
        for tool in await toolset.provider.list_tools():
            for method in methods & set(_called(_function(module, tool.name), resources)):
                found[method].add(tool.name.removeprefix("kalshi_"))
    return found


def _function(module: Any, name: str) -> Any:
    """The function behind a tool, below what ``@confirmed`` puts in front of it."""
    function = getattr(module, name)
    cells = getattr(function, "__closure__", None) or ()
    inner = (c.cell_contents for c in cells if getattr(c.cell_contents, "__name__", "") == name)
    return next(inner, function)


def _called(function: Any, resources: set[str]) -> Iterator[str]:
    rooms = ("prediction_mcp.desk", "prediction_mcp.tools", "prediction_mcp.safety")
    for tree in reached(function, lambda module: module.startswith(rooms), OWNERS, frozenset(OWNERS.values())):
        names = dict(_aliases(tree, resources))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                resource = _resource(node.value, resources, names)
                if resource is not None:
                    yield f"{resource}.{_listed(node.attr)}"


def _resource(node: ast.AST, resources: set[str], names: dict[str, str]) -> str | None:
    """``account.kalshi.orders`` is orders, ``….markets.historical`` is markets.historical, an alias what it is of."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if not isinstance(node, ast.Attribute):
        return None
    above = _resource(node.value, resources, names)
    if above is not None:
        return f"{above}.{node.attr}"
    of_client = isinstance(node.value, ast.Attribute | ast.Name) and getattr(
        node.value, "attr", getattr(node.value, "id", "")
    ) in ("kalshi", "client")
    return node.attr if of_client and node.attr in resources else None


def _aliases(tree: ast.AST, resources: set[str]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target, value = node.targets[0], node.value
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            pairs = list(zip(target.elts, value.elts, strict=True))
        for name, part in pairs:
            if isinstance(name, ast.Name) and (resource := _resource(part, resources, {})) is not None:
                yield name.id, resource


def _listed(method: str) -> str:
    """What walks a list over its pages asks for its pages."""
    return "list" if method == "all" else method.removeprefix("all_")


def between(text: str) -> list[str]:
    """The table as it stands in a text."""
    return text.partition(BEGINS)[2].partition(ENDS)[0].strip().splitlines()


if __name__ == "__main__":
    before, _, rest = SUMMARY.read_text().partition(BEGINS)
    table = "\n".join(asyncio.run(rows()))
    SUMMARY.write_text(f"{before}{BEGINS}\n{table}\n{ENDS}{rest.partition(ENDS)[2]}")
