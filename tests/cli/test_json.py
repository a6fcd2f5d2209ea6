"""``--json``: every command that answers prints JSON and nothing else, as its schema says; its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from prediction_mcp.cli.output import DONE, REFUSED, UNREACHED, USAGE
from prediction_mcp.cli.schemas import answers, schema_of
from tests.cli.forked import run
from tests.conftest import MARKET

YEAR = str(datetime.now(UTC).year)


def answered(*command: str, code: int = DONE, schema: str | None = None, **environment: str) -> Any:
    """What a command printed, held against the schema of its name."""
    done = run(*command, "--json", **environment)
    assert done.returncode == code, (command, done.stdout, done.stderr)
    data = json.loads(done.stdout)
    name = "error" if schema is None and code else schema or " ".join(command)
    jsonschema.validate(data, schema_of(answers()[name]))
    return data


def buy(side: str, count: int, price: int) -> None:
    terms = (f"ticker={MARKET}", f"side={side}", "action=buy", f"count={count}", f"price={price}")
    answered("call", "create_order", *terms, schema="call")


def test_an_account_from_its_first_trade_to_its_report(tmp_path: Path) -> None:
    exports: dict[str, Any] = {"EXPORT_FOLDER": str(tmp_path / "out")}
    file = Path(os.environ["RECORDS_FOLDER"]) / "records.db"
    assert answered("records", "where") == {"where": str(file), "there": False}
    buy("yes", 10, 99)
    buy("no", 4, 99)
    assert answered("fills")["count"] == answered("orders")["count"] == 2
    assert answered("fills", "--since", "2h", "--limit", "1", schema="fills")["cursor"]
    assert answered("transactions")["count"] == 3
    assert answered("transactions", "--kind", "deposit", schema="transactions")["transactions"][0]["cash"] == 10_000
    assert answered("portfolio", "summary")["positions_at_cost"] > 0
    assert answered("portfolio", "positions")["count"] == 1
    assert answered("portfolio", "history")["snapshots"] == 1
    (lot,) = answered("tax", "lots")["lots"]
    assert lot["contracts"] == 6
    report = answered("tax", "report", YEAR, schema="tax report")
    assert report["totals"]["closings"] == 1
    made = answered("tax", "report", YEAR, "--format", "pdf", "--path", "t", schema="tax report", **exports)
    assert Path(made["file"]).read_bytes().startswith(b"%PDF")
    refused = answered("tax", "report", YEAR, "--format", "pdf", "--path", "t", code=REFUSED, **exports)
    assert "never overwritten" in refused["error"]
    assert answered("tax", "method", "named", schema="tax method")["method"] == "named"
    assert answered("records", "check")["adds_up"] is True
    assert answered("records", "sync")["rows"] == 3
    found = answered("records", "export")
    assert {row["kind"] for row in found} == {"fill", "deposit"}
    sale = next(row for row in found if row["contracts"] == "-4")
    assert answered("tax", "name", sale["id"], lot["id"], "4", schema="tax name")["count"] == 1
    assert "no transaction" in answered("tax", "name", "x", "y", "1", code=REFUSED)["error"]
    where = answered("records", "where")
    assert where["there"] is True
    assert where["revision"] == answered("db", "current")["needs"]


def test_forecasts(tmp_path: Path) -> None:
    kept = answered("forecast", "add", MARKET.lower(), "70%", "--note", "a hunch", schema="forecast add")
    assert kept["forecast"]["probability"] == 0.7
    assert answered("forecast", "list", "--status", "open", schema="forecast list")["count"] == 1
    assert "Nothing can be said yet" in answered("forecast", "score")["conclusion"]
    assert "probability" in answered("forecast", "add", MARKET, "lots", code=USAGE)["error"]
    assert "between" in answered("forecast", "add", MARKET, "99.99%", code=REFUSED)["error"]
    assert "no market" in answered("forecast", "add", "KXNONE-1", "0.5", code=REFUSED)["error"]


def test_everything_that_was_there_before(tmp_path: Path) -> None:
    assert len(answered("tools")["tools"]) == 52
    assert answered("call", "get_market", f"ticker={MARKET}", schema="call")["ticker"] == MARKET
    assert "no market NOPE" in answered("call", "get_market", "ticker=NOPE", code=REFUSED)["error"]
    assert answered("paper", "status")["cash"] == 10_000
    assert answered("paper", "deposit", "99.5", schema="paper deposit")["cash"] == 10_099.5
    assert answered(
        "call", "create_order", f"ticker={MARKET}", "side=yes", "action=buy", "count=10", "price=1", schema="call"
    )
    assert answered("halt")["cancelled"] == 1
    assert answered("limits")["halted_by"]
    assert answered("resume") == {"was_halted": True}
    lines = run("journal", "--json").stdout.splitlines()
    assert {json.loads(line)["what"] for line in lines} >= {"intent", "outcome", "halted", "resumed"}
    assert answered("paper", "reset", "--yes", schema="paper reset") == {"gone": True}


def test_the_tables(tmp_path: Path) -> None:
    assert answered("db", "current")["fits"] is False
    assert answered("db", "upgrade")["fits"] is True
    assert answered("db", "history")["revisions"][0]["revision"] == "0001"
    assert "revision" not in answered("db", "downgrade", "base", "--yes", schema="db downgrade")
    assert len(list(Path(os.environ["RECORDS_FOLDER"]).glob("*.copy"))) == 1
    assert "There is no revision 9" in answered("db", "downgrade", "9", "--yes", code=USAGE)["error"]


@pytest.mark.parametrize(
    ("command", "environment", "code", "said"),
    [
        (["records", "sync"], {"DATABASE_URL": "postgresql://x:hunter2@127.0.0.1:1/x"}, UNREACHED, "doesn't answer"),
        (["watch", MARKET], {"KALSHI_BASE_URL": "http://127.0.0.1:1/trade-api/v2"}, UNREACHED, "reached"),
        (["orders"], {"KALSHI_BASE_URL": "http://127.0.0.1:1/trade-api/v2"}, USAGE, "needs an API key"),
        (["orders"], {"KALSHI_ENV": "liev"}, USAGE, "KALSHI_ENV"),
        (["orders"], {"DATABASE_URL": "mysql://somewhere"}, USAGE, "DATABASE_URL"),
        (["transactions", "--since", "nonsense"], {}, USAGE, "nonsense"),
        (["transactions", "--cursor", "nonsense"], {}, REFUSED, "cursor"),
        (["tax", "report", YEAR, "--path", "../x"], {}, REFUSED, "only"),
    ],
)
def test_what_fails_says_so_in_json_and_by_its_code(
    command: list[str], environment: dict[str, str], code: int, said: str
) -> None:
    assert said in answered(*command, code=code, **environment)["error"]


def test_a_wrong_call_is_two(tmp_path: Path) -> None:
    for command in (["tax", "report"], ["tax", "report", "1999"], ["orders", "--limit", "0"], ["nothing"]):
        assert answered(*command, code=USAGE)["error"]
    for command in (["paper", "reset"], ["db", "downgrade", "base"]):
        assert "nobody is asked" in answered(*command, code=USAGE)["error"]


def test_a_check_that_fails_is_one(tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    answered("records", "check")
    with closing(sqlite3.connect(Path(os.environ["RECORDS_FOLDER"]) / "records.db")) as db, db:
        db.execute("UPDATE transactions SET cash = cash + 1")
    found = answered("records", "check", code=REFUSED, schema="records check")
    assert (found["adds_up"], found["missing"]) == (False, -0.000001)


def test_schemas_are_printed() -> None:
    whole = json.loads(run("schema").stdout)
    assert whole.keys() == answers().keys()
    assert json.loads(run("schema", "tax report").stdout) == whole["tax report"]
    assert run("schema", "nothing").returncode == USAGE
    for schema in whole.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_watch_is_a_line_for_each_change() -> None:
    done = run("watch", MARKET, "--seconds", "0.6", "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        jsonschema.validate(line, schema_of(answers()["watch"]))
    assert lines[-1]["state"] == "live"
    assert lines[-1]["bids"][0][0] < lines[-1]["asks"][0][0]


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_a_paper_exchange_says_where_it_is(venue: str) -> None:
    command = [sys.executable, "-m", "prediction_mcp", "exchange", "--venue", venue, "--scenario", "small", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
    jsonschema.validate(found, schema_of(answers()["exchange"]))
    assert found["venue"] == venue
    assert all("127.0.0.1" in address for address in found["addresses"].values())


def test_people_read_lines_and_tables() -> None:
    buy("yes", 10, 99)
    told = run("transactions", COLUMNS="140").stdout
    assert "transactions" in told
    assert MARKET in told
    assert "{" not in told
    assert "adds up             yes" in run("records", "check").stdout
