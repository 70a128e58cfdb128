"""Replace the encryption key of the stored secrets, in an order in which a crash at any point loses nothing.

1. Write the new key to `<key file>.next`, in the folder of the old one.
2. Encrypt every secret and the key check with the new key, in one transaction.
3. Replace the old key file by the new one.

The next start cleans up after a crash (`cameras.vault.open_vault`): between 2 and 3 the next key is the right one
and replaces the old one; between 1 and 2 the old key is still right, and the next one is removed.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from cameras.store import password_context
from cameras.stored_secrets import secrets_of_notifications
from cameras.vault import CannotDecrypt, Vault, adopt_next_key, make_next_key, open_vault
from core.clock import SystemClock
from core.errors import StartRefused
from database import Database
from tables import CameraRow, VaultRow
from tables.living_nodes import refuse_living_nodes


def rotate_key(database: Database, key_file: Path) -> int:
    """Encrypt all secrets with a new key; return their number. Neither the app nor a node may run: it has the old key.

    A secret that the old key does not open is left as it is and not counted.

    Raise StartRefused if a node runs, if the old key is missing or wrong, or if the database has no key check yet.
    """
    clock = SystemClock()
    database.open()
    with database.read() as session:
        refuse_living_nodes(session, database.dialect.clock_s, clock)
        row = session.get(VaultRow, 1)
        if row is None:
            raise StartRefused(f"{database.name} holds no passwords yet: start the app once.")
        old = open_vault(key_file, row.key_check)
    new = Vault(make_next_key(key_file))
    count = 0
    with database.write() as session:
        refuse_living_nodes(session, database.dialect.clock_s, clock)  # again: one may have started since
        for camera in session.scalars(select(CameraRow)):
            try:
                password = old.decrypt(camera.password_box, password_context(camera))
            except CannotDecrypt:
                continue  # unreadable before, too: the user must enter it again
            camera.password_box = new.encrypt(password, password_context(camera))
            count += 1
        for secret in secrets_of_notifications(session):
            if secret.box is None:
                continue
            try:
                value = old.decrypt(secret.box, secret.context)
            except CannotDecrypt:
                continue
            secret.replace(new.encrypt(value, secret.context))
            count += 1
        check = session.get(VaultRow, 1)
        assert check is not None  # noqa: S101 - it was read above, and no other process has the database open
        check.key_check = new.make_check()
    with database.read() as session:  # remove the passwords that the old key opens
        database.dialect.purge_deleted(session)
    adopt_next_key(key_file)
    return count
