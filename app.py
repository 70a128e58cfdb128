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
from contextlib import ExitStack
from pathlib import Path

from flask_openapi3.openapi import OpenAPI

from core.clock import SystemClock
from core.errors import AppError, NotFound
from core.login_gate import LoginGate
from core.records import VideoFormat
from core.settings import Settings, SettingsError
from database import Database
from media.process import Spawner
from media.rtsp.gateway import RtspGateway
from onvif_manager import OnvifManager
from stream_manager import StreamManager
from web.application import build_web
from web.instance_lock import InstanceLock
from web.logs import start_logging
from web.server import EXIT_CANNOT_START, Server
from web.services import Services


class Rooms:
    """All that runs. `start()` goes from the ground up, `stop()` back down; nothing runs before."""

    def __init__(self, settings: Settings, *, is_demo: bool = False) -> None:
        self.settings = settings
        self._is_demo = is_demo
        self._running: ExitStack | None = None
        clock = SystemClock()
        login_gate = LoginGate(clock, retry_after_s=settings.login_retry_s)
        self.database = Database(settings.database_file)
        self.spawner = Spawner()
        self.gateway = RtspGateway(login_gate=login_gate, clock=clock, settings=settings)
        self.onvif = OnvifManager(
            self.database,
            settings,
            login_gate,
            clock,
            frame_snapshot=lambda source: self.streams.snapshot(source),
            launcher=self.spawner,
        )
        self.streams = StreamManager(
            settings=settings,
            clock=clock,
            spawner=self.spawner,
            open_feed=self.gateway.open_feed,
            resolve_source=self.onvif.stream_source,
            request_key_frame=self.onvif.request_key_frame,
            note_stream=self.onvif.note_stream,
            known_video=self._known_video,
        )
        self.onvif.on_delete(self.streams.stop_camera)
        self.onvif.on_change(self.streams.restart_camera)
        self.web = build_web(Services(settings, self.onvif, self.streams, self.is_ready))
        self.web.extensions["rooms"] = self

    def start(self) -> None:
        """Raises StartRefused, with nothing left running, where a room cannot start."""
        if self._running is not None:
            return
        start_logging(self.settings)
        with ExitStack() as rooms:
            for start, stop in (
                (self.spawner.start, self.spawner.stop),
                (self.gateway.start, self.gateway.stop),
                (self.onvif.start, self.onvif.stop),
                (self.streams.start_rooms, self.streams.stop_rooms),
            ):
                rooms.callback(stop)
                start()
            if self._is_demo and not self.onvif.list_cameras():
                self.onvif.add_pretend_recorder()
            self._running = rooms.pop_all()

    def stop(self) -> None:
        """Ends streams, connections and children. May be called twice."""
        running, self._running = self._running, None
        if running is not None:
            running.close()

    def is_ready(self) -> bool:
        """Whether the app can do its work: its rooms run and its database answers."""
        if self._running is None:
            return False
        try:
            with self.database.read():
                return True
        except AppError:
            return False

    def _known_video(self, camera_id: int, profile_token: str) -> VideoFormat | None:
        """What the camera says of a media profile; None for one that was never reached. NotFound."""
        channels = self.onvif.channels(camera_id)
        for channel in channels:
            for profile in channel.profiles:
                if profile.profile_token == profile_token:
                    return profile.video
        if channels:
            raise NotFound("profile_token: this camera has no such media profile.")
        return None


def create_app(settings: Settings | None = None) -> OpenAPI:
    """Wires the rooms for these settings. Starts nothing; `app.extensions["rooms"]` starts and stops."""
    return Rooms(settings or Settings.from_environ()).web


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="app.py", description="ONVIF cameras and recorders in the browser.")
    parser.add_argument("--demo", action="store_true", help="add the pretend recorder if there is no camera yet")
    is_demo = parser.parse_args(arguments).demo
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
    return Server(settings, lambda: Rooms(settings, is_demo=is_demo)).serve()


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
