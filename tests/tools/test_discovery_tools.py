"""Search, scans, series, milestones and collections through a real session in both eras."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import Served
from tests.tools.conftest import Assistant


@pytest.mark.everyday
async def test_search_finds_and_prices(assistant: Assistant, served: Served) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    rain = await assistant.call("kalshi_search_markets", query="will it rain in nyc tomorrow")
    assert rain["markets"][0]["ticker"] == f"KXRAINNYC-{tomorrow:%y%b%d}".upper()
    fed = await assistant.call("kalshi_search_markets", query="fed decison", limit=3)
    assert {m["ticker"].split("-")[0] for m in fed["markets"]} == {"KXFEDDECISION"}
    assert fed["markets"][0]["yes_ask"] > 0
    assert fed["catalogue"]["complete"] is True
    assert fed["catalogue"]["markets"] > 200
    nothing = await assistant.call("kalshi_search_markets", query="zzzzqqqq xxkkjj")
    assert nothing["count"] == 0
    assert "Nothing fits" in nothing["note"]


async def test_scans_are_sorted(assistant: Assistant) -> None:
    busy = await assistant.call("kalshi_scan_markets", by="volume", limit=5)
    volumes = [m["volume_24h"] for m in busy["markets"]]
    assert volumes == sorted(volumes, reverse=True)
    soon = await assistant.call("kalshi_scan_markets", by="closing_soon", within_hours=48, category="Crypto", limit=5)
    assert [m["closes"] for m in soon["markets"]] == sorted(m["closes"] for m in soon["markets"])
    assert all(m["ticker"].startswith(("KXBTC", "KXETH")) for m in soon["markets"])
    for by in ("movers", "spread", "new", "open_interest", "featured"):
        assert (await assistant.call("kalshi_scan_markets", by=by, limit=3))["count"] == 3


@pytest.mark.everyday
async def test_series(assistant: Assistant) -> None:
    overview = await assistant.call("kalshi_get_series")
    crypto = next(line for line in overview["categories"] if line["category"] == "Crypto")
    assert (crypto["series"], set(crypto["tags"])) == (3, {"BTC", "15 min", "ETH"})
    sports = await assistant.call("kalshi_get_series", category="sports", limit=2)
    rest = await assistant.call("kalshi_get_series", category="sports", limit=2, cursor=sports["cursor"])
    assert sports["count"] == 4
    assert len({s["ticker"] for s in sports["series"] + rest["series"]}) == 4
    one = await assistant.call("kalshi_get_series", series_ticker="kxinxu")
    assert (one["fee_multiplier"], one["series"][0]["ticker"]) == (0.5, "KXINXU")
    assert "they are" in await assistant.error("kalshi_get_series", category="Sprots")


@pytest.mark.everyday
async def test_milestones_and_collections(assistant: Assistant) -> None:
    games = await assistant.call("kalshi_get_milestones", category="Sports", limit=3)
    assert games["count"] == 3
    event = games["milestones"][0]["events"][0]
    (one,) = (await assistant.call("kalshi_get_milestones", related_event=event))["milestones"]
    assert one["type"].endswith("_game")
    late = await assistant.call("kalshi_get_milestones", starts_after="2999-01-01")
    assert late["count"] == 0
    (combo,) = (await assistant.call("kalshi_get_multivariate_collections"))["collections"]
    assert (combo["legs"], combo["events"] > 5) == ("2 or more", True)
    assert (await assistant.call("kalshi_get_multivariate_collections", status="closed"))["count"] == 0


@pytest.mark.everyday
async def test_combos_are_searched_when_asked_for(assistant: Assistant, served: Served) -> None:
    combos = {m.ticker for m in served.exchange.catalogue.markets.values() if m.legs and m.status == "active"}
    word = next(iter(combos)).split("-")[0]
    without = await assistant.call("kalshi_search_markets", query=word, limit=50)
    assert not combos & {m["ticker"] for m in without["markets"]}
    assert "combos" not in without["catalogue"]
    found = await assistant.call("kalshi_search_markets", query=word, include_combos=True, limit=50)
    assert combos & {m["ticker"] for m in found["markets"]}
    assert (found["catalogue"]["combos"], found["catalogue"]["complete"]) == (len(combos), True)
