"""Polymarket at the desk: what is looked up, reckoned and done, without MCP."""
