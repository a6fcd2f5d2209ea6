"""When an update is worth a word: pure. Prices are dollars of YES."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from prediction_mcp.net.words import cents

from .events import Quote


@dataclass(frozen=True, slots=True)
class Condition:
    """Any of these that is given; ``moved`` is from the price at which it last spoke, or began."""

    above: Decimal | None = None
    below: Decimal | None = None
    moved: Decimal | None = None
    spread_below: Decimal | None = None

    @property
    def is_given(self) -> bool:
        return any(v is not None for v in (self.above, self.below, self.moved, self.spread_below))


@dataclass(slots=True)
class Alarm:
    """A condition and what it last saw: it speaks when it becomes true, not as long as it is."""

    condition: Condition
    was: frozenset[str] = frozenset()
    anchor: Decimal | None = None

    def check(self, quote: Quote) -> str | None:
        """What became true with this quote, in words."""
        price, true = quote.price, dict[str, str]()
        c = self.condition
        if price is not None:
            if self.anchor is None:
                self.anchor = price
            if c.above is not None and price > c.above:
                true["above"] = f"{cents(price)} is above {cents(c.above)}"
            if c.below is not None and price < c.below:
                true["below"] = f"{cents(price)} is below {cents(c.below)}"
            if c.moved is not None and abs(price - self.anchor) >= c.moved:
                true["moved"] = f"moved from {cents(self.anchor)} to {cents(price)}"
                self.anchor = price
        if c.spread_below is not None and quote.bid is not None and quote.ask is not None:
            spread = quote.ask - quote.bid
            if spread < c.spread_below:
                true["spread"] = f"spread {cents(spread)} is below {cents(c.spread_below)}"
        new = [text for name, text in true.items() if name not in self.was or name == "moved"]
        self.was = frozenset(true)
        return "; ".join(new) or None
