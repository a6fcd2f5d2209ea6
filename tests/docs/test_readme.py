"""What README.md and docs/ say is so: tables that render, names that exist, errors that are told like that."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fastmcp import Client
from loguru import logger
from markdown_it import MarkdownIt

from prediction_mcp.cli.app import serve
from prediction_mcp.connection import connect, open_account
from prediction_mcp.desk.kalshi.portfolio.export import export
from prediction_mcp.install import writing
from prediction_mcp.install.clients import KINDS
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.net import deadline
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.records.database import Database
from prediction_mcp.safety.records import Records
from prediction_mcp.safety.send_tasks import SendTasks
from prediction_mcp.server import create_server
from prediction_mcp.settings import Settings, SettingsError, load_settings
from prediction_mcp.settings.words import MEANINGS
from tests.conftest import MARKET, Served, account_of
from tests.docs.tables import ROOT, TABLES, Place, toolsets
from tests.net.slow import slowed
from tests.records.conftest import postgres, postgres_answers  # noqa: F401 - fixtures
from tests.tools.conftest import Assistant, settings_for

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
README = (ROOT / "README.md").read_text()
RAISED = (SettingsError, PlatformError)


def test_every_setting_has_a_meaning_and_a_comment() -> None:
    names = {str(field.alias) for field in Settings.model_fields.values()}
    assert MEANINGS.keys() == names
    assert names == set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


@pytest.mark.parametrize("place", TABLES, ids=str)
def test_tables_are_what_make_table_writes(place: Place) -> None:
    assert place.get() == TABLES[place]()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_render_and_links_lead_somewhere(page: Path) -> None:
    """No line of a table is left in a paragraph, no cell is lost, no tag swallows a word."""
    text = page.read_text()
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for number, token in enumerate(tokens):
        if token.type == "inline" and tokens[number - 1].type == "paragraph_open":
            assert not re.search(r"^\s*\|", token.content, re.MULTILINE), token.content
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        rows = [len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()]
        assert len(set(rows)) == 1, table[:200]
    html = MarkdownIt("commonmark").enable("table").render(text)
    words = re.sub(r"<!--.*?-->", "", re.sub(r"<(code|pre)[^>]*>.*?</\1>", "", html, flags=re.DOTALL), flags=re.DOTALL)
    known = "p|h[1-6]|ul|ol|li|a|strong|em|table|thead|tbody|tr|th|td|img|br|hr|blockquote"
    assert not re.findall(rf"<(?!/?(?:{known})\b)[^>]*>", words)
    for link in re.findall(r'(?:href|src)="([^"#:]+)(?:#[^"]*)?"', words):
        assert (page.parent / link).exists(), link


async def test_tools_are_those_of_the_server() -> None:
    found = await toolsets()
    names = {name for tools in found.values() for name in tools}
    text = (ROOT / "docs" / "tools.md").read_text()
    shown = set(re.findall(r"`((?:kalshi|polymarket)_[a-z_]+)`", text))
    for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE):
        shown.update(re.findall(r"`([a-z_]+)`", row))
    whole = {name for name in shown if "_" in name}
    rest = {"kalshi_" + end[1:] for end in re.findall(r"`…(_[a-z_]+)`", text)}
    assert whole - names == set()
    missing = {name for name in names - whole if not any(name.endswith(end.removeprefix("kalshi")) for end in rest)}
    assert missing == set()
    rows = re.findall(r"^\| (?:`(\w+)`|the default) \| (\d+) \| ([\d.]+) kB \|", README, re.MULTILINE)
    assert {name: int(count) for name, count, _ in rows} == {name: len(tools) for name, tools in found.items()}
    for name, _, size in rows:
        assert float(size) * 1000 == pytest.approx(sum(found[name].values()), abs=60)


# -- troubleshooting -----------------------------------------------------------------------------------------------

Told = Callable[[], Awaitable[object]]


@pytest.fixture
def told(
    served: Served,
    kalshi: KalshiClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> dict[str, Told]:
    """By what it says: how each error comes about."""
    callspec = getattr(request.node, "callspec", None)
    needs_postgres = callspec is not None and "db upgrade" in callspec.params["said"]
    address = request.getfixturevalue("postgres") if needs_postgres else ""
    key = tmp_path / "mine.pem"
    key.write_text(served.pem)

    async def opened(**settings: object) -> None:
        async with connect(load_settings(**settings)) as client:
            await client.exchange.status()

    async def read_only(**settings: object) -> None:
        raise SettingsError(load_settings(**settings).why_read_only)

    async def loosened() -> None:
        Path(".env").write_text("READ_ONLY=false\nKALSHI_ENV=demo\n")
        Path(".env").chmod(0o600)
        words = list[str]()
        sink = logger.add(lambda message: words.append(str(message)), level="WARNING")
        load_settings()
        logger.remove(sink)
        raise SettingsError(words[0])

    async def slow() -> None:
        monkeypatch.setattr(deadline, "LIMITS", deadline.LIMITS.scaled(0.02))
        async with slowed(served.url) as (server, url), KalshiClient(url) as client:
            server.pace = "silent"
            await client.exchange.status()

    async def socks() -> None:
        monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
        monkeypatch.setattr("prediction_mcp.net.outward.find_spec", lambda _: None)
        await opened(env="demo")

    async def under_way() -> None:
        async with deadline.within(deadline.LIMITS.answer, "never said"):
            await SendTasks().wait(asyncio.sleep(2))

    async def halted() -> None:
        settings = settings_for(served, tmp_path)
        assert settings.safety_home is not None
        records = Records(settings.safety_home)
        records.halt("a test")
        records.close()
        async with Client(create_server(settings)) as client:
            said = await Assistant(client).error(
                "kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=1, price=50
            )
        raise SettingsError(said)

    async def parquet() -> None:
        monkeypatch.setattr("prediction_mcp.desk.kalshi.portfolio.export.find_spec", lambda _: None)
        await export(account_of(kalshi), "parquet", "all.parquet", tmp_path)

    async def redis() -> None:
        monkeypatch.setattr("prediction_mcp.connection.find_spec", lambda _: None)
        async with open_account(settings_for(served, tmp_path, redis_url="redis://127.0.0.1:1/0", cache="on")):
            pass

    async def old_tables() -> None:
        async with Database(address) as database, database.reading():
            pass

    async def http() -> None:
        serve(http=True, host="0.0.0.0", port=0)  # noqa: S104 - refused before anything listens

    async def odd_client() -> None:
        file = tmp_path / "settings.json"
        file.write_text("{")
        writing.installing(KINDS["cursor"], file, "x", {"command": "x", "args": []})

    return {
        "KALSHI_API_KEY_ID is set but no private key": lambda: opened(env="demo", api_key_id="x"),
        "can be read by others": lambda: opened(env="demo", api_key_id="x", private_key_path=key),
        "READ_ONLY=false isn't enough for real money": lambda: read_only(env="live", read_only=False),
        "This server is read-only (mode demo)": lambda: read_only(env="demo"),
        "in .env is ignored, since it would loosen something": loosened,
        "The settings can't be used: KALSHI_ENV": lambda: opened(KALSHI_ENV="elsewhere"),
        "can't be reached: try again later": lambda: opened(base_url="http://127.0.0.1:1/trade-api/v2"),
        "didn't answer in time: try again later": slow,
        "its outcome isn't known yet": under_way,
        "names a SOCKS proxy, which needs the extra": socks,
        "Trading was halted": halted,
        "Parquet needs the extra": parquet,
        "REDIS_URL needs the extra": redis,
        "run “prediction-mcp db upgrade”": old_tables,
        "Without HTTP_TOKEN": http,
        "is left alone:": odd_client,
    }


TROUBLES = README.partition("## Troubleshooting")[2].partition("\n## ")[0]
SAID = re.findall(r"^\| `([^`]+)` \| [^|]+ \|$", TROUBLES, re.MULTILINE)


def test_all_of_them_are_tried(told: dict[str, Told]) -> None:
    assert list(told) == SAID


@pytest.mark.parametrize("said", SAID)
async def test_the_error_is_told_like_that(said: str, told: dict[str, Told]) -> None:
    with pytest.raises(RAISED) as error:
        await told[said]()
    assert said in str(error.value)
