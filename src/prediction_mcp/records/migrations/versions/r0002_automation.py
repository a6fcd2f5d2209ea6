"""Alerts, standing orders and the outbox as the worker needs them; what 0001 had of them no program ever wrote."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
BEFORE = ("alert_firings", "standing_runs", "alerts", "standing_orders", "notifications")
NOW = (*BEFORE, "jobs", "workers")


def upgrade() -> None:
    for name in BEFORE:
        op.drop_table(name)
    op.create_table(
        "alerts",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("ticker", sa.String(length=200), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fired", sa.Integer(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=True),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_alerts_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_account_id_state"), "alerts", ["account_id", "state"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("runs", BIG, nullable=False),
        sa.Column("failed", BIG, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("done", sa.BigInteger(), nullable=True),
        sa.Column("took", BIG, nullable=False),
        sa.Column("worker", sa.String(length=80), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_jobs_account_id")),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_jobs")),
    )
    op.create_table(
        "notifications",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=80), nullable=False),
        sa.Column("importance", sa.String(length=10), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("next_try", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.String(length=80), nullable=False),
        sa.Column("sent_with", BIG, nullable=True),
        sa.Column("done", sa.BigInteger(), nullable=True),
        sa.Column("said", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_notifications_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("account_id", "reason", "channel", name=op.f("uq_notifications_account_id_reason_channel")),
    )
    op.create_index(
        op.f("ix_notifications_account_id_state_next_try"),
        "notifications",
        ["account_id", "state", "next_try"],
        unique=False,
    )
    op.create_table(
        "standing_orders",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("ticker", sa.String(length=200), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("filled", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_standing_orders_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing_orders")),
        sa.UniqueConstraint("account_id", "key", name=op.f("uq_standing_orders_account_id_key")),
    )
    op.create_index(
        op.f("ix_standing_orders_account_id_state"), "standing_orders", ["account_id", "state"], unique=False
    )
    op.create_table(
        "workers",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("within", sa.String(length=20), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_workers_account_id")),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_workers")),
    )
    op.create_table(
        "alert_firings",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("alert_id", BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("shown", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_alert_firings_account_id")),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_alert_firings_alert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_firings")),
        sa.UniqueConstraint("alert_id", "number", name=op.f("uq_alert_firings_alert_id_number")),
    )
    op.create_index(op.f("ix_alert_firings_account_id_shown"), "alert_firings", ["account_id", "shown"], unique=False)
    op.create_table(
        "standing_runs",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("standing_order_id", BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("client_order_id", sa.String(length=80), nullable=False),
        sa.Column("worker", sa.String(length=80), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("order_id", sa.String(length=200), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("filled", sa.BigInteger(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["standing_order_id"], ["standing_orders.id"], name=op.f("fk_standing_runs_standing_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing_runs")),
        sa.UniqueConstraint("standing_order_id", "number", name=op.f("uq_standing_runs_standing_order_id_number")),
    )
    op.create_index(
        op.f("ix_standing_runs_standing_order_id_state"), "standing_runs", ["standing_order_id", "state"], unique=False
    )


def downgrade() -> None:
    for name in NOW:
        op.drop_table(name)
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
