"""Commands for people."""

from prediction_mcp.cli.app import main

__all__ = ["main"]
