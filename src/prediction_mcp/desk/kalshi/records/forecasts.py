"""What the user believes, kept beside the market's price, and scored once the market has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from prediction_mcp.analytics import scores
from prediction_mcp.analytics.book import mid
from prediction_mcp.kalshi.errors import InvalidRequestError, NotFoundError
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.tickers import likely_event
from prediction_mcp.records.beliefs import Belief, Beliefs, Status
from prediction_mcp.safety.text import clean

from .. import lookup
from .results import Against, Betting, BinLine, ForecastKept, ForecastLine, ForecastList, Score, ScoreAnswer

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.markets import Market

    from .home import History

LOW, HIGH = Decimal("0.001"), Decimal("0.999")
"""Beliefs that can be scored: certainty that errs has an infinite logarithmic score."""
NOTE, CATEGORY = 500, 100
UNDECIDED = frozenset({"initialized", "active", "inactive"})
"""States in which a market still waits for what it asks."""
DECIDED = frozenset({"finalized", "settled"})
BANKROLL, FLAT = Decimal(1000), Decimal(10)
"""Dollars: Kelly stakes its share of the one, each bet alone; flat bets stake the other."""
FREE = FeeSchedule.of("quadratic", 0)
SHOWN = 4


async def record(history: History, ticker: str, probability: Decimal, note: str) -> ForecastKept:
    """Keep a belief with the market's quotes of now.

    Raises:
        InvalidRequestError: a certainty, or a market that isn't open any more.
        NotFoundError: no such market.
    """
    if not LOW <= probability <= HIGH:
        raise InvalidRequestError(
            f"probability must lie between {LOW} and {HIGH}: certainty can't be scored when it errs."
        )
    account = history.account
    market = await lookup.market(account, ticker)
    if market.status not in UNDECIDED:
        raise InvalidRequestError(f"{market.ticker} is {market.status}: what came may be known, so it is no forecast.")
    series, fees = await account.fees.of(market)
    bid, ask = market.yes_quotes
    belief = Belief(
        market.ticker, clean(market.name), clean(series.category or "")[:CATEGORY], datetime.now(UTC), probability,
        bid, ask,
        "" if fees is None else f"{fees.fee_type}:{fees.multiplier}", clean(note).strip()[:NOTE],
    )  # fmt: skip
    number = await Beliefs(history.ledger).add(belief)
    middle = _middle(belief)
    return ForecastKept(
        source=account.environment, forecast=_line(belief, number),
        edge=None if middle is None else probability - middle,
    )  # fmt: skip


def _line(belief: Belief, number: int | None = None) -> ForecastLine:
    line = ForecastLine.of(belief)
    return line if number is None else line.model_copy(update={"id": number})


async def listed(history: History, status: Status, limit: int, cursor: str | None) -> ForecastList:
    """Forecasts, newest first; markets that ended meanwhile are looked up first."""
    before = None
    if cursor is not None:
        if not cursor.isdecimal() or len(cursor) > 18:
            raise InvalidRequestError("cursor must be the one of the page before.")
        before = int(cursor)
    await settle(history)
    found = await Beliefs(history.ledger).list(status, limit=limit + 1, before=before)
    page = found[:limit]
    return ForecastList(
        source=history.account.environment, count=len(page),
        cursor=str(page[-1].id) if len(found) > limit else None, forecasts=[_line(belief) for belief in page],
    )  # fmt: skip


async def settle(history: History) -> int:
    """Look up how the markets of open forecasts ended; returns how many forecasts were settled by it."""
    beliefs = Beliefs(history.ledger)
    tickers = {belief.ticker for belief in await beliefs.list("open")}
    if not tickers:
        return 0
    markets = await lookup.markets_of(history.account, tickers)
    for ticker in sorted(tickers - markets.keys()):  # what ended long ago is in the archive
        with suppress(NotFoundError):  # a market that is gone stays open; the others don't wait for it
            markets[ticker] = await history.account.kalshi.markets.historical.get(ticker)
    ended = {ticker: paid for ticker, market in markets.items() if (paid := _paid(market)) is not None}
    return await beliefs.settle(ended) if ended else 0


def _paid(market: Market) -> tuple[Decimal, datetime] | None:
    """What YES paid and when; None while that can change."""
    if market.status not in DECIDED:
        return None
    value = market.settlement_value_dollars
    if value is None:
        if market.result not in ("yes", "no"):
            return None
        value = Decimal(market.result == "yes")
    return value, market.settlement_ts or datetime.now(UTC)


async def score(history: History, since: datetime | None, category: str | None) -> tuple[ScoreAnswer, list[scores.Bin]]:
    """How good the settled forecasts were; the bins are for the picture."""
    await settle(history)
    every = await Beliefs(history.ledger).list("all", since, category)
    done = [belief for belief in every if belief.value is not None]
    source, waiting = history.account.environment, len(every) - len(done)
    if not done:
        said = "Nothing can be said yet: no forecast of these has been settled."
        return ScoreAnswer(source=source, forecasts=0, open=waiting, conclusion=said), []
    markets = await lookup.markets_of(history.account, (belief.ticker for belief in done))
    events = {ticker: market.event_ticker for ticker, market in markets.items()}
    return await asyncio.to_thread(_scored, source, done, waiting, events)


def _scored(
    source: str, done: Sequence[Belief], waiting: int, events: Mapping[str, str]
) -> tuple[ScoreAnswer, list[scores.Bin]]:
    believed = [
        scores.Believed(
            belief.probability, _middle(belief), belief.value or Decimal(0),
            events.get(belief.ticker) or likely_event(belief.ticker) or belief.ticker,  # archived ones aren't listed
        )
        for belief in done
    ]  # fmt: skip
    brier, log = scores.mean_scores(believed)
    skill, bins = scores.skill(believed), scores.calibration(believed)
    flat, kelly = _bets(done, None), _bets(done, BANKROLL)
    found = ScoreAnswer(
        source=source, forecasts=len(done), open=waiting, score=_score(brier, log),
        against_market=None if skill is None else _against(skill),
        calibration=[
            BinLine(said=f"{one.low:.0%} to {one.high:.0%}", count=one.count, believed=_number(one.believed),
                    happened=_number(one.happened))
            for one in bins
        ],
        flat=flat, kelly=kelly, conclusion=conclusion(skill, len({one.group for one in believed})),
        note=f"flat stakes ${FLAT} a bet; kelly its share of ${BANKROLL:,}, each bet alone; at the bid or ask of then.",
    )  # fmt: skip
    return found, bins


def conclusion(skill: scores.Skill | None, events: int) -> str:
    """One honest sentence."""
    if skill is None:
        return "There is nothing to compare with: the market had no price on both sides when these were made."
    if skill.low is None or skill.high is None:
        return (
            f"Too few to conclude anything: {events} settled event{'s' * (events != 1)}, "
            f"at least {scores.FEWEST} are needed."
        )
    if skill.low > 0:
        return f"Better than the market's own prices, over {skill.events} events (95% interval above zero)."
    if skill.high < 0:
        return f"Worse than the market's own prices, over {skill.events} events (95% interval below zero)."
    return f"No difference from the market's own prices can be shown over {skill.events} events."


def _bets(done: Sequence[Belief], bankroll: Decimal | None) -> Betting:
    """Flat bets, or Kelly's share of a bankroll."""
    made = list[scores.Bet]()
    for belief in done:
        fees, quotes = _fees(belief), (belief.bid, belief.ask)
        side = scores.cheap(belief.probability, quotes, fees)
        if side is None:
            continue
        stake = FLAT if bankroll is None else bankroll * side[2]
        if (bet := scores.bet(belief.probability, quotes, belief.value or Decimal(0), fees, stake)) is not None:
            made.append(bet)
    return Betting(
        bets=len(made), staked=sum((bet.staked for bet in made), Decimal(0)),
        profit=sum((bet.profit for bet in made), Decimal(0)),
    )  # fmt: skip


def _fees(belief: Belief) -> FeeSchedule:
    kind, _, multiplier = belief.fee.partition(":")
    return FeeSchedule.of(kind, multiplier) if multiplier else FREE


def _against(skill: scores.Skill) -> Against:
    both = skill.low is not None and skill.high is not None
    return Against(
        forecasts=skill.count, events=skill.events, mine=_score(skill.brier, skill.log),
        market=_score(skill.market_brier, skill.market_log),
        skill=None if skill.skill is None else _number(skill.skill), better_by=_number(skill.better),
        interval=[_number(skill.low or 0.0), _number(skill.high or 0.0)] if both else None,
    )  # fmt: skip


def _score(brier: float, log: float) -> Score:
    return Score(brier=_number(brier), log=_number(log))


def _number(value: float) -> Decimal:
    return Decimal(f"{value:.{SHOWN}f}")


def _middle(belief: Belief) -> Decimal | None:
    return None if belief.bid is None or belief.ask is None else mid(belief.bid, belief.ask)
