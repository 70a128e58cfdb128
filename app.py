"""Entry point: `python app.py` serves until Ctrl-C; `--demo` adds the pretend recorder if there is no camera yet.

`create_app()` returns the WSGI application. `wiring.py` and everything that it imports are imported only in gunicorn's
worker: an import at the top of this file would cost the master some 40 MB of memory, too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.settings import Settings, SettingsError
from web.instance_lock import InstanceLock
from web.server import EXIT_CANNOT_START, Server

if TYPE_CHECKING:
    from flask_openapi3.openapi import OpenAPI

    from wiring import Application


def make_application(settings: Settings, *, is_demo: bool = False) -> Application:
    """Build the application of wiring.py without starting anything."""
    from wiring import Application  # noqa: PLC0415 - see the docstring of this file

    return Application(settings, is_demo=is_demo)


def create_app(settings: Settings | None = None) -> OpenAPI:
    """Build the WSGI application for these settings (default: those of the environment) without starting anything.

    `app.extensions["application"]` is the wiring.Application, which starts and stops it.
    """
    return make_application(settings or Settings.from_environ()).web


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="app.py", description="ONVIF cameras and recorders in the browser.")
    parser.add_argument("--demo", action="store_true", help="add the pretend recorder if there is no camera yet")
    is_demo = parser.parse_args(arguments).demo
    locks: list[InstanceLock] = []
    try:
        settings = Settings.from_environ()
        # With ACCEL_PREFIX nginx reads segments, as a member of our group; everything else is in folders of mode 0700.
        os.umask(0o027 if settings.accel_prefix else 0o077)
        check_folders(settings)
        check_accounts(settings)
        for folder in (settings.data_dir, settings.streams_dir):
            locks.append(InstanceLock(folder))
            locks[-1].acquire()
        check_port(settings)  # after the locks, whose error names the process that runs already
    except SettingsError as error:
        for lock in locks:
            lock.release()
        sys.stderr.write(f"{error}\n")
        return EXIT_CANNOT_START
    return Server(settings, lambda: make_application(settings, is_demo=is_demo)).serve()


def check_accounts(settings: Settings) -> None:
    """Raise SettingsError if other machines could reach the app and there is no account. wiring.py checks again."""
    if settings.is_loopback or settings.database_place != settings.database_file:  # PostgreSQL: the worker asks it
        return
    try:
        with contextlib.closing(sqlite3.connect(f"{settings.database_file.as_uri()}?mode=ro", uri=True)) as database:
            has_account = database.execute("SELECT 1 FROM users LIMIT 1").fetchone() is not None
    except sqlite3.Error:  # no database yet, or an older one
        has_account = False
    if not has_account:
        raise SettingsError(
            f"HOST={settings.host} is refused: without an account, everyone who reaches this address could watch\n"
            "and change the cameras. Make one first:  .venv/bin/flask --app app users add NAME\n"
            "or set HOST to 127.0.0.1."
        )


def check_port(settings: Settings) -> None:
    """Raise SettingsError if the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingsError(
                f"Port {settings.port} on {settings.host} cannot be used: {error.strerror}. Set PORT to another one."
            ) from None


def check_folders(settings: Settings) -> None:
    """Raise SettingsError if one folder contains the other: streams are deleted at start, other folders are not."""
    data, streams = settings.data_dir, settings.streams_dir
    if streams == Path(streams.anchor) or streams == data or streams in data.parents or data in streams.parents:
        raise SettingsError(
            f"STREAMS_DIR={streams} is refused: old streams in it are deleted at start, so it must be\n"
            f"a separate folder, neither inside nor around DATA_DIR={data}."
        )
    for folder in settings.archive_folders:
        if folder == streams or streams in folder.parents:
            raise SettingsError(
                f"ARCHIVE_DIRS={folder} is refused: old streams in STREAMS_DIR={streams} are deleted at start,\n"
                "so recordings must be in another folder."
            )


if __name__ == "__main__":
    sys.exit(main())
