"""What is looked at. Nothing is made, sent or changed by looking, but what a first start makes anyway."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from prediction_mcp import __version__
from prediction_mcp.install.again import EXTRAS, TOOLSETS
from prediction_mcp.install.clients import KINDS, place
from prediction_mcp.kalshi.errors import AuthenticationError, CredentialsError, PermissionDeniedError
from prediction_mcp.net.deadline import DeadlineError, within
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.safety.index import QUICK_S
from prediction_mcp.safety.journal import JournalError
from prediction_mcp.safety.records import Records
from prediction_mcp.settings import Settings, SettingsError, folder_env, load_settings

from .lines import Diagnosis, Line, fail, ok, warn, worst

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.account import Account

    Open = Callable[[Settings], AbstractAsyncContextManager[Account]]

T = TypeVar("T")
PATIENCE_S = 15.0
"""How long the exchange, the database or Redis may take to answer."""
SKEW_S, FAR_S = 2.0, 5.0
"""Seconds by which clocks may differ, and from which signatures are likely to be refused. Kalshi names no figure."""
OLDEST = (3, 11)


async def examine(opened: Open) -> tuple[Diagnosis, Settings | None]:
    """Look at everything; one part that can't be looked at keeps none of the others from it."""
    lines = [*_program()]
    settings = None
    try:
        settings = load_settings()
    except SettingsError as error:
        lines.append(fail("settings", str(error), "Mend what it names."))
    else:
        lines += [*_settings(settings), *_extras(settings), *_files(settings)]
        lines += await _account(settings, opened)
        for look in (_journal, _database, _redis):
            await _looked(look, settings, lines)
    lines += [*_clients()]
    return Diagnosis(version=__version__, state=worst(lines), lines=lines), settings


# -- without the network -------------------------------------------------------------------------------------------


def _program() -> Iterator[Line]:
    said = f"{platform.python_version()} on {platform.system()} {platform.release()} {platform.machine()}"
    old = sys.version_info[:2] < OLDEST
    yield fail("python", said, "Take Python 3.11 or newer.") if old else ok("python", said)
    versions = [f"{name} {_version(name)}" for name in ("fastmcp-slim", "mcp", "httpx", "websockets")]
    yield ok("version", f"prediction-mcp {__version__}; {', '.join(versions)}")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


def _settings(settings: Settings) -> Iterator[Line]:
    why = settings.why_read_only
    yield ok("settings", f"{settings.describe()}. {why}" if why else settings.describe())
    file = Path(".env").absolute()
    if file.exists():
        values, word = folder_env.read(file)
        if word is not None:
            yield warn(".env", word, "Mend it, or set these in the environment.")
        else:
            yield ok(".env", f"{len(values)} values in {file}; what would loosen something doesn't count")
    if settings.has_key and not settings.runs_own_exchange:
        yield _key(settings)


def _key(settings: Settings) -> Line:
    from prediction_mcp.kalshi.auth import signer_from_file, signer_from_pem

    key_id, path = settings.api_key_id or "", settings.private_key_path
    try:
        if path is not None:
            signer_from_file(key_id, path)
        elif settings.private_key is not None:
            signer_from_pem(key_id, settings.private_key.get_secret_value(), source="KALSHI_PRIVATE_KEY")
    except CredentialsError as error:
        return fail("key", str(error), "If it is lost, make a new key at Kalshi.")
    return ok("key", f"{path or 'KALSHI_PRIVATE_KEY'} can be used, and is yours alone")


def _extras(settings: Settings) -> Iterator[Line]:
    wanted = {TOOLSETS[name] for name in settings.chosen_toolsets if name in TOOLSETS}
    if settings.redis_url is not None:
        wanted.add("redis")
    if settings.database_url is not None:
        wanted.add("postgres")
    for extra in sorted(wanted):
        if find_spec(EXTRAS[extra]) is None:
            said = f"what your settings choose needs the extra [{extra}]"
            yield fail("extras", said, f"Install prediction-mcp[{extra}].")


def _files(settings: Settings) -> Iterator[Line]:
    folders = {"exports": settings.exports, "cache": settings.cache_folder}
    if settings.safety_home is not None:
        folders["journal folder"] = settings.safety_home
    for name, folder in folders.items():
        there = next((part for part in (folder, *folder.parents) if part.exists()), folder)
        if not os.access(there, os.W_OK):
            yield warn(name, f"{folder} can't be written", f"Give {there} to yourself.")


def _clients() -> Iterator[Line]:
    """Which clients have this server, and whether the command that stands there is there."""
    found = 0
    for name, kind in KINDS.items():
        file = place(name, Path.home(), sys.platform, os.environ)
        if not file.is_file():
            continue
        try:
            servers = kind.servers(file.read_bytes().decode("utf-8-sig"))
        except (OSError, ValueError) as error:
            yield warn(name, f"{file} can't be read: {error}", f"Mend it: {kind.title} can't read it either.")
            continue
        for server, entry in servers.items():
            if not _is_ours(entry):
                continue
            found += 1
            command = str(entry.get("command"))
            if shutil.which(command) is None:
                do = f"prediction-mcp install {name} --name {server}"
                yield fail(name, f"“{server}” starts {command}, which isn't there", do)
            else:
                yield ok(name, f"“{server}” in {file}")
    if not found:
        yield ok("clients", "no known client has this server yet: prediction-mcp install CLIENT")


def _is_ours(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    return "prediction-mcp" in f"{entry.get('command')} {entry.get('args')}".replace("_", "-")


# -- with it -------------------------------------------------------------------------------------------------------


async def _account(settings: Settings, opened: Open) -> list[Line]:
    lines = list[Line]()
    try:
        async with opened(settings) as account:
            for look in (_exchange, _rights, _catalogue, _worker):
                await _looked(look, account, lines)
    except AuthenticationError as error:
        do = "Compare the key's id with its file, and your clock with the world's."
        lines.append(fail("signature", str(error), do))
    except (PlatformError, SettingsError) as error:
        lines.append(fail("account", str(error), "Mend what it names."))
    return lines


async def _looked(look: Callable[[T], AsyncIterator[Line]], at: T, lines: list[Line]) -> None:
    """What one part says, or that it couldn't be looked at. What was said before a failure stays said."""
    name = look.__name__.strip("_")
    try:
        async with within(PATIENCE_S, f"no answer within {PATIENCE_S:.0f} s"):
            async for line in look(at):
                lines.append(line)
    except DeadlineError as error:
        lines.append(fail(name, str(error), "Look again in a minute."))
    except (PlatformError, JournalError, SettingsError) as error:
        lines.append(fail(name, str(error), "Mend what it names, or try again later."))


async def _exchange(account: Account) -> AsyncIterator[Line]:
    from prediction_mcp.desk.kalshi.discovery.status import pause_of

    transport = account.kalshi.transport
    status = await account.kalshi.exchange.status()
    own = account.settings.runs_own_exchange
    where = f"the paper exchange in {account.settings.paper_home}" if own else transport.base_url
    if (pause := pause_of(status)) is None:
        yield ok("exchange", f"{where} answers")
    else:
        do = "Wait until it trades: kalshi_get_exchange_status says when."
        yield warn("exchange", f"{where} answers, but {pause}", do)
    ahead = transport.measured.ahead_s
    if ahead is None:
        yield warn("clock", "the exchange didn't say what time it is", "Look again later.")
    elif abs(ahead) <= SKEW_S:
        yield ok("clock", "right to about a second")
    else:
        said = f"yours is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the exchange's"
        do = "Let your system set its clock (NTP): signatures of another time are refused."
        yield (fail if abs(ahead) >= FAR_S else warn)("clock", said, do)


async def _rights(account: Account) -> AsyncIterator[Line]:
    """The signature, what the key may do, the tier."""
    signer = account.kalshi.transport.signer
    if signer is None:
        yield warn("key", "none is set: only public data can be read", "See “Keys” in README.md.")
        return
    limits = await account.kalshi.account.limits()
    rates = f"{limits.read.refill_rate:g} tokens a second to read, {limits.write.refill_rate:g} to write"
    yield ok("signature", f"taken; tier {limits.usage_tier or '?'}, {rates}")
    try:
        keys = await account.kalshi.account.keys()
    except PermissionDeniedError:
        yield ok("scopes", "the key may not list keys, so what it may do isn't told")
        return
    mine = next((key for key in keys.api_keys if key.api_key_id == signer.key_id), None)
    scopes = sorted(mine.scopes) if mine is not None else []
    if account.policy.writes_allowed and scopes and not {"write", "write::trade"} & {*scopes}:
        yield warn("scopes", ", ".join(scopes), "Make a key that may write, or set READ_ONLY=true.")
    else:
        yield ok("scopes", ", ".join(scopes) or "none named: all")


async def _catalogue(account: Account) -> AsyncIterator[Line]:
    held = account.settings.cache_folder / f"catalogue-{account.environment}.db"
    if account.environment == "paper":
        yield ok("catalogue", "read anew by each server: a paper exchange is small")
    elif held.exists():
        yield ok("catalogue", f"{held.stat().st_size / 1e6:.0f} MB in {held}")
    else:
        yield ok("catalogue", "not read yet: the first search does it, which takes minutes")


async def _worker(account: Account) -> AsyncIterator[Line]:
    file = account.history.database.file
    if find_spec("docket") is None or (file is not None and not file.exists()):
        return
    from prediction_mcp.automation.alerts.service import works
    from prediction_mcp.automation.desk import Desk

    desk = Desk(account)
    standing = len(await desk.rules.active()) + len(await desk.alerts.active())
    if await works(desk):
        yield ok("worker", "one works")
    elif standing:
        do = "prediction-mcp worker, or prediction-mcp worker install"
        yield warn("worker", f"none works, and {standing} alerts and standing orders wait", do)
    else:
        yield ok("worker", "none works, and nothing waits for one")


# -- what is kept, whether or not the account can be reached -------------------------------------------------------


async def _journal(settings: Settings) -> AsyncIterator[Line]:
    home = settings.safety_home
    if home is None or not home.exists():
        yield ok("journal", "nothing was written yet")
        return
    with closing(Records(home, QUICK_S)) as records:
        if (halted := records.halted()) is not None:
            said = f"trading is halted by {halted['by']} at {halted['at']}"
            yield warn("kill switch", said, "prediction-mcp resume, once you mean it.")
        if damaged := records.damaged:
            yield warn("journal", f"{damaged} lines of it can't be read", "Keep the file, and report it.")
        if left := len(records.unsettled()):
            do = "prediction-mcp journal shows them; the next write asks the exchange about them."
            yield warn("journal", f"{left} writes have no known outcome", do)
        else:
            yield ok("journal", "every write has its outcome")


async def _database(settings: Settings) -> AsyncIterator[Line]:
    from prediction_mcp.desk.kalshi.records.home import place_of
    from prediction_mcp.records.database import HEAD, Database

    place = place_of(settings)
    if place is None or (isinstance(place, Path) and not place.exists()):
        yield ok("database", "there is none yet: the first record makes it")
        return
    async with Database(place) as database:
        revision = await database.revision()
        said = f"{database.where} at revision {revision or 'none'}"
        if revision == HEAD:
            yield ok("database", said)
        else:
            do = "prediction-mcp db upgrade" if database.is_postgres else "The next record brings it up to date."
            yield warn("database", said, do)


async def _redis(settings: Settings) -> AsyncIterator[Line]:
    if settings.redis_url is None or find_spec("redis") is None:
        return
    from prediction_mcp.net.caching import answers

    if await answers(settings.redis_url.get_secret_value(), QUICK_S * 10):
        yield ok("redis", "answers")
    else:
        yield fail("redis", "nothing answers at REDIS_URL", "Start it, or leave REDIS_URL out.")
