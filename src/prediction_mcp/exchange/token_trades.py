"""Trades as Polymarket records them: one taker's order against every resting order it met, each at its own price.

The engine counts every pair of orders as a trade of its own. Here the pairs of one taker's order become one trade,
which has one id, goes into the chain as a whole and fails as a whole.

Source: Polymarket's documentation of trades; a recorded frame of the user feed names three maker orders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from .disk.archive import Where
from .engine import tokens
from .engine.matching import BID, Order

if TYPE_CHECKING:
    from .second import PolymarketExchange

KIND = "trade"


class Part(msgspec.Struct):
    """One order's part of a trade.

    ``yes``: of the market's first outcome. ``price``: price units of a YES; a maker's fill, or the taker's limit.
    ``wallet``: "" for the crowd, whose orders have no outcome of their own.
    """

    order_id: str
    wallet: str
    yes: bool
    sells: bool
    price: int
    count: int = 0
    seq: int = 0


class TokenTrade(msgspec.Struct):
    """One taker's order against those it met. ``trade_id`` is the engine's id of the first pair."""

    trade_id: str
    ticker: str
    matched_ms: int
    taker: Part
    makers: list[Part]

    def names(self, wallets: Iterable[str]) -> bool:
        """Whether any of these wallets took part."""
        return not {self.taker.wallet, *(maker.wallet for maker in self.makers)}.isdisjoint(wallets)


def _part(order: Order, price: int, other: Order, count: int = 0, seq: int = 0) -> Part:
    """An order's part. The crowd holds no tokens: against a member's order it is shown as trading the same outcome."""
    if order.account.tokens:
        return Part(order.order_id, order.account.account_id, tokens.is_yes(order), order.sells, price, count, seq)
    yes = tokens.is_yes(other) if other.account.tokens else order.side == BID
    return Part(order.order_id, "", yes, (order.side == BID) != yes, price, count, seq)


class TokenTrades:
    """Gathers the engine's pairs into trades, keeps those of members, and takes back those that fail."""

    def __init__(self, exchange: PolymarketExchange) -> None:
        self._exchange = exchange
        self._taker: Order | None = None
        self._trade_id = ""
        self._seq = 0
        self._met: list[tuple[int, Order, int, int]] = []
        """Orders that the newest taker's order met: (sequence, order, price, count)."""
        self._failing: dict[str, tuple[int, list[tokens.Half]]] = {}
        """Halves of trades that will fail, with the time of the match."""
        exchange.engine.traded = self._on_half

    def _on_half(self, seq: int, order: Order, price: int, count: int, fee: int) -> None:
        """Take in one half of a pair; the taker's half comes first."""
        exchange = self._exchange
        if seq != self._seq:
            self._seq = seq
            if order is not self._taker:
                self._taker, self._trade_id, self._met = order, exchange.engine.trade_id(seq), []
                if exchange.faults.rules and exchange.faults.for_trade():
                    self._failing[self._trade_id] = order.updated_ms, []
        else:
            self._met.append((seq, order, price, count))
            taker = self._taker
            if taker is not None and any(o.account.tokens for o in (taker, *(m[1] for m in self._met))):
                self._keep(taker)
        if self._trade_id in self._failing:
            self._failing[self._trade_id][1].append(tokens.Half(order, price, count, fee))

    def _keep(self, taker: Order) -> None:
        makers = [_part(order, price, taker, count, seq) for seq, order, price, count in self._met]
        member = next((order for _, order, *_ in self._met if order.account.tokens), self._met[-1][1])
        part = _part(taker, taker.price, member, sum(maker.count for maker in makers))
        trade = TokenTrade(self._trade_id, taker.ticker, taker.updated_ms, part, makers)
        self._write(trade)
        if self._exchange.feed is not None:
            self._exchange.feed.matched(trade)

    def _write(self, trade: TokenTrade) -> None:
        self._exchange.changes.extras[KIND, trade.trade_id] = msgspec.json.encode(trade)

    def of(self, wallets: Iterable[str]) -> Iterator[TokenTrade]:
        """Trades in which any of the wallets took part, newest first, as they are on disk."""
        wanted = set(wallets)
        for _, body in self._exchange.store.extras(KIND, newest_first=True):
            trade = msgspec.json.decode(body, type=TokenTrade)
            if trade.names(wanted):
                yield trade

    def fail(self, due_ms: int, now_ms: int) -> Iterator[str]:
        """Take back the failing trades matched until ``due_ms``; yields their ids. What is spent meanwhile stays."""
        for trade_id, (matched_ms, halves) in list(self._failing.items()):
            if matched_ms > due_ms:
                continue
            del self._failing[trade_id]
            if tokens.take_back(self._exchange.engine, halves, now_ms):
                yield trade_id

    def adopt(self) -> None:
        """Make trades of the fills in a file of a release that kept none: each pair becomes a trade."""
        exchange = self._exchange
        if next(exchange.store.extras(KIND), None) is not None:
            return
        pairs: dict[int, dict[bool, Part]] = {}
        times: dict[int, tuple[str, int]] = {}
        for account in [a for a in exchange.engine.accounts.values() if a.tokens]:
            for fill in exchange.archive.fills(account):
                where = Where().add("order_id = ?", fill.order_id)
                order = account.orders.get(fill.order_id) or next(exchange.archive.orders(account, where), None)
                if order is not None:
                    price = order.price if fill.is_taker else fill.price
                    yes = tokens.is_yes(order)
                    part = Part(order.order_id, account.account_id, yes, order.sells, price, fill.count, fill.seq)
                    pairs.setdefault(fill.seq, {})[fill.is_taker] = part
                    times[fill.seq] = fill.ticker, fill.ts_ms
                    met = Part(f"{fill.fill_id}/other", "", yes, not order.sells, fill.price, fill.count, fill.seq)
                    pairs[fill.seq].setdefault(not fill.is_taker, met)
        for seq, pair in sorted(pairs.items()):
            self._write(TokenTrade(exchange.engine.trade_id(seq), *times[seq], pair[True], [pair[False]]))
