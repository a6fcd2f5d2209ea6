"""The drawing in docs/architecture.md is the code: its arrows are the imports, its files are there."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
DOC = ROOT / "docs" / "architecture.md"
MCP = {"fastmcp", "mcp", "mcp_types"}


def room(module: str) -> str | None:
    """The room of a module; None for what the drawing leaves out."""
    first, *rest = module.split(".")
    if first in MCP:
        return "MCP"
    if first != "prediction_mcp" or not rest:
        return None
    return "cli" if rest[0] == "__main__" else rest[0]


def test_the_arrows_are_the_imports() -> None:
    """Imports inside functions count; those for types only don't."""
    graph = grimp.build_graph("prediction_mcp", exclude_type_checking_imports=True, include_external_packages=True)
    found = defaultdict[str, set[str]](set)
    for module in graph.modules:
        at = room(module)
        if at is not None and at != "MCP":
            used = {room(imported) for imported in graph.find_modules_directly_imported_by(module)}
            found[at] |= {name for name in used if name not in (None, at)}
    (block,) = re.findall(r"```arrows\n(.*?)```", DOC.read_text(), re.DOTALL)
    drawn = {}
    for line in block.strip().splitlines():
        at, _, to = line.partition("->")
        drawn[at.strip()] = set(to.split())
    assert drawn == dict(found)


def test_no_file_has_grown_too_long() -> None:
    """Four hundred lines, beyond which a file has a second reason to exist."""
    long = {p.name: n for p in (ROOT / "src").rglob("*.py") if (n := len(p.read_text().splitlines())) > 400}
    assert long == {}


def test_files_that_docs_name_are_there() -> None:
    names = {p.name for p in ROOT.rglob("*.py") if ".venv" not in p.parts}
    for doc in (DOC, ROOT / "docs" / "decisions.md", ROOT / "docs" / "testing.md", ROOT / "IMPLEMENTATION_SUMMARY.md"):
        for named in re.findall(r"`[\w/.-]*?([\w-]+\.py)`", doc.read_text()):
            assert named in names, f"{doc.name} names {named}"
