"""Record the RTSP connections of independent senders, for the tests of the way from packets to frames.

    python tools/record_packets.py [NAME ...]

Writes tests/media/recorded/NAME.rtsp and the elementary streams (FILM.h264, FILM.alaw and so on), which ffmpeg extracts
from the container that the sender read. Needs the system's ffmpeg and GStreamer's RTSP server, and uses no code of the
app, which is tested with the result. tests/media/recorded/README.md describes the format of a recording.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "media" / "recorded"
FFMPEG = "/usr/bin/ffmpeg"
PYTHON = "/usr/bin/python3"
FPS = 10
RECORD = struct.Struct(">IHB")
FROM_SENDER, TO_SENDER = 0, 1
_QUIET_S = 1.5
_LONGEST_S = 20.0

_X264 = "aud=1:scenecut=0:sliced-threads=0:slices={slices}:bframes={b_frames}:b-adapt=0"
_X265 = "log-level=error:info=0:scenecut=0:bframes=0:open-gop=0:aud=1"
_GSTREAMER = "filesrc location={file} ! matroskademux name=film film. ! queue ! "
_TWO_SECONDS = ("192x112",) * 2
_AUDIO_MUXERS = {"alaw": "pcm_alaw", "mulaw": "pcm_mulaw", "aac": "aac"}


@dataclass(frozen=True, slots=True)
class Session:
    """One recorded session of the film named `film`. GStreamer sends it with `launch`; ffmpeg if `launch` is empty.

    `audio`: the audio format as ffmpeg's muxers name it, or empty. `sizes`: the frame size of each second.
    """

    film: str
    codec: str = "h264"
    sizes: tuple[str, ...] = ("192x112",) * 3
    audio: str = ""
    launch: str = ""
    slices: int = 1
    b_frames: int = 0


SESSIONS = {
    "gstreamer-single-units": Session(
        "slices",
        slices=2,
        launch=f"{_GSTREAMER} h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 aggregate-mode=none",
    ),
    "gstreamer-sets-in-sdp-only": Session(
        "b-frames",
        b_frames=2,
        launch=f"{_GSTREAMER} h264parse ! rtph264pay name=pay0 pt=96 config-interval=0 aggregate-mode=none",
    ),
    "gstreamer-aggregates": Session(
        "slices",
        slices=2,
        audio="alaw",
        launch=f"{_GSTREAMER} h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 aggregate-mode=zero-latency"
        " film. ! queue ! rtppcmapay name=pay1 pt=8",
    ),
    "gstreamer-h265": Session(
        "plain",
        codec="hevc",
        sizes=_TWO_SECONDS,
        audio="aac",
        launch=f"{_GSTREAMER} h265parse ! rtph265pay name=pay0 pt=96 config-interval=-1 aggregate-mode=zero-latency"
        " film. ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97",
    ),
    "ffmpeg-h264": Session("slices", slices=2, audio="aac"),
    "ffmpeg-h265": Session("plain", codec="hevc", sizes=_TWO_SECONDS, audio="mulaw"),
    "ffmpeg-other-size": Session("other-size", sizes=("160x96", "224x128", "224x128")),
}


def main(names: list[str]) -> None:
    for name in names or SESSIONS:
        session = SESSIONS[name]
        with tempfile.TemporaryDirectory() as folder:
            film = _film(session, Path(folder))
            taken = _from_gstreamer(session, film) if session.launch else _from_ffmpeg(film)
            (FOLDER / f"{name}.rtsp").write_bytes(b"".join(RECORD.pack(*head) + data for *head, data in taken))
            _take_out(session, film)
        print(f"{name}: {sum(size for _, size, *_ in taken)} bytes")


def _film(session: Session, folder: Path) -> Path:
    """Write a moving test picture at `FPS` frames per second with a key frame each second, and a tone, to Matroska.

    A film that changes its frame size is a bare H.264 stream: no container describes such a change.
    """
    if len(set(session.sizes)) > 1:
        file = folder / "film.h264"
        parts = [_encoded(session, size, at, 1, "h264") for at, size in enumerate(session.sizes)]
        file.write_bytes(b"".join(parts))
        return file
    file = folder / "film.mkv"
    file.write_bytes(_encoded(session, session.sizes[0], 0, len(session.sizes), "matroska"))
    return file


def _encoded(session: Session, size: str, start_s: int, seconds: int, container: str) -> bytes:
    command = [FFMPEG, "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate={FPS}"]
    if session.audio:
        rate = 16000 if session.audio == "aac" else 8000
        command += ["-f", "lavfi", "-i", f"aevalsrc=0.4*sin(2*PI*t*(300+200*t)):s={rate}"]
        rate_options = ("-b:a", "24k") if session.audio == "aac" else ()
        command += ["-c:a", _AUDIO_MUXERS[session.audio], "-ac", "1", *rate_options]
    command += ["-ss", str(start_s), "-t", str(seconds), "-pix_fmt", "yuv420p", "-g", str(FPS), "-crf", "32"]
    if session.codec == "h264":
        options = _X264.format(slices=session.slices, b_frames=session.b_frames)
        command += ["-c:v", "libx264", "-preset", "veryfast", "-x264-params", options]
    else:
        command += ["-c:v", "libx265", "-preset", "veryfast", "-x265-params", _X265]
    made = subprocess.run([*command, "-f", container, "-"], capture_output=True, check=True)
    return made.stdout


def _take_out(session: Session, film: Path) -> None:
    """Write the elementary streams of the film, as ffmpeg extracts them."""
    wanted = {"v": "h265" if session.codec == "hevc" else "h264"} | ({"a": session.audio} if session.audio else {})
    for stream, ending in wanted.items():
        muxer = {"h265": "hevc", "aac": "adts"}.get(ending, ending)
        file = FOLDER / f"{session.film}.{ending}"
        copy = [FFMPEG, "-v", "error", "-y", "-i", str(film), "-map", f"0:{stream}", "-c", "copy", "-f", muxer]
        subprocess.run([*copy, str(file)], check=True)


class Wire:
    """One RTSP connection: records all data with its time, and returns the sender's messages one by one."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._began_s = time.monotonic()
        self._buffer = b""
        self.taken: list[tuple[int, int, int, bytes]] = []

    def say(self, text: str) -> None:
        data = text.replace("\n", "\r\n").encode()
        self._keep(TO_SENDER, data)
        self._connection.sendall(data)

    def message(self) -> str:
        """Return the next RTSP message and skip media before it. Raise EOFError at the end of the connection."""
        while True:
            if self._buffer[:1] == b"$":
                if len(self._buffer) >= 4 and len(self._buffer) >= (stop := 4 + int.from_bytes(self._buffer[2:4])):
                    self._buffer = self._buffer[stop:]
                    continue
            elif (head := self._buffer.find(b"\r\n\r\n")) >= 0:
                found = re.search(rb"(?i)content-length: *(\d+)", self._buffer[:head])
                stop = head + 4 + (int(found[1]) if found else 0)
                if len(self._buffer) >= stop:
                    text, self._buffer = self._buffer[:stop].decode(), self._buffer[stop:]
                    return text
            self._receive()

    def _receive(self) -> None:
        data = self._connection.recv(16384)
        if not data:
            raise EOFError
        self._keep(FROM_SENDER, data)
        self._buffer += data

    def _keep(self, whose: int, data: bytes) -> None:
        self.taken.append((round((time.monotonic() - self._began_s) * 1e6), len(data), whose, data))


def _from_gstreamer(session: Session, film: Path) -> list[tuple[int, int, int, bytes]]:
    """Record GStreamer as a server: request the film as a client of a camera does."""
    command = [PYTHON, str(ROOT / "tools" / "gstreamer_sender.py"), session.launch.format(file=film)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None  # noqa: S101 - for the type checker
        assert process.stdout is not None  # noqa: S101 - the same
        port = json.loads(process.stdout.readline())["port"]
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.settimeout(_QUIET_S)
            wire = Wire(connection)
            _ask_to_play(wire, f"rtsp://127.0.0.1:{port}/film")
        process.stdin.close()
    return wire.taken


def _ask_to_play(wire: Wire, url: str) -> None:
    wire.say(f"DESCRIBE {url} RTSP/1.0\nCSeq: 1\nAccept: application/sdp\n\n")
    described = wire.message()
    controls = re.findall(r"(?m)^a=control:(stream=\d+|rtsp://\S+/stream=\d+)", described)
    session = ""
    for track, control in enumerate(controls):
        uri = control if control.startswith("rtsp:") else f"{url}/{control}"
        transport = f"RTP/AVP/TCP;unicast;interleaved={2 * track}-{2 * track + 1}"
        wire.say(f"SETUP {uri} RTSP/1.0\nCSeq: {2 + track}\nTransport: {transport}\n{session}\n")
        found = re.search(r"(?im)^session: *([^;\r\n]+)", wire.message())
        session = f"Session: {found[1]}\n" if found else ""
    wire.say(f"PLAY {url} RTSP/1.0\nCSeq: 9\nRange: npt=0.000-\n{session}\n")
    with contextlib.suppress(TimeoutError, EOFError):  # the sender is silent after the end of the file
        while True:
            wire.message()


def _from_ffmpeg(film: Path) -> list[tuple[int, int, int, bytes]]:
    """Record ffmpeg as a client that announces its stream (ANNOUNCE, RECORD) to a relaying server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"rtsp://127.0.0.1:{listener.getsockname()[1]}/film"
        rate = ["-r", str(FPS)] if film.suffix == ".h264" else []
        command = [FFMPEG, "-v", "error", "-re", *rate, "-i", str(film), "-c", "copy"]
        with subprocess.Popen([*command, "-rtsp_transport", "tcp", "-f", "rtsp", url]):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(_LONGEST_S)
                wire = Wire(connection)
                for answer in _answers(wire):
                    wire.say(answer)
    return wire.taken


def _answers(wire: Wire) -> Iterator[str]:
    while True:
        asked = wire.message()
        cseq = re.search(r"(?im)^cseq: *(\d+)", asked)
        transport = re.search(r"(?im)^transport:.*$", asked)
        lines = [f"RTSP/1.0 200 OK\nCSeq: {cseq[1] if cseq else 0}\nSession: 4711"]
        lines += [transport[0].strip()] if transport else []
        yield "\n".join((*lines, "", ""))
        if asked.startswith("TEARDOWN"):
            return


if __name__ == "__main__":
    main(sys.argv[1:])
