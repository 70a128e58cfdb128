"""``python -m simulator``: starts the pretend recorder and prints its ports as one line of JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from simulator import faults, makes
from simulator.clip_store import default_cache_dir
from simulator.layout import DEAD_KINDS, MAX_CHANNELS, PROFILES, Dead, make_layout
from simulator.lifetime import die_with_parent
from simulator.recorder import Config, Recorder
from simulator.scenes import SCENES

_DESCRIPTION = """\
A pretend ONVIF recorder on loopback: up to 64 channels, live video over RTSP, snapshots, events, PTZ, 30 days of
recordings with replay, WS-Discovery. Frames are drawn and encoded on demand and kept in a cache folder.

When it is ready it prints one line of JSON: {"ready": true, "onvif_port": n, "rtsp_port": n, "control_port": n,
"username": "admin"}; with "password" if none was given and it generated one. Then for example:

  ffplay -rtsp_transport tcp 'rtsp://admin:PASSWORD@127.0.0.1:RTSP_PORT/cam/realmonitor?channel=1&subtype=0'
"""
_EPILOG = f"""\
channels: even ones have an H.265 main stream, 3 a key frame every 10 s, 5 AAC, 7, 10 and 15 no audio, every fourth a
metadata track, 1 PTZ; with eight or more, the last three are dead: one answers 404, one sends no frames (no signal),
one never answers DESCRIBE.

frames: the top sixteenth of each holds 20 equal cells: white, black, 16 bits of the frame number (most significant
first), even parity, odd parity.

replay: 320x180, 5 frames a second, a key frame a second, channel 2 in H.265; the top sixteen lines hold 40 cells of
8 pixels (white, black, 36 bits of the time in tenths of a second since 1970, even parity, odd parity), and the time as
text.

profiles: full is like a recorder (1080p25 at 4 Mbit/s and 640x360 at 15/s, GOP 2 s); medium has
main streams of 720p15 at 1.5 Mbit/s; small is for test suites (640x360 and 320x180, GOP 1 s): each stream is encoded in
about a second when a client first plays it.

control port (JSON): GET /state, /faults, /logins, /replay, /frames?channel=1&role=main,
/archive?channel=1&start=TIME&end=TIME; POST /clear, /prepare?role=main,
/fault with {{"name": ..., "value": ..., "channel": n, "after_s": s, "for_s": s}}; a value of null ends a fault.

faults:
{faults.table_text()}

makes:
{makes.table_text()}
"""


def _dead_option(text: str) -> dict[int, Dead]:
    """Parse ``3:silence,4:not_found``, or ``none``."""
    found: dict[int, Dead] = {}
    for part in [] if text == "none" else text.split(","):
        number, _, name = part.partition(":")
        kind = next((kind for kind in DEAD_KINDS if kind == name), None)
        if kind is None or not number.isdigit():
            raise argparse.ArgumentTypeError(f"write CHANNEL:KIND; kinds are {', '.join(DEAD_KINDS)}")
        found[int(number)] = kind
    return found


def _channels_option(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MAX_CHANNELS:
        raise argparse.ArgumentTypeError(f"1 to {MAX_CHANNELS} channels")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", choices=["127.0.0.1", "::1"], help="loopback address to listen on")
    add("--port", type=int, default=0, help="port for ONVIF and snapshots; 0 takes a free one")
    add("--rtsp-port", type=int, default=0, help="port for RTSP; 0 takes a free one")
    add("--control-port", type=int, default=0, help="control port; 0 takes a free one")
    add("--channels", type=_channels_option, default=16, help=f"1 to {MAX_CHANNELS} (default 16)")
    add("--make", default="dahua-like", choices=sorted(makes.MAKES), help="the make to behave like (see below)")
    add(
        "--replay-clip",
        action="store_true",
        help="replay the live main stream, without times in its frames",
    )
    add("--profile", default="full", choices=sorted(PROFILES), help="sizes of the frames (see below)")
    add(
        "--scene",
        choices=sorted(SCENES),
        help="one scene for all channels; in a yard, one visitor moves at a known time",
    )
    add("--dead", type=_dead_option, metavar="N:KIND,...", help="which channels are dead, or none (see below)")
    add("--username", default="admin")
    add("--password", help="visible to all users of this machine; --password-file and SIMULATOR_PASSWORD are not")
    add("--password-file", type=Path, metavar="FILE", help="the first line is the password")
    add("--cache-dir", type=Path, metavar="DIR", help=f"folder for encoded frames (default {default_cache_dir()})")
    add("--ffmpeg", metavar="PATH", help="ffmpeg to encode with (default: of imageio-ffmpeg, otherwise of PATH)")
    add("--prepare", default="none", choices=["none", "subs", "all"], help="encode in the background after the start")
    add("--discovery", action=argparse.BooleanOptionalAction, default=True, help="answer WS-Discovery on loopback")
    add("--seed", type=int, default=1, help="another seed is another recorder: frames, serial number and timing differ")
    add("--clock-window-s", type=float, default=60.0, help="seconds that a UsernameToken's time may be off")
    add(
        "--session-timeout-s",
        type=float,
        default=60.0,
        help="RTSP sessions end after so many seconds of silence",
    )
    add("--utc-offset-s", type=int, default=3600, help="the recorder's time zone, seconds east of UTC")
    add("--die-with-parent", action="store_true", help="end when the parent process ends (Linux)")
    return parser


def _ffmpeg(given: str | None) -> str:
    if given:
        return given
    try:
        import imageio_ffmpeg  # noqa: PLC0415 (optional, and slow to import)

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return shutil.which("ffmpeg") or "ffmpeg"


def _password(options: argparse.Namespace) -> tuple[str, bool]:
    """Return the password, and whether it was generated here."""
    if options.password_file:
        return options.password_file.read_text("utf-8").splitlines()[0], False
    given = options.password or os.environ.pop("SIMULATOR_PASSWORD", "")
    return (given, False) if given else (secrets.token_urlsafe(9), True)


async def _run(config: Config, *, show_password: bool) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    recorder = Recorder(config)
    try:
        await recorder.start()
        addresses = recorder.addresses
        ready: dict[str, object] = {"ready": True, "onvif_port": addresses.onvif_port, "rtsp_port": addresses.rtsp_port}
        ready |= {"control_port": recorder.control_port, "username": config.username}
        if show_password:
            ready["password"] = config.password
        print(json.dumps(ready), flush=True)
        await stopping.wait()
    finally:
        await recorder.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or Ctrl-C, then return 0. Return 2 if a port or a file cannot be opened."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.die_with_parent:
        die_with_parent()
    try:
        password, is_generated = _password(options)
        layout = make_layout(
            options.channels,
            profile=options.profile,
            seed=options.seed,
            dead=options.dead,
            only_scene=options.scene,
        )
        config = Config(
            host=options.host,
            onvif_port=options.port,
            rtsp_port=options.rtsp_port,
            control_port=options.control_port,
            username=options.username,
            password=password,
            layout=layout,
            cache_dir=options.cache_dir or default_cache_dir(),
            ffmpeg=_ffmpeg(options.ffmpeg),
            discovery=options.discovery,
            seed=options.seed,
            prepare=options.prepare,
            clock_window_s=options.clock_window_s,
            session_timeout_s=options.session_timeout_s,
            utc_offset_s=options.utc_offset_s,
            make=options.make,
            replay_clip=options.replay_clip,
        )
        asyncio.run(_run(config, show_password=is_generated))
    except (OSError, IndexError, OverflowError) as error:
        print(f"simulator: cannot start: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
