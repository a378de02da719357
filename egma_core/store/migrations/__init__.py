"""The library's schema, version by version (alembic)."""
