"""Where a user's paper exchange lives: one database, one key, one address; several servers share it.

The first server that comes opens the database, which SQLite locks for it, and serves. Whoever comes later finds the
database taken and joins: it uses the first one's address with the same key. When the first ends, however it ends, one
of the others takes the database over and serves on at the same address, so that no client notices more than a pause.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives import serialization
from loguru import logger

from .access import SCOPES, TIERS, Budget, KeyAlgorithm
from .disk.store import Store, StoreBusyError, StoreError
from .engine.ledger import Account
from .fronts.polymarket.opening import Second, second_file
from .fronts.serving import serve
from .simulation import OPENING_DEPOSIT, Exchange
from .world.clock import Clock, wall_clock_ms

MEMBER = "you"
"""The account that the user's servers trade on."""
JOIN_SECONDS = 10.0
"""How long a server that starts at the same time may take until it answers."""
STANDBY_SECONDS = 0.5
"""How often one that joined looks whether the first one is gone."""


class Address(msgspec.Struct):
    """Where the running exchange is, and whose process it is."""

    url: str
    pid: int
    key_id: str


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one user's paper exchange."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "exchange.db"

    @property
    def key_file(self) -> Path:
        return self.folder / "key.pem"

    @property
    def wallet_file(self) -> Path:
        """The key of the user's paper wallet at the Polymarket front."""
        return self.folder / "polymarket.key"

    @property
    def address_file(self) -> Path:
        return self.folder / "address.json"

    def prepare(self) -> None:
        """Make the folder, for this user alone. Raises StoreError where that can't be done."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"The folder {self.folder} can't be made ({error.strerror}): set PAPER_FOLDER.") from None

    def read_address(self) -> Address | None:
        """The address that the last exchange here had; it may be gone."""
        try:
            return msgspec.json.decode(self.address_file.read_bytes(), type=Address)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def write_address(self, address: Address) -> None:
        """Replace the address at once: nobody ever reads half of one."""
        draft = self.address_file.with_suffix(f".{os.getpid()}")
        draft.write_bytes(msgspec.json.encode(address))
        draft.replace(self.address_file)

    def remove(self) -> None:
        """Forget everything. Raises StoreBusyError while a server uses it."""
        if self.database.exists():
            Store(self.database).close()
        self.remove_files()

    def remove_files(self) -> None:
        """Forget everything, whoever uses it."""
        for database in (self.database, second_file(self.database)):
            for path in self.folder.glob(f"{database.name}*"):
                path.unlink()
        for path in (self.key_file, self.wallet_file, self.address_file):
            path.unlink(missing_ok=True)


def member_of(exchange: Exchange, *, tier: str, deposit: int = OPENING_DEPOSIT) -> Account:
    """The user's account, made with its first deposit (micros) if there is none; the tier is set anew each time."""
    member = exchange.engine.accounts.get(MEMBER)
    if member is None:
        return exchange.add_member(MEMBER, tier=tier, deposit=deposit)
    exchange.access.budgets[MEMBER] = Budget.of(tier, wall_clock_ms())
    exchange.store.save_budget(MEMBER, tier)
    return member


def write_key(path: Path, pem: str) -> None:
    """Write a private key so that only this user can ever read it. Raises FileExistsError rather than overwrite."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(pem)


def key_of(
    exchange: Exchange,
    member: Account,
    path: Path,
    algorithm: KeyAlgorithm = "ed25519",
    scopes: frozenset[str] = SCOPES,
) -> tuple[str, str]:
    """(key id, private key PEM): the one in the file if the exchange knows it, else a new one, written there.

    Raises:
        FileExistsError: the file holds something else.
    """
    if path.exists():
        pem = path.read_text(encoding="utf-8")
        key_id = key_id_of(exchange, pem)
        if key_id is None:
            raise FileExistsError(f"{path} holds no key of this exchange")
        return key_id, pem
    key_id, pem = exchange.issue_key(member, algorithm, scopes)
    write_key(path, pem)
    return key_id, pem


def key_id_of(exchange: Exchange, pem: str) -> str | None:
    """The id under which the exchange knows a private key's public half."""
    try:
        public = serialization.load_pem_private_key(pem.encode(), None).public_key()
    except ValueError:
        return None
    text = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    return next((key.key_id for key in exchange.access.keys.values() if key.public_pem == text), None)


# -- sharing -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Terms:
    """What a new exchange begins with; ``tier`` holds for an old one too."""

    seed: int = 1
    tier: str = "basic"
    deposit: int = OPENING_DEPOSIT

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise ValueError(f"there is no tier {self.tier!r}")


@contextlib.asynccontextmanager
async def live_in(home: Home, terms: Terms) -> AsyncIterator[tuple[str, str, str]]:
    """The user's exchange, owned or joined, while the context is open; yields (base URL, key id, private key PEM).

    Raises:
        StoreError: the files can't be used, or who has them doesn't answer.
    """
    home.prepare()
    deadline = time.monotonic() + JOIN_SECONDS
    while True:
        try:
            store = Store(home.database)
        except StoreBusyError as error:
            address = await _answering(home)
            if address is not None:
                async with _joined(home, terms, address) as access:
                    yield access
                return
            if time.monotonic() > deadline:
                raise StoreError(f"{error} It doesn't answer: end it, or set PAPER_FOLDER to another folder.") from None
            await asyncio.sleep(0.1)
        else:
            async with _owned(home, store, terms, port=0) as access:
                yield access
            return


async def _answering(home: Home) -> Address | None:
    """The address of the exchange that has the database, once it takes connections."""
    address = home.read_address()
    if address is None:
        return None
    parts = urlsplit(address.url)
    try:
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except OSError:
        return None
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return address


def read_exchange(home: Home) -> Exchange:
    """The exchange as it is on disk, without serving it. Raises StoreBusyError while a server uses it."""
    store = Store(home.database)
    return _open(store, seed=1)


def _open(store: Store, seed: int) -> Exchange:
    """An exchange whose time goes on where it stopped, if it was ahead of the clock."""
    try:
        return Exchange(seed, clock=Clock(max(store.last_ms, wall_clock_ms())), store=store)
    except BaseException:
        store.close()
        raise


@contextlib.asynccontextmanager
async def _owned(home: Home, store: Store, terms: Terms, port: int) -> AsyncIterator[tuple[str, str, str]]:
    exchange = _open(store, terms.seed)
    try:
        member = member_of(exchange, tier=terms.tier, deposit=terms.deposit)
        try:
            key_id, pem = key_of(exchange, member, home.key_file)
        except FileExistsError:  # the key of an exchange that was deleted by hand
            home.key_file.unlink()
            key_id, pem = key_of(exchange, member, home.key_file)
        second = Second(exchange, lambda: Store(second_file(home.database)))
        async with serve(exchange, port=port, second=second) as url:
            home.write_address(Address(url, os.getpid(), key_id))
            yield url, key_id, pem
        exchange.sync()
    finally:
        store.close()


@contextlib.asynccontextmanager
async def _joined(home: Home, terms: Terms, address: Address) -> AsyncIterator[tuple[str, str, str]]:
    standby = asyncio.create_task(_stand_by(home, terms, urlsplit(address.url).port or 0))
    standby.add_done_callback(_report)
    try:
        yield address.url, address.key_id, home.key_file.read_text(encoding="utf-8")
    finally:
        standby.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await standby


async def _stand_by(home: Home, terms: Terms, port: int) -> None:
    """Wait until the database is free, then serve it at the address that everybody knows."""
    while True:
        await asyncio.sleep(STANDBY_SECONDS)
        try:
            store = Store(home.database)
        except StoreBusyError:
            continue
        async with _owned(home, store, terms, port):
            await asyncio.Event().wait()


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.opt(exception=error).error(
            "the paper exchange of another server ended, and this one can't go on with it"
        )
