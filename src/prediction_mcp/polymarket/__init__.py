"""A typed client for Polymarket, usable alone: what is listed, offered and held, and the orders of one wallet.

>>> async with PolymarketClient() as polymarket:
...     book = await polymarket.orderbook(token_id)

:class:`PolymarketAccount` places and cancels; signing takes the extra ``[polymarket]``, loaded when it is first
needed. The feeds are :class:`.feed.Feed` (books that say when they aren't right) and :class:`.user_feed.UserFeed`.
"""

from .account import PolymarketAccount
from .client import PolymarketClient
from .errors import PolymarketError

__all__ = ["PolymarketAccount", "PolymarketClient", "PolymarketError"]
