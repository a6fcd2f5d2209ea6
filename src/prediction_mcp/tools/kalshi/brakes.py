"""The brakes: stop everything, and make limits tighter. Loosening is for a person at the command line."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from fastmcp.dependencies import Depends
from pydantic import Field

from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.protocol.annotations import BRAKES, ENDS
from prediction_mcp.protocol.asking import Client, get_person
from prediction_mcp.protocol.parameters import Dollars, Quantity, Ticker, Whole
from prediction_mcp.protocol.session import get_closed_account
from prediction_mcp.protocol.toolset import Toolset

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.brakes import HaltAnswer, LimitsAnswer

mcp = Toolset()


@mcp.tool(title="Halt trading", annotations=ENDS, tags={"safety"})
async def kalshi_halt_trading(
    account: Account = Depends(get_closed_account), person: Client = Depends(get_person)
) -> HaltAnswer:
    """Stop trading, kill switch: cancel all orders, refuse new ones until a person says “prediction-mcp resume”."""
    from prediction_mcp.desk.kalshi.brakes import HaltAnswer
    from prediction_mcp.safety.halt import UNREAD, WARNING

    done, problem = await account.guard.halt("the assistant", person)
    return HaltAnswer(
        source=account.environment,
        halted=True,
        cancelled=done.cancelled,
        contracts=done.contracts,
        left=done.left or None,
        note=" ".join(filter(None, (UNREAD if done.left is None else None, problem, WARNING))),
    )


@mcp.tool(title="Limits", annotations=BRAKES, tags={"safety"})
async def kalshi_tighten_limits(
    order_contracts: Quantity | None = None,
    order_cost: Dollars | None = None,
    price_band_cents: Quantity | None = None,
    day_spent: Dollars | None = None,
    day_orders: Whole | None = None,
    minute_orders: Whole | None = None,
    market_exposure: Dollars | None = None,
    event_exposure: Dollars | None = None,
    cash_reserve: Dollars | None = None,
    day_loss: Dollars | None = None,
    deny_series: Annotated[list[Ticker], Field(max_length=100)] | None = None,
    account: Account = Depends(get_closed_account),
    person: Client = Depends(get_person),
) -> LimitsAnswer:
    """This server's limits on orders, after making those given tighter; a looser value changes nothing."""
    from prediction_mcp.desk.kalshi.brakes import LimitsAnswer
    from prediction_mcp.kalshi.errors import InvalidRequestError
    from prediction_mcp.safety.limits import JOINS, Limits, series_in

    try:
        denied = series_in(deny_series or ())
    except ValueError as error:
        raise InvalidRequestError(f"deny_series: {error}.") from None
    given = Limits.given(
        order_contracts=order_contracts,
        order_cost=order_cost,
        price_band_cents=price_band_cents,
        day_spent=day_spent,
        day_orders=day_orders,
        minute_orders=minute_orders,
        market_exposure=market_exposure,
        event_exposure=event_exposure,
        cash_reserve=cash_reserve,
        day_loss=day_loss,
        deny_series=denied,
    )
    if any(isinstance(v, Decimal | int) and v < 0 for v in (getattr(given, n) for n in JOINS)):
        raise InvalidRequestError("A limit is zero or more.")
    guard = account.guard
    if given.any:
        guard.require_known(person)
        guard.records().tighten(given)
    return LimitsAnswer.of(guard, account.environment)
