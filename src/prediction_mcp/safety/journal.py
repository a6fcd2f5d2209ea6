"""The journal's file: lines of JSON that are only ever added to, on the disk before the next step is taken.

A line is the bytes between two newlines; JSON escapes any newline of its own, and no other character ends a line. What
can't be read is set aside with a word and never silently: a line that breaks off at the end was never acknowledged
(the disk filled up, or the power went), any other one is damage, and damage may have been the kill switch.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from .policy import RefusedError

NAME = "journal.jsonl"
SWITCH = "HALTED"
"""A file that stands beside the journal while the kill switch is on: it holds where the journal can't be written."""
_WHAT = re.compile(
    rb'\A\{"at": ?"[^"]{0,40}", ?"ts": ?[0-9.e+-]{1,40}, ?(?:"mono": ?[0-9.e+-]{1,40}, ?)?"what": ?"([a-z]{1,20})"'
)
"""How a line begins that this server wrote: its kind, though the rest of it be lost."""


class JournalError(RefusedError):
    """The journal can't be written, and without it nothing leaves."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the journal as it was read: ``content`` is None where it can't be."""

    start: int
    raw: bytes
    ended: bool
    content: dict[str, Any] | None

    @property
    def may_restrain(self) -> bool:
        """Whether an unreadable line could have been the kill switch or a limit: nothing shows that it is another."""
        if not self.ended:
            return False  # it was never acknowledged
        begun = _WHAT.match(self.raw)
        kind = self.content["what"] if self.content else begun and begun[1].decode()
        return kind in (None, "halted", "tightened")


class Journal:
    """The file, opened for adding and reading. Raises JournalError where it isn't its owner's alone."""

    def __init__(self, folder: Path) -> None:
        self.path = own_folder(folder) / NAME
        self._handle = _own_file(self.path)

    def close(self) -> None:
        os.close(self._handle)

    @property
    def size(self) -> int:
        return os.fstat(self._handle).st_size

    def add(self, line: Mapping[str, Any], *, sync: bool) -> None:
        """Add a line, whole or not at all; with ``sync`` it is on the disk then. Raises OSError."""
        # a lone surrogate, which JSON can carry and UTF-8 can't, stays escaped
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace") + b"\n"
        before = self.size
        try:
            if os.write(self._handle, text) != len(text):
                raise OSError("the disk is full")
            if sync:
                os.fdatasync(self._handle) if hasattr(os, "fdatasync") else os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, before)  # nothing half-written stays
            raise

    def lines(self, start: int = 0) -> Iterator[Line]:
        """What stands from a byte on, oldest first; what breaks off at the end comes as an unreadable line."""
        rest = os.pread(self._handle, self.size - start, start)
        while rest:
            raw, end, rest = rest.partition(b"\n")
            yield Line(start, raw, bool(end), read(raw))
            start += len(raw) + 1

    def whole_until(self, end: int) -> bool:
        """Whether a line ends right before this byte, as it does where an index stopped reading."""
        return end == 0 or (end <= self.size and os.pread(self._handle, 1, end - 1) == b"\n")

    def end_line(self) -> None:
        """Begin the next line on a line of its own, after one that broke off."""
        if self.size and not self.whole_until(self.size):
            os.write(self._handle, b"\n")


def now() -> str:
    """This moment for a person, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def stamped(content: Mapping[str, Any]) -> dict[str, Any]:
    """A line with the time it is written, by the wall and by the machine's monotonic clock."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"at": at, "ts": time.time(), "mono": time.monotonic(), **content}


def read(raw: bytes) -> dict[str, Any] | None:
    """A line's content, or None where it is no JSON object that says what it is."""
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and isinstance(content.get("what"), str) else None


def own_folder(folder: Path) -> Path:
    """The folder, made if need be, and its owner's alone: what others may write to is mended.

    Raises:
        JournalError: it is a link, or somebody else's.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.lstat()
        if stat.S_ISLNK(found.st_mode):
            raise JournalError(f"{folder} is a link: the journal's folder must be a folder of its own.")
        if os.name == "posix":
            if found.st_uid != os.getuid():
                raise JournalError(f"{folder} belongs to somebody else: choose another with SAFETY_FOLDER.")
            if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                folder.chmod(0o700)
    except OSError as error:
        raise JournalError(f"The journal's folder {folder} can't be used ({error.strerror}).") from error
    return folder


def _own_file(path: Path) -> int:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        if path.is_symlink():
            raise JournalError(f"{path} is a link, which a journal never is: look where it points.") from None
        raise JournalError(f"The journal {path} can't be opened ({error.strerror}).") from error
    found = os.fstat(handle)
    wrong = not stat.S_ISREG(found.st_mode) or (os.name == "posix" and found.st_uid != os.getuid())
    if wrong or found.st_nlink > 1:
        os.close(handle)
        raise JournalError(f"The journal {path} isn't a plain file of yours alone: look at it before you trade.")
    if os.name == "posix" and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        os.fchmod(handle, 0o600)
    return handle


# -- the kill switch's file ----------------------------------------------------------------------------------------


def set_switch(folder: Path, by: str, at: str) -> None:
    """Stand the file up. Raises OSError."""
    path = folder / SWITCH
    path.unlink(missing_ok=True)  # whatever stood there, a link too
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, json.dumps({"by": by, "at": at}).encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def switch(folder: Path) -> dict[str, str] | None:
    """{by, at} while the file stands; one that can't be read counts too."""
    path = folder / SWITCH
    try:
        text = path.read_bytes()[:1000]
    except FileNotFoundError:
        return None
    except OSError:
        text = b""
    try:
        found = msgspec.json.decode(text, type=dict[str, str])
        return {"by": found["by"], "at": found["at"]}
    except (msgspec.DecodeError, KeyError):
        return {"by": "somebody", "at": "a time that can't be read"}


def clear_switch(folder: Path) -> None:
    (folder / SWITCH).unlink(missing_ok=True)
