"""The catalogue: what people type finds what they mean; several processes share it; it says what it holds."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from prediction_mcp.catalogue.index import ORDERS, Index
from prediction_mcp.catalogue.rows import Listed
from prediction_mcp.catalogue.words import plain, terms
from prediction_mcp.desk.kalshi.catalogue import Catalogue, listed, listed_series
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import KalshiError
from prediction_mcp.kalshi.models.markets import ComboLeg, Market
from prediction_mcp.kalshi.models.series import Series
from tests.conftest import Served

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SERIES = [
    Series(ticker="KXFEDDECISION", title="Fed decision", category="Economics", tags=["Fed", "Rates"]),
    Series(ticker="KXRAINNYC", title="Rain in NYC", category="Climate and Weather", tags=["Rain"]),
    Series(ticker="KXBTCD", title="Bitcoin price, daily", category="Crypto", tags=["BTC"]),
    Series(ticker="KXNBAGAME", title="Professional basketball game", category="Sports", tags=["Basketball"]),
]


def market(ticker: str, title: str, outcome: str = "Yes", volume: int = 10, **more: object) -> Listed:
    values: dict[str, object] = {
        "ticker": ticker, "event_ticker": ticker.rsplit("-", 1)[0], "title": title, "yes_sub_title": outcome,
        "status": "active", "volume_24h_fp": Decimal(volume), "close_time": datetime(2026, 12, 1, tzinfo=UTC),
    }  # fmt: skip
    return listed(Market.model_validate(values | more), {series.ticker for series in SERIES})


@pytest.fixture
def index() -> Index:
    made = Index()
    made.put_series(map(listed_series, SERIES))
    made.put_markets(
        [
            market("KXFEDDECISION-26DEC-C25", "Fed decision in December 2026?", "Cut of 25bp", 900),
            market("KXFEDDECISION-26DEC-H0", "Fed decision in December 2026?", "No change", 1_500),
            market("KXFEDDECISION-27JAN-C25", "Fed decision in January 2027?", "Cut of 25bp", 2_000),
            market("KXRAINNYC-26NOV22", "Will it rain in NYC on Nov 22, 2026?", "Rain in NYC", 300),
            market("KXRAINNYC-26NOV23", "Will it rain in NYC on Nov 23, 2026?", "Rain in NYC", 900),
            market("KXBTCD-26NOV2217-T100000", "Bitcoin price on Nov 22, 2026 at 5pm EST?", "Above $100,000", 50),
            market("KXBTCD-26NOV2217-T91000", "Bitcoin price on Nov 22, 2026 at 5pm EST?", "Above $91,000", 5_000),
            market("KXNBAGAME-26NOV22BOSNYK-BOS", "BOS at NYK: who wins the basketball game?", "BOS", 700),
            market(
                "KXNBAGAME-26NOV20ATLMIA-ATL", "ATL at MIA: who wins the basketball game?", "ATL", 9, status="finalized"
            ),
            market("KXMVE-1", "yes BOS,yes ATL", "yes BOS,yes ATL", 99, mve_selected_legs=[ComboLeg(side="yes")]),
        ]
    )
    return made


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("fed rate december", "KXFEDDECISION-26DEC-H0"),
        ("will it rain in nyc tomorrow", "KXRAINNYC-26NOV22"),
        ("rain new york", "KXRAINNYC-26NOV23"),
        ("btc above 100k", "KXBTCD-26NOV2217-T100000"),
        ("bitcoin 91,000", "KXBTCD-26NOV2217-T91000"),
        ("KXFEDDECISION-27", "KXFEDDECISION-27JAN-C25"),
        ("kxrainnyc-26nov22", "KXRAINNYC-26NOV22"),
        ("bitcion", "KXBTCD-26NOV2217-T91000"),
        ("basketbal game", "KXNBAGAME-26NOV22BOSNYK-BOS"),
        ("decsion january", "KXFEDDECISION-27JAN-C25"),
        ("nba boston bos", "KXNBAGAME-26NOV22BOSNYK-BOS"),
        ("fed cut", "KXFEDDECISION-27JAN-C25"),
    ],
)
def test_what_is_typed_finds_what_is_meant(index: Index, query: str, first: str) -> None:
    assert [f.ticker for f in index.search(query, now=NOW)][:1] == [first]


@pytest.mark.parametrize("odd", ['"', "* OR *", "NEAR(", "a:b", "the of", "ü§$%", "x" * 200, "-" * 9, "fed AND ", "(("])
def test_odd_queries_break_nothing(index: Index, odd: str) -> None:
    index.search(odd, now=NOW)


def test_filters(index: Index) -> None:
    assert {f.category for f in index.search("nov 22", category="climate and weather", now=NOW)} == {
        "Climate and Weather"
    }
    assert [f.ticker for f in index.search("atl", statuses=("finalized",), now=NOW)] == ["KXNBAGAME-26NOV20ATLMIA-ATL"]
    assert not index.search("fed", closes_before=NOW, now=NOW)
    assert [f.volume_24h for f in index.search("fed", min_volume=1_600, now=NOW)] == [2_000]
    assert not [f for f in index.search("bos", now=NOW) if f.ticker == "KXMVE-1"]
    assert [f for f in index.search("bos", combos=True, now=NOW) if f.ticker == "KXMVE-1"]


def test_what_is_put_again_is_renewed(index: Index) -> None:
    index.put_markets([market("KXRAINNYC-26NOV22", "Will it snow in NYC?", "Snow", 1)])
    assert (index.coverage().markets, index.coverage("combos").markets) == (9, 1)
    assert [f.ticker for f in index.search("snow", now=NOW)] == ["KXRAINNYC-26NOV22"]
    assert [f.ticker for f in index.search("rain in nyc on nov 23", now=NOW)] == ["KXRAINNYC-26NOV23"]


def test_scans(index: Index) -> None:
    assert index.scan("volume", limit=1)[0].ticker == "KXBTCD-26NOV2217-T91000"
    assert {f.category for f in index.scan("volume", category="Crypto")} == {"Crypto"}
    for by in ORDERS:
        assert "KXMVE-1" not in [f.ticker for f in index.scan(by)]


def test_words() -> None:
    assert plain("Above $91,000 or 1,234,567.5") == "Above $91000 or 1234567.5"
    assert terms("Will BTC be above 1.5m?", date(2026, 11, 21)) == [("btc", "bitcoin"), ("1500000",)]
    assert terms("tomorrow", date(2026, 11, 30)) == [("dec 01", "december 1", "26dec01")]
    assert terms("what is the", date(2026, 1, 1)) == []


# -- filling -----------------------------------------------------------------------------------------------------


async def test_it_is_filled_in_the_fewest_requests_and_then_only_refreshed(served: Served) -> None:
    seen = list[str]()

    async def note(request: httpx.Request) -> None:
        seen.append(f"{request.url.path.rsplit('/', 1)[1]} {request.url.params.get('min_updated_ts', '-') != '-'}")

    http = httpx.AsyncClient(event_hooks={"request": [note]}, trust_env=False)
    async with KalshiClient(served.url, http=http) as kalshi:
        catalogue = Catalogue(None)
        await catalogue.ready(kalshi)
        assert seen == ["series False", "markets False"]
        open_now = [m for m in served.exchange.catalogue.markets.values() if m.status == "active" and not m.legs]
        assert (catalogue.index.coverage().markets, catalogue.index.coverage().complete) == (len(open_now), True)
        await catalogue.ready(kalshi)
        assert len(seen) == 2  # fresh enough
        catalogue.index.db.execute("UPDATE filling SET refreshed = refreshed - 300")
        changed = open_now[0]
        changed.title, changed.updated_ms = "A wholly new wording", served.exchange.clock()
        await catalogue.ready(kalshi)
        assert seen[2:] == ["markets True"]
        assert [f.ticker for f in catalogue.index.search("wholly wording")] == [changed.ticker]
        await catalogue.close()
    await http.aclose()


async def test_without_an_exchange_it_says_so() -> None:
    async with KalshiClient("http://127.0.0.1:9/trade-api/v2") as kalshi:
        catalogue = Catalogue(None)
        with pytest.raises(KalshiError):
            await asyncio_all(catalogue, kalshi)
        await catalogue.close()


async def asyncio_all(catalogue: Catalogue, kalshi: KalshiClient) -> None:
    """Ask until the first answer: retries take longer than one question waits."""
    for _ in range(20):
        await catalogue.ready(kalshi)


def test_one_process_fills_while_others_read(tmp_path: Path) -> None:
    """A second process can't claim; it can read; what a dead one began is taken over after a while."""
    first = Index(tmp_path / "c.db")
    first.put_markets([market("KXA-1", "A question of patience", volume=5)])
    assert first.claim(60)
    assert not Index(tmp_path / "c.db").claim(60)
    code = (
        "import sys; from pathlib import Path; from prediction_mcp.catalogue.index import Index;"
        "i = Index(Path(sys.argv[1])); print(i.claim(60), [f.ticker for f in i.search('patience')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "c.db")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False ['KXA-1']"
    first.still_filling("page-7")
    assert Index(tmp_path / "c.db").claim(-1)
    assert Index(tmp_path / "c.db").resume_cursor() == "page-7"


def test_a_cache_of_another_version_is_made_anew(tmp_path: Path) -> None:
    old = Index(tmp_path / "c.db")
    old.put_markets([market("KXA-1", "Old")])
    old.db.execute("PRAGMA user_version = 99")
    old.close()
    assert Index(tmp_path / "c.db").coverage().markets == 0
