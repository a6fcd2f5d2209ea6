"""Logs go to stderr through loguru, FastMCP's and uvicorn's included: stdout belongs to the protocol."""

from __future__ import annotations

import logging
import sys

from loguru import logger


class _ToLoguru(logging.Handler):
    """Hand the standard library's records to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        logger.opt(exception=record.exc_info).log(record.levelname, "{}: {}", record.name, record.getMessage())


def configure_logging(level: str) -> None:
    """Send everything to stderr from ``level`` on."""
    logger.remove()
    logger.configure(extra={"of": ""})  # whom a line is of, where one process works for several
    line = "{time:HH:mm:ss} {level} {extra[of]}{message}"
    logger.add(sys.stderr, level=level, format=line, backtrace=False, diagnose=False)
    logging.basicConfig(handlers=[_ToLoguru()], level=logging.WARNING, force=True)
    for name in ("fastmcp", "mcp", "uvicorn", "httpx"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)
