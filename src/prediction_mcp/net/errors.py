"""The base of all errors of a platform's client: what who stands above it may rely on."""

from __future__ import annotations


class PlatformError(Exception):
    """Something went wrong between us and a platform.

    Attributes:
        message: one sentence: what was wrong, what to do.
        maybe_done: whether the request may have been carried out all the same; then only asking tells.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.maybe_done = False


class MissingError(PlatformError):
    """What was asked for isn't there."""


class TooMany(PlatformError):  # noqa: N818 - mixed into a platform's own error
    """The platform says that too much was asked (429). Nothing happened."""


class NotAnswered(PlatformError):  # noqa: N818 - mixed into a platform's own error
    """One try without a usable answer. ``sent`` says whether the request may have reached the platform."""

    sent: bool
