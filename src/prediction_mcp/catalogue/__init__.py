"""A local catalogue of what the exchange lists, since Kalshi has no search: an SQLite index and how it is filled."""
