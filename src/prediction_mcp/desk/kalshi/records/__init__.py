"""Records of one account at Kalshi: read from the exchange, kept by ``prediction_mcp.records``."""
