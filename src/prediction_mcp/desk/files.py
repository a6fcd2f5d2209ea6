"""Files that are written for a user: in one folder only, new ones only, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.safety.text import cut

SHOWN = 60
"""Characters of a name that an error repeats."""
FORMULAS = ("=", "+", "-", "@")


def place(path: str, kind: str, folder: Path) -> Path:
    """The file a path means, which lies in the folder and isn't there yet.

    Raises:
        InvalidRequestError: it lies elsewhere, also by a link; another ending than the format's; it is there.
    """
    try:
        return _placed(path, kind, folder)
    except (OSError, ValueError) as error:  # too long, or with a NUL in it
        raise InvalidRequestError(
            f"{cut(path, SHOWN)!r} can't be a file's name ({getattr(error, 'strerror', error)})."
        ) from None


def _placed(path: str, kind: str, folder: Path) -> Path:
    wanted = Path(path.strip())
    if not wanted.suffix:
        wanted = wanted.with_name(f"{wanted.name}.{kind}") if wanted.name else wanted
    if wanted.suffix.lower() != f".{kind}":
        raise InvalidRequestError(f"path must end in .{kind} for format={kind}, not {cut(path, SHOWN)!r}.")
    root = folder.resolve()
    target = (root / wanted).resolve()
    if not target.is_relative_to(root):
        raise InvalidRequestError(f"Exports are written under {folder} only: give a name like report.{kind}.")
    if target.exists():
        raise InvalidRequestError(f"{target.name} is there already and is never overwritten: give another name.")
    return target


def write_new(target: Path, data: bytes) -> None:
    """Write a file that only its owner can read; never over another, never half of one.

    Raises:
        InvalidRequestError: the file came into being meanwhile, or the disk refuses.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequestError(f"The folder {target.parent} can't be made: {error.strerror}.") from None
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InvalidRequestError(f"{target.name} is there already: give another name.") from None
    except OSError as error:
        raise InvalidRequestError(f"{cut(target.name, SHOWN)} can't be written: {error.strerror}.") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        target.unlink(missing_ok=True)
        raise InvalidRequestError(f"{target} can't be written: {error.strerror}.") from None


def harmless(cell: str) -> str:
    """A text of others for a spreadsheet, in which it begins no formula."""
    return f"'{cell}" if cell[:1] in FORMULAS else cell
