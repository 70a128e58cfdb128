"""A version of the app after this one: the migrations with one more, which changes the table of the cameras."""

from __future__ import annotations

import shutil
from pathlib import Path

from alembic.script import ScriptDirectory

from database import MIGRATIONS

_LATER = '''
"""A later schema, as a later version will have one."""
import os, time
import sqlalchemy as sa
from alembic import op

revision, down_revision = "later", "{down}"

def upgrade():
    op.add_column("cameras", sa.Column("note", sa.String(10), nullable=False, server_default="new"))
    op.create_table("halfway", sa.Column("id", sa.Integer(), primary_key=True))
    if os.environ.get("HANG_IN_MIGRATION"):
        print("halfway", flush=True)
        time.sleep(60)
    with op.batch_alter_table("cameras") as batch:
        batch.drop_column("hardware")
'''


def with_later_migration(folder: Path) -> Path:
    """Copy the migrations to `folder`, and add one. It says "halfway" and waits if HANG_IN_MIGRATION is set."""
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    newest = ScriptDirectory(str(folder)).get_current_head()
    (folder / "versions" / "v9999_later.py").write_text(_LATER.format(down=newest))
    return folder
