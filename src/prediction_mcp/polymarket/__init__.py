"""A typed client for Polymarket, usable alone. So far it reads, and makes and signs orders; nothing sends them yet.

>>> async with PolymarketClient() as polymarket:
...     book = await polymarket.orderbook(token_id)

Signing takes the extra ``[polymarket]``, which is loaded when it is first needed.
"""

from .client import PolymarketClient
from .errors import PolymarketError

__all__ = ["PolymarketClient", "PolymarketError"]
