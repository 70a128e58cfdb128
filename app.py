"""Entry point: `python app.py` serves until Ctrl-C; `--demo` adds the pretend recorder if there is no camera yet.

`python app.py database copy --to URL` copies all data into another, empty database, and ends.

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
    commands = parser.add_subparsers(dest="command", metavar="database")
    copy = commands.add_parser("database", help="copy: all rows into another database").add_subparsers(required=True)
    copying = copy.add_parser(
        "copy", help="copy all rows of the app's database into an empty one; the app must not run"
    )
    copying.add_argument("--to", required=True, metavar="URL", help="in the form of the setting DATABASE_URL")
    options = parser.parse_args(arguments)
    if options.command == "database":
        return copy_database_to(options.to)
    is_demo = options.demo
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


def copy_database_to(url: str) -> int:
    """Copy the app's database, print the numbers of rows, and return the exit code."""
    from core.errors import AppError, StartRefused  # noqa: PLC0415 - see the docstring of this file
    from database import Database  # noqa: PLC0415 - as above
    from database_copy import copy_database  # noqa: PLC0415 - as above

    try:
        settings = Settings.from_environ()
        target = Settings.from_environ({**os.environ, "DATABASE_URL": url})
        place = settings.database_place
        if isinstance(place, Path) and not place.exists():
            raise SettingsError(f"{place} does not exist: there is nothing to copy.")
        if place == target.database_place:
            raise SettingsError("--to names the database that the app uses already.")
        lock = InstanceLock(settings.data_dir)
        lock.acquire()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CANNOT_START
    source, other = Database(place), Database(target.database_place)
    try:
        counts = copy_database(source, other)
    except (StartRefused, AppError) as error:
        sys.stderr.write(f"Nothing was copied. {error}\n")
        return EXIT_CANNOT_START
    finally:
        source.close()
        other.close()
        lock.release()
    for name, count in counts.items():
        if count:
            sys.stdout.write(f"{count:>10} {name}\n")
    sys.stdout.write(f"{sum(counts.values())} rows are in {other.name}. Set DATABASE_URL, then start the app.\n")
    return 0


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
