"""Entry point of Alembic. database.py runs it on its own connection, inside its own transaction."""

from __future__ import annotations

from alembic import context

from tables import Base

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Migrations run when the app starts; they are not run by hand.")

# SQLite changes a table by creating a new one; batch mode does that, and uses ALTER TABLE for other databases.
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
context.run_migrations()
