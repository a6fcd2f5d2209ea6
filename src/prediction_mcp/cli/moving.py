"""``portfolio move``: cash from one shard of the exchange to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from prediction_mcp.net import deadline

from .records import Json, answer, heard

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.account import Account


def portfolio_move(
    source: Annotated[int, typer.Argument(min=0, max=100, metavar="FROM", help="Number of the shard it leaves.")],
    target: Annotated[int, typer.Argument(min=0, max=100, metavar="TO", help="Number of the shard it goes to.")],
    dollars: Annotated[str, typer.Argument(help="Dollars, like 250 or 99.50.")],
    subaccount: Annotated[int, typer.Option(min=0, max=63, help="Whose cash; 0 is the primary account.")] = 0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: Json = False,
) -> None:
    """Move cash from one shard of the exchange to another."""
    from prediction_mcp.desk import spoken
    from prediction_mcp.desk.kalshi.portfolio.moving import CashMoved, plan_move
    from prediction_mcp.safety.asking import WriteCall
    from prediction_mcp.settings import SettingsError

    from .asked import Terminal

    amount = heard("DOLLARS", dollars, lambda: spoken.dollars(dollars))

    async def work(account: Account) -> CashMoved:
        call = WriteCall(
            "kalshi_move_cash_between_shards",
            {"from_shard": source, "to_shard": target, "amount": str(amount), "subaccount": subaccount},
            lambda: plan_move(account, source, target, amount, subaccount),
        )
        moved = await account.guard.carry_out(call, Terminal(yes=yes, as_json=as_json))
        if not isinstance(moved, CashMoved):  # a preview, for want of a person to ask
            raise SettingsError("The move needs a confirmation and no person can be asked here: add --yes.")
        return moved

    answer(work, as_json=as_json, seconds=deadline.LIMITS.write)
