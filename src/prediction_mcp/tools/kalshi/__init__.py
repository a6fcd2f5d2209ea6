"""The kalshi_ tools: words and types."""
