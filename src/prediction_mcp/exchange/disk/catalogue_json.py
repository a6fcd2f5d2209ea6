"""Series, events and markets as JSON for the disk, and back."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

import msgspec

from ..world.fair import ComboFair, ExclusiveFair, Fair, NumberFair, ScalarFair, SharedFair
from ..world.listed import Catalogue, Event, Market, Question, Series, leg_of

KINDS: dict[str, type[ExclusiveFair | NumberFair | ScalarFair]] = {
    kind.__name__: kind for kind in (ExclusiveFair, NumberFair, ScalarFair)
}


def _plain(item: Any, *without: str) -> dict[str, Any]:
    return {field.name: getattr(item, field.name) for field in fields(item) if field.name not in without}


def pack_series(item: Series) -> bytes:
    return msgspec.json.encode(_plain(item))


def pack_event(item: Event) -> bytes:
    """An event with what it is worth; its markets are packed apart. A combo's legs are those of its market."""
    fair = _pack_fair(item.fair)
    return msgspec.json.encode({**_plain(item, "series", "fair", "markets"), "fair": fair})


def _pack_fair(fair: Fair) -> dict[str, Any]:
    packed = {"kind": type(fair).__name__, **_plain(fair, "legs", "base")}
    return {**packed, "base": _pack_fair(fair.base)} if isinstance(fair, SharedFair) else packed


def pack_market(item: Market) -> bytes:
    return msgspec.json.encode(_plain(item, "event"))


def unpack_series(body: bytes) -> Series:
    read = msgspec.json.decode(body)
    read["fee_multiplier"] = Decimal(read["fee_multiplier"])
    read["source"] = tuple(read["source"])
    return Series(**read)


def unpack_event(body: bytes, series: Series) -> Event:
    """The event without its markets; a combo's legs are tied by :func:`tie_legs` once all events are there."""
    read = msgspec.json.decode(body)
    if read["fee_multiplier"] is not None:
        read["fee_multiplier"] = Decimal(read["fee_multiplier"])
    return Event(**{**read, "series": series, "fair": _unpack_fair(read["fair"])})


def _unpack_fair(read: dict[str, Any]) -> Fair:
    kind = read.pop("kind")
    if kind == ComboFair.__name__:
        return ComboFair(decided=read["decided"])
    if kind == SharedFair.__name__:
        read["base"] = _unpack_fair(read["base"])
        read["picks"] = [tuple(pick) for pick in read["picks"]]
        read["ranges"] = [tuple(bounds) for bounds in read["ranges"]]
        return SharedFair(**read)
    if "ranges" in read:
        read["ranges"] = [tuple(bounds) for bounds in read["ranges"]]
    return KINDS[kind](**read)


def unpack_market(body: bytes, event: Event) -> Market:
    read = msgspec.json.decode(body)
    for name in ("floor_strike", "cap_strike"):
        if read[name] is not None:
            read[name] = Decimal(read[name])
    read["legs"] = [tuple(leg) for leg in read["legs"]]
    if read.get("question") is not None:
        read["question"] = Question(**read["question"])
    return Market(event=event, **read)


def tie_legs(catalogue: Catalogue) -> None:
    """Give every combo the fair values of its legs, which are other events'."""
    for event in catalogue.events.values():
        if isinstance(event.fair, ComboFair) and event.fair.decided is None:
            event.fair.legs = [leg_of(catalogue, ticker, side) for _, ticker, side in event.markets[0].legs]


def tie_shared(catalogue: Catalogue, world: Catalogue) -> None:
    """Give events that ask what another front's events ask those events' fair values, where they are still listed."""
    for event in catalogue.events.values():
        if isinstance(event.fair, SharedFair) and event.fair.decided is None and event.fair.of in world.events:
            event.fair.base = world.events[event.fair.of].fair
