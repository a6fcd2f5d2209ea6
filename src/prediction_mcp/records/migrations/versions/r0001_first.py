"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("platform", sa.String(length=20), nullable=False),
        sa.Column("environment", sa.String(length=10), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint(
            "platform", "environment", "key_hash", name=op.f("uq_accounts_platform_environment_key_hash")
        ),
    )
    op.create_table(
        "alerts",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_alerts_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_account_id_state"), "alerts", ["account_id", "state"], unique=False)
    op.create_table(
        "forecasts",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("ticker", sa.String(length=200), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("category", sa.String(length=100), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("probability", sa.BigInteger(), nullable=False),
        sa.Column("bid", sa.BigInteger(), nullable=True),
        sa.Column("ask", sa.BigInteger(), nullable=True),
        sa.Column("fee", sa.String(length=60), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("settled", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_forecasts_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forecasts")),
    )
    op.create_index(op.f("ix_forecasts_account_id_made"), "forecasts", ["account_id", "made"], unique=False)
    op.create_index(op.f("ix_forecasts_account_id_ticker"), "forecasts", ["account_id", "ticker"], unique=False)
    op.create_table(
        "named_lots",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("closing", sa.String(length=200), nullable=False),
        sa.Column("opening", sa.String(length=200), nullable=False),
        sa.Column("contracts", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_named_lots_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_named_lots")),
        sa.UniqueConstraint("account_id", "closing", "opening", name=op.f("uq_named_lots_account_id_closing_opening")),
    )
    op.create_table(
        "notifications",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=80), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_notifications_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("account_id", "reason", name=op.f("uq_notifications_account_id_reason")),
    )
    op.create_index(op.f("ix_notifications_account_id_state"), "notifications", ["account_id", "state"], unique=False)
    op.create_table(
        "prices",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("ticker", sa.String(length=200), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("bid", sa.BigInteger(), nullable=True),
        sa.Column("ask", sa.BigInteger(), nullable=True),
        sa.Column("last", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_prices_account_id")),
        sa.PrimaryKeyConstraint("account_id", "ticker", name=op.f("pk_prices")),
    )
    op.create_table(
        "progress",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_progress_account_id")),
        sa.PrimaryKeyConstraint("account_id", "kind", name=op.f("pk_progress")),
    )
    op.create_table(
        "settings",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_settings_account_id")),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_settings")),
    )
    op.create_table(
        "snapshots",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("cash", sa.BigInteger(), nullable=False),
        sa.Column("resting", sa.BigInteger(), nullable=False),
        sa.Column("at_bid", sa.BigInteger(), nullable=True),
        sa.Column("at_middle", sa.BigInteger(), nullable=True),
        sa.Column("at_cost", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_snapshots_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshots")),
    )
    op.create_index(op.f("ix_snapshots_account_id_time"), "snapshots", ["account_id", "time"], unique=False)
    op.create_table(
        "standing_orders",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_standing_orders_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing_orders")),
    )
    op.create_index(
        op.f("ix_standing_orders_account_id_state"), "standing_orders", ["account_id", "state"], unique=False
    )
    op.create_table(
        "transactions",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("exchange_id", sa.String(length=200), nullable=False),
        sa.Column("subaccount", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("ticker", sa.String(length=200), nullable=False),
        sa.Column("contracts", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("cash", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_transactions_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transactions")),
        sa.UniqueConstraint(
            "account_id",
            "kind",
            "exchange_id",
            "subaccount",
            name=op.f("uq_transactions_account_id_kind_exchange_id_subaccount"),
        ),
    )
    op.create_index(
        op.f("ix_transactions_account_id_ticker_subaccount"),
        "transactions",
        ["account_id", "ticker", "subaccount"],
        unique=False,
    )
    op.create_index(
        op.f("ix_transactions_account_id_time_id"), "transactions", ["account_id", "time", "id"], unique=False
    )
    op.create_table(
        "alert_firings",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("alert_id", BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_alert_firings_alert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_firings")),
        sa.UniqueConstraint("alert_id", "number", name=op.f("uq_alert_firings_alert_id_number")),
    )
    op.create_table(
        "closings",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("transaction_id", BIG, nullable=False),
        sa.Column("opened_by", BIG, nullable=True),
        sa.Column("ticker", sa.String(length=200), nullable=False),
        sa.Column("subaccount", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(length=3), nullable=False),
        sa.Column("acquired", sa.BigInteger(), nullable=True),
        sa.Column("disposed", sa.BigInteger(), nullable=False),
        sa.Column("contracts", sa.BigInteger(), nullable=False),
        sa.Column("proceeds", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.BigInteger(), nullable=False),
        sa.Column("fees", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_closings_account_id")),
        sa.ForeignKeyConstraint(["opened_by"], ["transactions.id"], name=op.f("fk_closings_opened_by")),
        sa.ForeignKeyConstraint(["transaction_id"], ["transactions.id"], name=op.f("fk_closings_transaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closings")),
    )
    op.create_index(op.f("ix_closings_account_id_disposed"), "closings", ["account_id", "disposed"], unique=False)
    op.create_index(op.f("ix_closings_account_id_ticker"), "closings", ["account_id", "ticker"], unique=False)
    op.create_table(
        "lots",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("transaction_id", BIG, nullable=False),
        sa.Column("ticker", sa.String(length=200), nullable=False),
        sa.Column("subaccount", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(length=3), nullable=False),
        sa.Column("acquired", sa.BigInteger(), nullable=False),
        sa.Column("contracts", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.BigInteger(), nullable=False),
        sa.Column("left", sa.BigInteger(), nullable=False),
        sa.Column("left_basis", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_lots_account_id")),
        sa.ForeignKeyConstraint(["transaction_id"], ["transactions.id"], name=op.f("fk_lots_transaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lots")),
    )
    op.create_index(op.f("ix_lots_account_id_ticker"), "lots", ["account_id", "ticker"], unique=False)
    op.create_table(
        "snapshot_positions",
        sa.Column("snapshot_id", BIG, nullable=False),
        sa.Column("ticker", sa.String(length=200), nullable=False),
        sa.Column("subaccount", sa.Integer(), nullable=False),
        sa.Column("contracts", sa.BigInteger(), nullable=False),
        sa.Column("at_bid", sa.BigInteger(), nullable=True),
        sa.Column("at_middle", sa.BigInteger(), nullable=True),
        sa.Column("at_cost", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["snapshots.id"], name=op.f("fk_snapshot_positions_snapshot_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "ticker", "subaccount", name=op.f("pk_snapshot_positions")),
    )
    op.create_table(
        "standing_runs",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("standing_order_id", BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("client_order_id", sa.String(length=80), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["standing_order_id"], ["standing_orders.id"], name=op.f("fk_standing_runs_standing_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing_runs")),
        sa.UniqueConstraint("standing_order_id", "number", name=op.f("uq_standing_runs_standing_order_id_number")),
    )


def downgrade() -> None:
    op.drop_table("standing_runs")
    op.drop_table("snapshot_positions")
    op.drop_index(op.f("ix_lots_account_id_ticker"), table_name="lots")
    op.drop_table("lots")
    op.drop_index(op.f("ix_closings_account_id_ticker"), table_name="closings")
    op.drop_index(op.f("ix_closings_account_id_disposed"), table_name="closings")
    op.drop_table("closings")
    op.drop_table("alert_firings")
    op.drop_index(op.f("ix_transactions_account_id_time_id"), table_name="transactions")
    op.drop_index(op.f("ix_transactions_account_id_ticker_subaccount"), table_name="transactions")
    op.drop_table("transactions")
    op.drop_index(op.f("ix_standing_orders_account_id_state"), table_name="standing_orders")
    op.drop_table("standing_orders")
    op.drop_index(op.f("ix_snapshots_account_id_time"), table_name="snapshots")
    op.drop_table("snapshots")
    op.drop_table("settings")
    op.drop_table("progress")
    op.drop_table("prices")
    op.drop_index(op.f("ix_notifications_account_id_state"), table_name="notifications")
    op.drop_table("notifications")
    op.drop_table("named_lots")
    op.drop_index(op.f("ix_forecasts_account_id_ticker"), table_name="forecasts")
    op.drop_index(op.f("ix_forecasts_account_id_made"), table_name="forecasts")
    op.drop_table("forecasts")
    op.drop_index(op.f("ix_alerts_account_id_state"), table_name="alerts")
    op.drop_table("alerts")
    op.drop_table("accounts")
