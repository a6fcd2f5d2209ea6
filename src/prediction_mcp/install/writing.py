"""A client's file changed and changed back: seen before, whole or not at all, and nothing lost that others wrote.

Beside a file that was there lies a copy of it as it was before our server came. Taking the server away gives those
bytes back where nobody else wrote since, else it takes out our part alone. Where there was no file, a note beside it
says which folders were made.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prediction_mcp.settings import SettingsError

from .clients import Entry, Kind

BEFORE, MADE = ".before-prediction-mcp", ".made-by-prediction-mcp"
LARGEST = 20_000_000
"""Bytes of a file: Claude Code keeps much in its own."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a file is and what it would be; None where there is none."""

    kind: Kind
    file: Path
    was: bytes | None
    becomes: bytes | None
    backup: bool = False
    """Whether the file as it is is kept beside it."""

    @property
    def needed(self) -> bool:
        return self.was != self.becomes

    @property
    def diff(self) -> str:
        """For people, as diff -u shows it."""
        old, new = (_text(part or b"").splitlines(keepends=True) for part in (self.was, self.becomes))
        lines = difflib.unified_diff(old, new, str(self.file), str(self.file))
        return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def installing(kind: Kind, file: Path, name: str, entry: Entry) -> Change:
    """Our server put in. Raises SettingsError: the file can't be read, or can't be changed without losing something."""
    was = _bytes(file)
    with _said(kind, file):
        old = _text(was or b"")
        new = kind.put(old, name, entry)
        whole = kind.read(old)
        whole[kind.under] = {**kind.servers(old), name: kind.servers(new).get(name)}
        if kind.read(new) != whole:
            raise ValueError("it is written in a way that can't be changed safely")
    kept = any(_beside(file, ending).exists() for ending in (BEFORE, MADE))
    backup = was is not None and (name not in kind.servers(old) or not kept)
    return Change(kind, file, was, _back(new, was), backup=backup)


def removing(kind: Kind, file: Path, name: str) -> Change:
    """Our server taken out. Raises SettingsError."""
    was = _bytes(file)
    if was is None:
        return Change(kind, file, None, None)
    with _said(kind, file):
        old = _text(was)
        entry = kind.servers(old).get(name)
        if entry is None:
            return Change(kind, file, was, was)
        plain = {key: value for key, value in entry.items() if key != "type"} if kind.typed else entry
        before = _bytes(_beside(file, BEFORE))
        if before is None and _beside(file, MADE).exists() and _back(kind.put("", name, plain), None) == was:
            return Change(kind, file, was, None)
        known = before is not None and name not in kind.servers(_text(before))
        if before is not None and known and _back(kind.put(_text(before), name, plain), before) == was:
            return Change(kind, file, was, before)
        new = kind.drop(old, name)
        whole = kind.read(old)
        whole[kind.under] = {other: value for other, value in kind.servers(old).items() if other != name}
        bare = {key: value for key, value in whole.items() if key != kind.under or value}
        if kind.read(new) not in (whole, bare):
            raise ValueError("it is written in a way that can't be changed safely")
    return Change(kind, file, was, _back(new, was))


def carry_out(change: Change) -> None:
    """Write it, whole or not at all. Raises SettingsError, also where the file is another one by now."""
    file = change.file
    if _bytes(file) != change.was:
        raise SettingsError(f"{file} was changed by another program meanwhile: try again.")
    try:
        if change.becomes is None:
            _taken_away(file)
            return
        if change.was is None:
            made = _made(file) or [str(folder) for folder in reversed(file.parents) if not folder.exists()]
            file.parent.mkdir(parents=True, exist_ok=True)
            _replace(_beside(file, MADE), json.dumps(made).encode(), 0o600)
        elif change.backup:
            _replace(_beside(file, BEFORE), change.was, 0o600)
        _replace(file.resolve(), change.becomes, file.stat().st_mode & 0o777 if file.exists() else 0o600)
    except OSError as error:
        raise SettingsError(f"{file} can't be written ({error.strerror}).") from None


def cleared(file: Path) -> None:
    """The server is gone: so are the copy and the note."""
    for ending in (BEFORE, MADE):
        _beside(file, ending).unlink(missing_ok=True)


def _taken_away(file: Path) -> None:
    folders = _made(file)
    file.unlink()
    _beside(file, MADE).unlink()
    for folder in reversed(folders):
        try:
            Path(folder).rmdir()
        except OSError:  # somebody else has put something there since
            break


def _made(file: Path) -> list[str]:
    """The folders that a note names, outermost first; none where it can't be read, and never one beside the way."""
    try:
        named = json.loads(_beside(file, MADE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [str(folder) for folder in reversed(file.parents) if isinstance(named, list) and str(folder) in named]


def _replace(file: Path, data: bytes, mode: int) -> None:
    handle, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as into:
            into.write(data)
            into.flush()
            os.fsync(into.fileno())
        Path(draft).chmod(mode)
        Path(draft).replace(file)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(file.name + ending)


def _bytes(file: Path) -> bytes | None:
    try:
        if file.stat().st_size > LARGEST:
            raise SettingsError(f"{file} is larger than {LARGEST // 1_000_000} MB: it is left alone.")
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{file} can't be read ({error.strerror}).") from None


def _text(data: bytes) -> str:
    return data.removeprefix(b"\xef\xbb\xbf").decode(errors="strict")


def _back(text: str, like: bytes | None) -> bytes:
    mark = b"\xef\xbb\xbf" if like is not None and like.startswith(b"\xef\xbb\xbf") else b""
    return mark + text.encode()


@contextlib.contextmanager
def _said(kind: Kind, file: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError:
        raise SettingsError(f"{file} is no text: {kind.title} can't read it either, and it is left alone.") from None
    except (ValueError, AttributeError, TypeError) as error:
        raise SettingsError(
            f"{file} is left alone: {error}. Put the server in by hand: prediction-mcp install json."
        ) from None
