"""MCP Apps: pages that a client shows beside a tool's answer, where it can. They need no network and no library.

Each is one file of ours with the name of what it shows; what it shows comes from the tool's answer, as text. The order
ticket shows what would be sent and has nothing to press: only the person's answer to their client's question sends it.
Source of the protocol: the MCP Apps extension, 2026-01-26.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from fastmcp.server.providers import LocalProvider

from prediction_mcp import __version__

APPS = {
    "book": "A live order book with its depth", "ladder": "An event as a ladder of probabilities",
    "portfolio": "What the account holds and is worth", "ticket": "An order before it is sent",
}  # fmt: skip
provider = LocalProvider()


def uri(app: str) -> str:
    return f"ui://prediction-mcp/{app}.html"


@cache
def page(app: str) -> str:
    """An app's page."""
    text = (files(__name__) / "app.html").read_text(encoding="utf-8")
    return text.replace("{{app}}", app).replace("{{title}}", APPS[app]).replace("{{version}}", __version__)


def _register(app: str) -> None:
    @provider.resource(uri(app), name=f"app-{app}", title=APPS[app], meta={"ui": {"prefersBorder": True}})
    def show() -> str:
        return page(app)


for _app in APPS:
    _register(_app)
