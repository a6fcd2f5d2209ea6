"""Commands about what works while nobody looks: alerts, standing orders, the worker, messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, cast

import typer

from prediction_mcp.net import deadline

from .output import REFUSED
from .records import answer, heard

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import BaseModel

    from prediction_mcp.automation.desk import Desk
    from prediction_mcp.automation.standing.results import RuleAnswer
    from prediction_mcp.desk.kalshi.account import Account
    from prediction_mcp.safety.plan import Plan

    T = TypeVar("T", bound=BaseModel)

Json = Annotated[bool, typer.Option("--json", help="Nothing but JSON; see “prediction-mcp schema”.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="How many at most.")]
Cursor = Annotated[str | None, typer.Option(help="The cursor of the page before.")]
Until = Annotated[str | None, typer.Option(help="A day, a time, or from now: 2h, 3d.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask: you said yes to all of it with this.")]
Cents = Annotated[str | None, typer.Option(help="Cents of the side.")]
Number = Annotated[int, typer.Argument(min=1, help="Its number, as the list has it.")]

alerts = typer.Typer(help="What you want to hear of.", no_args_is_help=True)
standing = typer.Typer(help="Rules that trade later.", no_args_is_help=True)
notify = typer.Typer(help="Whom messages reach.", no_args_is_help=True)


def with_desk(work: Callable[[Desk], Awaitable[T]], *, as_json: bool) -> T:
    from prediction_mcp.automation.desk import Desk

    return answer(lambda account: work(Desk(account)), as_json=as_json, seconds=deadline.LIMITS.write)


def _cents(name: str, text: str | None) -> Decimal | None:
    from prediction_mcp.desk import spoken

    found: Decimal | None = None if text is None else heard(f"--{name}", text, lambda: spoken.price(text))
    return found


def _number(name: str, text: str | None) -> Decimal | None:
    from prediction_mcp.desk import spoken

    found: Decimal | None = None if text is None else heard(f"--{name}", text, lambda: spoken.number(text))
    return found


def _moment(text: str | None, account: Account) -> datetime | None:
    from datetime import datetime

    from prediction_mcp.desk import spoken

    if text is None:
        return None
    now = datetime.now(account.settings.zone)
    found: datetime = heard("--until", text, lambda: spoken.moment(text, now, ahead=True))
    return found


def _ticker(text: str | None) -> str | None:
    from prediction_mcp.desk import spoken

    return None if text is None else spoken.ticker(text)


# -- alerts ----------------------------------------------------------------------------------------------------------


@alerts.command("list")
def list_alerts(
    status: Annotated[Literal["active", "all"], typer.Option()] = "active",
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """Alerts with their last firings, newest first."""
    from prediction_mcp.automation.alerts.service import listed

    with_desk(lambda desk: listed(desk, status, limit, cursor), as_json=as_json)


@alerts.command("add")
def add_alert(
    kind: Annotated[str, typer.Argument(help="Like price_above, order_filled, settled; see docs/automation.md.")],
    value: Annotated[str | None, typer.Argument(help="Cents, contracts, dollars, hours or seconds, by kind.")] = None,
    ticker: Annotated[str | None, typer.Option(help="The market.")] = None,
    on: Annotated[Literal["bid", "ask", "last", "middle"], typer.Option(help="Which price.")] = "middle",
    words: Annotated[str | None, typer.Option(help="Of a new market's title; or what to scan for arbitrage.")] = None,
    order_id: Annotated[str | None, typer.Option(help="The order whose fills are told.")] = None,
    repeat_minutes: Annotated[int | None, typer.Option(min=0, help="Each time, with so long between.")] = None,
    until: Until = None,
    importance: Annotated[Literal["low", "normal", "high"], typer.Option()] = "normal",
    note: Annotated[str, typer.Option(help="Your own words, told with it.")] = "",
    as_json: Json = False,
) -> None:
    """Be told once something is so."""
    from typing import get_args

    from prediction_mcp.automation.alerts.kinds import AlertKind
    from prediction_mcp.automation.alerts.service import create
    from prediction_mcp.settings import SettingsError

    known = get_args(AlertKind)
    if kind not in known:
        raise SettingsError(f"The kind must be one of {', '.join(known)}.")
    chosen = cast("AlertKind", kind)
    amount = _number("value", value)
    with_desk(
        lambda desk: create(
            desk, chosen, _ticker(ticker), amount, on=on, words=words, order_id=order_id,
            repeat_minutes=repeat_minutes, until=_moment(until, desk.account), importance=importance, note=note,
        ),
        as_json=as_json,
    )  # fmt: skip


@alerts.command("delete")
def delete_alert(alert: Number, as_json: Json = False) -> None:
    """End one."""
    from prediction_mcp.automation.alerts.service import delete

    with_desk(lambda desk: delete(desk, alert), as_json=as_json)


# -- standing orders -------------------------------------------------------------------------------------------------


@standing.command("list")
def list_standing(
    number: Annotated[int | None, typer.Argument(min=1, help="One of them, with more of its runs.")] = None,
    status: Annotated[Literal["live", "all"], typer.Option()] = "live",
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """Standing orders with their last runs, newest first."""
    from prediction_mcp.automation.standing.service import listed

    with_desk(lambda desk: listed(desk, status, number, limit, cursor), as_json=as_json)


@standing.command("add")
def add_standing(
    kind: Annotated[
        Literal["recurring", "stop_loss", "take_profit", "bracket", "trailing_stop", "entry", "twap"],
        typer.Argument(help="See docs/automation.md."),
    ],
    ticker: Annotated[str, typer.Argument(help="The market.")],
    side: Annotated[Literal["yes", "no"], typer.Option()] = "yes",
    action: Annotated[Literal["buy", "sell"] | None, typer.Option()] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Contracts.")] = None,
    dollars: Annotated[str | None, typer.Option(help="To spend a run, fees included.")] = None,
    price: Annotated[str | None, typer.Option(help="The worst price you accept, in cents.")] = None,
    stop: Cents = None,
    take: Cents = None,
    trail: Cents = None,
    trigger: Cents = None,
    rising: Annotated[bool, typer.Option("--rising", help="Enter at or above, not at or below.")] = False,
    on: Annotated[Literal["bid", "ask", "last", "middle"] | None, typer.Option(help="Which price.")] = None,
    hold_seconds: Annotated[int, typer.Option(min=0, max=86_400, help="How long it must stay there.")] = 0,
    every: Annotated[str | None, typer.Option(help="1h, 1d, 1w, 1mo, or a cron line in UTC.")] = None,
    max_runs: Annotated[int | None, typer.Option(min=1)] = None,
    max_total: Annotated[str | None, typer.Option(help="Dollars in all.")] = None,
    minutes: Annotated[int | None, typer.Option(min=1, max=43_200)] = None,
    slices: Annotated[int | None, typer.Option(min=2, max=1_000)] = None,
    share: Annotated[str | None, typer.Option(help="Of what others trade, like 0.1.")] = None,
    until: Until = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Make a rule; you are shown its worst case and asked once."""
    from prediction_mcp.automation.standing.plan import plan_rule
    from prediction_mcp.automation.standing.service import spec_as_asked

    spec = spec_as_asked(
        kind=kind, ticker=_ticker(ticker) or "", side=side, action=action, on=on, every=every, count=count,
        dollars=_number("dollars", dollars), price=_cents("price", price), stop=_cents("stop", stop),
        take=_cents("take", take), trail=_cents("trail", trail), at=_cents("trigger", trigger), rising=rising,
        hold_s=hold_seconds, max_runs=max_runs, max_total=_number("max-total", max_total),
        over_s=None if minutes is None else minutes * 60, slices=slices, share=_number("share", share),
    )  # fmt: skip
    _planned("create_standing_order", lambda d: plan_rule(d, spec, _moment(until, d.account)), yes=yes, as_json=as_json)


@standing.command("change")
def change_standing(
    number: Number,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after a pause.")] = False,
    count: Annotated[int | None, typer.Option(min=1, help="Contracts.")] = None,
    dollars: Annotated[str | None, typer.Option()] = None,
    price: Cents = None,
    stop: Cents = None,
    take: Cents = None,
    trail: Cents = None,
    trigger: Cents = None,
    max_runs: Annotated[int | None, typer.Option(min=1)] = None,
    max_total: Annotated[str | None, typer.Option()] = None,
    until: Until = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Other terms for one; more of anything asks you again."""
    from prediction_mcp.automation.standing.plan import plan_change
    from prediction_mcp.automation.standing.service import changes_as_asked

    def make(desk: Desk) -> Awaitable[Plan[Any]]:
        changes = changes_as_asked(
            count=count, dollars=_number("dollars", dollars), price=_cents("price", price), stop=_cents("stop", stop),
            take=_cents("take", take), trail=_cents("trail", trail), at=_cents("trigger", trigger), max_runs=max_runs,
            max_total=_number("max-total", max_total), until=_moment(until, desk.account),
        )  # fmt: skip
        return plan_change(desk, number, changes, resume=resume)

    _planned("change_standing_order", make, yes=yes, as_json=as_json)


def _planned(tool: str, make: Callable[[Desk], Awaitable[Plan[Any]]], *, yes: bool, as_json: bool) -> None:
    """Carry a write out through the account's guard, the person at the terminal asked where its rule says so."""
    from prediction_mcp.safety.asking import WriteCall

    from .asked import Terminal

    async def work(desk: Desk) -> RuleAnswer:
        call = WriteCall(tool, {}, lambda: make(desk))
        found: RuleAnswer = await desk.account.guard.carry_out(call, Terminal(yes=yes, as_json=as_json))
        return found

    with_desk(work, as_json=as_json)


@standing.command("pause")
def pause_standing(number: Number, as_json: Json = False) -> None:
    """Stop one until it is resumed."""
    from prediction_mcp.automation.standing.service import pause

    with_desk(lambda desk: pause(desk, number), as_json=as_json)


@standing.command("cancel")
def cancel_standing(number: Number, as_json: Json = False) -> None:
    """End one for good."""
    from prediction_mcp.automation.standing.service import cancel

    with_desk(lambda desk: cancel(desk, number), as_json=as_json)


# -- messages --------------------------------------------------------------------------------------------------------


@notify.command("channels")
def show_channels(as_json: Json = False) -> None:
    """The channels by name, and what waits for each."""
    from prediction_mcp.automation.status import channels_now

    with_desk(channels_now, as_json=as_json)


@notify.command("test")
def try_channels(
    channel: Annotated[str | None, typer.Argument(help="One of them, by name.")] = None, as_json: Json = False
) -> None:
    """Send a word to each channel, and say what came of it."""
    from prediction_mcp.automation.notices.trying import tried

    found = with_desk(lambda desk: tried(desk, channel), as_json=as_json)
    raise typer.Exit(0 if all(line.delivered for line in found.channels) else REFUSED)


def show_health(*, as_json: bool) -> None:
    """Look at everything that is needed, and say it in the exit code, too."""
    from prediction_mcp.automation.health import health

    from .output import UNREACHED

    found = with_desk(health, as_json=as_json)
    raise typer.Exit(0 if found.state == "ok" else REFUSED if found.ready else UNREACHED)
