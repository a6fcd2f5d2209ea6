"""The work of the desk at Kalshi."""
