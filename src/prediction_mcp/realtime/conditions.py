"""When an update is worth a word: pure. Prices are dollars of YES."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """What is known of a market's prices; None where nobody quotes or traded."""

    last: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None

    @property
    def price(self) -> Decimal | None:
        """The middle where both sides are quoted, else the last price."""
        if self.bid is not None and self.ask is not None:
            return (self.bid + self.ask) / 2
        return self.last


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
                true["above"] = f"{_cents(price)} is above {_cents(c.above)}"
            if c.below is not None and price < c.below:
                true["below"] = f"{_cents(price)} is below {_cents(c.below)}"
            if c.moved is not None and abs(price - self.anchor) >= c.moved:
                true["moved"] = f"moved from {_cents(self.anchor)} to {_cents(price)}"
                self.anchor = price
        if c.spread_below is not None and quote.bid is not None and quote.ask is not None:
            spread = quote.ask - quote.bid
            if spread < c.spread_below:
                true["spread"] = f"spread {_cents(spread)} is below {_cents(c.spread_below)}"
        new = [said for name, said in true.items() if name not in self.was or name == "moved"]
        self.was = frozenset(true)
        return "; ".join(new) or None


def _cents(price: Decimal) -> str:
    return f"{(price * 100).normalize():f}¢"
