"""Alembic's entry: migrate over the connection that the engine hands in."""

from alembic import context

from exporter.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
