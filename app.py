"""The composition root: puts the rooms together and runs them. Nobody imports it but tests and bench.

`python app.py` serves until Ctrl-C; `--demo` adds the pretend recorder if there is no camera yet.
"""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask_openapi3.openapi import OpenAPI

from core.errors import NotFound
from core.settings import Settings, SettingsError
from web.application import build_web
from web.instance_lock import InstanceLock
from web.server import EXIT_CANNOT_START, Server
from web.services import Services


class _NotYet:
    """Stands where a manager will stand."""

    def list_cameras(self) -> Sequence[Any]:
        return ()

    def all(self) -> Sequence[Any]:
        return ()

    def __getattr__(self, name: str) -> Any:
        raise NotFound(f"{name} is not there yet")


class Rooms:
    """All that runs, in the order in which it starts; it stops in reverse."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.is_running = False
        self.services = Services(settings, _NotYet(), _NotYet(), lambda: self.is_running)
        self.web = build_web(self.services)
        self.web.extensions["rooms"] = self

    def start(self) -> None:
        self.is_running = True

    def stop(self) -> None:
        self.is_running = False


def create_app(settings: Settings | None = None) -> OpenAPI:
    """Wires the rooms for these settings. Starts nothing; `app.extensions["rooms"]` starts and stops."""
    return Rooms(settings or Settings.from_environ()).web


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="app.py", description="ONVIF cameras and recorders in the browser.")
    parser.add_argument("--demo", action="store_true", help="add the pretend recorder if there is no camera yet")
    parser.parse_args(arguments)
    os.umask(0o077)
    try:
        settings = Settings.from_environ()
        check_listening(settings)
        check_folders(settings)
        locks = [InstanceLock(settings.data_dir), InstanceLock(settings.streams_dir)]
        for lock in locks:
            lock.acquire()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CANNOT_START
    return Server(settings, lambda: Rooms(settings)).serve()


def check_listening(settings: Settings) -> None:
    """SettingsError where HOST is not loopback, or the port is taken."""
    if not is_loopback(settings.host):
        raise SettingsError(
            f"HOST={settings.host} is refused: without accounts, everyone who reaches this address could watch\n"
            "and change the cameras. Use 127.0.0.1, localhost or ::1."
        )
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
    """SettingsError where one folder lies in the other: streams are deleted at start, data is not."""
    data, streams = settings.data_dir, settings.streams_dir
    if streams == Path(streams.anchor) or streams == data or streams in data.parents or data in streams.parents:
        raise SettingsError(
            f"STREAMS_DIR={streams} is refused: old streams in it are deleted at start, so it must be a folder\n"
            f"of its own, apart from DATA_DIR={data}."
        )


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main())
