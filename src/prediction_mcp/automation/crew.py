"""Workers of many accounts in one process, an account a file. None knows of another, and none holds another up.

Files may come, change and go while the crew works: their accounts begin, begin anew, end.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp.desk.kalshi.records.home import place_of
from prediction_mcp.records.database import Database
from prediction_mcp.settings import Settings, SettingsError
from prediction_mcp.settings.accounts import account_files, load_account, same_account

from .home import work
from .jobs import EXPECTED

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.account import Account

    from .worker import Worker

Open = Callable[[Settings], AbstractAsyncContextManager["Account"]]
LOOK_S = 5.0
"""How often the folder is looked through."""
SETTLED_S = 1.0
"""How long a file must have stayed as it is."""
AGAIN_S, LONGEST_S = 5.0, 300.0
"""When an account that couldn't work is tried again: later each time."""
Stamp = tuple[int, ...]


@dataclass
class Member:
    """One account: its worker while it works, else why it doesn't."""

    name: str
    path: Path
    stamp: Stamp
    problem: str | None = "it hasn't begun yet"
    worker: Worker | None = None
    key: tuple[str, ...] | None = None
    task: asyncio.Task[None] = field(init=False, repr=False)


class Crew:
    """The workers of a folder's accounts.

    Args:
        folder: of files as :func:`load_account` reads them.
        opened: an open account for settings, closed with the block.
        told: hears in words who begins, waits, fails and ends.
    """

    def __init__(self, folder: Path, opened: Open, told: Callable[[str], None] = lambda _: None) -> None:
        self.folder, self.members = folder, dict[str, Member]()
        self._opened, self._told = opened, told
        self._databases = dict[Path | str, Database]()
        self._ending = set[asyncio.Task[None]]()

    async def run(self) -> None:
        """Work until cancelled. Raises SettingsError where the folder can't be read at the start."""
        account_files(self.folder)
        try:
            while True:
                try:
                    self.look()
                except SettingsError as error:  # what worked goes on
                    logger.warning("{}", error)
                await asyncio.sleep(LOOK_S)
        finally:
            for member in self.members.values():
                self._end(member)
            self.members.clear()
            if self._ending:
                await asyncio.wait(self._ending)
            for database in self._databases.values():
                await database.close()

    def look(self) -> None:
        """Bring the crew in line with the folder. Raises SettingsError."""
        found = {name: (path, _stamp(path)) for name, path in account_files(self.folder).items()}
        for name in self.members.keys() - found.keys():
            self._end(self.members.pop(name))
        for name, (path, stamp) in found.items():
            before = self.members.get(name)
            if before is not None and before.stamp == stamp and not before.task.done():
                continue
            if _is_being_written(path):  # half a file could lack its limits: what was goes on until it is whole
                continue
            member = self.members[name] = Member(name, path, stamp)
            ended = None if before is None else self._end(before)
            member.task = asyncio.create_task(self._keep(member, ended), name=f"account {name}")

    def _end(self, member: Member) -> asyncio.Task[None]:
        member.task.cancel()
        self._ending.add(member.task)
        member.task.add_done_callback(self._ended)
        return member.task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("an account ended badly: {}", type(error).__name__)

    async def _keep(self, member: Member, before: asyncio.Task[None] | None) -> None:
        """One account's work, begun once what was before it has ended, and anew whatever ends it."""
        wait = AGAIN_S
        if before is not None:
            await asyncio.wait({before})
        with logger.contextualize(of=f"{member.name}: "):
            while True:
                begun = asyncio.get_running_loop().time()
                try:
                    await self._work(member)
                    member.problem = "its work ended by itself"
                except EXPECTED as error:
                    member.problem = str(error)
                except Exception as error:  # noqa: BLE001 - one account's fault holds up no other
                    logger.exception("the worker failed")
                    member.problem = f"it failed: {type(error).__name__}"
                finally:
                    member.worker, member.key = None, None
                if asyncio.get_running_loop().time() - begun > LONGEST_S:
                    wait = AGAIN_S
                self._told(f"{member.name} doesn't work, and is tried again in {wait:.0f} s: {member.problem}")
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_S)

    async def _work(self, member: Member) -> None:
        settings = load_account(member.path)
        key = same_account(settings)
        if (other := next((m for m in self.members.values() if m.key == key), None)) is not None:
            raise SettingsError(f"{member.path.name} is the account of {other.path.name}: one of them is enough.")
        member.key = key

        def waiting() -> None:
            member.problem = "another process of yours works for it"
            self._told(f"{member.name}: {member.problem}; this one waits until that is gone")

        @asynccontextmanager
        async def made(worker: Worker) -> AsyncIterator[None]:
            member.worker, member.problem = worker, None
            self._told(f"{member.name}: working, {settings.describe()}")
            yield

        async with self._opened(settings) as account:
            account.database = self._database(settings)
            await work(account, "worker", waiting, made=made)

    def _database(self, settings: Settings) -> Database | None:
        """The one of all accounts that are kept in one place: each has a few connections of its own otherwise."""
        place = place_of(settings)
        return None if place is None else self._databases.setdefault(place, Database(place))


def _is_being_written(path: Path) -> bool:
    """Whether a file changed within the last moment; a time ahead of ours says nothing."""
    with contextlib.suppress(OSError):
        return 0 <= time.time() - path.stat().st_mtime < SETTLED_S
    return True


def _stamp(path: Path) -> Stamp:
    """Other than it was as soon as the file is."""
    with contextlib.suppress(OSError):
        found = path.stat()
        return (found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode)
    return ()
