"""What books, trades and prices say."""
