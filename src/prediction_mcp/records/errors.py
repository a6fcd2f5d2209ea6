"""What can be wrong with the database, each as one sentence."""

from __future__ import annotations

from prediction_mcp.net.errors import PlatformError


class RecordsError(PlatformError):
    """The records can't be used now; trading and reading go on without them."""


class RecordsUnreachedError(RecordsError):
    """The database of DATABASE_URL doesn't answer."""


class RecordsHeldError(RecordsError):
    """Another program writes into the file."""


class RecordsOldError(RecordsError):
    """The database's tables are another version's."""


class UnknownRecordError(RecordsError):
    """No row is called that, or it isn't this account's."""
