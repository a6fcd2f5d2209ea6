"""Members that hold tokens: YES and NO of a market side by side, as Polymarket has it, on the same books as others.

* Both tokens of a market are kept apart: to buy NO while holding YES leaves both. A pair of them is worth exactly $1,
  which lies in the market's pool like any matched pair: whether a trade moved tokens, made a pair (mint) or ended one
  (merge) is a matter of who met, not of money.
* An order buys with dollars or sells tokens that are there (``Order.sells``). For open buys dollars are only counted
  within a market: orders in several markets may share the same dollars, and are cancelled when they don't fit any more
  (:func:`trim`). Tokens on sale are set aside.
* A market's end pays nothing by itself: the tokens stay, worth what was decided, until they are redeemed.
* In an event of which at most one market ends with YES (neg-risk), k NO of one size turn into k − 1 dollars and a YES
  of each other market. The exchange's *adapter* keeps the NO, with one more of each other market: together worth what
  it paid out, which is counted as returned collateral is (:mod:`.netting`).

Source of the rules: Polymarket's documentation; what it leaves open is named in docs/decisions.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prediction_mcp.kalshi.units import PRICE_UNITS

from .ledger import Account, Holding, Returned, TokenHolding, book_fill
from .matching import BID, Order
from .rejection import RejectionError

if TYPE_CHECKING:
    from .engine import Engine
    from .market_state import MarketState
    from .steps import Steps

ADAPTER = "neg-risk-adapter"
"""The account that keeps what conversions turned in."""


def holding_of(account: Account, ticker: str) -> TokenHolding:
    """Raises TypeError for an account that holds none."""
    return _tokens(account.holding(ticker))


def _tokens(holding: Holding) -> TokenHolding:
    if not isinstance(holding, TokenHolding):
        raise TypeError("the account doesn't hold tokens")
    return holding


def is_yes(order: Order) -> bool:
    """Whether an order is about the YES token."""
    return (order.side == BID) != order.sells


def unit_price(order: Order, price: int) -> int:
    """Price of the order's token where YES trades at ``price``."""
    return price if is_yes(order) else PRICE_UNITS - price


def hold(account: Account, holding: Holding, order: Order) -> None:
    """Count an order in, or refuse it and leave everything as it was."""
    release(holding, order, -order.remaining, -order.fee_hold)
    wants = _tokens(holding)
    fits = wants.free(yes=is_yes(order)) >= 0 if order.sells else wants.wanted <= account.cash
    if not fits:
        release(holding, order, order.remaining, order.fee_hold)
        raise RejectionError("insufficient_balance", "not enough balance / allowance")


def release(holding: Holding, order: Order, count: int, fee: int) -> None:
    """Take this much of an order out of what is wanted; negative amounts put it in."""
    if order.sells:
        if order.side == BID:
            holding.bid_count -= count
        else:
            holding.ask_count -= count
    elif order.side == BID:
        holding.bid_cost -= order.price * count + fee
    else:
        holding.ask_cost -= (PRICE_UNITS - order.price) * count + fee


def affords(order: Order, price: int, count: int, fee: int) -> bool:
    """Whether a fill leaves its owner solvent."""
    paid = unit_price(order, price) * count
    return order.account.cash + (paid if order.sells else -paid) - fee >= 0


def book(order: Order, holding: Holding, price: int, count: int, fee: int) -> int:
    """Move money and tokens of one half of a trade; returns the pool's change in micros."""
    holding = _tokens(holding)
    lot, paid = holding.yes if is_yes(order) else holding.no, unit_price(order, price) * count
    if order.sells:
        lot.lose(count, paid)
        paid = -paid
    else:
        lot.gain(count, paid)
    order.account.cash -= paid + fee
    holding.fees += fee
    holding.traded += abs(paid)
    holding.contracts += count
    holding.sync()
    return paid


def trim(engine: Steps, account: Account, now_ms: int, without: Order | None = None) -> None:
    """Cancel open buys that the account's dollars don't cover any more, newest first within each market."""
    for ticker, holding in list(tokens_of(account)):
        if holding.wanted <= account.cash:
            continue
        resting = [o for o in account.orders.values() if o.ticker == ticker and o.status == "resting" and not o.sells]
        for order in sorted((o for o in resting if o is not without), key=lambda o: -o.seq):
            if holding.wanted <= account.cash:
                break
            engine.cancel(order, now_ms, "BalanceCancel")


# -- pairs ---------------------------------------------------------------------------------------------------------


def split(engine: Engine, account: Account, ticker: str, count: int, now_ms: int) -> None:
    """Turn dollars into as many YES and NO. Raises RejectionError; nothing changed then."""
    market, holding = _open_market(engine, account, ticker, count)
    paid = PRICE_UNITS * count
    if paid > account.cash:
        raise _short()
    account.cash -= paid
    holding.yes.gain(count, paid // 2)
    holding.no.gain(count, paid - paid // 2)
    holding.traded += paid
    _moved(engine, account, ticker, market, holding, paid, now_ms)
    trim(engine, account, now_ms)


def merge(engine: Engine, account: Account, ticker: str, count: int, now_ms: int) -> None:
    """Turn YES and as many NO, both free, into dollars. Raises RejectionError; nothing changed then."""
    market, holding = _open_market(engine, account, ticker, count)
    if min(holding.free(yes=True), holding.free(yes=False)) < count:
        raise _short()
    got = PRICE_UNITS * count
    account.cash += got
    holding.yes.lose(count, got // 2)
    holding.no.lose(count, got - got // 2)
    holding.traded += got
    _moved(engine, account, ticker, market, holding, -got, now_ms)


def convert(engine: Engine, account: Account, tickers: Sequence[str], count: int, now_ms: int) -> None:
    """Turn ``count`` NO of each of some markets of a neg-risk event into dollars and YES of all its others.

    Raises:
        RejectionError: not of one such event, or not enough free NO; nothing changed.
    """
    chosen = [_open_market(engine, account, ticker, count) for ticker in tickers]
    peers = chosen[0][0].peers if chosen else ()
    if not peers or len(set(tickers)) != len(tickers) or not set(tickers) <= set(peers):
        raise RejectionError("invalid_order", "a conversion takes NO of one neg-risk event")
    if any(holding.free(yes=False) < count for _, holding in chosen):
        raise _short()
    adapter, event = adapter_of(engine), chosen[0][0].event
    others = [ticker for ticker in peers if ticker not in tickers]
    got = PRICE_UNITS * count * (len(tickers) - 1)
    left = sum(holding.no.cost * count // holding.no.count for _, holding in chosen) - got
    account.cash += got
    for (market, holding), ticker in zip(chosen, tickers, strict=True):
        holding.no.lose(count, holding.no.cost * count // holding.no.count)  # its cost goes on in what comes of it
        holding.traded += PRICE_UNITS * count
        _moved(engine, account, ticker, market, holding, 0, now_ms)
        _keep(engine, adapter, ticker, count)
    if left < 0 or not others:
        chosen[0][1].no.realized -= left
        left = 0
    for number, ticker in enumerate(others):
        market, holding = engine.markets[ticker], holding_of(account, ticker)
        holding.yes.gain(count, left // len(others) + (left % len(others) if number == 0 else 0))
        holding.traded += PRICE_UNITS * count
        _moved(engine, account, ticker, market, holding, PRICE_UNITS * count, now_ms)
        _keep(engine, adapter, ticker, count)
    adapter.returns.setdefault(event, Returned()).amount += PRICE_UNITS * count * (len(peers) - 1)
    if engine.changes is not None:
        engine.changes.accounts[adapter] = None


def redeem(engine: Engine, account: Account, ticker: str, now_ms: int) -> int:
    """Pay out all tokens of a market that has ended; returns micros. Raises RejectionError before its end."""
    market = engine.markets.get(ticker)
    holding = account.holdings.get(ticker)
    if market is None or market.payout is None:
        raise RejectionError("invalid_order", "the market isn't resolved")
    if not isinstance(holding, TokenHolding) or not (holding.yes.count or holding.no.count):
        raise _short()
    got = 0
    for lot, value in ((holding.yes, market.payout), (holding.no, PRICE_UNITS - market.payout)):
        if lot.count:
            got += lot.count * value
            lot.lose(lot.count, lot.count * value)
    account.cash += got
    _moved(engine, account, ticker, market, holding, -got, now_ms)
    return got


def worth(holdings: Mapping[str, Holding], ticker: str, payout: int) -> int:
    """Micros that the tokens of one account are worth at a market's end."""
    holding = holdings.get(ticker)
    if not isinstance(holding, TokenHolding):
        return 0
    return holding.yes.count * payout + holding.no.count * (PRICE_UNITS - payout)


# -- the adapter ---------------------------------------------------------------------------------------------------


def adapter_of(engine: Engine) -> Account:
    """The account that keeps what was converted, made when it is first needed."""
    adapter = engine.accounts.get(ADAPTER)
    if adapter is None:
        adapter = engine.add_account(Account(ADAPTER, grid=1, keeps_history=False, tokens=True))
    return adapter


def end_of(engine: Engine, market: MarketState, ticker: str, now_ms: int) -> None:
    """At a market's end the adapter's NO pay back what conversions were paid ahead."""
    adapter = engine.accounts.get(ADAPTER)
    if adapter is None or not worth(adapter.holdings, ticker, 0):
        return
    got = redeem(engine, adapter, ticker, now_ms)
    known = adapter.returns[market.event]
    repaid = min(got, known.amount)
    known.amount -= repaid
    adapter.cash -= got
    engine.fees_collected += got - repaid
    if not any(holding_of(adapter, peer).no.count for peer in market.peers):  # an end that contradicts the event's word
        engine.fees_collected -= known.amount
        known.amount = 0


def _keep(engine: Engine, adapter: Account, ticker: str, count: int) -> None:
    holding = holding_of(adapter, ticker)
    holding.no.gain(count, 0)
    holding.traded += PRICE_UNITS * count
    holding.sync()
    if engine.changes is not None:
        engine.changes.positions[adapter, ticker] = None


def _open_market(engine: Engine, account: Account, ticker: str, count: int) -> tuple[MarketState, TokenHolding]:
    market = engine.markets.get(ticker)
    if market is None:
        raise RejectionError("market_not_found", f"market {ticker} not found", 404)
    if market.payout is not None:
        raise RejectionError("invalid_order", "the market is resolved")
    if count <= 0:
        raise RejectionError("invalid_order", "count must be positive")
    return market, holding_of(account, ticker)


def _moved(
    engine: Engine, account: Account, ticker: str, market: MarketState, holding: Holding, pool: int, now_ms: int
) -> None:
    market.pool += pool
    if market.payout is None:
        market.open_interest = market.pool // PRICE_UNITS
    if isinstance(holding, TokenHolding):
        holding.sync()
    holding.updated_ms = account.updated_ms = now_ms
    if engine.changes is not None:
        engine.changes.positions[account, ticker] = None
        engine.changes.accounts[account] = None
        engine.changes.markets[ticker] = None


def _short() -> RejectionError:
    return RejectionError("insufficient_balance", "not enough balance / allowance")


def tokens_of(account: Account) -> Iterator[tuple[str, TokenHolding]]:
    """(ticker, holding) of each market in which an account holds or held tokens."""
    return ((ticker, h) for ticker, h in account.holdings.items() if isinstance(h, TokenHolding))


# -- trades that come to nothing -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Half:
    """One account's half of a trade that may still fail."""

    order: Order
    price: int
    count: int
    fee: int


def take_back(engine: Engine, halves: Sequence[Half], now_ms: int) -> bool:
    """Undo a trade that failed on its way into the chain: tokens, dollars and fees go back to where they were.

    What was done with them meanwhile can't be undone: where a side no longer has what it got, nothing is changed.

    Args:
        halves: of all orders that the trade filled, in one market.

    Returns:
        Whether the trade was taken back.
    """
    ticker = halves[0].order.ticker
    market = engine.markets.get(ticker)
    if market is None or market.payout is not None or not _still_there(halves):
        return False
    for half in halves:
        account, holding = half.order.account, half.order.account.holding(ticker)
        if account.tokens:
            moved = _give_back(half, _tokens(holding))
        else:
            before = holding.requirement()
            moved = book_fill(account, holding, -half.order.side, half.price, half.count, -half.fee)
            account.held += holding.requirement() - before
        engine.fees_collected -= half.fee
        _moved(engine, account, ticker, market, holding, moved, now_ms)
    for account in {half.order.account: None for half in halves if half.order.account.tokens}:
        trim(engine, account, now_ms)
    return True


def _still_there(halves: Sequence[Half]) -> bool:
    """Whether each account still has all that the trade gave it; the crowd's purse is deep."""
    got: dict[tuple[Account, str], int] = {}
    for half in halves:
        order = half.order
        if order.account.tokens:
            kind = "dollars" if order.sells else "yes" if is_yes(order) else "no"
            amount = unit_price(order, half.price) * half.count - half.fee if order.sells else half.count
            got[order.account, kind] = got.get((order.account, kind), 0) + amount
    ticker = halves[0].order.ticker
    return all(
        account.cash >= amount if kind == "dollars" else holding_of(account, ticker).free(yes=kind == "yes") >= amount
        for (account, kind), amount in got.items()
    )


def _give_back(half: Half, holding: TokenHolding) -> int:
    order, worth = half.order, unit_price(half.order, half.price) * half.count
    lot = holding.yes if is_yes(order) else holding.no
    if order.sells:
        lot.gain(half.count, worth)
        order.account.cash -= worth - half.fee
        moved = worth
    else:
        lot.lose(half.count, worth)
        order.account.cash += worth + half.fee
        moved = -worth
    holding.fees -= half.fee
    return moved
