"""How far long work has come: a line on a terminal, nothing in a pipe and nothing for a program."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

Told = Callable[[int, int | None], Awaitable[None]]
"""Told (done, expected or None)."""


@contextmanager
def bar(*, as_json: bool) -> Iterator[Told | None]:
    """A line on stderr that goes away with the block; None where nobody looks."""
    if as_json or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("working", total=None, visible=False)

        async def tell(done: int, expected: int | None) -> None:
            words = f"{done:,}" if expected is None else f"{done:,} of {expected:,}"
            shown.update(task, completed=done, total=expected, description=words, visible=True)

        yield tell
