"""The page for people: what it shows, who is let in, what is tried against it. The server is the real one."""

from __future__ import annotations

import asyncio
import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.models.orders import NewOrder
from prediction_mcp.server import create_server
from prediction_mcp.web.pages import COOKIE, HEADERS, WORD, _money
from prediction_mcp.web.sessions import LONGEST_S, MOST, TRIES, WITHIN_S, Sessions
from tests.automation.conftest import hold, quote
from tests.conftest import MARKET, Served
from tests.tools.conftest import settings_for
from tests.tools.test_polymarket import at

TOKEN = "t" * 30
HERE = "http://127.0.0.1"


@asynccontextmanager
async def serving(served: Served, tmp_path: Path, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    made = settings_for(served, tmp_path, **settings)
    app = create_server(made).http_app(host_origin_protection=True, allowed_hosts=["127.0.0.1"])
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE) as http,
    ):
        yield http


@pytest.fixture
async def page(served: Served, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """In a task of its own: the server's life must end where it began."""
    made, ended = asyncio.Future[httpx.AsyncClient](), asyncio.Event()

    async def live() -> None:
        async with serving(served, tmp_path, http_token=TOKEN, toolsets="automation") as http:
            made.set_result(http)
            await ended.wait()

    task = asyncio.create_task(live())
    yield await asyncio.wait_for(made, 30)
    ended.set()
    await task


async def sign_in(http: httpx.AsyncClient) -> str:
    """The word that this session's forms carry."""
    done = await http.post("/dashboard/login", data={"token": TOKEN})
    assert (done.status_code, done.headers["location"]) == (303, "/")
    return csrf_of((await http.get("/")).text)


def csrf_of(text: str) -> str:
    (found,) = set(re.findall(r'name="csrf" value="([^"]+)"', text))
    return str(found)


def well_formed(text: str) -> None:
    """Every tag is closed, and no script or style stands in the page."""
    body = re.sub(r"<(meta|link|input)([^>]*[^/])>", r"<\1\2/>", text.replace("<!doctype html>", ""))
    body = re.sub(r" (required|hidden|defer)(?=[ />])", r' \1="\1"', body)
    root = ET.fromstring(body.strip())  # noqa: S314 - ours
    for part in root.iter():
        assert part.tag != "style"
        assert "style" not in part.attrib
        assert not [name for name in part.attrib if name.startswith("on")]
        if part.tag == "script":
            assert part.attrib["src"] == "/dashboard/static/desk.js"
            assert not (part.text or "").strip()


async def test_it_shows_what_goes_on(page: httpx.AsyncClient, served: Served, kalshi: KalshiClient) -> None:
    hold(served, 12, 40)
    quote(served, 44, 46)
    order = NewOrder(ticker=MARKET, side="bid", count="3.00", price="0.2000", client_order_id="x")
    await kalshi.orders.create(order)
    await sign_in(page)
    shown = await page.get("/")
    assert shown.status_code == 200
    well_formed(shown.text)
    for text in (
        "paper money on its own exchange", "Cash", f'<th scope="row">{MARKET}</th><td>yes</td><td>12</td>', "$5.28",
        "Open orders", ">3<", "Nothing was written yet.", "Alerts", "live feed: idle", "read:", "write:",
    ):  # fmt: skip
        assert text in shown.text, text
    for name, value in HEADERS.items():
        assert shown.headers[name] == value
    before = datetime.now(UTC).replace(microsecond=0)
    parts = await page.get("/dashboard/parts")
    assert "<html" not in parts.text
    (of,) = re.findall(r'<time datetime="([^"]+)">', parts.text)
    assert before <= datetime.fromisoformat(of) <= datetime.now(UTC)
    assert MARKET in parts.text


async def test_halt_asks_nothing_twice_and_resume_takes_a_word(
    page: httpx.AsyncClient, served: Served, kalshi: KalshiClient
) -> None:
    quote(served, None, None)
    order = NewOrder(ticker=MARKET, side="bid", count="3.00", price="0.2000", client_order_id="x")
    await kalshi.orders.create(order)
    csrf = await sign_in(page)
    done = await page.post("/dashboard/halt", data={"csrf": csrf})
    well_formed(done.text)
    assert "Halted: no new orders. Cancelled 1 resting order, 3 contracts." in done.text
    assert "HALTED" in done.text
    for word in ("", "resume", "RESUME now", "é"):
        refused = await page.post("/dashboard/resume", data={"csrf": csrf, "word": word})
        assert refused.status_code == 400
        assert "Nothing was changed" in refused.text
        assert "Trading is halted" in refused.text
    again = await page.post("/dashboard/resume", data={"csrf": csrf, "word": WORD})
    assert "Orders go through again." in again.text
    assert "Trading is halted" not in again.text
    assert "a person at the dashboard" in again.text


async def test_halting_stops_both_platforms(tmp_path: Path) -> None:
    """The page's server holds the wallet, too: what rests there goes with the rest."""
    shared: dict[str, Any] = {"toolsets": "polymarket", "safety_folder": tmp_path / "safety"}
    async with at("auto", tmp_path, **shared) as desk:
        ticker = next(m.ticker for m in desk.served.exchange.catalogue.markets.values() if m.status == "active")
        await desk.call("kalshi_create_order", ticker=ticker, side="yes", action="buy", count=1, price=1)
        order = {"market": (await desk.some_market())["slug"], "outcome": "Yes", "action": "buy"}
        await desk.call("polymarket_create_order", **order, size=10, price=20)
        wallet = {"polymarket_key_path": tmp_path / "wallet.key"}
        async with serving(desk.served, tmp_path, http_token=TOKEN, **shared, **wallet) as http:
            done = await http.post("/dashboard/halt", data={"csrf": await sign_in(http)})
        assert "Cancelled 2 resting orders" in done.text
        assert (await desk.call("polymarket_get_orders"))["count"] == 0
        assert "halted" in await desk.error("polymarket_create_order", **order, size=10, price=20)


async def test_halting_needs_no_journal(served: Served, kalshi: KalshiClient, tmp_path: Path) -> None:
    """A journal that can't be used: what rests is cancelled, and this server refuses orders all the same."""
    quote(served, None, None)
    await kalshi.orders.create(NewOrder(ticker=MARKET, side="bid", count="3.00", price="0.2000", client_order_id="x"))
    settings = settings_for(served, tmp_path)
    assert settings.safety_home is not None
    settings.safety_home.parent.mkdir(parents=True, exist_ok=True)
    settings.safety_home.write_text("no folder")
    async with serving(served, tmp_path, http_token=TOKEN) as http:
        done = await http.post("/dashboard/halt", data={"csrf": await sign_in(http)})
        assert "Cancelled 1 resting order, 3 contracts." in done.text
        assert "only this server refuses orders" in done.text


async def test_nobody_is_let_in_without_the_token(page: httpx.AsyncClient) -> None:
    first = await page.get("/")
    well_formed(first.text)
    assert "Sign in" in first.text
    assert MARKET not in first.text
    assert (await page.get("/dashboard/parts")).status_code == 401
    for path in ("halt", "resume", "logout"):
        assert (await page.post(f"/dashboard/{path}", data={"csrf": "", "word": WORD})).status_code == 401
    for token in ("", "x", TOKEN[:-1], "é" * 30):
        wrong = await page.post("/dashboard/login", data={"token": token})
        assert wrong.status_code == 401
        assert COOKIE not in wrong.cookies
        assert token == "" or token not in wrong.text


async def test_many_wrong_tokens_keep_nobody_from_the_brakes(page: httpx.AsyncClient) -> None:
    codes = [(await page.post("/dashboard/login", data={"token": "x"})).status_code for _ in range(TRIES + 2)]
    assert codes == [401] * TRIES + [429] * 2
    assert await sign_in(page)


async def test_a_form_of_another_page_is_refused(page: httpx.AsyncClient) -> None:
    """No word, another session's, another site's page, a cookie alone."""
    csrf = await sign_in(page)
    other = httpx.AsyncClient(transport=page._transport, base_url=HERE)
    theirs = await sign_in(other)
    for given in ("", theirs, csrf + "x", csrf[:-1]):
        refused = await page.post("/dashboard/halt", data={"csrf": given})
        assert (refused.status_code, "Halted" in refused.text) == (403, False)
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
    ):
        for path in ("halt", "resume", "logout"):
            refused = await page.post(f"/dashboard/{path}", data={"csrf": csrf, "word": WORD}, headers=headers)
            assert refused.status_code == 403, (headers, path)
        assert (await page.post("/dashboard/login", data={"token": TOKEN}, headers=headers)).status_code == 403
    assert "Trading is halted" not in (await page.get("/")).text


async def test_a_cookie_that_was_stolen_is_worth_nothing_after_signing_out(page: httpx.AsyncClient) -> None:
    csrf = await sign_in(page)
    stolen = page.cookies[COOKIE]
    done = await page.post("/dashboard/logout", data={"csrf": csrf})
    assert done.status_code == 303
    thief = httpx.AsyncClient(transport=page._transport, base_url=HERE, cookies={COOKIE: stolen})
    assert (await thief.get("/dashboard/parts")).status_code == 401
    assert (await thief.post("/dashboard/halt", data={"csrf": csrf})).status_code == 401
    assert "Sign in" in (await thief.get("/")).text


async def test_the_cookie_is_for_this_page_and_no_script(page: httpx.AsyncClient) -> None:
    done = await page.post("/dashboard/login", data={"token": TOKEN})
    cookie = done.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in done.headers["set-cookie"]
    safe = await page.post("https://127.0.0.1/dashboard/login", data={"token": TOKEN})
    assert "secure" in safe.headers["set-cookie"].lower()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", ""])
async def test_a_wrong_host_is_refused(page: httpx.AsyncClient, host: str) -> None:
    await sign_in(page)
    for path in ("/", "/dashboard/parts", "/dashboard/static/desk.css"):
        assert (await page.get(path, headers={"host": host})).status_code in (400, 403, 421)


@pytest.mark.parametrize(
    "body", [b"x" * 20_000, b"\xff\xfe=1", b"token=" + b"&a=1" * 50, b"%zz", b"token", b'{"token": 1}']
)
async def test_what_is_no_form_is_refused_and_the_next_is_answered(page: httpx.AsyncClient, body: bytes) -> None:
    refused = await page.post("/dashboard/login", content=body)
    assert refused.status_code in (401, 413)
    assert (await page.get("/")).status_code == 200


async def test_only_its_own_files_are_served(page: httpx.AsyncClient) -> None:
    for name, kind in (("desk.css", "text/css"), ("desk.js", "text/javascript")):
        found = await page.get(f"/dashboard/static/{name}")
        assert found.headers["content-type"].startswith(kind)
    for name in ("pages.py", "..%2fpages.py", "%2e%2e/view.py", "desk.css/../../pages.py"):
        assert (await page.get(f"/dashboard/static/{name}")).status_code == 404


async def test_what_others_wrote_is_text(page: httpx.AsyncClient, served: Served, kalshi: KalshiClient) -> None:
    name = '<img src=x onerror=alert(1)> "quoted" {{ 7*7 }}'
    await kalshi.orders.create(
        NewOrder(ticker=MARKET, side="bid", count="1.00", price="0.2000", client_order_id=name[:60])
    )
    csrf = await sign_in(page)
    shown = await page.post("/dashboard/resume", data={"csrf": csrf, "word": name})
    well_formed(shown.text)
    assert "<img" not in shown.text


async def test_without_a_token_it_only_shows(served: Served, tmp_path: Path) -> None:
    """The server is read-only then, and for this machine."""
    async with serving(served, tmp_path, read_only=True) as http:
        shown = await http.get("/")
        well_formed(shown.text)
        assert "<form" not in shown.text
        assert "prediction-mcp halt" in shown.text
        for path in ("halt", "resume", "logout", "login"):
            done = await http.post(f"/dashboard/{path}", data={"csrf": "", "token": "", "word": WORD})
            assert done.status_code in (401, 403)


async def test_the_brakes_are_there_when_the_exchange_is_not(served: Served, tmp_path: Path) -> None:
    gone = "http://127.0.0.1:1/trade-api/v2"
    async with serving(served, tmp_path, http_token=TOKEN, base_url=gone) as http:
        await http.post("/dashboard/login", data={"token": TOKEN})
        shown = (await http.get("/")).text
        assert "can&#39;t be reached" in shown
        done = await http.post("/dashboard/halt", data={"csrf": csrf_of(shown)})
        assert "Halted: no new orders." in done.text
        assert "What rests could NOT be cancelled" in done.text


def test_sessions_end_and_are_few() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    cookies = [sessions.begin() for _ in range(MOST + 1)]
    assert sessions.get(cookies[0]) is None
    assert sessions.get(cookies[-1]) is not None
    assert sessions.get(None) is None
    assert sessions.get("\udcff") is None
    now[0] = LONGEST_S + 1
    assert sessions.get(cookies[-1]) is None
    assert [sessions.wrong() for _ in range(TRIES + 2)] == [False] * TRIES + [True] * 2
    now[0] += WITHIN_S + 1
    assert not sessions.wrong()


def test_dollars() -> None:
    from decimal import Decimal

    assert [_money(Decimal(text)) for text in ("1234.5", "-0.2", "0.1234", "5")] == [
        "$1,234.50", "-$0.20", "$0.1234", "$5.00",
    ]  # fmt: skip
