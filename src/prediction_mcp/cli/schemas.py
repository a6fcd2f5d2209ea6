"""What each command answers with ``--json``, as JSON Schema made from the models that are printed."""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import BaseModel, TypeAdapter

from prediction_mcp.settings import SettingsError


def answers() -> dict[str, Any]:
    """The type of each command's answer."""
    from prediction_mcp.automation.alerts import service as watched
    from prediction_mcp.automation.health import Health
    from prediction_mcp.automation.notices.trying import TriedAll
    from prediction_mcp.automation.standing.results import RuleAnswer, RuleList
    from prediction_mcp.automation.status import ChannelList, CrewStatus, WorkerStatus
    from prediction_mcp.desk.kalshi.portfolio.account_results import PortfolioValue
    from prediction_mcp.desk.kalshi.portfolio.moving import CashMoved
    from prediction_mcp.desk.kalshi.portfolio.results import PositionList
    from prediction_mcp.desk.kalshi.records import results as kept
    from prediction_mcp.desk.kalshi.trading.results import FillList, OrderList
    from prediction_mcp.doctor.lines import Diagnosis

    from . import shapes

    return {
        "tools": shapes.Tools, "call": dict[str, Any], "watch": shapes.Shown, "halt": shapes.HaltDone,
        "resume": shapes.Resumed, "limits": shapes.LimitsShown, "journal": dict[str, Any],
        "journal --settle": shapes.Settled, "exchange": shapes.Listening, "paper status": shapes.PaperStatus,
        "paper deposit": shapes.PaperCash, "paper reset": shapes.PaperGone, "portfolio summary": PortfolioValue,
        "portfolio positions": PositionList, "portfolio move": CashMoved, "portfolio history": kept.HistoryAnswer,
        "orders": OrderList, "fills": FillList, "transactions": kept.TransactionList, "tax report": kept.TaxAnswer,
        "tax lots": kept.LotList, "tax method": kept.LotList, "tax name": kept.LotList,
        "forecast add": kept.ForecastKept, "forecast list": kept.ForecastList, "forecast score": kept.ScoreAnswer,
        "records check": kept.Check, "records sync": kept.SyncDone, "records where": shapes.Where,
        "records export": list[dict[str, Any]], "db current": shapes.Revision, "db upgrade": shapes.Revision,
        "alerts list": watched.AlertList, "alerts add": watched.AlertAnswer, "alerts delete": watched.AlertAnswer,
        "standing list": RuleList, "standing add": RuleAnswer, "standing change": RuleAnswer,
        "standing pause": RuleAnswer, "standing cancel": RuleAnswer, "worker status": WorkerStatus | CrewStatus,
        "doctor": Diagnosis, "install": shapes.Installed,
        "worker install": shapes.Serviced, "worker uninstall": shapes.Serviced,
        "notify channels": ChannelList, "health": Health, "notify test": TriedAll,
        "db downgrade": shapes.Revision, "db history": shapes.Revisions, "error": shapes.ErrorAnswer,
    }  # fmt: skip


def schema_of(answer: Any) -> dict[str, Any]:
    """A schema without titles, which say nothing more than names do. Absent fields are absent, never null."""
    made = answer.model_json_schema() if isinstance(answer, type) and issubclass(answer, BaseModel) else None
    found: dict[str, Any] = made if made is not None else TypeAdapter(answer).json_schema()
    return {name: value for name, value in _untitled(found).items() if name != "title"}


def _untitled(part: Any) -> Any:
    if isinstance(part, dict):
        return {
            name: _untitled(value) for name, value in part.items() if not (name == "title" and isinstance(value, str))
        }
    return [_untitled(item) for item in part] if isinstance(part, list) else part


def show_schema(command: str | None) -> None:
    """Print one command's schema, or all. Raises SettingsError for a command that has none."""
    known = answers()
    if command is not None and command not in known:
        raise SettingsError(f"“{command}” answers nothing with --json; there are {', '.join(known)}.")
    found = schema_of(known[command]) if command is not None else {n: schema_of(a) for n, a in known.items()}
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
