"""Versions of the exchange's file: how an older one becomes the current one."""

from __future__ import annotations

VERSION = 7
"""Of the schema. A file of a later version is refused, an older one is brought up to it."""
UPGRADES: dict[int, str] = {
    1: """
    ALTER TABLE trades ADD COLUMN is_block INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE keys ADD COLUMN name TEXT NOT NULL DEFAULT '';
    ALTER TABLE keys ADD COLUMN subaccount INTEGER;
    CREATE TABLE allocations (
      account_id TEXT PRIMARY KEY, percent INTEGER NOT NULL, reservation TEXT NOT NULL
    ) STRICT;
    """,
    2: "CREATE TABLE rfqs (rfq_id TEXT PRIMARY KEY, serial INTEGER NOT NULL, body BLOB NOT NULL) STRICT;",
    3: "CREATE TABLE returns (account_id TEXT NOT NULL, event TEXT NOT NULL, amount INTEGER NOT NULL,"
    " decided INTEGER NOT NULL, PRIMARY KEY (account_id, event)) STRICT, WITHOUT ROWID;",
    4: """
    ALTER TABLE accounts ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE orders ADD COLUMN sells INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE positions ADD COLUMN lots BLOB;
    CREATE TABLE extras (
      id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (kind, key)
    ) STRICT;
    """,
    5: """
    ALTER TABLE accounts ADD COLUMN shard INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE transfers ADD COLUMN client_id TEXT NOT NULL DEFAULT '';
    INSERT INTO extras (kind, key, body) SELECT 'allocation', account_id, CAST(
      '{"allocations":[{"exchange_index":0,"percent":100}],"resting_margin_reservation":"' || reservation || '"}'
      AS BLOB
    ) FROM allocations WHERE percent = 100;
    DROP TABLE allocations;
    """,
    6: "ALTER TABLE deposits ADD COLUMN status TEXT NOT NULL DEFAULT 'applied';",
}
"""SQL that takes a schema of a version to the next."""
