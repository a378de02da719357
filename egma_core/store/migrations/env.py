"""How alembic runs this library's migrations: on the connection, and in the transaction, of whoever asks."""

from __future__ import annotations

from alembic import context

from egma_core.store import raw_tables, sitting_tables, tables

assert raw_tables.metadata is sitting_tables.metadata is tables.metadata
context.configure(connection=context.config.attributes["connection"], target_metadata=tables.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
