"""Run by Alembic with the open connection of `gateway.db.migrate`; the caller's transaction is the
migration's.
"""

from __future__ import annotations

from alembic import context

from gateway.schema import full_metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=full_metadata(),
    render_as_batch=True,
    transactional_ddl=False,
)
with context.begin_transaction():
    context.run_migrations()
