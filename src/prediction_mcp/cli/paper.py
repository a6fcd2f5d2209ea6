"""``paper``: look at the paper money that is kept on disk, add to it, begin anew."""

from __future__ import annotations

import shutil
from decimal import Decimal
from typing import Any

import httpx
from rich.console import Console

from prediction_mcp.exchange.disk.store import StoreBusyError, StoreError
from prediction_mcp.exchange.fronts.control import CONTROL_HEADER, deposit, summary
from prediction_mcp.exchange.fronts.kalshi.wire import moment
from prediction_mcp.exchange.home import MEMBER, Address, Home, read_exchange
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.settings import SettingsError, load_settings

from .output import show
from .shapes import PaperCash, PaperGone, PaperStatus

TIMEOUT_S = 10.0


def show_status(*, as_json: bool) -> None:
    """Say where the paper exchange is kept, whether it runs, and what the account holds."""
    found = _status(_home())
    if as_json:
        show(found, as_json=True)
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"folder     {found.folder}")
    if not found.there:
        console.print("Nothing is there yet: the first server or call that needs it makes it.")
        return
    if found.process is not None:
        console.print(f"running    in process {found.process} at {found.url}")
    else:
        console.print(f"running    no; its time stands at {found.time}")
    if found.cash is None or found.free is None or found.deposited is None:
        console.print("No account has been opened yet.")
        return
    console.print(f"cash       ${found.cash:,.2f}, of it free ${found.free:,.2f}")
    if found.free_by_shard:
        split = ", ".join(f"${free:,.2f} on shard {shard}" for shard, free in found.free_by_shard.items())
        console.print(f"shards     {split}")
    console.print(f"deposited  ${found.deposited:,.2f}")
    console.print(f"holding    {found.positions} positions, {found.resting_orders} resting orders")


def _status(home: Home) -> PaperStatus:
    found = PaperStatus(folder=str(home.folder), there=home.database.exists())
    if not found.there:
        return found
    exchange = _open(home)
    if exchange is None:
        address = _running(home)
        found = found.model_copy(update={"process": address.pid, "url": address.url})
        answer = _account(_ask(address, "GET"))
    else:
        found = found.model_copy(update={"time": moment(exchange.store.last_ms)})
        accounts = [summary(a) for a in exchange.engine.accounts.values() if a.account_id == MEMBER]
        answer = _account({"accounts": accounts})
        exchange.store.close()
    if answer is None:
        return found
    figures = {"cash": "cash_dollars", "free": "available_dollars", "deposited": "deposited_dollars"}
    split = {shard: Decimal(dollars) for shard, dollars in answer["shards"].items()}
    return found.model_copy(
        update={
            **{name: Decimal(answer[theirs]) for name, theirs in figures.items()},
            "free_by_shard": split if len(split) > 1 else None,
            "positions": answer["positions"], "resting_orders": answer["resting_orders"],
        }
    )  # fmt: skip


def make_deposit(dollars: str, *, as_json: bool) -> None:
    """Add paper money to the account, whether its exchange runs or not."""
    home = _home()
    if not home.database.exists():
        raise SettingsError("There is no paper exchange yet: PAPER_DEPOSIT sets what a new one begins with.")
    exchange = _open(home)
    if exchange is None:
        answer = _account(_ask(_running(home), "POST", {"dollars": dollars}))
    else:
        member = exchange.engine.accounts.get(MEMBER)
        try:
            if member is None:
                raise SettingsError("No account has been opened yet: PAPER_DEPOSIT sets what it begins with.")
            deposit(exchange, member, dollars)
            exchange.sync()
            answer = summary(member)
        except ValueError as error:
            raise SettingsError(f"The deposit can't be made: {error}.") from None
        finally:
            exchange.store.close()
    if answer is None:
        return
    cash = Decimal(answer["cash_dollars"])
    if as_json:
        show(PaperCash(cash=cash), as_json=True)
    else:
        Console(highlight=False).print(f"The account has ${cash:,.2f} now.")


def reset(*, as_json: bool) -> None:
    """Throw the paper exchange away; the next start makes a new one."""
    home = _home()
    try:
        home.remove()
    except StoreBusyError:
        address = _running(home)
        raise SettingsError(f"The paper exchange runs in process {address.pid}: end that server, then reset.") from None
    except StoreError:  # a file that can't be read is what a reset is for
        home.remove_files()
    records = load_settings().safety_home
    if records is not None and records.exists():  # they are about orders that are gone
        shutil.rmtree(records)
    if as_json:
        show(PaperGone(gone=True), as_json=True)
    else:
        Console(highlight=False).print("The paper exchange is gone; the next start begins anew.")


def _home() -> Home:
    settings = load_settings()
    if not settings.paper_keep:
        raise SettingsError("PAPER_KEEP is false, so no paper money is kept.")
    return Home(settings.paper_home)


def _open(home: Home) -> Exchange | None:
    """The exchange on disk; None while a server uses it."""
    try:
        return read_exchange(home)
    except StoreBusyError:
        return None
    except StoreError as error:
        raise SettingsError(str(error)) from None


def _running(home: Home) -> Address:
    address = home.read_address()
    if address is None:
        raise SettingsError(f"{home.database} is in use by another program.")
    return address


def _ask(address: Address, method: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    url = address.url.replace("/trade-api/v2", "/paper/account")
    try:
        answer = httpx.request(
            method, url, json=body, headers={CONTROL_HEADER: "1"}, timeout=TIMEOUT_S, trust_env=False
        )
        found: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise SettingsError(f"The paper exchange in process {address.pid} doesn't answer ({error}).") from None
    if answer.is_error:
        raise SettingsError(f"The paper exchange refused: {found.get('error', {}).get('details')}.")
    return found


def _account(answer: dict[str, Any]) -> dict[str, Any] | None:
    return next((account for account in answer["accounts"] if account["account"] == MEMBER), None)
