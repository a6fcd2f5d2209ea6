"""``db``: the tables' revisions, for who keeps the records in PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from .output import ask, show
from .records import Json, place_of

db = typer.Typer(help="The tables of the records; SQLite's are brought up to date by themselves.", no_args_is_help=True)


@db.command("current")
def current(as_json: Json = False) -> None:
    """The revision of the tables, and the one this program needs."""
    from prediction_mcp.records.database import HEAD, Database
    from prediction_mcp.settings import load_settings

    from .shapes import Revision

    place = place_of(load_settings())

    async def look() -> Revision:
        async with Database(place) as database:
            there = database.file is None or database.file.exists()
            found = await database.revision() if there else None
            return Revision(where=database.where, revision=found, needs=HEAD, fits=found == HEAD)

    show(asyncio.run(look()), as_json=as_json)


@db.command("history")
def history(as_json: Json = False) -> None:
    """All revisions, oldest first."""
    from prediction_mcp.records.migrating import history as known

    from .shapes import RevisionLine, Revisions

    show(Revisions(revisions=[RevisionLine(revision=name, what=what) for name, what in known()]), as_json=as_json)


@db.command("upgrade")
def upgrade(as_json: Json = False) -> None:
    """Bring the tables up to date."""
    _migrate("head", as_json=as_json)


@db.command("downgrade")
def downgrade(
    revision: Annotated[str, typer.Argument(help="A revision of “db history”, or base for none.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: Json = False,
) -> None:
    """Take the tables back; what only newer ones can hold is lost."""
    from prediction_mcp.records.migrating import known
    from prediction_mcp.settings import SettingsError

    if revision not in (*known(), "base"):
        raise SettingsError(f"There is no revision {revision}: “prediction-mcp db history” lists them.")
    if not yes:
        ask("Take the tables back? What only newer ones can hold is lost.", as_json=as_json)
    _migrate(revision, as_json=as_json)


def _migrate(revision: str, *, as_json: bool) -> None:
    from prediction_mcp.records.database import HEAD, Database, copy_beside
    from prediction_mcp.settings import load_settings

    from .shapes import Revision

    place = place_of(load_settings())

    async def work() -> Revision:
        async with Database(place) as database:
            if database.file is not None:
                database.prepare()
                if (before := await database.revision()) is not None:
                    await asyncio.to_thread(copy_beside, database.file, before)
            await database.migrate(revision)
            found = await database.revision()
            return Revision(where=database.where, revision=found, needs=HEAD, fits=found == HEAD)

    show(asyncio.run(work()), as_json=as_json)
