"""Nothing is sent without a yes to exactly what was shown: real sessions in both eras."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from mcp_types import CallToolRequestParams
from mcp_types import ElicitResult as WireResult

from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.server import create_server
from tests.conftest import MARKET, Served
from tests.safety.conftest import ORDER, REAL, YES, Open, traded
from tests.tools.conftest import settings_for

TIGHT = {"confirm_timeout": 0.3}


@pytest.fixture(params=[False, True], ids=["all", "lean"])
def lean(request: pytest.FixtureRequest) -> bool:
    """Everything here holds through the search and the call of a small context, too."""
    return bool(request.param)


async def test_an_accept_sends_exactly_what_was_shown(desk: Open, served: Served) -> None:
    async with desk([YES]) as at:
        placed = await at.call("kalshi_create_order", **ORDER)
    (asked,) = at.person.asked
    for said in (
        "Buy 5 yes at 20¢ ($0.20) or better",
        "Football champion",
        MARKET,
        "Now 5 would fill at 14¢",
        "At worst",
        "Cash: $",
    ):
        assert said in asked
    assert "REAL MONEY" in asked
    (order,) = served.orders.values()
    assert (order.order_id, order.initial, order.price) == (placed["order_id"], 500, 2_000)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ElicitResult(action="decline"), "You declined"),
        (ElicitResult(action="cancel"), "closed without an answer"),
        (ElicitResult(action="accept", content={"confirm": False}), "You declined"),
    ],
)
async def test_anything_but_a_yes_sends_nothing(desk: Open, served: Served, answer: Any, said: str) -> None:
    async with desk([answer]) as at:
        told = await at.error("kalshi_create_order", **ORDER)
    assert said in told
    assert "nothing was sent" in told
    assert traded(served) == 0


async def test_every_write_tool_asks(desk: Open, served: Served) -> None:
    async with desk([YES] * 6) as at:
        resting = await at.call("kalshi_create_order", **ORDER | {"price": 2})
        await at.call("kalshi_amend_order", order_id=resting["order_id"], count=3)
        await at.call("kalshi_cancel_order", order_id=resting["order_id"])
        again = await at.call("kalshi_create_order", **ORDER | {"price": 2})
        await at.call("kalshi_batch_cancel_orders", order_ids=[again["order_id"]])
        await at.call("kalshi_batch_cancel_orders", all=True)
    firsts = [text.splitlines()[0] for text in at.person.asked]
    assert firsts[0].startswith("Buy 5 yes at 2¢")
    assert firsts[1].startswith("Change the order buy yes at 2¢, 5 open")
    assert firsts[2].startswith("Cancel buy yes at 2¢, 3 open, in “Football champion")
    assert firsts[4].startswith("Cancel 1 orders:")
    assert firsts[5].startswith("Cancel every resting order")


async def test_what_cannot_be_sent_is_not_asked_about(desk: Open, served: Served) -> None:
    async with desk([]) as at:
        assert "nearest it takes" in await at.error("kalshi_create_order", **ORDER | {"price": 1.5})
        assert "nothing to cancel" in (await _after_cancel(at, served))
    assert at.person.asked == []


async def _after_cancel(at: Any, served: Served) -> str:
    order = served.exchange.engine.submit(served.member, MARKET, BID, 100, 100, served.exchange.clock())
    served.exchange.engine.cancel(order, served.exchange.clock())
    return str(await at.error("kalshi_cancel_order", order_id=order.order_id))


async def test_over_a_sum_only(desk: Open, served: Served) -> None:
    """5 at 20¢ put a dollar and a fee at stake."""
    async with desk([YES], confirm="over:1") as at:
        await at.call("kalshi_create_order", **ORDER | {"count": 4})
        assert at.person.asked == []
        await at.call("kalshi_create_order", **ORDER)
        assert len(at.person.asked) == 1
    assert traded(served) == 2


async def test_a_person_who_does_not_answer(desk: Open, served: Served, era: str) -> None:
    async def sleeps() -> Any:
        await asyncio.sleep(1)
        return YES

    async with desk([sleeps], **TIGHT) as at:
        told = await at.error("kalshi_create_order", **ORDER)
    assert "nothing was sent" in told
    assert ("Nobody answered" in told) is (era == "legacy")
    assert ("too late" in told) is (era == "auto")
    assert traded(served) == 0


# -- the world moves between question and answer -----------------------------------------------------------------


def moves(served: Served, cents: int) -> Any:
    """A yes that comes after somebody took the book away up to so many cents above the best ask."""

    async def answer() -> Any:
        taker = served.exchange.crowd.takers[0]
        best = 1_400 + (cents - 1) * 100
        served.exchange.engine.submit(
            taker, MARKET, BID, best, 1_000_000, served.exchange.clock(), time_in_force="immediate_or_cancel"
        )
        return YES

    return answer


async def test_a_small_move_is_tolerated(desk: Open, served: Served) -> None:
    async with desk([moves(served, 1)]) as at:
        await at.call("kalshi_create_order", **ORDER)
    assert len(at.person.asked) == 1


async def test_a_price_that_moved_is_asked_about_anew(desk: Open, served: Served) -> None:
    async with desk([moves(served, 3), YES]) as at:
        await at.call("kalshi_create_order", **ORDER)
    assert len(at.person.asked) == 2
    assert at.person.asked[1].startswith("The best price moved from 14¢ to 17¢ since you were asked.")
    assert traded(served) == 1


async def test_a_price_that_moved_can_be_declined(desk: Open, served: Served) -> None:
    async with desk([moves(served, 3), ElicitResult(action="decline")]) as at:
        assert "You declined" in await at.error("kalshi_create_order", **ORDER)
    assert traded(served) == 0


async def test_a_market_that_closed_meanwhile(desk: Open, served: Served) -> None:
    async def closes() -> Any:
        market = served.exchange.catalogue.markets[MARKET]
        market.status, served.exchange.engine.markets[MARKET].is_open = "closed", False
        return YES

    async with desk([closes]) as at:
        assert "takes no orders" in await at.error("kalshi_create_order", **ORDER)
    assert traded(served) == 0


async def test_an_order_that_filled_meanwhile_is_not_changed_unseen(desk: Open, served: Served) -> None:
    async with desk([YES]) as at:
        resting = await at.call("kalshi_create_order", **ORDER | {"price": 13})
    maker = served.exchange.crowd.makers[0]

    async def fills() -> Any:
        served.exchange.engine.submit(maker, MARKET, ASK, 1_300, 200, served.exchange.clock())
        return YES

    async with desk([fills, ElicitResult(action="cancel")]) as at:
        told = await at.error("kalshi_amend_order", order_id=resting["order_id"], count=2)
    assert "closed without an answer" in told
    assert at.person.asked[1].startswith("What would be sent has changed since you were asked.")


async def test_a_market_order_takes_no_worse_than_was_shown(desk: Open, served: Served) -> None:
    """Shown at 14¢; a move within the tolerance must not make it dearer: the rest is cancelled instead."""
    async with desk([moves(served, 1)]) as at:
        done = await at.call(
            "kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=5, order_type="market"
        )
    assert done["order"].endswith("at 14¢")
    assert done["status"].startswith("cancelled")


# -- clients that can't ask --------------------------------------------------------------------------------------


async def test_live_refuses_where_nobody_can_be_asked(desk: Open, served: Served) -> None:
    async with desk(None) as at:
        assert "can't ask its user" in await at.error("kalshi_create_order", **ORDER)
        assert "confirmation" not in await at.parameters("kalshi_create_order")
    assert traded(served) == 0


async def test_a_token_is_good_once_and_for_these_arguments(desk: Open, served: Served) -> None:
    async with desk(None, env="demo") as at:
        assert "confirmation" in await at.parameters("kalshi_create_order")
        first = await at.call("kalshi_create_order", **ORDER)
        assert (first["status"], first["expires_in_seconds"]) == ("nothing was sent yet", 120)
        assert "Buy 5 yes" in first["preview"]
        assert traded(served) == 0
        told = await at.error("kalshi_create_order", **ORDER | {"count": 6}, confirmation=first["confirmation"])
        assert "other arguments" in told
        told = await at.error("kalshi_create_order", **ORDER, confirmation=first["confirmation"])
        assert "used already" in told  # a wrong use spends it too
        second = await at.call("kalshi_create_order", **ORDER)
        await at.call("kalshi_create_order", **ORDER, confirmation=second["confirmation"])
        assert traded(served) == 1
        assert "used already" in await at.error("kalshi_create_order", **ORDER, confirmation=second["confirmation"])
        other = await at.call("kalshi_batch_cancel_orders", all=True)
        told = await at.error("kalshi_create_order", **ORDER, confirmation=other["confirmation"])
        assert "other arguments" in told
        assert "unknown" in await at.error("kalshi_create_order", **ORDER, confirmation="made-up")
    assert traded(served) == 1


async def test_a_token_runs_out(desk: Open, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(None, env="demo") as at:
        first = await at.call("kalshi_create_order", **ORDER)
        monkeypatch.setattr("prediction_mcp.safety.confirmation.monotonic", lambda: 1e12)
        assert "too late" in await at.error("kalshi_create_order", **ORDER, confirmation=first["confirmation"])
    assert traded(served) == 0


async def test_a_token_from_another_session_is_unknown(desk: Open, served: Served) -> None:
    async with desk(None, env="demo") as one, desk(None, env="demo") as other:
        first = await one.call("kalshi_create_order", **ORDER)
        assert "unknown" in await other.error("kalshi_create_order", **ORDER, confirmation=first["confirmation"])
    assert traded(served) == 0


async def test_two_confirmations_in_flight(desk: Open, served: Served) -> None:
    async with desk(None, env="demo") as at:
        cheap, dear = ORDER | {"price": 2}, ORDER | {"price": 3}
        one, two = await at.call("kalshi_create_order", **cheap), await at.call("kalshi_create_order", **dear)
        await at.call("kalshi_create_order", **dear, confirmation=two["confirmation"])
        await at.call("kalshi_create_order", **cheap, confirmation=one["confirmation"])
    assert [order.price for order in served.orders.values()] == [300, 200]
    async with desk([YES, YES]) as at:
        await asyncio.gather(
            at.call("kalshi_create_order", **cheap | {"count": 1}),
            at.call("kalshi_create_order", **dear | {"count": 2}),
        )
    assert sorted(order.initial for order in served.orders.values()) == [100, 200, 500, 500]


# -- a client that cheats (2026-07-28) ---------------------------------------------------------------------------


async def test_answers_nobody_asked_for_and_replayed_states(served: Served, lean: bool, tmp_path: Path) -> None:
    """The wire below the client: answers without a state, a state twice, a state with other arguments."""
    settings = settings_for(served, tmp_path, **REAL, lean=lean)
    yes = {"confirm": WireResult(action="accept", content={"confirm": True})}

    async def unasked(*_: Any) -> Any:
        raise AssertionError("the wire is driven by hand here")

    async with Client(create_server(settings), mode="auto", elicitation_handler=unasked) as client:

        async def send(arguments: dict[str, Any], **more: Any) -> Any:
            name = "kalshi_create_order"
            given = {"name": name, "arguments": arguments} if lean else arguments
            params = CallToolRequestParams(name="call_tool" if lean else name, arguments=given, **more)
            return await raw_call(client, params)

        assert "unknown" in text_of(await send(ORDER, input_responses=yes))
        asked = await send(ORDER)
        state = asked.request_state
        assert traded(served) == 0
        with pytest.raises(Exception, match="(?i)state"):
            await send(ORDER | {"count": 50}, input_responses=yes, request_state=state)
        with pytest.raises(Exception, match="(?i)state"):
            await send(ORDER, input_responses=yes, request_state=state[:-2] + "xx")
        assert traded(served) == 0
        assert (await send(ORDER, input_responses=yes, request_state=state)).structured_content["filled"] == 5
        assert "used already" in text_of(await send(ORDER, input_responses=yes, request_state=state))
        asked = await send(ORDER)
        empty = {"confirm": WireResult(action="accept", content=None)}
        assert "declined" in text_of(await send(ORDER, input_responses=empty, request_state=asked.request_state))
        asked = await send(ORDER)
        assert "closed without" in text_of(await send(ORDER, input_responses={}, request_state=asked.request_state))
    assert traded(served) == 1


async def raw_call(client: Client[Any], params: CallToolRequestParams) -> Any:
    """One tools/call as it goes over the wire, without the loop that answers questions."""
    from mcp_types import CallToolRequest, CallToolResult, InputRequiredResult
    from pydantic import TypeAdapter

    request = CallToolRequest(method="tools/call", params=params)
    return await client.session.send_request(request, TypeAdapter(CallToolResult | InputRequiredResult))


def text_of(result: Any) -> str:
    assert result.is_error
    return str(result.content[0].text)
