"""A new encryption key for the camera passwords, in such an order that a crash at any point loses nothing.

1. The new key is written beside the old one, as `<key file>.next`.
2. One transaction locks every password and the check with it.
3. The new file takes the old one's place.

A start after a crash between 2 and 3 finds that the next key is the right one and finishes; after a crash
between 1 and 2 the old one still is, and the draft is thrown away (`cameras.vault.open_vault`).
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select, text

from cameras.store import place_of
from cameras.vault import BoxDoesNotOpen, Vault, adopt_next_key, make_next_key, open_vault
from core.errors import StartRefused
from database import CameraRow, Database, VaultRow


def rotate_key(database: Database, key_file: Path) -> int:
    """Locks all passwords with a new key; how many. StartRefused where the old key does not open them.

    The app must not be running: it holds the old key.
    """
    database.open()
    with database.read() as session:
        row = session.get(VaultRow, 1)
        if row is None:
            raise StartRefused(f"{database.file} holds no passwords yet: start the app once.")
        old = open_vault(key_file, row.key_check)
    new = Vault(make_next_key(key_file))
    count = 0
    with database.write() as session:
        for camera in session.scalars(select(CameraRow)):
            try:
                password = old.unlock(camera.password_box, place_of(camera))
            except BoxDoesNotOpen:
                continue  # it must be typed again, as before
            camera.password_box = new.lock(password, place_of(camera))
            count += 1
        check = session.get(VaultRow, 1)
        assert check is not None  # noqa: S101 - read above, and nobody else runs
        check.key_check = new.make_check()
    with database.read() as session:  # what was locked with the old key is not left in the WAL
        session.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    adopt_next_key(key_file)
    return count
