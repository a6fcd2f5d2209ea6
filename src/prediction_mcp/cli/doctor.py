"""``doctor``: a line a subject for people, JSON for programs, a report for an issue."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from prediction_mcp.connection import open_account
from prediction_mcp.doctor.checks import examine
from prediction_mcp.doctor.lines import Cleaner, Diagnosis, report
from prediction_mcp.logs import configure_logging
from prediction_mcp.settings import SettingsError

from .output import DONE, REFUSED, show

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def show_doctor(bundle: Path | None, *, as_json: bool) -> int:
    """Examine, print, and return the exit code. Raises SettingsError where the report can't be written."""
    if bundle is not None and bundle.exists():
        raise SettingsError(f"{bundle} is there already: name another file.")
    configure_logging("ERROR")
    found, settings = asyncio.run(examine(open_account))
    clean = Cleaner(settings, os.environ, Path.home())
    shown = found.model_copy(update={"lines": clean.lines(found.lines)})
    if bundle is not None:
        text = report(shown, settings, clean)
        try:
            with bundle.open("x", encoding="utf-8") as into:
                into.write(text)
        except OSError as error:
            raise SettingsError(f"{bundle} can't be written ({error.strerror}).") from None
    if as_json:
        show(shown, as_json=True)
    else:
        _print(shown, bundle)
    return DONE if found.state != "fail" else REFUSED


def _print(found: Diagnosis, bundle: Path | None) -> None:
    from rich.console import Console
    from rich.markup import escape

    from prediction_mcp.safety.text import clean

    console = Console(highlight=False, soft_wrap=True)
    for line in found.lines:
        mark = f"[{COLOURS[line.state]}]{line.state:4}[/]"
        console.print(f"{mark}  {escape(clean(line.name)):15} {escape(clean(line.said))}")
        if line.do:
            console.print(f"{'':22}→ {escape(clean(line.do))}")
    if bundle is not None:
        console.print(f"\nThe report is in {escape(str(bundle))}; read it before you hand it on.")
