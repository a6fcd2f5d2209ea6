"""The database opened: SQLite in the user's folder, or PostgreSQL by its address; its tables brought up to date.

A SQLite file is brought up to date by itself, after a copy was made beside it. PostgreSQL serves many programs, so a
person does that (``prediction-mcp db upgrade``); until then there are no records.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from loguru import logger
from sqlalchemy import TableClause, event, insert, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random

from prediction_mcp.net import deadline

from .errors import RecordsError, RecordsHeldError, RecordsOldError, RecordsUnreachedError

HEAD = "0002"
"""The newest revision under ``migrations/versions``; a test holds it against them."""
VERSIONS = """CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)"""
"""As Alembic makes it."""
PATIENCE_S = 10.0
"""How long another process may hold a lock, and a server take to accept."""
CLOSE_S = 2.0
"""Seconds that closing waits for a server."""


class Database:
    """One database, opened by the first connection that is asked for; use ``async with``.

    Args:
        place: a SQLite file, or a PostgreSQL address like ``postgresql://user@host/name``.
    """

    def __init__(self, place: Path | str) -> None:
        self.file = place if isinstance(place, Path) else None
        self._place = place
        self._engine: AsyncEngine | None = None
        self._lock = asyncio.Lock()
        self._current = False
        self._known: tuple[int, int] | None = None
        self.opened = 0
        """How many times: what was learnt of one opening doesn't hold for the next, which may be another file."""

    @property
    def is_postgres(self) -> bool:
        return self.file is None

    @property
    def where(self) -> str:
        """The place as it may be shown: without a password."""
        return str(self.file) if self.file is not None else make_url(str(self._place)).render_as_string()

    async def __aenter__(self) -> Database:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._engine is not None:
            engine, self._engine, self._current = self._engine, None, False
            try:
                async with asyncio.timeout(CLOSE_S if self.is_postgres else None):
                    await engine.dispose()
            except TimeoutError:
                logger.warning("the database doesn't answer: its connections end with this process")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one state of the database. Raises RecordsError."""
        await self._open()
        with self._said():
            async with self._connection() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, whole or not at all; others that write wait for its end. Raises RecordsError."""
        await self._open()
        with self._said():
            async with self._connection() as plain:
                connection = await plain.execution_options(writes=True)
                async with connection.begin():
                    yield connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection that the call's deadline cuts off: one that is cancelled would wait for a silent server.

        Raises:
            OSError, DBAPIError: there is none in time, or it was cut off.
        """
        left = deadline.left()
        seconds = deadline.LIMITS.read - deadline.LIMITS.answer if left is None else left
        async with asyncio.timeout(min(PATIENCE_S, seconds)):
            connection = await self.engine.connect()
        cut: asyncio.TimerHandle | None = None
        try:
            if self.file is None:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                cut = asyncio.get_running_loop().call_later(seconds, driver.terminate)
            yield connection
        finally:
            try:
                await connection.close()
            finally:
                if cut is not None:
                    cut.cancel()

    @staticmethod
    async def pour(connection: AsyncConnection, into: TableClause, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows: every column but the key in the table's sequence, in its units, as the driver takes them."""
        if not rows:
            return
        names = [column.name for column in into.columns if column.name != "id"]
        compiled = insert(into).compile(dialect=connection.dialect, column_keys=names)
        assert compiled.positiontup == names  # noqa: S101 - both drivers take parameters by their place
        await connection.exec_driver_sql(str(compiled), rows)

    @property
    def engine(self) -> AsyncEngine:
        if self._engine is None:
            self._engine = self._make()
        return self._engine

    def _make(self) -> AsyncEngine:
        if self.file is None:
            try:
                url = make_url(str(self._place)).set(drivername="postgresql+asyncpg")  # postgres:// is meant, too
                if unknown := url.query.keys() - {"ssl", "sslmode"}:
                    names = ", ".join(sorted(unknown))
                    raise RecordsError(f"DATABASE_URL may have sslmode after the name, not {names}.")
                if (mode := url.query.get("sslmode")) is not None:  # what everybody else calls it
                    url = url.set(query={"ssl": mode})
                return create_async_engine(url, pool_size=5, connect_args={"timeout": PATIENCE_S})
            except ModuleNotFoundError:
                raise RecordsError("PostgreSQL needs the extra: install prediction-mcp[postgres].") from None
            except ArgumentError:
                raise RecordsError("DATABASE_URL is no address like postgresql://user@host/name.") from None
        engine = create_async_engine(
            f"sqlite+aiosqlite:///file:{quote(str(self.file))}?uri=true", connect_args={"timeout": PATIENCE_S}
        )
        event.listen(engine.sync_engine, "connect", _connected)
        event.listen(engine.sync_engine, "begin", _begun)
        return engine

    # -- its tables ----------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        if self._current and self._same():
            return
        async with self._lock:
            if self._current and self._same():
                return
            await self.close()  # connections to a file that was moved away would write into nothing
            with self._said():
                await asyncio.to_thread(self.prepare)
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(RecordsHeldError), stop=stop_after_delay(PATIENCE_S),
                wait=wait_random(0.01, 0.1), reraise=True,
            ):  # fmt: skip
                with attempt:  # SQLite waits for nobody where a fresh file becomes one with a log (WAL)
                    await self._brought_up()
            self._known = self._there()
            self.opened += 1
            self._current = True

    async def _brought_up(self) -> None:
        with self._said():
            found = await self.revision()
            if found != HEAD:
                await self._renew(found)

    def _there(self) -> tuple[int, int] | None:
        """Which file lies there now; None for PostgreSQL, and where there is none."""
        try:
            found = None if self.file is None else self.file.stat()
        except OSError:
            return None
        return None if found is None else (found.st_dev, found.st_ino)

    def _same(self) -> bool:
        return self._there() == self._known and (self.file is None or self._known is not None)

    def prepare(self) -> None:
        """Make the file and its folder, for their owner only; nothing for PostgreSQL."""
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self.file.exists():
                self.file.touch(mode=0o600)

    async def revision(self) -> str | None:
        """The revision of the tables; None for a database without any. Raises RecordsError."""
        with self._said():
            async with self._connection() as connection:
                if self.file is not None:
                    sql = "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"
                else:
                    sql = "SELECT to_regclass('alembic_version')"
                if (await connection.execute(text(sql))).scalar() is None:
                    return None
                return (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()

    async def _renew(self, found: str | None) -> None:
        if self.file is None:
            version = "has no tables yet" if found is None else f"is at revision {found}, this program needs {HEAD}"
            raise RecordsOldError(f"The database {version}: run “prediction-mcp db upgrade”.")
        if found is not None:
            from .migrating import known

            if found not in known():
                raise RecordsOldError(
                    f"{self.file} was written by a newer prediction-mcp (revision {found}): update this one."
                )
            copy = await asyncio.to_thread(copy_beside, self.file, found)
            logger.info("records are brought up to date; a copy as they were is {}", copy)
        elif await self._filled():
            return
        await self.migrate("head")

    async def _filled(self) -> bool:
        """Make the tables of an empty file as they are today, without loading Alembic; whether it was empty.

        What that gives is what all migrations give: a test holds one against the other.
        """
        from .tables import Base

        async with self.engine.connect() as plain:
            connection = await plain.execution_options(writes=True)
            async with connection.begin():
                if (await connection.execute(text("SELECT count(*) FROM sqlite_master"))).scalar():
                    return False
                await connection.run_sync(Base.metadata.create_all)
                for sql in (VERSIONS, f"INSERT INTO alembic_version VALUES ('{HEAD}')"):  # noqa: S608 - ours
                    await connection.execute(text(sql))
        return True

    async def migrate(self, revision: str) -> None:
        """To a revision, forwards or backwards. Raises RecordsError."""
        from .migrating import run

        with self._said():
            async with self.engine.connect() as plain:
                connection = await plain.execution_options(writes=True)
                async with connection.begin():
                    if self.file is None:
                        await connection.execute(text("SELECT pg_advisory_xact_lock(7201705)"))  # one at a time
                    await connection.run_sync(run, revision)
        self._current = False

    # -- what goes wrong -----------------------------------------------------------------------------------------

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, OSError) as error:
            self._current = (
                False  # the next one looks again: a person may have mended it, or another program changed it
            )
            raise self._told(error) from error
        except UnicodeEncodeError:
            raise RecordsError("A text holds half of a letter (a lone surrogate): it can't be kept.") from None
        except SQLAlchemyError as error:
            raise RecordsError(f"The records can't be used: {type(error).__name__}.") from error

    def _told(self, error: DBAPIError | OSError) -> RecordsError:
        cause = str(getattr(error, "orig", None) or getattr(error, "strerror", None) or error).partition("\n")[0]
        if self.file is None:
            if isinstance(error, OSError) or getattr(error, "connection_invalidated", False) or "connect" in cause:
                return RecordsUnreachedError("The database of DATABASE_URL doesn't answer: records wait until it does.")
            return RecordsError(f"The database refused: {_cleaned(cause)}.")
        kind = RecordsHeldError if "locked" in cause else RecordsError
        return kind(self._sentence(cause, denied=isinstance(error, PermissionError)))

    def _sentence(self, cause: str, *, denied: bool) -> str:
        """What is the matter with a file."""
        if "malformed" in cause or "not a database" in cause:
            return (
                f"{self.file} is damaged: move it away (a copy may lie beside it). What was traded is read from the "
                "exchange again; forecasts are only in a copy."
            )
        if "readonly" in cause or "read-only" in cause or denied:
            return f"{self.file} can't be written: give its folder back to its owner."
        if "full" in cause:
            return f"The disk of {self.file} is full: make room, records catch up later."
        if "locked" in cause:
            return f"{self.file} is held by another program: try again when it is done."
        return f"{self.file} can't be used: {_cleaned(cause)}."


def _cleaned(text_: str) -> str:
    """A database's words without addresses and secrets in them."""
    return re.sub(r"<class '[^']*'>:\s*|\w+://\S+", "", text_).strip().rstrip(".")[:200]


def _connected(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begun(connection: Any) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def copy_beside(file: Path, revision: str) -> Path:
    """A copy of a SQLite file beside it, whole though others may be writing; never over another copy."""
    number, target = 1, file.with_name(f"{file.name}.{revision}.copy")
    while target.exists():
        number += 1
        target = file.with_name(f"{file.name}.{revision}.copy{number}")
    made = target.with_name(target.name + ".part")
    made.unlink(missing_ok=True)
    made.touch(mode=0o600)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(made)) as into:
        source.backup(into)
    made.rename(target)
    return target
