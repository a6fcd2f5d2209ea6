"""A word to each channel, to see whether it comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prediction_mcp.desk.results import Answer, Result
from prediction_mcp.settings import SettingsError

from .channels import channels_of
from .sending import notify

if TYPE_CHECKING:
    from ..desk import Desk


class Tried(Result):
    """A channel by name; ``problem`` says why nothing was taken."""

    channel: str
    kind: str
    delivered: bool
    problem: str | None = None


class TriedAll(Answer):
    channels: list[Tried]


async def tried(desk: Desk, name: str | None) -> TriedAll:
    """Send a test to each channel, or one. Raises SettingsError where there is none."""
    known = channels_of(desk.account.settings)
    chosen = [channel for channel in known if name in (None, channel.name)]
    if not chosen:
        there = ", ".join(channel.name for channel in known) or "none: set NOTIFY_URLS"
        raise SettingsError(f"There is no such channel; there are {there}.")
    words = "This is a test of prediction-mcp: messages of your alerts and standing orders come this way."
    results = await asyncio.gather(*(notify(channel, "prediction-mcp", words) for channel in chosen))
    return TriedAll(
        source=desk.environment,
        channels=[
            Tried(channel=channel.name, kind=channel.scheme, delivered=problem is None, problem=problem)
            for channel, problem in zip(chosen, results, strict=True)
        ],
    )
