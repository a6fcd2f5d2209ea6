"""A worker as a process of its own, by a clock that others set: eight bytes of a file, microseconds since 1970."""

from __future__ import annotations

import asyncio
import struct
import sys
from datetime import datetime
from pathlib import Path

from prediction_mcp.automation.worker import Worker
from prediction_mcp.connection import open_account
from prediction_mcp.logs import configure_logging
from prediction_mcp.records.columns import from_moment, to_moment
from prediction_mcp.settings import load_settings


class FileClock:
    """The time as a file has it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> datetime:
        (units,) = struct.unpack("<q", self.path.read_bytes())
        return from_moment(units)

    def set(self, moment: datetime) -> None:
        draft = self.path.with_suffix(".new")
        draft.write_bytes(struct.pack("<q", to_moment(moment)))
        draft.replace(self.path)


async def main() -> None:
    settings = load_settings()
    configure_logging(settings.log_level)
    async with open_account(settings) as account:
        await Worker(account, clock=FileClock(Path(sys.argv[1]))).run()


if __name__ == "__main__":
    asyncio.run(main())
