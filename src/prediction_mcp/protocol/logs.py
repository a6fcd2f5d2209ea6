"""FastMCP's own log, less what isn't worth a line: errors that are answers."""

from __future__ import annotations

import logging

from .errors import expected


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
