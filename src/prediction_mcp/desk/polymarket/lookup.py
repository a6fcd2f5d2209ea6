"""Finding what was meant: a market by link, slug, condition id, token id or number; an outcome by its name."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prediction_mcp.polymarket.errors import InvalidRequestError, NotFoundError
from prediction_mcp.polymarket.models import Event, Market
from prediction_mcp.polymarket.orders import is_protocol_v2
from prediction_mcp.safety.text import clean, cut, quoted

from ..links import link_of

if TYPE_CHECKING:
    from .account import Account

CONDITION = re.compile(r"0x[0-9a-fA-F]{64}")
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,199}")
NUMBER = re.compile(r"[0-9]{1,12}")
TOKEN = re.compile(r"[0-9]{13,78}")
QUOTED, BEST, NAMED = 80, 3, 12


@dataclass(frozen=True, slots=True)
class Side:
    """One outcome of a market: what is bought and sold."""

    market: Market
    index: int

    @property
    def name(self) -> str:
        return self.market.outcome_names[self.index]

    @property
    def token(self) -> str:
        return self.market.token_ids[self.index]

    @property
    def condition(self) -> str:
        return self.market.condition_id or ""


async def market(account: Account, text: str) -> Market:
    """A market. Raises NotFoundError that says what was probably meant."""
    name, client = _name_of(text), account.polymarket
    if CONDITION.fullmatch(name):
        found = [m async for m in client.markets(condition_ids=name.lower())]
    elif TOKEN.fullmatch(name):
        field = "position_ids" if is_protocol_v2(name) else "clob_token_ids"
        found = [m async for m in client.markets(**{field: name})]
    elif NUMBER.fullmatch(name) or SLUG.fullmatch(name):
        try:
            found = [await client.market(name)]
        except NotFoundError:
            found = [await _only_market_of(account, name)]
    else:
        raise NotFoundError(await _nothing(account, text), status=404)
    if not found:
        raise NotFoundError("Polymarket lists no market with this id.", status=404)
    return found[0]


async def event(account: Account, text: str) -> Event:
    """An event with its markets, by its own name or by a market's. Raises NotFoundError."""
    name = _name_of(text, event=True)
    if not (NUMBER.fullmatch(name) or SLUG.fullmatch(name)):
        raise NotFoundError(await _nothing(account, text), status=404)
    client = account.polymarket
    with contextlib.suppress(NotFoundError):
        return await client.event(name)
    with contextlib.suppress(NotFoundError):
        slug = (await client.market(name)).event_slug
        if slug is not None:
            return await client.event(slug)
    raise NotFoundError(await _nothing(account, name, what="event"), status=404)


async def side(account: Account, text: str, outcome: str | None) -> Side:
    """A market's outcome; without a name its first one, and that of the token where a token id was given."""
    found = await market(account, text)
    token = _name_of(text)
    if outcome is None and token in found.token_ids:
        return sides_of(found)[found.token_ids.index(token)]
    return side_of(found, outcome)


def sides_of(found: Market) -> tuple[Side, Side]:
    """Both outcomes of a market. The only way from a market to ids that books and orders use.

    Raises:
        InvalidRequestError: the market isn't of two outcomes with an order book, its protocol version is unknown, or
            its ids are of another protocol than its version says (bits 40 to 103, which decide how orders are signed).
    """
    version = found.version or "v1"
    if version not in ("v1", "v2"):
        raise InvalidRequestError(
            f"This market uses Polymarket's protocol “{quoted(version)}”, which this server can't trade: update it."
        )
    ids = found.token_ids
    if len(found.outcome_names) != 2 or len(ids) != 2:
        raise InvalidRequestError("This market has no order book.")
    if any(is_protocol_v2(token) != (version == "v2") for token in ids):
        raise InvalidRequestError(
            f"Polymarket lists this market as protocol {version}, but its ids are of another protocol: try again later."
        )
    return Side(found, 0), Side(found, 1)


def side_of(found: Market, outcome: str | None) -> Side:
    """An outcome by its own name: "yes" where the outcomes are Up and Down is nobody's.

    Raises:
        InvalidRequestError: the market has no such outcome, or no order book.
    """
    sides = sides_of(found)
    if outcome is None:
        return sides[0]
    names = [clean(name).casefold() for name in found.outcome_names]  # as they are shown
    wanted = clean(outcome).casefold()
    if names.count(wanted) > 1:
        raise InvalidRequestError("Both outcomes of this market have the same name: it can't be told which is meant.")
    if wanted not in names:
        listed = " or ".join(f"“{quoted(name)}”" for name in found.outcome_names)
        raise InvalidRequestError(f"The outcomes of this market are {listed}.")
    return sides[names.index(wanted)]


def _name_of(text: str, *, event: bool = False) -> str:
    """Slug or id out of what was given; a link's last part names a market, its first after ``event`` an event.

    Sports pages name a league first, then perhaps a week, then the game: polymarket.com/sports/nba/games/week/3/…
    """
    text = text.strip()
    link = link_of(text)
    if link is None and "/" not in text:
        return text.lower() if SLUG.fullmatch(text.lower()) else text
    if link is None or link.platform != "polymarket" or not link.parts:
        raise InvalidRequestError("That is no link to Polymarket.")
    parts = [part.lower() for part in link.parts]
    if parts[0] == "sports":
        parts = [part for part in parts[2:] if "-" in part]
    elif parts[0] in ("event", "market", "markets"):
        del parts[0]
    if not parts:
        raise InvalidRequestError("That link names no market.")
    return parts[0] if event else parts[-1]


async def _only_market_of(account: Account, name: str) -> Market:
    """The market of an event that has only one. Raises NotFoundError that says what was probably meant."""
    try:
        found = await account.polymarket.event(name)
    except NotFoundError:
        raise NotFoundError(await _nothing(account, name), status=404) from None
    names = [m.slug or m.id for m in found.markets if m.active is not False]
    if len(names) == 1:
        return await account.polymarket.market(names[0])
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    listed = f"its markets are {', '.join(names[:NAMED])}{more}" if names else "it has no markets"
    raise NotFoundError(f"{name} is an event, not a market: {listed}.", status=404)


async def _nothing(account: Account, words: str, what: str = "market") -> str:
    sentence = cut(clean(words), QUOTED)
    found = await account.polymarket.search(sentence.replace("-", " "), limit=BEST)
    if what == "event":
        near = [e.slug for e in found.events if e.slug]
    else:
        near = [m.slug for e in found.events for m in e.markets[:1] if m.slug]
    if near:
        return f"There is no {what} “{sentence}”: perhaps {' or '.join(near[:BEST])} was meant."
    return f"There is no {what} “{sentence}” at Polymarket: look with polymarket_search_markets."
