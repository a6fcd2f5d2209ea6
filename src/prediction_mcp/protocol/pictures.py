"""An answer with a picture beside it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from fastmcp.tools import ToolResult
from mcp_types import ImageContent, TextContent

if TYPE_CHECKING:
    from prediction_mcp.desk.results import Answer


def with_picture(answer: Answer, png: bytes) -> ToolResult:
    """The numbers, and a PNG beside them."""
    return ToolResult(
        content=[
            TextContent(type="text", text=answer.model_dump_json()),
            ImageContent(type="image", data=base64.b64encode(png).decode(), mime_type="image/png"),
        ],
        structured_content=answer.model_dump(mode="json"),
    )
