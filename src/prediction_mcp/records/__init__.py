"""The database: what was traded, held and believed, kept for years. Knows no platform and no protocol.

Nothing here is imported before something needs it, and no trade waits for it.
"""
