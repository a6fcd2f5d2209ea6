"""Kalshi's endpoints, a file per group."""
