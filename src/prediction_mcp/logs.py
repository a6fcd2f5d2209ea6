"""Logs go to stderr through loguru, FastMCP's and uvicorn's included: stdout belongs to the protocol."""

from __future__ import annotations

import logging
import sys

from loguru import logger

from .protocol.errors import expected


class _Expected(logging.Filter):
    """An error that reaches the caller as a sentence needs no traceback in the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return expected(error) is None and "Invalid arguments for tool" not in record.msg


def quiet_expected_errors() -> None:
    """FastMCP logs every failed call with its traceback; leave out those that are answers."""
    log = logging.getLogger("fastmcp.server.server")
    if not any(isinstance(known, _Expected) for known in log.filters):
        log.addFilter(_Expected())


class _ToLoguru(logging.Handler):
    """Hand the standard library's records to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        logger.opt(exception=record.exc_info).log(record.levelname, "{}: {}", record.name, record.getMessage())


def configure_logging(level: str) -> None:
    """Send everything to stderr from ``level`` on."""
    logger.remove()
    logger.add(sys.stderr, level=level, format="{time:HH:mm:ss} {level} {message}", backtrace=False, diagnose=False)
    logging.basicConfig(handlers=[_ToLoguru()], level=logging.WARNING, force=True)
    for name in ("fastmcp", "mcp", "uvicorn", "httpx"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)
