"""Bad input and bad days: each a clear sentence, nothing half done."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from prediction_mcp.connection import connect
from prediction_mcp.kalshi.errors import CredentialsError
from prediction_mcp.server import create_server
from prediction_mcp.settings import Settings, SettingsError, load_settings
from tests.conftest import EVENT, MARKET, Served
from tests.tools.conftest import ERAS, Assistant, settings_for

REAL = {"env": "live", "read_only": False, "live_trading": "real-money", "confirm": "never"}
ORDER: dict[str, Any] = {"ticker": MARKET, "side": "yes", "action": "buy", "count": 1, "price": 1}


async def test_unknown_ticker_gets_near_matches(assistant: Assistant) -> None:
    said = await assistant.error("kalshi_get_market", ticker=f"{EVENT}-ARY")
    assert f"perhaps {MARKET}" in said
    assert "no series NOPE" in await assistant.error("kalshi_get_market", ticker="NOPE-1-X")
    assert "KXSB" in await assistant.error("kalshi_get_market", ticker="KXSBB-1")


async def test_an_event_ticker_for_a_market_names_its_markets(assistant: Assistant) -> None:
    for tool in ("kalshi_get_market", "kalshi_get_orderbook", "kalshi_get_trades"):
        assert f"markets are {EVENT}-" in await assistant.error(tool, ticker=EVENT)
    assert "is an event" in await assistant.error("kalshi_create_order", **ORDER | {"ticker": EVENT})


async def test_a_market_ticker_for_an_event_names_its_event(assistant: Assistant) -> None:
    assert f"its event is {EVENT}" in await assistant.error("kalshi_get_event", event_ticker=MARKET)
    assert f"perhaps {EVENT}" in await assistant.error("kalshi_get_event", event_ticker="KXSB-35")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"price": 1.5}, "nearest it takes is 1¢ or 2¢"),
        ({"price": 0}, "between 0 and 100"),
        ({"price": 100}, "between 0 and 100"),
        ({"price": None}, "needs a price in cents"),
        ({"count": -1}, "more than zero"),
        ({"count": 0}, "more than zero"),
        ({"count": "0.005"}, "0.01"),
        ({"count": "many"}, "count must be a plain number"),
        ({"side": "maybe"}, "side must be 'yes' or 'no'"),
        ({"action": "hold"}, "action must be 'buy' or 'sell'"),
        ({"colour": "red"}, "There is no parameter colour"),
        (
            {"count": 100_000_000},
            "the exchange refused it (insufficient balance); the account has $10,000.00 on shard 0",
        ),
        ({"post_only": True, "time_in_force": "fill_or_kill"}, "post_only"),
        ({"post_only": True, "price": 99}, "may not trade at once"),
        ({"order_type": "market", "time_in_force": "good_till_canceled"}, "can't rest"),
        ({"expiration_ts": 1}, "in the past: 1970-01-01 00:00 UTC"),
        ({"expiration_ts": "whenever"}, "a time from now like 2h"),
        ({"expiration_ts": 2**62}, "a time from now like 2h"),
        ({"expiration_ts": "9" * 40}, "a time from now like 2h"),
        ({"expiration_ts": 4_000_000_000, "time_in_force": "fill_or_kill"}, "rest"),
        ({"reduce_only": True, "time_in_force": "good_till_canceled"}, "immediate_or_cancel"),
        ({"reduce_only": True}, "no position to reduce"),
        ({"action": "sell", "max_cost": 5}, "max_cost limits what a buy"),
        ({"client_order_id": "x" * 65}, "1 to 64"),
    ],
)
async def test_bad_orders(assistant: Assistant, served: Served, change: dict[str, Any], said: str) -> None:
    arguments = {name: value for name, value in (ORDER | change).items() if value is not None}
    assert said in await assistant.error("kalshi_create_order", **arguments)
    assert not served.orders
    assert served.member.available == served.member.deposited


async def test_missing_arguments_are_named_one_by_one(assistant: Assistant) -> None:
    said = await assistant.error("kalshi_create_order", ticker=MARKET)
    assert said == "side is required. action is required. count is required."


async def test_of_many_problems_a_few_are_told(assistant: Assistant) -> None:
    """A call with ten thousand parameters would be answered with 289 KB."""
    said = await assistant.error("kalshi_get_market", **{f"p{number}": 1 for number in range(10_000)})
    told = [f"There is no parameter p{number}." for number in range(19)]
    assert said == " ".join(["ticker is required.", *told, "Problems beside these: 9,981."])


@pytest.mark.everyday
async def test_a_closed_market_says_when_it_closed(assistant: Assistant, served: Served) -> None:
    markets = served.exchange.catalogue.markets.values()
    for status, said in (("finalized", "it closed 20"), ("initialized", "it opens 20"), ("inactive", "is paused")):
        ticker = next(
            m.ticker for m in markets if m.status == status and not m.settled_ms < 1_000_000 * (status == "finalized")
        )
        assert said in await assistant.error("kalshi_create_order", **ORDER | {"ticker": ticker})


async def test_a_market_order_into_an_empty_book_sends_nothing(assistant: Assistant, served: Served) -> None:
    book = served.exchange.engine.markets[MARKET].book
    served.exchange.engine.cancel_many(list(book.asks), 1)
    order = ORDER | {"order_type": "market", "price": 50}
    assert "Nobody sells yes" in await assistant.error("kalshi_create_order", **order)
    assert not served.orders


async def test_a_cursor_of_another_list(assistant: Assistant) -> None:
    assert "cursor" in await assistant.error("kalshi_get_events", category="Sports", cursor="nonsense")


async def test_no_position_and_no_order(assistant: Assistant) -> None:
    assert "no position" in await assistant.error("kalshi_get_position", ticker=MARKET)
    assert "doesn't know it" in await assistant.error("kalshi_get_order", order_id="nope")
    assert "doesn't know it" in await assistant.error("kalshi_cancel_order", order_id="nope")


# -- keys and modes ------------------------------------------------------------------------------------------------


async def first_error(settings: Settings, tool: str = "kalshi_get_balance", **arguments: Any) -> list[str]:
    said = []
    for era in ERAS:
        async with Client(create_server(settings), mode=era) as client:
            said.append(await Assistant(client).error(tool, **arguments))
    return said


async def test_a_wrong_key(served: Served, tmp_path: Path) -> None:
    other_id, _ = served.exchange.issue_key(served.member)
    for said in await first_error(settings_for(served, tmp_path, api_key_id=other_id)):
        assert "signature doesn't fit the API key" in said
    for said in await first_error(settings_for(served, tmp_path, api_key_id="nobody")):
        assert "doesn't know this API key" in said


async def test_a_key_without_the_scope_to_write(served: Served, tmp_path: Path) -> None:
    key_id, pem = served.exchange.issue_key(served.member, scopes=frozenset({"read"}))
    path = tmp_path / "readonly.pem"
    path.write_text(pem)
    path.chmod(0o600)
    settings = settings_for(served, tmp_path, api_key_id=key_id, private_key_path=path)
    for said in await first_error(settings, "kalshi_create_order", **ORDER):
        assert "may not do this" in said
    assert not served.orders


async def test_a_key_file_that_others_can_read(served: Served, tmp_path: Path) -> None:
    settings = settings_for(served, tmp_path)
    (tmp_path / "key.pem").chmod(0o640)
    for said in await first_error(settings):
        assert "chmod 600" in said


@pytest.mark.parametrize("env", ["live", "demo"])
async def test_real_modes_without_a_key_serve_public_data_and_say_what_they_cannot(served: Served, env: str) -> None:
    settings = load_settings(env=env, base_url=served.url)
    for era in ERAS:
        async with Client(create_server(settings), mode=era) as client:
            assistant = Assistant(client)
            tools = {t.name for t in await client.list_tools()}
            assert "kalshi_create_order" not in tools
            assert (await assistant.call("kalshi_get_market", ticker=MARKET))["source"] == env
            state = await assistant.call("kalshi_get_exchange_status")
            assert (state["account"], state["writes"]) == ("no key: public market data only", "refused")
            assert "KALSHI_API_KEY_ID" in await assistant.error("kalshi_get_balance")


async def test_real_modes_do_not_write_unless_told_to(served: Served, tmp_path: Path) -> None:
    """Hidden and refused: even a client that knows the name gets nowhere, and nothing reaches the exchange."""
    settings = settings_for(served, tmp_path, env="live")
    for era in ERAS:
        async with Client(create_server(settings), mode=era) as client:
            answer = await client.call_tool("kalshi_create_order", ORDER, raise_on_error=False)
            assert answer.is_error
    server = create_server(settings)
    server.enable(tags={"write"})  # as a careless line of code might
    async with Client(server) as client:
        assert "READ_ONLY=false" in await Assistant(client).error("kalshi_create_order", **ORDER)
    assert not served.orders
    async with Client(create_server(settings_for(served, tmp_path, **REAL))) as client:
        await Assistant(client).call("kalshi_create_order", **ORDER)
    assert len(served.orders) == 1


async def test_paper_can_be_made_read_only(served: Served, tmp_path: Path) -> None:
    async with Client(create_server(settings_for(served, tmp_path, read_only=True))) as client:
        assert "kalshi_cancel_order" not in {t.name for t in await client.list_tools()}


async def test_the_exchange_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    from prediction_mcp.net import sending

    monkeypatch.setattr(sending, "wait_random_exponential", lambda **_: lambda _: 0.001)
    settings = load_settings(env="demo", base_url="http://127.0.0.1:9/trade-api/v2")
    for said in await first_error(settings, "kalshi_get_markets"):
        assert "can't be reached" in said


async def test_the_exchange_talks_nonsense(tmp_path: Path) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{"markets": [')
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener:
        settings = load_settings(env="demo", base_url=f"http://127.0.0.1:{port}/trade-api/v2")
        for said in await first_error(settings, "kalshi_get_markets"):
            assert "isn't what its API promises" in said


async def test_a_key_id_without_a_key(served: Served) -> None:
    for said in await first_error(load_settings(env="demo", base_url=served.url, api_key_id="x")):
        assert "KALSHI_PRIVATE_KEY_PATH" in said


async def test_a_failed_connection_is_tried_again(served: Served, tmp_path: Path) -> None:
    """The owner mends the key file's mode while the server runs: the next call works."""
    settings = settings_for(served, tmp_path)
    (tmp_path / "key.pem").chmod(0o640)
    async with Client(create_server(settings)) as client:
        assistant = Assistant(client)
        assert "chmod" in await assistant.error("kalshi_get_balance")
        (tmp_path / "key.pem").chmod(0o600)
        assert (await assistant.call("kalshi_get_balance"))["available"] == 10_000


def test_settings_are_checked_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALSHI_ENV", "liev")
    with pytest.raises(SettingsError, match="KALSHI_ENV"):
        load_settings()
    monkeypatch.setenv("KALSHI_ENV", " Demo ")
    assert load_settings().env == "demo"


@pytest.mark.parametrize(
    "url", ["example.org", "https://example.org", "http://example.org/trade-api/v2", "ftp://x/trade-api/v2"]
)
def test_a_base_url_must_be_an_exchange(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("KALSHI_BASE_URL", url)
    with pytest.raises(SettingsError, match=r"KALSHI_BASE_URL.*must"):
        load_settings()


def test_no_secret_is_shown_by_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALSHI_PRIVATE_KEY", "very secret")
    assert "very secret" not in repr(load_settings())


async def test_nothing_is_opened_before_it_is_needed() -> None:
    """A server with a hopeless key starts and lists its tools."""
    settings = load_settings(env="live", api_key_id="x", private_key_path="/nowhere/key.pem")
    async with Client(create_server(settings)) as client:
        assert await client.list_tools()
    with pytest.raises(CredentialsError, match="can't be read"):
        async with connect(settings):
            pass


async def test_the_own_exchange_starts_with_the_first_call_and_ends_with_the_session() -> None:
    for era in ERAS:
        async with Client(create_server(load_settings(paper_deposit="250.00")), mode=era) as client:
            assistant = Assistant(client)
            assert (await assistant.call("kalshi_get_balance"))["available"] == 250
            book = await assistant.call("kalshi_get_orderbook", ticker=MARKET)
            assert book["books"][0]["asks"]
    running = {getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()}
    assert not running & {"_run_clock", "Server.serve"}
