"""Limits: each by hand, tightening as a law, and the last of a limit taken once whoever asks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.safety.limits import Figures, LimitError, Limits, Used, at_risk, check, latent
from prediction_mcp.safety.plan import Resting, Stake, Standing
from prediction_mcp.server import create_server
from prediction_mcp.settings import SettingsError, load_settings
from tests.conftest import EVENT, MARKET, Served
from tests.safety.conftest import ORDER, Open, traded
from tests.tools.conftest import settings_for

STAKE = Stake(
    "KXA-1-X", "KXA-1", "KXA", "bid", contracts=Decimal(10), opening=Decimal(10), cost=Decimal("5.2"),
    cost_if_open=Decimal("5.2"), amount=Decimal("5.2"), yes_price=Decimal("0.5"), yes_mid=Decimal("0.53"),
)  # fmt: skip
HERE = Standing(Decimal(4), Decimal("1.5"), (Resting("bid", Decimal("0.3"), Decimal(5)),))
THERE = Standing(Decimal(-3), Decimal(2))
ACCOUNT = Figures(0, cash=Decimal(20), markets={"KXA-1-X": HERE, "KXA-1-Y": THERE}, lost_today=Decimal(9))
PENDING = (
    ("KXA-1-X", Resting("bid", Decimal("0.5"), Decimal(2))),
    ("KXA-1-Z", Resting("ask", Decimal("0.6"), Decimal(5))),
)
USED = Used(3, 30, Decimal(100), pending_cost=Decimal(4), pending=PENDING)
FREE = {"confirm": "never"}


@pytest.mark.parametrize(
    ("limit", "ok", "broken", "said"),
    [
        ("order_contracts", 10, "9.99", "has 10 contracts"),
        ("order_cost", "5.2", "5.19", "may cost $5.20"),
        ("price_band_cents", 3, "2.9", "3¢ from the middle"),
        ("minute_orders", 4, 3, "last minute"),
        ("day_orders", 31, 30, "30 orders today"),
        ("day_spent", "105.2", "105.19", "$100.00 is spent today"),
        ("market_exposure", 9, "8.99", "$4.00 is at risk in this market"),
        ("event_exposure", 13, "12.99", "$8.00 is at risk in this event"),
        ("cash_reserve", "10.8", "10.81", "would leave $10.80"),
        ("day_loss", "9.01", 9, "lost $9.00 today"),
    ],
)
def test_each_limit_by_hand(limit: str, ok: object, broken: object, said: str) -> None:
    """Cash 20 − 4 pending − 5.2. Market: 1.5 held, 1.5 resting, 1 pending, 5; event: 2 held and 2 pending more."""

    def held(value: object) -> Limits:
        return Limits.given(**{limit: int(str(value)) if limit.endswith("_orders") else Decimal(str(value))})

    check(held(ok), STAKE, USED, ACCOUNT)
    with pytest.raises(LimitError, match=said.replace("$", r"\$").replace(".", r"\.")):
        check(held(broken), STAKE, USED, ACCOUNT)


def test_series_and_what_only_closes() -> None:
    with pytest.raises(LimitError, match="denied"):
        check(Limits(deny_series=frozenset({"KXA"})), STAKE, USED, None)
    with pytest.raises(LimitError, match="isn't among"):
        check(Limits(allow_series=frozenset({"KXB"})), STAKE, USED, None)
    check(Limits(allow_series=frozenset({"KXA"})), STAKE, USED, None)
    with pytest.raises(LimitError, match="nobody quotes"):
        check(Limits(price_band_cents=Decimal(5)), replace(STAKE, yes_mid=None), USED, None)
    nothing = Decimal(0)
    closing = replace(STAKE, book_side="ask", contracts=Decimal(4), opening=nothing, cost=nothing)
    most = Limits.given(market_exposure=nothing, event_exposure=nothing, day_loss=nothing, day_spent=nothing)
    check(most.tightened(Limits(cash_reserve=Decimal(99))), closing, USED, ACCOUNT)
    with pytest.raises(LimitError, match="in this event"):  # five would open one of NO
        check(Limits.given(event_exposure=nothing), replace(closing, contracts=Decimal(40)), USED, ACCOUNT)


def test_exposure_by_hand() -> None:
    """Held 4 YES for 1.50. Asks of 3 and 3 close 4 and open 2 of NO: at 0.7 the dearer one closes last, for 2 × 0.3."""
    orders = (Resting("ask", Decimal("0.7"), Decimal(3)), Resting("ask", Decimal("0.6"), Decimal(3)))
    assert at_risk(Standing(Decimal(4), Decimal("1.5"), orders)) == Decimal("1.5")
    assert at_risk(Standing(Decimal(4), Decimal("0.5"), orders)) == Decimal("0.6")
    assert at_risk(
        Standing(Decimal(4), Decimal("0.5"), (*orders, Resting("bid", Decimal("0.2"), Decimal(5))))
    ) == Decimal("1.5")
    assert at_risk(Standing(orders=orders)) == 3 * Decimal("0.3") + 3 * Decimal("0.4")


@given(
    st.integers(-6, 6), st.integers(0, 6),
    st.lists(st.tuples(st.sampled_from(["bid", "ask"]), st.integers(1, 9), st.integers(1, 5)), max_size=5),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_no_way_of_filling_loses_more(held: int, cost: int, listed: list[tuple[Any, int, int]], rng: Any) -> None:
    """Against fills in any order the book allows, one contract at a time, closing at average cost."""
    cost = 0 if not held else cost
    orders = [Resting(side, Decimal(price) / 10, Decimal(count)) for side, price, count in listed]
    limit = at_risk(Standing(Decimal(held), Decimal(cost), tuple(orders)))
    q, spent = held, Decimal(cost)
    queue = {
        "bid": [
            o.price for o in sorted(orders, key=lambda o: -o.price) if o.book_side == "bid" for _ in range(int(o.count))
        ],
        "ask": [
            o.price for o in sorted(orders, key=lambda o: o.price) if o.book_side == "ask" for _ in range(int(o.count))
        ],
    }
    side = rng.choice(["bid", "ask"])  # the price runs one way
    for price in queue[side]:
        step = 1 if side == "bid" else -1
        if q * step < 0:
            spent -= spent / abs(q)
        else:
            spent += price if side == "bid" else 1 - price
        q += step
        assert spent <= limit + Decimal("1e-20")


APART = st.lists(
    st.tuples(st.sampled_from(["buy", "rest", "sell", "cancel"]), st.booleans(), st.integers(1, 99), st.integers(1, 9)),
    max_size=20,
)


@given(APART, st.randoms(use_true_random=False))
def test_shares_kept_apart_never_lose_more_than_is_said(story: list[tuple[str, bool, int, int]], rng: Any) -> None:
    """Against a ledger in cents that knows only cash and shares, whatever fills, is sold, parts a pair or is cancelled.

    A sale takes its part of what the shares cost, as the platform's record does.
    """
    shares, costs, cash = [0, 0], [Decimal(0), Decimal(0)], 0
    resting = list[tuple[int, int, int]]()

    def bought(second: int, cents: int, count: int) -> None:
        nonlocal cash
        cash -= cents * count
        shares[second] += count
        costs[second] += Decimal(cents * count)

    def told() -> Decimal:
        orders = tuple(
            Resting("ask" if second else "bid", Decimal(100 - cents if second else cents) / 100, Decimal(count))
            for second, cents, count in resting
        )
        return at_risk(Standing(cost=costs[0] / 100, orders=orders, opposite=costs[1] / 100)) * 100

    sold = Decimal(0)
    for what, second, cents, count in story:
        before, grows = told(), Decimal(0)
        if what == "buy":
            bought(second, cents, count)
            grows = Decimal(cents * count)
        elif what == "rest":
            resting.append((second, cents, count))
            grows = Decimal(cents * count)
        elif what == "sell":
            given = min(count, shares[second])
            part = costs[second] * given / shares[second] if given else Decimal(0)
            cash, sold = cash + cents * given, sold + cents * given - part
            shares[second] -= given
            costs[second] -= part
        elif resting:
            resting.pop(rng.randrange(len(resting)))
        assert told() <= before + grows + Decimal("1e-20")  # a sale, or a cancel, adds nothing
        said = told()
        filled = [order for order in resting if rng.random() < 0.5]
        for end in (0, 1):  # beyond what sales have won or lost for good
            paid = cash - sum(c * n for _, c, n in filled)
            worth = 100 * (shares[end] + sum(n for side, _, n in filled if side == end))
            assert -(paid + worth - sold) <= said + Decimal("1e-20")


def test_shares_kept_apart_by_hand() -> None:
    """25 of the first for $4 and 32 of the second for $28: the second can lose its 28, whatever the first brings."""
    held = Standing(cost=Decimal(4), opposite=Decimal(28))
    assert at_risk(held) == 28
    orders = (Resting("bid", Decimal("0.5"), Decimal(50)), Resting("ask", Decimal("0.9"), Decimal(10)))
    assert at_risk(replace(held, orders=orders)) == 29  # 4 + 25, and 28 + 1


def test_a_sale_of_shares_kept_apart_is_no_order_that_opens() -> None:
    """Nor does it, while it isn't in the account's figures yet, make room by closing."""
    sale = replace(STAKE, book_side="ask", opening=Decimal(0), cost=Decimal(0), apart=True)
    assert sale.may_fill == sale.closing == 0
    figures = Figures(0, None, {"KXA-1-X": Standing(cost=Decimal(4), opposite=Decimal(9))}, Decimal(0))
    nothing = Limits.given(market_exposure=Decimal(0), event_exposure=Decimal(0))
    check(nothing, sale, Used(), figures)
    buy = replace(sale, opening=Decimal(10), cost=Decimal(5))
    check(Limits.given(market_exposure=Decimal(14)), buy, Used(), figures)
    with pytest.raises(LimitError, match=r"\$9.00 is at risk in this market and this would make it \$14.00"):
        check(Limits.given(market_exposure=Decimal("13.99")), buy, Used(), figures)


money = st.none() | st.decimals(0, 20, places=2)
figures = set(Limits.model_fields) - {"allow_series", "deny_series"}
several = st.builds(
    Limits.given,
    **{name: st.none() | st.integers(0, 40) if name.endswith("_orders") else money for name in figures},
    allow_series=st.none() | st.frozensets(st.sampled_from(["KXA", "KXB"])),
    deny_series=st.frozensets(st.sampled_from(["KXA", "KXC"])),
)


def passes(limits: Limits) -> bool:
    try:
        check(limits, STAKE, USED, ACCOUNT)
    except LimitError:
        return False
    return True


@given(several, several)
def test_tightening_never_lets_more_through(base: Limits, other: Limits) -> None:
    """What passes both passes together, and the other way round; the order of the two doesn't matter."""
    both = base.tightened(other)
    assert passes(both) == (passes(base) and passes(other))
    assert both == other.tightened(base)
    assert both.tightened(base) == both
    assert Limits().tightened(base) == base  # none is forgotten


ONE_BY_ONE: list[tuple[str, Any, Any]] = [
    ("order_contracts", Decimal(10), Decimal("9.99")), ("order_cost", Decimal("5.2"), Decimal("5.19")),
    ("price_band_cents", Decimal(3), Decimal("2.9")), ("minute_orders", 4, 3), ("day_orders", 31, 30),
    ("day_spent", Decimal("105.2"), Decimal("105.19")), ("market_exposure", Decimal(9), Decimal("8.99")),
    ("event_exposure", Decimal(13), Decimal("12.99")), ("cash_reserve", Decimal("10.8"), Decimal("10.81")),
    ("day_loss", Decimal("9.01"), Decimal(9)), ("allow_series", frozenset({"KXA"}), frozenset({"KXB"})),
    ("deny_series", frozenset({"KXC"}), frozenset({"KXA"})),
]  # fmt: skip


@pytest.mark.parametrize(("name", "loose", "tight"), ONE_BY_ONE)
def test_tightening_one_limit_alone(name: str, loose: Any, tight: Any) -> None:
    """So that no other limit decides in its place: the tighter of the two holds, from either side."""
    one, other = Limits(**{name: loose}), Limits(**{name: tight})
    assert (passes(one), passes(other)) == (True, False)
    for both in (one.tightened(other), other.tightened(one), Limits().tightened(other), other.tightened(Limits())):
        assert not passes(both)
    assert passes(one.tightened(one))
    assert passes(one.tightened(Limits()))


def test_every_limit_was_tried_alone() -> None:
    assert {name for name, _, _ in ONE_BY_ONE} == set(Limits.model_fields)


def test_an_order_that_takes_anothers_place_counts_once() -> None:
    """5 YES at 60¢ rest; amended to 8 at 50¢ they come to $4, not to $7."""
    rests = Resting("bid", Decimal("0.6"), Decimal(5), "o-1")
    account = Figures(0, None, {"KXA-1-X": Standing(orders=(rests,))}, Decimal(0))
    amended = replace(
        STAKE, contracts=Decimal(8), opening=Decimal(8), cost=Decimal(4), before=Decimal(3), replaces="o-1"
    )
    limits = Limits(market_exposure=Decimal(4), event_exposure=Decimal(4))
    check(limits, amended, Used(), account)
    with pytest.raises(LimitError, match=r"make it \$7"):
        check(limits, replace(amended, replaces=""), Used(), account)
    with pytest.raises(LimitError, match=r"make it \$4"):
        check(Limits(market_exposure=Decimal("3.99")), amended, Used(), account)


def test_what_an_amendment_adds_and_what_it_is() -> None:
    """Whole against the limit of an order, the difference against that of a day."""
    amended = replace(STAKE, before=Decimal("5"))
    check(Limits(day_spent=Decimal("100.2")), amended, USED, None)
    with pytest.raises(LimitError, match=r"add up to \$0.20"):
        check(Limits(day_spent=Decimal("100.19")), amended, USED, None)
    with pytest.raises(LimitError, match=r"may cost \$5.20"):
        check(Limits(order_cost=Decimal("5.19")), amended, USED, None)


def test_what_closing_orders_can_still_come_to_by_hand() -> None:
    """10 YES held, asks of 6 at 70¢ and 8 at 80¢ rest: 4 of the second open NO for 20¢ each; sold out, all of them."""
    asks = (Resting("ask", Decimal("0.7"), Decimal(6), "a"), Resting("ask", Decimal("0.8"), Decimal(8), "b"))
    known = {"a": Decimal(0), "b": Decimal("0.8")}
    assert latent(Standing(Decimal(10), orders=asks), known) == 0
    assert latent(Standing(Decimal(10), orders=asks), {"b": Decimal(0)}) == Decimal("0.8")
    assert latent(Standing(Decimal(0), orders=asks), known) == 6 * Decimal("0.3") + 8 * Decimal("0.2") - Decimal("0.8")
    assert latent(Standing(Decimal(0), orders=asks), {}) == 0  # others' orders aren't this server's


# -- through the server ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"order_contracts": 4}, "limit is 4 an order"),
        ({"order_cost": "0.5"}, "limit is $0.50"),
        ({"price_band_cents": 1}, "from the middle"),
        ({"day_spent": "0.5"}, "is spent today"),
        ({"day_orders": 0}, "orders today"),
        ({"minute_orders": 0}, "last minute"),
        ({"market_exposure": "0.5"}, "in this market"),
        ({"event_exposure": "0.5"}, "in this event"),
        ({"cash_reserve": "9999.5"}, "in reserve"),
        ({"allow_series": "KXGDP"}, "isn't among"),
        ({"deny_series": "KXSB"}, "are denied"),
    ],
)
async def test_each_limit_alone_holds(desk: Open, served: Served, limit: dict[str, Any], said: str) -> None:
    async with desk([], **FREE, **limit) as at:
        assert said in await at.error("kalshi_create_order", **ORDER)
        assert said in (await at.call("kalshi_check_order_validity", **ORDER))["errors"][0]
    assert traded(served) == 0


async def test_the_loss_of_the_day_alone_holds(desk: Open, served: Served) -> None:
    async with desk([], **FREE, day_loss="0.01") as at:
        await at.call("kalshi_create_order", **ORDER)  # the fee is lost
        assert "lost $0." in await at.error("kalshi_create_order", **ORDER)


async def test_an_order_beyond_a_limit_is_a_sentence(desk: Open, served: Served) -> None:
    limits = {"order_contracts": 4, "deny_series": "KXFEDDECISION, KXGDP"}
    async with desk([], **FREE, **limits) as at:
        assert "limit is 4 an order" in await at.error("kalshi_create_order", **ORDER)
        assert "limit is 4 an order" in (await at.call("kalshi_check_order_validity", **ORDER))["errors"][0]
        await at.call("kalshi_create_order", **ORDER | {"count": 4})
    assert traded(served) == 1


async def test_two_orders_cannot_both_take_the_last_of_a_limit(desk: Open, served: Served) -> None:
    """An order costs 5 × 14¢ and its fee 0.0422: of 20 at once under a dollar's worth of seven, six pass."""
    async with desk([], **FREE, day_spent="6.5") as at:
        done = await asyncio.gather(
            *(at.client.call_tool("kalshi_create_order", ORDER, raise_on_error=False) for _ in range(20))
        )
    passed = [d for d in done if not d.is_error]
    refused = [d.content[0].text for d in done if d.is_error]
    assert all("is spent today" in text for text in refused)
    spent = sum(fill.price * fill.count + fill.fee for fill in served.fills)
    assert spent <= 6_500_000
    assert len(passed) == traded(served) >= 5
    async with desk([], **FREE, day_spent="6.5") as at:  # a restart forgets nothing
        limits = await at.call("kalshi_tighten_limits")
        assert Decimal(str(limits["spent_today"])) * 1_000_000 == spent


async def test_exposure_is_counted_with_what_is_under_way(desk: Open, served: Served) -> None:
    async with desk([], **FREE, market_exposure="3", event_exposure="4") as at:
        other = ORDER | {"ticker": MARKET[:-3] + "BAL", "price": 90}
        calls = [ORDER] * 10 + [other] * 10
        done = await asyncio.gather(
            *(at.client.call_tool("kalshi_create_order", one, raise_on_error=False) for one in calls)
        )
    assert any(d.is_error for d in done)
    assert any(not d.is_error for d in done)
    cost = {t: h.cost for t, h in served.member.holdings.items() if h.position}
    assert all(dollars <= 3_000_000 for dollars in cost.values())
    assert sum(dollars for t, dollars in cost.items() if t.startswith(EVENT)) <= 4_000_000


async def test_closing_orders_pass_where_opening_ones_do_not(desk: Open, served: Served) -> None:
    async with desk([], **FREE) as at:
        await at.call("kalshi_create_order", **ORDER)
    async with desk([], **FREE, day_loss="0.01", cash_reserve="999999") as at:
        assert "in reserve" in await at.error("kalshi_create_order", **ORDER)
        await at.call("kalshi_create_order", ticker=MARKET, side="yes", action="sell", count=5, order_type="market")


async def test_the_loss_of_the_day_stops_opening(desk: Open, served: Served) -> None:
    """Bought at 14¢ and sold at 12¢ with fees: more than a dime is gone."""
    async with desk([], **FREE, day_loss="0.15") as at:
        await at.call("kalshi_create_order", **ORDER)
        await at.call("kalshi_create_order", ticker=MARKET, side="yes", action="sell", count=5, order_type="market")
        assert "lost $0." in await at.error("kalshi_create_order", **ORDER)
        served.exchange.deposit(served.member, 100_000_000)  # paying in doesn't undo it
        served.exchange.sync()
        assert "lost $0." in await at.error("kalshi_create_order", **ORDER)


async def test_cancelling_gives_back_what_was_not_spent(desk: Open, served: Served) -> None:
    async with desk([], **FREE, day_spent="1") as at:
        resting = await at.call("kalshi_create_order", **ORDER | {"count": 30, "price": 3})
        assert "is spent today" in await at.error("kalshi_create_order", **ORDER | {"count": 30, "price": 3})
        await at.call("kalshi_cancel_order", order_id=resting["order_id"])
        await at.call("kalshi_create_order", **ORDER | {"count": 30, "price": 3})


async def test_a_tool_only_tightens_and_a_person_loosens(desk: Open, served: Served, tmp_path: Path) -> None:
    async with desk([], **FREE, order_contracts=10) as at:
        shown = await at.call("kalshi_tighten_limits", order_contracts=50, minute_orders=100, deny_series=["kxgdp"])
        assert shown["limits"] == {"order_contracts": 10, "minute_orders": 100, "deny_series": ["KXGDP"]}
        shown = await at.call("kalshi_tighten_limits", order_contracts=2)
        assert shown["limits"]["order_contracts"] == 2
        assert "zero or more" in await at.error("kalshi_tighten_limits", day_spent=-1)
        assert "limit is 2 an order" in await at.error("kalshi_create_order", **ORDER)
    async with desk([], **FREE) as at:  # it holds over a restart
        assert "limit is 2 an order" in await at.error("kalshi_create_order", **ORDER)


async def test_a_series_that_could_never_be_met_is_refused(desk: Open, served: Served) -> None:
    """Words among the denied series would look denied; tests/safety/attacks/test_series.py has events and markets."""
    async with desk([], **FREE) as at:
        said = await at.error("kalshi_tighten_limits", deny_series=["KXGDP", "the championship"])
        assert "a series is named like" in said
        for name in ("KXGDP-", "", "x" * 400, "\x1b[2J"):
            assert "deny_series" in await at.error("kalshi_tighten_limits", deny_series=["KXGDP", name])
        assert (await at.call("kalshi_tighten_limits")).get("limits", {}).get("deny_series") is None
        series = MARKET.partition("-")[0]
        await at.call(
            "kalshi_tighten_limits", deny_series=[f" {series.lower()} ", f"https://kalshi.com/markets/{series}"]
        )
        assert "denied" in await at.error("kalshi_create_order", **ORDER)
    for name in ("ALLOW_SERIES", "DENY_SERIES"):
        with pytest.raises(SettingsError, match="a series is named like"):
            load_settings(**{name.lower(): "KXGDP,the/championship"})


async def test_paper_has_the_52_tools_and_the_brakes_on_demand(served: Served, tmp_path: Path) -> None:
    for toolsets, there in (("", False), ("safety", True)):
        async with Client(create_server(settings_for(served, tmp_path, toolsets=toolsets))) as client:
            assert ("kalshi_halt_trading" in {t.name for t in await client.list_tools()}) is there


RACE = """
import sys
from decimal import Decimal
from pathlib import Path
from prediction_mcp.safety.limits import Limits, LimitError, check
from prediction_mcp.safety.plan import Done, Stake
from prediction_mcp.safety.records import Records
from prediction_mcp.safety.intents import Caller, WriteRecord
records, taken = Records(Path(sys.argv[1])), 0
one = Decimal(1)
stake = Stake("A-1", "A", "A", "bid", one, one, one, one, one, one)
limits = Limits(day_spent=Decimal(60), market_exposure=None)
for i in range(40):
    try:
        what = WriteRecord(Caller("t", "1"), "t", "order", {}, {"client_order_id": f"{sys.argv[2]}-{i}"})
        intent = records.open(what, stake, lambda s: check(limits, s, records.used("A", 0), None))
    except LimitError:
        continue
    records.done(intent, Done("done", spent=Decimal(1)))
    taken += 1
print(taken)
records.close()
"""


def test_processes_share_a_limit(tmp_path: Path) -> None:
    """Four processes, forty tries each, sixty dollars for all: sixty pass."""
    running = [
        subprocess.Popen([sys.executable, "-c", RACE, str(tmp_path), str(i)], stdout=subprocess.PIPE, text=True)
        for i in range(4)
    ]
    taken = [int(process.communicate(timeout=60)[0]) for process in running]
    assert sum(taken) == 60


# -- what can be lost ------------------------------------------------------------------------------------------------


def standing(held: float, cost: str, *orders: tuple[str, str, int]) -> Standing:
    resting = (Resting(side, Decimal(price), Decimal(n), f"o{i}") for i, (side, price, n) in enumerate(orders))  # type: ignore[arg-type]
    return Standing(Decimal(held), Decimal(cost), tuple(resting))


@pytest.mark.parametrize(
    ("here", "risk"),
    [
        (standing(0, "0"), "0"),
        (standing(5, "2"), "2"),
        (standing(-5, "2"), "2"),
        (standing(0, "0", ("bid", "0.30", 10)), "3"),
        (standing(0, "0", ("ask", "0.30", 10)), "7"),
        (standing(0, "0", ("bid", "0.30", 10), ("ask", "0.60", 10)), "4"),  # the worse of the two
        (standing(5, "2", ("bid", "0.30", 10)), "5"),
        (standing(0.5, "0.2", ("bid", "0.30", 10)), "3.2"),
        (standing(0.5, "0.2", ("ask", "0.30", 1)), "0.35"),  # half closes, half opens
        (standing(-5, "2", ("bid", "0.30", 10)), "2"),  # five close, five open for 1.50
        (standing(-5, "1", ("bid", "0.30", 10)), "1.5"),
        (standing(5, "2", ("ask", "0.30", 10)), "3.5"),
        (standing(-5, "2", ("ask", "0.30", 10)), "9"),
        # the highest bid fills first and closes: 5 at 0.50, then 3 open at 0.20
        (standing(-5, "0", ("bid", "0.20", 3), ("bid", "0.50", 5)), "0.6"),
        # the lowest ask fills first and closes: 5 at 0.50, then 3 of NO open at 0.10
        (standing(5, "0", ("ask", "0.90", 3), ("ask", "0.50", 5)), "0.3"),
    ],
)
def test_what_can_be_lost_by_hand(here: Standing, risk: str) -> None:
    assert at_risk(here) == Decimal(risk)


def test_what_closed_and_could_open_now() -> None:
    """Two sales of 5 and 4 with 6 held: the dearer one now opens 3 of NO for 30¢ each; it was weighed with 20¢."""
    here = standing(6, "3", ("ask", "0.60", 5), ("ask", "0.70", 4), ("bid", "0.30", 9))
    assert latent(here, {"o0": Decimal(0), "o1": Decimal("0.2")}) == Decimal("0.7")
    assert latent(here, {"o0": Decimal(0), "o1": Decimal(5)}) == 0  # less than it was weighed with is no credit
    assert latent(here, {}) == 0
    assert latent(here, {"o2": Decimal("2.5"), "o1": Decimal(0)}) == Decimal("0.2") + Decimal("0.9")


def test_names_come_as_people_write_them() -> None:
    assert Limits.model_validate({"DENY_SERIES": "kxa,KXB, kxc  KXD"}).deny_series == {"KXA", "KXB", "KXC", "KXD"}


def test_limits_say_both_figures() -> None:
    """Whole sentences, since a person decides by them."""
    nothing, thousand = Decimal(0), Decimal("1234.5")
    for limits, stake, used, account, text in (
        (Limits.given(order_contracts=Decimal(2)), replace(STAKE, contracts=thousand), USED, None,
         "The order has 1,234.5 contracts; this server's limit is 2 an order."),
        (Limits.given(order_cost=Decimal(1)), replace(STAKE, cost=thousand), USED, None,
         "The order may cost $1,234.50; this server's limit is $1.00."),
        (Limits.given(price_band_cents=Decimal("2.5")), STAKE, USED, None,
         "The price is 3¢ from the middle of the market; this server's limit is 2.5¢."),
        (Limits.given(price_band_cents=Decimal(1)), replace(STAKE, yes_mid=None), USED, None,
         "The price can't be held against the middle of the market: nobody quotes both sides now."),
        (Limits.given(minute_orders=3), STAKE, USED, None, "3 orders in the last minute is this server's limit: wait."),
        (Limits.given(day_orders=30), STAKE, USED, None, "30 orders today (UTC) is this server's limit."),
        (Limits.given(day_spent=Decimal(105)), STAKE, USED, None,
         "$100.00 is spent today (UTC) and this would add up to $5.20; this server's limit is $105.00."),
        (Limits.given(day_spent=Decimal(106)), STAKE, USED, replace(ACCOUNT, latent=Decimal(1)),
         "$100.00 is spent today (UTC), orders that rest and no longer only close may cost $1.00, and this would add "
         "up to $5.20; this server's limit is $106.00."),
        (Limits.given(market_exposure=Decimal(8)), STAKE, USED, ACCOUNT,
         "$4.00 is at risk in this market and this would make it $9.00; this server's limit is $8.00."),
        (Limits.given(event_exposure=Decimal(9)), STAKE, USED, ACCOUNT,
         "$8.00 is at risk in this event and this would make it $13.00; this server's limit is $9.00."),
        (Limits.given(cash_reserve=Decimal(12)), STAKE, USED, ACCOUNT,
         "This would leave $10.80 of cash; this server keeps $12.00 in reserve."),
        (Limits.given(day_loss=Decimal(9)), STAKE, USED, ACCOUNT,
         "The account lost $9.00 today (UTC); this server stops opening at $9.00: closing orders still go."),
        (Limits.given(cash_reserve=nothing), STAKE, USED, replace(ACCOUNT, cash=None),
         "The limits became tighter while the order was looked at: nothing was sent, try again."),
        (Limits(allow_series=frozenset({"KXC", "KXB"})), STAKE, USED, None,
         "Series KXA isn't among those this server may trade: KXB, KXC."),
        (Limits(allow_series=frozenset()), STAKE, USED, None,
         "Series KXA isn't among those this server may trade: none."),
        (Limits(deny_series=frozenset({"KXA"})), replace(STAKE, series="kxa"), USED, None,
         "Orders in KXA are denied by this server's settings."),
    ):  # fmt: skip
        with pytest.raises(LimitError) as broken:
            check(limits, stake, used, account)
        assert str(broken.value) == text


def test_an_amended_order_stands_in_for_the_one_it_replaces() -> None:
    """Ten at 0.50 instead of five at 0.30: 1.50 of the market's 4.00 goes, 5.00 comes."""
    old = Resting("bid", Decimal("0.3"), Decimal(5), "old")
    account = replace(ACCOUNT, markets={"KXA-1-X": replace(HERE, orders=(old,))})
    amended = replace(STAKE, replaces="old")
    check(Limits.given(market_exposure=Decimal("7.5")), amended, USED, account)
    with pytest.raises(LimitError, match=r"make it \$7.50"):
        check(Limits.given(market_exposure=Decimal("7.49")), amended, USED, account)
    with pytest.raises(LimitError, match=r"make it \$9.00"):
        check(Limits.given(market_exposure=Decimal("7.5")), replace(STAKE, replaces="another"), USED, account)
