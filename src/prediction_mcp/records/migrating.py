"""Alembic, called from within: no alembic.ini, no second connection. Loaded when tables change, not at each start."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

FOLDER = Path(__file__).parent / "migrations"


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings for our folder."""
    made = Config()
    made.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def run(connection: Connection, revision: str) -> None:
    """Bring the tables to a revision, within the connection's transaction."""
    current, wanted = _at(connection), _place(revision)
    (command.upgrade if wanted >= current else command.downgrade)(config(connection), revision)


def _at(connection: Connection) -> int:
    from alembic.runtime.migration import MigrationContext

    found = MigrationContext.configure(connection).get_current_revision()
    return 0 if found is None else _place(found)


def _place(revision: str) -> int:
    """A revision's place in the row of all: 0 for none."""
    names = known()
    if revision in ("head", "base"):
        return len(names) if revision == "head" else 0
    return names.index(revision) + 1


def known() -> list[str]:
    """All revisions, oldest first."""
    script = ScriptDirectory.from_config(config())
    return [revision.revision for revision in reversed(list(script.walk_revisions()))]


def history() -> list[tuple[str, str]]:
    """(revision, what it does), oldest first."""
    script = ScriptDirectory.from_config(config())
    return [(revision.revision, revision.doc or "") for revision in reversed(list(script.walk_revisions()))]
