"""Markets of Protocol V2: which ids are theirs, and that none is read, asked for or signed as the other kind.

Judge: the table of Polymarket's migration guide (version, id field, balance type, signing domain), and the token that
the official SDK signed with domain version "3" (vectors.json).
"""

from __future__ import annotations

import json
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import TypeAdapter

from prediction_mcp.desk.polymarket import lookup
from prediction_mcp.desk.polymarket.account import Account
from prediction_mcp.desk.polymarket.venue import PolymarketVenue, shaped
from prediction_mcp.polymarket import structs
from prediction_mcp.polymarket.errors import InvalidRequestError
from prediction_mcp.polymarket.models import Market, MarketPage
from prediction_mcp.polymarket.orders import Terms, contract_of
from tests.polymarket.test_account import account_at
from tests.polymarket.test_client import answering

V1 = (
    "71321045679252212594626385532706912750332728571942532289631379312455583992563",
    "52114319501245915516055106046884209969926127482827954674443846427813813222426",
)
V2 = (
    "815936903326676622163643583088180723230762743286976155920815330804048592896",
    "815936903326676622163643583088180723230762743286976155920815330804048592897",
)
LISTED: dict[str, Any] = {
    "id": "3", "slug": "largest-company", "question": "Largest company?", "conditionId": "0x" + "5" * 64,
    "outcomes": '["Yes", "No"]', "outcomePrices": '["0.4", "0.6"]', "acceptingOrders": True,
}  # fmt: skip
OLD, NEW = {"clobTokenIds": json.dumps(V1)}, {"positionIds": list(V2)}


def market(**fields: Any) -> Market:
    return TypeAdapter(Market).validate_json(json.dumps({**LISTED, **fields}))


def account(*answers: Any) -> tuple[Account, Any]:
    recorder = answering(*answers)
    client = recorder.client()

    async def opened() -> Any:
        return made

    made = SimpleNamespace(polymarket=client, feeds=SimpleNamespace(book=lambda _: None), source="test", open=opened)
    return cast("Account", made), recorder


@pytest.mark.parametrize(
    ("version", "listed", "ids"),
    [
        ("v1", OLD, V1),
        ("v2", NEW, V2),
        ("v1", {**OLD, **NEW}, V1),
        ("v2", {**OLD, **NEW}, V2),
        ("v2", {**NEW, "clobTokenIds": None}, V2),
        (None, OLD, V1),
        (None, {**OLD, **NEW}, V1),
        ("v2", OLD, ()),
        ("v1", NEW, ()),
        ("v3", {**OLD, **NEW}, ()),
    ],
)
def test_the_version_chooses_the_field_of_ids(
    version: str | None, listed: dict[str, Any], ids: tuple[str, ...]
) -> None:
    found = market(version=version, **listed)
    assert found.token_ids == ids
    assert [outcome.token_id for outcome in found.outcomes] == list(ids or (None, None))


def test_an_unknown_version_is_refused_and_listed_all_the_same() -> None:
    strange = {**LISTED, **OLD, **NEW, "version": "v3"}
    page = TypeAdapter(MarketPage).validate_python({"markets": [strange, {**LISTED, **OLD}]})
    with pytest.raises(InvalidRequestError, match="protocol “v3”, which this server can't trade"):
        lookup.sides_of(page.markets[0])
    assert lookup.sides_of(page.markets[1])[1].token == V1[1]


@pytest.mark.parametrize(("version", "field", "ids"), [("v2", "positionIds", V1), ("v1", "clobTokenIds", V2)])
def test_version_and_ids_that_disagree_are_refused(version: str, field: str, ids: tuple[str, ...]) -> None:
    """Orders are signed by the bits of the id, so an id of the other kind would go to the wrong contract."""
    with pytest.raises(InvalidRequestError, match="its ids are of another protocol"):
        lookup.sides_of(market(version=version, **{field: list(ids)}))


@pytest.mark.parametrize(("version", "listed"), [("v1", OLD), ("v2", NEW)])
@pytest.mark.parametrize("neg_risk", [False, True])
def test_the_contract_that_orders_are_signed_for_is_the_versions(
    version: str, listed: dict[str, Any], neg_risk: bool
) -> None:
    """PROTOCOL_V2's domain has version "3" (test_vectors.py), the other two have "2"."""
    v1 = structs.NEG_RISK if neg_risk else structs.STANDARD
    for side in lookup.sides_of(market(version=version, **listed)):
        contract = contract_of(side.token, Terms(Decimal("0.01"), neg_risk))
        assert contract == (structs.PROTOCOL_V2 if version == "v2" else v1)


@pytest.mark.parametrize(("token", "field"), [(V1[1], "clob_token_ids"), (V2[1], "position_ids")])
async def test_a_market_is_looked_up_by_the_field_of_its_id(token: str, field: str) -> None:
    desk, recorder = account({"markets": [{**LISTED, **OLD, **NEW, "version": "v1" if token in V1 else "v2"}]})
    side = await lookup.side(desk, token, None)
    assert (side.token, side.index) == (token, 1)
    assert {name for name in recorder.asked[0][2] if name.endswith("ids")} == {field}


@pytest.mark.parametrize(("token", "kind"), [(None, "COLLATERAL"), (V1[0], "CONDITIONAL"), (V2[0], "CONDITIONAL-V2")])
async def test_balances_are_asked_for_by_kind(token: str | None, kind: str) -> None:
    recorder = answering({"balance": "5", "allowances": {}})
    await account_at(recorder).balance(token)
    assert recorder.asked[0][2]["asset_type"] == kind


async def test_open_orders_of_a_token_name_their_market() -> None:
    """Required from 14 December 2026 on."""
    recorder = answering({"data": [], "next_cursor": "LTE="})
    await account_at(recorder).open_orders("0x" + "5" * 64, V2[0])
    assert recorder.asked[0][2] == {"market": "0x" + "5" * 64, "asset_id": V2[0]}
    with pytest.raises(InvalidRequestError, match="condition id"):
        await account_at(recorder).open_orders(token_id=V2[0])


@pytest.mark.parametrize("listed", [{"version": "v2", **OLD}, {"outcomes": '["A", "B", "C"]', "outcomePrices": "[]"}])
async def test_work_across_platforms_ends_with_a_sentence_where_there_is_no_book(listed: dict[str, Any]) -> None:
    """Pairs read the first outcome's book and prices; a market without ids ended in an IndexError."""
    desk, _ = account({})
    venue, found = PolymarketVenue(desk), shaped(market(**listed))
    for read in (venue.book(found), venue.history(found, 24)):
        with pytest.raises(InvalidRequestError, match="no order book"):
            await read
