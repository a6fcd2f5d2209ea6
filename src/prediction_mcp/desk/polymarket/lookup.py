"""Finding what was meant: a market by link, slug, condition id, token id or number; an outcome by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from prediction_mcp.polymarket.errors import InvalidRequestError, NotFoundError
from prediction_mcp.polymarket.models import Event, Market
from prediction_mcp.polymarket.orders import is_protocol_v2
from prediction_mcp.safety.text import clean, cut, quoted

if TYPE_CHECKING:
    from .account import Account

CONDITION = re.compile(r"0x[0-9a-fA-F]{64}")
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,199}")
NUMBER = re.compile(r"[0-9]{1,12}")
TOKEN = re.compile(r"[0-9]{13,78}")
HOSTS = ("polymarket.com", "www.polymarket.com")
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
            raise NotFoundError(await _nothing(account, name), status=404) from None
    else:
        raise NotFoundError(await _nothing(account, text), status=404)
    if not found:
        raise NotFoundError("Polymarket lists no market with this id.", status=404)
    return found[0]


async def event(account: Account, text: str) -> Event:
    """An event with its markets. Raises NotFoundError."""
    name = _name_of(text, event=True)
    if not (NUMBER.fullmatch(name) or SLUG.fullmatch(name)):
        raise NotFoundError(await _nothing(account, text), status=404)
    try:
        return await account.polymarket.event(name)
    except NotFoundError:
        raise NotFoundError(await _nothing(account, name, what="event"), status=404) from None


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
    """Slug or id out of what was given; a link's last part names a market, its first after ``event`` an event."""
    text = text.strip()
    if "/" not in text:
        return text.lower() if SLUG.fullmatch(text.lower()) else text
    address = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
    except ValueError:
        return text
    pieces = [unquote(piece).lower() for piece in parts.path.split("/") if piece]
    if host not in HOSTS or not pieces:
        raise InvalidRequestError("That is no link to Polymarket.")
    after = pieces[1:] if pieces[0] in ("event", "market", "markets", "sports") else pieces
    if not after:
        raise InvalidRequestError("That link names no market.")
    return after[0] if event else after[-1]


async def _nothing(account: Account, words: str, what: str = "market") -> str:
    sentence = cut(clean(words), QUOTED)
    found = await account.polymarket.search(sentence.replace("-", " "), limit=BEST)
    if what == "event":
        near = [e.slug for e in found.events if e.slug]
    else:
        exact = [e for e in found.events if e.slug == words]
        if exact:
            names = [m.slug for m in exact[0].markets if m.slug]
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            return f"{words} is an event, not a market: its markets are {', '.join(names[:NAMED])}{more}."
        near = [m.slug for e in found.events for m in e.markets[:1] if m.slug]
    if near:
        return f"There is no {what} “{sentence}”: perhaps {' or '.join(near[:BEST])} was meant."
    return f"There is no {what} “{sentence}” at Polymarket: look with polymarket_search_markets."
