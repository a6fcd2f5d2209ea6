"""The doctor sees what is the matter, says what to do, and tells no secret to whoever reads its report."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from prediction_mcp.connection import open_account
from prediction_mcp.doctor.checks import examine
from prediction_mcp.doctor.lines import Cleaner, Diagnosis, Line, report, worst
from prediction_mcp.install import writing
from prediction_mcp.install.clients import KINDS, place
from prediction_mcp.net.measured import Measured
from prediction_mcp.safety.records import Records
from prediction_mcp.settings import load_settings, secret_names
from tests.conftest import Served

SECRET = "hunter2-hunter2-hunter2-hunter2"


@pytest.fixture
def home(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a key at the served exchange, set in the environment, and a home without clients."""
    key = tmp_path / "kalshi.pem"
    key.write_text(served.pem)
    key.chmod(0o600)
    for name, value in {
        "HOME": str(tmp_path), "KALSHI_BASE_URL": served.url, "KALSHI_API_KEY_ID": served.key_id,
        "KALSHI_PRIVATE_KEY_PATH": str(key),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    for name in ("XDG_CONFIG_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


async def told() -> dict[str, Line]:
    found, _ = await examine(open_account)
    assert found.state == worst(found.lines)
    for line in found.lines:
        assert (line.do is not None) == (line.state != "ok")
    return {line.name: line for line in found.lines}


async def test_all_is_well(home: Path) -> None:
    lines = await told()
    assert {line.state for line in lines.values()} == {"ok"}
    assert set(lines) == {
        "python", "version", "settings", "key", "exchange", "clock", "signature", "scopes", "journal", "catalogue",
        "database", "clients",
    }  # fmt: skip
    assert "tier prestige" in lines["signature"].said
    assert lines["scopes"].said == "read, write"


async def test_settings_that_cant_be_used_keep_nothing_else_from_being_seen(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KALSHI_ENV", "elsewhere")
    lines = await told()
    assert (lines["settings"].state, "KALSHI_ENV" in lines["settings"].said) == ("fail", True)
    assert lines["clients"].state == "ok"


@pytest.mark.parametrize(
    ("mode", "text", "said"),
    [(0o644, None, "chmod 600"), (0o600, "no key", "no PEM"), (None, None, "isn't there")],
)
async def test_a_key_that_cant_be_used(home: Path, mode: int | None, text: str | None, said: str) -> None:
    key = home / "kalshi.pem"
    if text is not None:
        key.write_text(text)
    if mode is None:
        key.unlink()
    else:
        key.chmod(mode)
    line = (await told())["key"]
    assert line.state == "fail"
    assert str(key) in line.said


async def test_a_key_of_somebody_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALSHI_API_KEY_ID", "00000000-0000-0000-0000-000000000000")
    assert (await told())["signature"].state == "fail"


async def test_no_exchange(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALSHI_BASE_URL", "http://127.0.0.1:1/trade-api/v2")
    lines = await told()
    assert (lines["exchange"].state, "can't be reached" in lines["exchange"].said) == ("fail", True)
    assert lines["journal"].state == "ok"


@pytest.mark.parametrize(
    ("seconds", "state", "said"), [(60, "fail", "60 s ahead"), (-3, "warn", "behind"), (1, "ok", "")]
)
async def test_a_clock_that_is_wrong(
    home: Path, seconds: int, state: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Measured.heard

    def shifted(self: Measured, date: str | None) -> None:
        assert date is not None
        heard(self, date)
        self._heard = date, parsedate_to_datetime(date).timestamp() + 0.5 + seconds  # the middle of the Date's second

    monkeypatch.setattr(Measured, "heard", shifted)
    line = (await told())["clock"]
    assert line.state == state
    assert said in line.said


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 Nov 2026 00:00:00 GMT"])
def test_a_date_that_is_none(date: str) -> None:
    measured = Measured()
    assert measured.ahead_s is None
    measured.heard(date)
    assert measured.ahead_s is None


async def test_a_paused_exchange_a_halt_and_an_open_write(home: Path, served: Served) -> None:
    served.exchange.pause()
    place = load_settings().safety_home
    assert place is not None
    records = Records(place)
    records.halt("a test")
    records.close()
    lines = await told()
    served.exchange.resume()
    assert [lines[name].state for name in ("exchange", "kill switch")] == ["warn", "warn"]
    assert "takes no orders now" in lines["exchange"].said
    assert "by a test" in lines["kill switch"].said


async def test_without_a_key_that_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KALSHI_API_KEY_ID")
    monkeypatch.delenv("KALSHI_PRIVATE_KEY_PATH")
    assert "only public data" in (await told())["key"].said


async def test_what_is_chosen_needs_its_extra(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLSETS", "automation")
    monkeypatch.setattr("prediction_mcp.doctor.checks.find_spec", lambda _: None)
    line = (await told())["extras"]
    assert (line.state, line.do) == ("fail", "Install prediction-mcp[automation].")


async def test_a_redis_that_isnt_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://:{SECRET}@127.0.0.1:1/0")
    line = (await told())["redis"]
    assert line.state == "fail"
    assert SECRET not in line.said


async def test_clients_are_looked_at(home: Path) -> None:
    cursor, codex = (place(name, home, "linux", {}) for name in ("cursor", "codex"))
    entry = {"command": str(home / "gone"), "args": ["prediction-mcp"]}
    writing.carry_out(writing.installing(KINDS["cursor"], cursor, "mine", entry))
    codex.parent.mkdir()
    codex.write_text("x = ")
    lines = await told()
    assert (lines["cursor"].state, lines["cursor"].do) == ("fail", "prediction-mcp install cursor --name mine")
    assert lines["codex"].state == "warn"
    entry["command"] = sys.executable
    writing.carry_out(writing.installing(KINDS["cursor"], cursor, "mine", entry))
    assert (await told())["cursor"].state == "ok"


@dataclass
class Done:
    returncode: int | None
    stdout: str
    stderr: str


async def run(home: Path, *words: str, **more: str) -> Done:
    """The command; the exchange of this process answers meanwhile."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prediction_mcp", "doctor", *words, cwd=home,
        env={**os.environ, "HOME": str(home), **more}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return Done(process.returncode, out.decode(), err.decode())


async def test_the_report_holds_no_secret(home: Path, served: Served) -> None:
    """Every secret setting set, secrets in addresses, errors that name them, a home with a name."""
    more = dict.fromkeys(secret_names(), SECRET) | {
        "KALSHI_API_KEY_ID": "aaaa1111-key-id",
        "DATABASE_URL": f"postgresql://me:{SECRET}@127.0.0.1:1/x?sslmode=disable",
        "REDIS_URL": f"redis://me:{SECRET}@127.0.0.1:1/0", "NOTIFY_URLS": f"ntfy://{SECRET} tgram://{SECRET}x/1",
        "KALSHI_PRIVATE_KEY": served.pem, "TOOLSETS": "records",
    }  # fmt: skip
    done = await run(home, "--bundle", "report.md", "--json", **more)
    text = (home / "report.md").read_text()
    assert done.returncode == 1
    for shown in (text, done.stdout, done.stderr):
        assert SECRET not in shown
        assert "aaaa1111" not in shown
        assert str(home) not in shown
        assert not any(line in shown for line in served.pem.splitlines()[1:-1])
    assert "| redis | fail |" in text
    assert "- `NOTIFY_URLS=(set, not shown)`" in text
    assert json.loads(done.stdout)["state"] == "fail"
    again = await run(home, "--bundle", "report.md", "--json", **more)
    assert (again.returncode, "is there already" in again.stdout) == (2, True)
    assert (home / "report.md").read_text() == text


async def test_secrets_that_cant_even_be_read_stay_hidden(home: Path) -> None:
    done = await run(home, "--bundle", "report.md", HTTP_TOKEN="short-secret", DATABASE_URL=f"mysql://{SECRET}@x/y")
    text = (home / "report.md").read_text()
    assert done.returncode == 1
    assert "DATABASE_URL" in text
    for shown in (text, done.stdout, done.stderr):
        assert SECRET not in shown
        assert "short-secret" not in shown


def test_cells_are_cells() -> None:
    found = Diagnosis(version="1", state="warn", lines=[Line(name="x", state="warn", said="a | b\nc", do="d")])
    made = report(found, None, Cleaner(None, {}, Path("/")))
    assert "| x | warn | a \\| b c | d |" in made


async def test_people_read_lines(home: Path) -> None:
    done = await run(home)
    assert done.returncode == 0
    assert "ok    clock" in done.stdout
