"""Schema migrations, applied by Alembic when the store is opened."""
