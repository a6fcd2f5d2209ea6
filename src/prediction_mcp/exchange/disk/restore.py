"""An exchange read back from its disk: the same books, in the same order, and the same money."""

from __future__ import annotations

import heapq
from collections import deque

import msgspec

from ..engine.audit import audit
from ..engine.collateral import release
from ..engine.engine import Engine
from ..engine.groups import OrderGroup
from ..engine.ledger import Account, Returned
from ..engine.market_state import TAPE_LENGTH, Trade
from ..engine.netting import hold_again
from ..engine.rfq import Rfq
from ..world.listed import Catalogue, Series
from .archive import Archive
from .catalogue_json import tie_legs, unpack_event, unpack_market, unpack_series
from .rfq_json import unpack_rfq
from .store import ORDER_COLUMNS, POSITION_FIELDS, Store, StoreError, read_holding


def restore_catalogue(store: Store) -> Catalogue:
    """Everything listed, in listing order."""
    series: dict[str, Series] = {}
    catalogue = Catalogue()
    for ticker, body in store.db.execute("SELECT ticker, body FROM series"):
        series[ticker] = unpack_series(body)
    for ticker, series_ticker, body in store.db.execute("SELECT ticker, series, body FROM events ORDER BY position"):
        catalogue.events[ticker] = unpack_event(body, series[series_ticker])
    for event_ticker, body in store.db.execute("SELECT event, body FROM markets ORDER BY position"):
        event = catalogue.events[event_ticker]
        event.markets.append(unpack_market(body, event))
    for event in list(catalogue.events.values()):
        catalogue.add(event)
    tie_legs(catalogue)
    catalogue.serial, catalogue.scenario = store.db.execute("SELECT serial, scenario FROM exchange").fetchone()
    return catalogue


def restore_engine(
    store: Store, catalogue: Catalogue, engine: Engine, groups: dict[str, OrderGroup], archive: Archive
) -> None:
    """Fill an empty engine with accounts, books and positions, and check every law over them.

    Raises:
        StoreError: what the file says doesn't add up; nothing should be traded on it.
    """
    db = store.db
    (engine.sequence, engine.fees_collected) = db.execute("SELECT sequence, fees_collected FROM exchange").fetchone()
    _restore_markets(store, catalogue, engine)
    _restore_accounts(store, engine)
    for group_id, account_id, limit, triggered, trades in db.execute('SELECT * FROM "groups"'):
        group = groups[group_id] = OrderGroup(group_id, engine.accounts[account_id], limit, bool(triggered))
        group.trades = deque((at, count) for at, count in msgspec.json.decode(trades))
        group.total = sum(count for _, count in group.trades)
    _restore_orders(store, engine, archive)
    for account_id, event, amount, decided in db.execute("SELECT * FROM returns"):
        engine.accounts[account_id].returns[event] = Returned(amount, decided=bool(decided))
    for account in engine.accounts.values():
        account.held = sum(holding.requirement() for holding in account.holdings.values())
        for event in list(account.returns):
            hold_again(account, event, engine.markets)
    try:
        audit(engine)
    except AssertionError as error:
        raise StoreError(f"The paper exchange on disk doesn't add up ({error}); “paper reset” begins anew.") from None


def restore_rfqs(store: Store, catalogue: Catalogue, engine: Engine) -> list[Rfq]:
    """Requests for quotes, oldest first; those whose market isn't listed any more are gone."""
    rows = store.db.execute("SELECT body FROM rfqs ORDER BY serial")
    found = (unpack_rfq(body, engine.accounts, catalogue.markets) for (body,) in rows)
    return [rfq for rfq in found if rfq is not None]


def _restore_markets(store: Store, catalogue: Catalogue, engine: Engine) -> None:
    now_ms = store.last_ms
    for ticker, is_open, pool, open_interest, volume, last_price in store.db.execute("SELECT * FROM trading"):
        market = catalogue.markets[ticker]
        event = market.event
        state = engine.add_market(
            ticker, market.grid, market.fees_at(now_ms), exclusive=event.exclusively, shard=event.shard
        )
        state.is_open = bool(is_open)
        state.payout = market.value if market.settled_ms else None
        state.pool, state.open_interest, state.volume, state.last_price = pool, open_interest, volume, last_price
        newest = store.db.execute(
            "SELECT seq, ts_ms, price, count, taker_side, is_block FROM trades WHERE ticker = ?"
            " ORDER BY ts_ms DESC, seq DESC LIMIT ?",
            (ticker, TAPE_LENGTH),
        )
        for seq, ts_ms, price, count, side, is_block in newest:
            state.trades.appendleft(Trade(seq, ts_ms, price, count, side, bool(is_block)))


def _restore_accounts(store: Store, engine: Engine) -> None:
    rows = store.db.execute("SELECT * FROM accounts ORDER BY shard, number, rowid")
    for account_id, owner, number, grid, keeps_history, cash, deposited, updated_ms, netting, tokens, shard in rows:
        if shard:
            account = engine.accounts[account_id.removesuffix(f"#{shard}")].on(shard)
        else:
            parent = engine.accounts[owner] if number else None
            account = Account(account_id, grid, bool(keeps_history), number, parent, bool(netting), bool(tokens))
        account.cash, account.deposited, account.updated_ms = cash, deposited, updated_ms
        engine.add_account(account)
    columns = ", ".join((*POSITION_FIELDS, "lots"))
    for account_id, ticker, *row in store.db.execute(
        f"SELECT account_id, ticker, {columns} FROM positions WHERE NOT settled"
    ):
        engine.accounts[account_id].holdings[ticker] = read_holding(tuple(row))


def _restore_orders(store: Store, engine: Engine, archive: Archive) -> None:
    """Every resting order goes back to its place: ``queued`` tells who came first at a price."""
    columns = ", ".join(ORDER_COLUMNS)
    for row in store.db.execute(f"SELECT {columns} FROM orders WHERE status = 'resting' ORDER BY queued"):
        order = archive.read_order(row)
        account = order.account
        release(account.holding(order.ticker), order, -order.remaining, -order.fee_hold, -order.slack)
        engine.markets[order.ticker].book.side(order.side).add(order)
        if account.keeps_history:
            account.orders[order.order_id] = order
        if order.group is not None:
            order.group.orders[order.order_id] = order
        if order.expires_ms:
            heapq.heappush(engine.expiries, (order.expires_ms, order.seq, order))
