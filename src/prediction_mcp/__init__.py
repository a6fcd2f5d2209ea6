"""Research, trade and watch prediction markets from an AI assistant."""

__version__ = "0.1.0"
