"""Runs inside the transaction of the connection that it is given."""

from alembic import context

from prediction_mcp.records.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True,
    transactional_ddl=True,
)  # fmt: skip
context.run_migrations()
