"""The project's judges: dated facts about both venues, extracted from specifications and recordings by :mod:`.extract`.

README.md beside this file lists each with its source and date. A judge that is missing is an error, never a skip.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from .tables import unpacked

FOLDER = Path(__file__).parent


def path(name: str) -> Path:
    """The file of a fact, like ``kalshi/openapi-2026-10``. Raises FileNotFoundError if the project has no such fact."""
    file = FOLDER / f"{name}.json"
    if not file.is_file():
        raise FileNotFoundError(f"The project has no fact named {name}: see tests/facts/README.md.")
    return file


def names(folder: str) -> list[str]:
    """The facts in a folder, like ``kalshi/production``, in alphabetical order. Raises FileNotFoundError if empty."""
    found = sorted((FOLDER / folder).rglob("*.json"))
    if not found:
        raise FileNotFoundError(f"The project has no facts in {folder}: see tests/facts/README.md.")
    return [file.relative_to(FOLDER).with_suffix("").as_posix() for file in found]


def load(name: str) -> Any:
    """A fresh copy of a fact's JSON value; sentences in it are blanked. Raises FileNotFoundError."""
    return unpacked(json.loads(_text(name)))


@cache
def _text(name: str) -> bytes:
    return path(name).read_bytes()
