"""A simulated exchange that speaks Kalshi's API over a loopback socket. Knows nothing of MCP."""
