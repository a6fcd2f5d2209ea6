"""Who else trades: makers, takers, quoters."""
