"""Block trades: two members agree on a trade outside the book; it is carried out once both have accepted.

Who proposes has accepted. What is proposed stays in memory: a restart calls open proposals off.
"""

from __future__ import annotations

import uuid
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .ledger import Account
from .matching import ASK, BID
from .rejection import EXCHANGE, RejectionError

if TYPE_CHECKING:
    from ..simulation import Exchange
    from ..world.listed import Market

MAX_OPEN = 100
"""Open proposals of one member."""
KEPT = 1_000
"""Proposals that are over and still remembered."""


@dataclass(slots=True, eq=False)
class Proposal:
    """A trade that needs the yes of both. ``price`` is price units of YES, ``count`` count units."""

    proposal_id: str
    serial: int
    proposer: Account
    buyer: Account
    seller: Account
    market: Market
    price: int
    count: int
    maker_side: str
    expires_ms: int
    created_ms: int
    updated_ms: int
    status: str = "open"
    buyer_accepted_ms: int = 0
    seller_accepted_ms: int = 0
    executed_ms: int = 0
    buyer_order_id: str = ""
    seller_order_id: str = ""


class BlockTrades:
    """All proposals of an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._over: deque[str] = deque()
        self._serial = 0
        self.proposals: dict[str, Proposal] = {}

    def propose(
        self,
        proposer: Account,
        buyer: Account,
        seller: Account,
        market: Market,
        price: int,
        count: int,
        maker_side: str,
        expires_ms: int,
        now_ms: int,
    ) -> Proposal:
        """Propose a trade to the other side.

        Raises:
            RejectionError: between accounts of one member, of others only, over already, or what can't trade.
        """
        if buyer.primary is seller.primary:
            raise RejectionError("invalid_parameters", "a block trade is between two members")
        if proposer.primary not in (buyer.primary, seller.primary):
            raise RejectionError("forbidden", "only the buyer or the seller can propose a block trade", 403)
        if expires_ms <= now_ms:
            raise RejectionError("invalid_parameters", "expiration_ts must be in the future")
        state = self._exchange.engine.markets[market.ticker]
        if not state.is_open:
            raise RejectionError("MARKET_INACTIVE", service=EXCHANGE)
        if price not in state.book.prices or count <= 0:
            raise RejectionError(
                "invalid_parameters", "the price is not on the market's grid, or the count not positive"
            )
        mine = sum(p.status == "open" and p.proposer.primary is proposer.primary for p in self.proposals.values())
        if mine >= MAX_OPEN:
            raise RejectionError("too_many_block_trade_proposals", f"at most {MAX_OPEN} can be open")
        self._serial += 1
        made = Proposal(
            str(uuid.uuid4()), self._serial, proposer, buyer, seller, market, price, count, maker_side, expires_ms,
            now_ms, now_ms,
        )  # fmt: skip
        self.proposals[made.proposal_id] = made
        self._agree(made, proposer, now_ms)
        return made

    def accept(self, proposal: Proposal, account: Account, now_ms: int) -> None:
        """A side says yes, for one of its accounts; the second yes carries the trade out.

        Raises:
            RejectionError: it is over, or one of the two can't carry it; then it stays open.
        """
        if proposal.status != "open":
            raise RejectionError("invalid_parameters", f"the proposal is {proposal.status}")
        buying = account.primary is proposal.buyer.primary
        buyer, seller = (account, proposal.seller) if buying else (proposal.buyer, account)
        if proposal.seller_accepted_ms if buying else proposal.buyer_accepted_ms:
            if not self._exchange.is_trading(proposal.market.event.shard):
                raise RejectionError("trading_is_paused", status=409, service=EXCHANGE)
            taker_side = ASK if proposal.maker_side == "yes" else BID
            bought, sold = self._exchange.engine.cross(
                buyer, seller, proposal.market.ticker, proposal.price, proposal.count, now_ms,
                taker_side=taker_side,
            )  # fmt: skip
            proposal.buyer_order_id, proposal.seller_order_id = bought.order_id, sold.order_id
            proposal.executed_ms = now_ms
            self._end(proposal, "executed", now_ms)
        proposal.buyer, proposal.seller = buyer, seller
        self._agree(proposal, account, now_ms)

    def _agree(self, proposal: Proposal, member: Account, now_ms: int) -> None:
        if member.primary is proposal.buyer.primary:
            proposal.buyer_accepted_ms = now_ms
        else:
            proposal.seller_accepted_ms = now_ms
        proposal.updated_ms = now_ms

    def advance(self, now_ms: int) -> None:
        """End what nobody accepted in time, or has no market any more."""
        for proposal in [p for p in self.proposals.values() if p.status == "open"]:
            if proposal.expires_ms <= now_ms or not self._exchange.engine.markets[proposal.market.ticker].is_open:
                self._end(proposal, "expired", now_ms)

    def _end(self, proposal: Proposal, status: str, now_ms: int) -> None:
        proposal.status, proposal.updated_ms = status, now_ms
        self._over.append(proposal.proposal_id)
        if len(self._over) > KEPT:
            del self.proposals[self._over.popleft()]
