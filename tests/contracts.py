"""A contract for import-linter: a package may use what it is allowed to, and nothing else of this project."""

from __future__ import annotations

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class MayUse(Contract):
    """``source`` imports nothing of the project but itself and ``allowed``, directly."""

    source: Any = fields.StringField()
    allowed: Any = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        root = self.source.split(".")[0]
        inside = {self.source} | graph.find_descendants(self.source)
        permitted = (self.source, *self.allowed)
        found = sorted(
            (importer, imported)
            for importer in inside
            for imported in graph.find_modules_directly_imported_by(importer)
            if imported.split(".")[0] == root
            and not any(imported == name or imported.startswith(f"{name}.") for name in permitted)
        )
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported in check.metadata["found"]:
            output.print_error(f"{importer} -> {imported}")
