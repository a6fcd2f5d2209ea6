-- The paper exchange on disk. Money in micros ($1e-6), prices in $1e-4, counts in 0.01 contracts, times in Unix ms.
CREATE TABLE exchange (
  id INTEGER PRIMARY KEY CHECK (id = 1), seed INTEGER NOT NULL, scenario TEXT NOT NULL, started_ms INTEGER NOT NULL,
  clock_ms INTEGER NOT NULL, sequence INTEGER NOT NULL, fees_collected INTEGER NOT NULL, serial INTEGER NOT NULL
) STRICT;
CREATE TABLE accounts (
  account_id TEXT PRIMARY KEY, owner TEXT NOT NULL, number INTEGER NOT NULL, grid INTEGER NOT NULL,
  keeps_history INTEGER NOT NULL, cash INTEGER NOT NULL, deposited INTEGER NOT NULL, updated_ms INTEGER NOT NULL,
  netting INTEGER NOT NULL, tokens INTEGER NOT NULL DEFAULT 0, shard INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE budgets (account_id TEXT PRIMARY KEY, tier TEXT NOT NULL) STRICT;
CREATE TABLE keys (
  key_id TEXT PRIMARY KEY, account_id TEXT NOT NULL, public_key TEXT NOT NULL, scopes TEXT NOT NULL,
  name TEXT NOT NULL, subaccount INTEGER
) STRICT;
CREATE TABLE series (ticker TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE events (
  position INTEGER PRIMARY KEY, ticker TEXT NOT NULL UNIQUE, series TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE markets (
  position INTEGER PRIMARY KEY, ticker TEXT NOT NULL UNIQUE, event TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE INDEX markets_by_event ON markets (event);
CREATE TABLE trading (
  ticker TEXT PRIMARY KEY, is_open INTEGER NOT NULL, pool INTEGER NOT NULL, open_interest INTEGER NOT NULL,
  volume INTEGER NOT NULL, last_price INTEGER NOT NULL
) STRICT;
CREATE TABLE trades (
  seq INTEGER PRIMARY KEY, ticker TEXT NOT NULL, ts_ms INTEGER NOT NULL, price INTEGER NOT NULL, count INTEGER NOT NULL,
  taker_side INTEGER NOT NULL, is_block INTEGER NOT NULL
) STRICT;
CREATE INDEX trades_by_market ON trades (ticker, ts_ms);
CREATE TABLE orders (
  seq INTEGER PRIMARY KEY, order_id TEXT NOT NULL, account_id TEXT NOT NULL, owner TEXT NOT NULL, ticker TEXT NOT NULL,
  side INTEGER NOT NULL, price INTEGER NOT NULL, initial INTEGER NOT NULL, remaining INTEGER NOT NULL,
  filled INTEGER NOT NULL, status TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,
  client_order_id TEXT NOT NULL, time_in_force TEXT NOT NULL, stp TEXT NOT NULL, expires_ms INTEGER NOT NULL,
  cancel_on_pause INTEGER NOT NULL, group_id TEXT, accumulator INTEGER NOT NULL, fee_hold INTEGER NOT NULL,
  slack INTEGER NOT NULL, notional INTEGER NOT NULL, fee_total INTEGER NOT NULL, taker_cost INTEGER NOT NULL,
  maker_cost INTEGER NOT NULL, taker_fees INTEGER NOT NULL, maker_fees INTEGER NOT NULL, queued INTEGER NOT NULL, sells INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX orders_by_id ON orders (order_id);
CREATE INDEX orders_by_owner ON orders (owner, seq);
CREATE INDEX orders_resting ON orders (owner, seq) WHERE status = 'resting';
CREATE TABLE client_ids (
  owner TEXT NOT NULL, client_order_id TEXT NOT NULL, PRIMARY KEY (owner, client_order_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE fills (
  owner TEXT NOT NULL, seq INTEGER NOT NULL, fill_id TEXT NOT NULL, account_id TEXT NOT NULL, order_id TEXT NOT NULL,
  client_order_id TEXT NOT NULL, ticker TEXT NOT NULL, side INTEGER NOT NULL, price INTEGER NOT NULL,
  count INTEGER NOT NULL, is_taker INTEGER NOT NULL, fee INTEGER NOT NULL, ts_ms INTEGER NOT NULL,
  PRIMARY KEY (owner, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX fills_by_order ON fills (order_id);
CREATE TABLE positions (
  account_id TEXT NOT NULL, ticker TEXT NOT NULL, settled INTEGER NOT NULL, position INTEGER NOT NULL,
  cost INTEGER NOT NULL, realized INTEGER NOT NULL, fees INTEGER NOT NULL, contracts INTEGER NOT NULL,
  traded INTEGER NOT NULL, updated_ms INTEGER NOT NULL, lots BLOB, PRIMARY KEY (account_id, ticker)
) STRICT, WITHOUT ROWID;
CREATE TABLE settlements (
  owner TEXT NOT NULL, seq INTEGER NOT NULL, account_id TEXT NOT NULL, ticker TEXT NOT NULL, result TEXT NOT NULL,
  value INTEGER NOT NULL, position INTEGER NOT NULL, cost INTEGER NOT NULL, revenue INTEGER NOT NULL,
  fees INTEGER NOT NULL, ts_ms INTEGER NOT NULL, PRIMARY KEY (owner, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE groups (
  group_id TEXT PRIMARY KEY, account_id TEXT NOT NULL, "limit" INTEGER NOT NULL, triggered INTEGER NOT NULL,
  trades BLOB NOT NULL
) STRICT;
CREATE TABLE deposits (
  id INTEGER PRIMARY KEY, account_id TEXT NOT NULL, micros INTEGER NOT NULL, ts_ms INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'applied'
) STRICT;
CREATE TABLE transfers (
  id INTEGER PRIMARY KEY, transfer_id TEXT NOT NULL, owner TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,
  micros INTEGER NOT NULL, ts_ms INTEGER NOT NULL, client_id TEXT NOT NULL DEFAULT '', UNIQUE (owner, transfer_id)
) STRICT;

-- What a front keeps besides, as JSON, in the sequence it came.
CREATE TABLE extras (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (kind, key)
) STRICT;

-- Requests for quotes with their quotes, as JSON; those of a batch are not kept.
CREATE TABLE rfqs (
  rfq_id TEXT PRIMARY KEY, serial INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;

-- Collateral returned to accounts before the end, by event, in micros.
CREATE TABLE returns (
  account_id TEXT NOT NULL, event TEXT NOT NULL, amount INTEGER NOT NULL, decided INTEGER NOT NULL,
  PRIMARY KEY (account_id, event)
) STRICT, WITHOUT ROWID;
