"""Alerts that fired since the last answer come with the next one, once."""

from __future__ import annotations

import json
from typing import Any

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import InputRequiredToolResult, ToolResult
from loguru import logger
from mcp_types import TextContent

from prediction_mcp.net.deadline import within
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.safety.text import clean
from prediction_mcp.settings import SettingsError

from .asking import is_anonymous
from .session import get_session

NEWS_S = 2.0
MOST = 10
"""Alerts that come with one answer; of older ones is said how many there are."""


class Told(Middleware):
    """Adds ``alerts`` to the answer of a tool, where there are any that no conversation was told."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        result = await call_next(context)
        if isinstance(result, InputRequiredToolResult) or is_anonymous():  # a question carries nothing else to its user
            return result
        try:
            async with within(NEWS_S, "The database doesn't answer in time."):  # the answer is there: it goes out
                news = await _news()
        except (PlatformError, SettingsError) as error:
            logger.warning("whether alerts fired can't be told now: {}", error)
            return result
        if news is None:
            return result
        result.content = [*(result.content or ()), TextContent(type="text", text=json.dumps(news, ensure_ascii=False))]
        if isinstance(result.structured_content, dict):
            result.structured_content = {**result.structured_content, **news}
        return result


async def _news() -> dict[str, Any] | None:
    session = get_session()
    if not session.account.is_open:  # nothing is connected for this
        return None
    desk = session.automation
    found, more = await desk.alerts.show(desk.clock(), MOST)
    if not found:
        return None
    lines = [
        {"alert_id": firing.alert_id, "at": f"{firing.time:%Y-%m-%dT%H:%M:%SZ}", "said": clean(firing.said)}
        for firing in found
    ]
    return {"alerts": lines, **({"older_alerts": f"{more} more: get_alerts"} if more else {})}
