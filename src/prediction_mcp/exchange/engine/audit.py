"""Every law of the exchange, checked at once; for tests, benchmarks and a doubtful operator."""

from __future__ import annotations

from prediction_mcp.kalshi.units import PRICE_UNITS

from .engine import Engine
from .ledger import Account, TokenHolding
from .market_state import MarketState
from .tokens import tokens_of, worth


def audit(engine: Engine) -> None:
    """Check every law at once; for tests and for a doubtful operator.

    Raises:
        AssertionError: naming the law that doesn't hold.
    """
    cash = sum(a.cash for a in engine.accounts.values())
    deposited = sum(a.deposited for a in engine.accounts.values())
    pools = sum(m.pool for m in engine.markets.values())
    returned = sum(a.returned for a in engine.accounts.values())
    if cash + pools - returned + engine.fees_collected != deposited:
        raise AssertionError(f"money: {cash} + {pools} - {returned} + {engine.fees_collected} != {deposited}")
    for account in engine.accounts.values():
        if account.tokens:
            _audit_tokens(account)
        required = sum(h.requirement() for h in account.holdings.values())
        required += sum(one.held for one in account.returns.values())
        if account.held != required or account.available < 0 or account.cash % account.grid:
            raise AssertionError(f"{account.account_id}: held {account.held} != {required}, cash {account.cash}")
        _audit_shard(engine, account)
    for ticker, market in engine.markets.items():
        _audit_positions(engine, ticker, market)
        bid, ask = market.book.bids.best, market.book.asks.best
        if bid is not None and ask is not None and bid >= ask:
            raise AssertionError(f"{ticker}: crossed, {bid} >= {ask}")
        for side in (market.book.bids, market.book.asks):
            for level in side.levels.values():
                if level.total != sum(o.remaining for o in level.orders.values()) or level.total <= 0:
                    raise AssertionError(f"{ticker}: a level's total is wrong")


def _audit_shard(engine: Engine, account: Account) -> None:
    """An account has positions, orders and returned collateral in markets of its own shard only."""
    for ticker in account.holdings:
        if (market := engine.markets.get(ticker)) is not None and market.shard != account.shard:
            raise AssertionError(f"{account.account_id}: a position in {ticker}, which is on shard {market.shard}")
    for market in engine.markets.values() if account.returns else ():
        if market.event in account.returns and market.shard != account.shard:
            raise AssertionError(f"{account.account_id}: collateral of {market.event}, on shard {market.shard}")
    if account.shards.get(account.shard) is not account or account.home.shards is not account.shards:
        raise AssertionError(f"{account.account_id}: two accounts of one subaccount on shard {account.shard}")


def _audit_positions(engine: Engine, ticker: str, market: MarketState) -> None:
    """As many YES as NO, and a dollar in the pool for each pair; after the end what the tokens left are worth."""
    holdings = [a.holdings[ticker] for a in engine.accounts.values() if ticker in a.holdings]
    if market.payout is not None:
        owed = sum(worth(a.holdings, ticker, market.payout) for a in engine.accounts.values())
        if (
            market.pool != owed
            or market.open_interest
            or any(h.position for h in holdings if not isinstance(h, TokenHolding))
        ):
            raise AssertionError(f"{ticker}: ended, {owed} owed, pool {market.pool}")
        return
    yes = sum(h.yes.count if isinstance(h, TokenHolding) else max(h.position, 0) for h in holdings)
    no = sum(h.no.count if isinstance(h, TokenHolding) else max(-h.position, 0) for h in holdings)
    if yes != no or market.pool != yes * PRICE_UNITS or market.open_interest != yes:
        raise AssertionError(f"{ticker}: {yes} YES, {no} NO, pool {market.pool}")


def _audit_tokens(account: Account) -> None:
    """What open orders want is there: dollars within each market, tokens over all of an account's orders."""
    for ticker, holding in tokens_of(account):
        counts = (holding.yes.count, holding.no.count, holding.bid_cost, holding.ask_cost, holding.bid_count)
        if min(*counts, holding.ask_count, holding.free(yes=True), holding.free(yes=False)) < 0:
            raise AssertionError(f"{account.account_id}: {ticker} sells or wants what isn't there")
        if holding.wanted > account.cash or holding.position != holding.yes.count - holding.no.count:
            raise AssertionError(f"{account.account_id}: {ticker} wants {holding.wanted} of {account.cash}")
