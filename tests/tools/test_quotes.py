"""Lists of quotes as production takes them: with a user filter and a window; and quotes that lapsed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from prediction_mcp.desk.kalshi.trading.quote_results import QuoteEntry
from prediction_mcp.desk.kalshi.trading.quotes import plan_confirm
from prediction_mcp.desk.kalshi.trading.rfqs import quotes_of
from prediction_mcp.exchange.engine.rfq import Quote as Made
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.kalshi.models.communications import Quote
from tests.conftest import MARKET, Served, account_of
from tests.facts import load

WEEK_S = 7 * 86_400
LIVES = ("scenario_lapse", "scenario_delete_after_accept")


def terminal(scenario: str) -> Quote:
    """How a quote's life ended, as recorded on Kalshi's demo."""
    (found,) = [
        line["data"] for line in load(f"kalshi/production/rfq_demo/{scenario}") if line["step"] == "quote_terminal"
    ]
    return Quote.model_validate(found)


@pytest.mark.parametrize("scenario", LIVES)
@pytest.mark.parametrize("combo", [False, True])
def test_a_quote_that_lapsed_needs_nothing_more(scenario: str, combo: bool) -> None:
    """It reads as accepted for ever; nothing says any more that it can be confirmed."""
    quote = terminal(scenario)
    line = QuoteEntry.of(quote, combo=combo)
    assert (quote.status, line.status, line.next) == ("accepted", "accepted", None)
    assert line.ended == "not confirmed in time"
    assert line.confirm_by is not None


def made(served: Served, days_ago: int, *, ours: bool) -> Made:
    """A quote of ours or for us, last updated some days ago."""
    exchange, member, other = served.exchange, served.member, served.exchange.crowd.takers[0]
    at = exchange.clock() - days_ago * 86_400_000
    market = exchange.catalogue.markets[MARKET].event.markets[days_ago % 13]  # one request of a member each
    rfq = exchange.negotiations.ask(other if ours else member, market, at, contracts=1_000)
    return exchange.negotiations.quote(member if ours else other, rfq, 3_000, 4_000, at)


async def test_the_paper_exchange_refuses_lists_as_production_does(served: Served) -> None:
    path, now = "/communications/quotes", served.exchange.clock() // 1000
    window = {"min_ts": now - 60, "max_ts": now + 60}
    refused: list[dict[str, Any]] = [
        {}, {"rfq_user_filter": "self"}, window, {"user_filter": "self", "min_ts": now},
        {"user_filter": "self", "max_ts": now}, {"user_filter": "self", "min_ts": now, "max_ts": now + WEEK_S + 1},
        {"user_filter": "self", "min_ts": now, "max_ts": now - 1}, {"rfq_id": "00000000-0000-4000-9000-000000000010"},
    ]  # fmt: skip
    async with httpx.AsyncClient(base_url=served.url) as http:

        async def status(query: dict[str, Any]) -> int:
            headers = served.signer.headers("GET", f"/trade-api/v2{path}")
            return (await http.get(path, params=query, headers=headers)).status_code

        assert [await status(query) for query in refused] == [400] * len(refused)
        for whose in ("user_filter", "rfq_user_filter"):
            assert await status({whose: "self", **window}) == 200


async def test_all_pages_of_quotes_are_all_quotes(served: Served, kalshi: KalshiClient) -> None:
    """Got and made ones, week by week, four weeks back; a page of one at a time tells the same."""
    listed = [made(served, days, ours=ours) for days in (0, 1, 6, 8, 22) for ours in (True, False)]
    old = [made(served, 41, ours=ours) for ours in (True, False)]
    account, ids, cursor, calls = await account_of(kalshi).open(), list[str](), None, 0
    while calls == 0 or cursor is not None:
        page = await quotes_of(account, None, None, None, 1, cursor)
        ids, cursor, calls = [*ids, *(q.quote_id for q in page.quotes)], page.cursor, calls + 1
        assert calls < 40
    assert sorted(ids) == sorted(q.quote_id for q in listed)
    now = served.exchange.clock() // 1000
    for whose, ours in (("made", True), ("got", False)):
        every = [q.id async for q in kalshi.communications.all_quotes(whose, since=now - 50 * 86_400)]  # type: ignore[arg-type]
        of_it = [q for q in (*listed, *old) if (q.account is served.member) == ours]
        assert sorted(every) == sorted(q.quote_id for q in of_it)
        recent = [q.id async for q in kalshi.communications.all_quotes(whose, limit=1)]  # type: ignore[arg-type]
        assert len(recent) == 3
    assert (await kalshi.communications.quotes("made", min_ts=now - 600)).quotes
    assert (await kalshi.communications.quotes("made", max_ts=now + 600)).quotes
    with pytest.raises(InvalidRequestError, match="seven days"):
        await kalshi.communications.quotes("made", min_ts=now - WEEK_S - 1, max_ts=now)
    with pytest.raises(InvalidRequestError, match="page before"):
        await quotes_of(account, None, None, None, 1, "abc")


async def test_a_lapsed_quote_is_not_confirmed(served: Served, kalshi: KalshiClient) -> None:
    quote = made(served, 1, ours=True)
    served.exchange.negotiations.accept(quote, "yes", quote.created_ms + 1_000)
    account = await account_of(kalshi).open()
    with pytest.raises(InvalidRequestError, match="has lapsed"):
        await plan_confirm(account, quote.quote_id)
