"""Standing orders against a real exchange: each kind by hand, what is skipped, refused, cut short, changed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from prediction_mcp.automation.attending import Attendant
from prediction_mcp.automation.desk import Desk
from prediction_mcp.automation.standing import service
from prediction_mcp.automation.standing.plan import plan_change
from prediction_mcp.exchange.engine.matching import Book
from prediction_mcp.kalshi.errors import InvalidOrderError, InvalidRequestError
from tests.automation.conftest import Home, hold, quote
from tests.conftest import MARKET
from tests.tools.test_records import end


async def test_a_recurring_order_buys_for_dollars_until_its_total_is_spent(home: Home) -> None:
    rule = await home.rule("recurring", every="1d", dollars=10, max_total=25, price=60)
    assert rule.due == home.clock()  # its first run is at once
    for days in (0, 1, 1, 1):
        await home.tick(days=days)
    rule, runs = await home.again(rule), await home.runs(rule)
    assert [run.state for run in runs] == ["done", "done", "done", "skipped"]
    assert runs[-1].said == rule.said
    # at 51¢ with the taker's fee 19 contracts are $9.69 + $0.34 = over $10, so 18; the $6 that are left buy 11
    assert [run.filled for run in runs] == [18, 18, 11, 0]
    assert rule.state == "done"
    assert "buy no contract" in rule.said
    assert Decimal(24) < rule.spent <= 25
    assert home.held == 47


async def test_what_fell_due_while_nothing_ran_is_told_not_caught_up(home: Home) -> None:
    rule = await home.rule("recurring", every="1h", count=1, max_runs=9)
    await home.tick()
    await home.tick(hours=5, minutes=20)
    await home.tick()
    rule, runs = await home.again(rule), await home.runs(rule)
    assert [run.state for run in runs] == ["done", "skipped"]
    assert "5 times" in runs[1].said
    assert rule.due == runs[0].time + timedelta(hours=6)
    assert home.held == 1


async def test_a_stop_sells_what_is_held_once_its_price_held(home: Home) -> None:
    hold(home.served, 40, 50)
    quote(home.served, 49, 51)
    rule = await home.rule("stop_loss", stop=45, hold_s=30)
    await home.see(49, 51)
    await home.see(44, 46)  # an odd print
    home.clock.forward(seconds=10)
    await home.see(48, 50)
    home.clock.forward(seconds=60)
    await home.look()
    assert await home.runs(rule) == []
    await home.see(43, 46)
    home.clock.forward(seconds=29)
    await home.look()
    assert await home.runs(rule) == []
    home.clock.forward(seconds=2)
    await home.look()
    (run,) = await home.runs(rule)
    rule = await home.again(rule)
    assert [run.state, int(run.filled), int(rule.filled)] == ["done", 40, 40]
    assert home.held == 0
    assert rule.state == "done"


async def test_a_stop_in_a_thin_book_sells_what_it_can_and_goes_on(home: Home) -> None:
    hold(home.served, 30, 50)
    rule = await home.rule("stop_loss", stop=45, count=25, price=30)
    await home.see(44, 46, size=10)
    assert home.held == 20
    quote(home.served, 35, 46, size=10)
    await home.tick(seconds=60)
    quote(home.served, 20, 46, size=100)  # below its worst price
    await home.tick(seconds=60)
    assert home.held == 10
    quote(home.served, 31, 46, size=100)
    await home.tick(minutes=10)
    rule = await home.again(rule)
    assert [rule.state, int(rule.filled), int(home.held)] == ["done", 25, 5]
    assert [run.state for run in await home.runs(rule)] == ["done", "done", "refused", "done"]


async def test_a_bracket_ends_with_the_first_of_its_prices(home: Home) -> None:
    hold(home.served, -20, 50)  # NO, bought at 50¢
    quote(home.served, 49, 51)
    rule = await home.rule("bracket", side="no", stop=40, take=60)
    await home.see(45, 47)  # NO's bid is 53
    await home.see(38, 40)  # now it is 60
    assert home.held == 0
    (run,) = await home.runs(rule)
    assert "at or above 60¢" in (await home.again(rule)).seen["triggered"]["said"]
    assert run.said.startswith("sold 20 no at 60¢")
    await home.tick(seconds=5)
    assert (await home.again(rule)).state == "done"


async def test_a_trailing_stop_follows_the_highest_and_never_falls(home: Home) -> None:
    hold(home.served, 10, 50)
    rule = await home.rule("trailing_stop", trail=5)
    for bid in (50, 53, 51, 58, 56, 54):
        await home.see(bid, bid + 2)
        rule = await home.again(rule)
    assert rule.seen["highest"] == "0.5800"
    assert home.held == 10
    await home.see(53, 55)
    assert home.held == 0
    assert "5¢ or more below its highest 58¢" in (await home.again(rule)).seen["triggered"]["said"]


async def test_a_trailing_stop_on_no_reads_no_price_in_a_market_without_quotes(home: Home) -> None:
    """An ask of 0.0000 with nobody behind it once read as NO at a dollar: the highest, below which all was sold."""
    hold(home.served, -10, 50)
    rule = await home.rule("trailing_stop", side="no", trail=5)
    await home.see(48, 50)
    state = home.served.exchange.engine.markets[MARKET]
    kept = state.book, state.volume
    state.book, state.volume = Book(MARKET, state.book.grid), 0  # as it was before its first quote
    shown = await home.desk.account.kalshi.markets.get(MARKET)
    assert shown.yes_ask_dollars == shown.yes_ask_size_fp == Decimal(0)
    await home.look()
    state.book, state.volume = kept
    await home.see(48, 50)
    assert (await home.again(rule)).seen["highest"] == "0.5000"
    assert home.held == -10


async def test_an_entry_waits_for_its_price_and_for_the_rest(home: Home) -> None:
    rule = await home.rule("entry", at=45, count=30, price=46)
    await home.see(48, 50)
    await home.see(43, 45, size=20)
    assert home.held == 20
    await home.see(48, 50)
    await home.see(43, 45, size=20)
    rule = await home.again(rule)
    assert [int(home.held), rule.state, int(rule.filled)] == [30, "done", 30]


async def test_a_twap_is_spread_and_stays_under_its_share(home: Home) -> None:
    rule = await home.rule("twap", count=100, over_s=600, slices=5, price=60, share=Decimal("0.5"))
    await home.tick()
    assert home.held == 0  # nobody traded since it was made
    hold_market(home, 60)
    await home.tick(seconds=120)
    assert home.held == 25
    hold_market(home, 20)
    await home.tick(seconds=120)
    assert home.held == 35
    hold_market(home, 1_000)
    await home.tick(seconds=120)
    await home.tick(seconds=120)
    rule = await home.again(rule)
    assert rule.state == "done"
    assert rule.seen["slices"] == 5
    assert rule.filled == home.held


def hold_market(home: Home, count: int) -> None:
    """Others trade so much, and the book is as it was."""
    engine, exchange = home.served.exchange.engine, home.served.exchange
    other = engine.accounts.get("other") or exchange.add_member("other", deposit=10**12)
    quote(home.served, None, None)
    from prediction_mcp.exchange.engine.matching import ASK, BID

    now = exchange.clock()
    engine.submit(engine.accounts["house"], MARKET, ASK, 5000, count * 100, now)
    engine.submit(other, MARKET, BID, 5000, count * 100, now)
    quote(home.served, 49, 51)


async def test_halt_skips_and_pauses_and_nothing_is_caught_up(home: Home) -> None:
    hold(home.served, 10, 50)
    quote(home.served, 49, 51)
    stop = await home.rule("stop_loss", stop=45)
    daily = await home.rule("recurring", every="1d", count=1, max_runs=5)
    home.desk.account.records().halt("a test")
    await home.see(44, 46)
    await home.tick()
    stop, daily = await home.again(stop), await home.again(daily)
    assert (stop.state, daily.state) == ("paused", "active")
    assert "halted" in (await home.runs(stop))[0].said
    assert (await home.runs(daily))[0].state == "skipped"
    home.desk.account.records().resume("a test")
    await home.see(43, 45)
    await home.tick(minutes=1)
    assert home.held == 10
    await home.tick(hours=24, minutes=-1)
    assert home.held == 11


async def test_changes_need_a_yes_unless_they_lessen(home: Home) -> None:
    rule = await home.rule("recurring", every="1d", count=4, max_runs=5, price=60)
    less = await plan_change(home.desk, rule.id, {"count": Decimal(3), "max_runs": 4}, resume=False)
    more = await plan_change(home.desk, rule.id, {"price": Decimal("0.7")}, resume=False)
    assert (less.lessens, less.lasts, more.lessens, more.lasts) == (True, False, False, True)
    await less.send(less.terms)
    with pytest.raises(InvalidRequestError, match="changed this standing order meanwhile"):
        await more.send(more.terms)  # it was planned on terms that are no longer so
    await service.pause(home.desk, rule.id)
    await home.tick()
    assert await home.runs(rule) == []
    again = await plan_change(home.desk, rule.id, {}, resume=True)
    assert again.lasts
    await again.send(again.terms)
    assert (await home.again(rule)).due == rule.created + timedelta(days=1)


@pytest.mark.parametrize(
    ("kind", "terms", "says"),
    [
        ("recurring", {"every": "1d", "count": 1}, "Say where it ends"),
        ("recurring", {"every": "sometimes", "count": 1, "max_runs": 2}, "every is like"),
        ("recurring", {"every": "1s", "count": 1, "max_runs": 2}, "every is like"),
        ("recurring", {"count": 1, "max_runs": 2}, "needs every"),
        ("recurring", {"every": "1d", "count": 1, "dollars": 5, "max_runs": 2}, "either count or dollars"),
        ("stop_loss", {"stop": 40}, "You hold no yes"),
        ("stop_loss", {"stop": 40, "take": 60}, "has no take"),
        ("bracket", {"stop": 60, "take": 40}, "must lie below"),
        ("entry", {"at": 40}, "needs count"),
        ("entry", {"at": 140, "count": 1}, "between 0 and 100"),
        ("twap", {"count": 10, "over_s": 600, "slices": 5}, "needs a price"),
        ("trailing_stop", {"trail": 5, "action": "buy"}, "action is sell"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused(home: Home, kind: str, terms: dict[str, Any], says: str) -> None:
    with pytest.raises((InvalidOrderError, InvalidRequestError), match=says):
        await home.rule(kind, **terms)


async def test_limits_stand_before_each_run(home: Home) -> None:
    rule = await home.rule("recurring", every="1d", count=30, max_runs=5)
    home.desk.account.records().tighten(home.desk.account.guard.limits.given(order_contracts=Decimal(10)))
    await home.tick()
    (run,) = await home.runs(rule)
    assert [run.state, int(home.held)] == ["refused", 0]
    assert "limit is 10 an order" in run.said


async def test_what_it_sends_is_in_the_journal_as_agreed(home: Home) -> None:
    rule = await home.rule("recurring", every="1d", count=2, max_runs=2)
    await home.tick()
    lines = [line for line in home.desk.account.records().lines() if line["what"] == "intent"]
    assert lines[-1]["answer"] == "standing"
    assert lines[-1]["question"] == f"standing order {rule.id}"
    assert lines[-1]["request"]["client_order_id"] == f"so-{rule.key}-1"


async def test_a_rule_is_confirmed_with_its_worst_case(home: Home) -> None:
    from prediction_mcp.automation.standing.plan import plan_rule
    from prediction_mcp.automation.standing.service import spec_as_asked
    from prediction_mcp.desk.kalshi.shards import move_cash, transfer_of
    from prediction_mcp.kalshi.cash import ShardMove

    spec = spec_as_asked(
        kind="recurring", ticker=MARKET, side="yes", action=None, on=None, every="weekly", dollars=Decimal(50),
        max_runs=4, price=Decimal(60),
    )  # fmt: skip
    words = await (await plan_rule(home.desk, spec, None)).words()
    assert "At worst it spends $200.00 in all" in words
    assert "after 4 runs" in words
    assert "shard" not in words
    await move_cash(home.desk.account, transfer_of(ShardMove(0, 2, Decimal(5))))
    words = await (await plan_rule(home.desk, spec, None)).words()
    assert "Cash that shard 0 lacks for an order is moved there from others before it." in words


# -- tries to get round it -------------------------------------------------------------------------------------------


async def test_a_trailing_stop_that_must_hold_doesnt_sell_on_a_print_that_went(home: Home) -> None:
    hold(home.served, 10, 50)
    rule = await home.rule("trailing_stop", trail=5, hold_s=20)
    for bid in (60, 54, 57):  # down for a moment, then between the stop and the highest
        await home.see(bid, bid + 2)
        home.clock.forward(seconds=15)
    home.clock.forward(seconds=60)
    await home.look()
    assert home.held == 10
    assert "since" not in (await home.again(rule)).seen


async def test_a_price_that_stays_while_quotes_go_on_counts_from_its_first(home: Home) -> None:
    hold(home.served, 10, 50)
    await home.rule("trailing_stop", trail=5, hold_s=20)
    for bid in (60, 54, 53, 54, 52):
        await home.see(bid, bid + 2)
        home.clock.forward(seconds=7)
    await home.see(53, 55)
    assert home.held == 0


async def test_nothing_is_sold_before_somebody_looked_again(home: Home) -> None:
    """The worker died while a price had to hold; the next one sees that it is over."""
    hold(home.served, 10, 50)
    rule = await home.rule("stop_loss", stop=45, hold_s=30)
    await home.see(44, 46)
    home.clock.forward(seconds=100)
    quote(home.served, 55, 57)
    other = Attendant(Desk(home.desk.account, home.clock))
    other.triggers.take(await other.desk.rules.active())
    await other.work_off(wait=True)  # before any price was read
    await other.look()
    assert home.held == 10
    assert "since" not in (await home.again(rule)).seen
    await other.close()


async def test_fewer_runs_than_there_were_end_it_without_another(home: Home) -> None:
    rule = await home.rule("recurring", every="1d", count=1, max_runs=9)
    for days in (0, 1, 1):
        await home.tick(days=days)
    less = await plan_change(home.desk, rule.id, {"max_runs": 2}, resume=False)
    assert less.lessens
    await less.send(less.terms)
    await home.tick(days=1)
    rule = await home.again(rule)
    assert [rule.state, rule.runs, int(home.held)] == ["done", 3, 3]


async def test_a_smaller_entry_than_was_bought_ends_it(home: Home) -> None:
    rule = await home.rule("entry", at=45, count=30, price=46)
    await home.see(43, 45, size=20)
    less = await plan_change(home.desk, rule.id, {"count": Decimal(10)}, resume=False)
    await less.send(less.terms)
    await home.see(48, 50)
    await home.see(43, 45, size=20)
    rule = await home.again(rule)
    assert [rule.state, int(home.held)] == ["done", 20]


async def test_the_worst_case_is_never_less_than_what_can_be_spent(home: Home) -> None:
    free = await home.rule("recurring", every="1d", count=10, max_runs=3)
    assert Decimal(free.seen["worst"]) == 30  # a dollar a contract where no price is named
    with pytest.raises(InvalidOrderError, match="Say where it ends"):
        await home.rule("recurring", every="1m", count=1, until=home.clock() + timedelta(days=30))  # 43,200 runs
    counted = await home.rule("recurring", every="1h", count=1, until=home.clock() + timedelta(days=2))
    assert Decimal(counted.seen["worst"]) == 49


async def test_a_rule_that_waits_ends_with_its_date(home: Home) -> None:
    hold(home.served, 10, 50)
    rule = await home.rule("stop_loss", stop=45, until=home.clock() + timedelta(hours=1))
    await home.look()
    await home.tick(hours=2)
    rule = await home.again(rule)
    assert (rule.state, rule.said) == ("done", "its time is over")
    await home.see(40, 42)
    assert home.held == 10


async def test_an_exit_that_cant_go_is_told_once_and_goes_later(home: Home) -> None:
    hold(home.served, 10, 50)
    home.desk.channels = ("here",)
    rule = await home.rule("stop_loss", stop=45)
    home.served.exchange.pause()
    await home.see(44, 46)
    for _ in range(40):
        await home.tick(seconds=11)
    late = [message for message in await home.desk.outbox.newest() if message.reason.endswith(":late")]
    assert len(late) == 1
    assert "paused" in late[0].body
    home.served.exchange.resume()
    await home.tick(seconds=11)
    assert home.held == 0
    assert (await home.again(rule)).state == "done"


async def test_a_rule_ends_with_its_market(home: Home) -> None:
    rule = await home.rule("recurring", every="1d", count=1, max_runs=9)
    end(home.served, MARKET, "no", 0)
    await home.tick()
    await home.tick(days=1)
    rule = await home.again(rule)
    assert (rule.state, rule.runs) == ("done", 1)
    assert "takes no orders" in rule.said
