"""The painter: a child process that draws a channel's frames and pipes them to ffmpeg.

Run by `encoding`: ``python -m simulator.painter FFMPEG ENCODER THREADS NICENESS FIRST_STILL < spec.json``. While the
painter draws, ffmpeg writes an Annex B stream (for stills, one JPEG after the other) to the painter's standard output,
so that the first frames can be sent before the last are encoded. Drawing has its own process, because it holds the
interpreter's lock for milliseconds, and the recorder has sixteen streams to send on time.

Frame number: the top 1/16 of the frame holds 20 equal cells: white, black, 16 bits of the number (most significant
first), even parity, odd parity (its inverse).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence

from simulator.actors import WHITE, SpriteMaker
from simulator.burnt_time import ROWS, put_time
from simulator.canvas import GREY, Canvas, Sprite
from simulator.font import GLYPH_HEIGHT, text_cells, text_columns
from simulator.layout import ClipSpec, StreamSpec
from simulator.lifetime import die_with_parent
from simulator.scenes import SCENES, Stage

CODE_CELLS = 20
STILL_EVERY_S = 2
_NOISE_VARIANTS = 5


def code_bits(number: int) -> list[int]:
    """The 20 cells of a frame number, 1 for white."""
    bits = [number >> (15 - place) & 1 for place in range(16)]
    parity = sum(bits) & 1
    return [1, 0, *bits, parity, 1 - parity]


def still_frames(stream: StreamSpec) -> range:
    """Numbers of the frames of the loop that are kept as stills."""
    return range(0, stream.frames, STILL_EVERY_S * stream.fps)


class Painter:
    """Draws any frame of a loop: the same spec and number give the same bytes."""

    def __init__(self, spec: ClipSpec) -> None:
        self.spec = spec
        self.width, self.height = spec.stream.width, spec.stream.height
        rng = random.Random(spec.seed)
        canvas = Canvas(self.width, self.height)
        sprites = SpriteMaker(self.width, self.height, grey=spec.night)
        self._actors = SCENES[spec.scene](Stage(canvas, sprites, rng))
        if spec.night:
            canvas.drain_colour()
            canvas.darken(0.6)
        self._canvas = canvas
        self._backgrounds: dict[int, bytes] = {}
        self._title = self._title_sprite(spec.title)

    def _background(self, variant: int) -> bytes:
        """The scene with one of its noises, made on first use, so that the first still is ready sooner."""
        if variant not in self._backgrounds:
            noise = random.Random(f"noise/{self.spec.seed}/{variant}")
            self._backgrounds[variant] = self._canvas.with_noise(7 if self.spec.night else 4, noise)
        return self._backgrounds[variant]

    def _title_sprite(self, text: str) -> Sprite:
        cell = max(1, self.height // 180)
        wide, high = text_columns(text) * cell, GLYPH_HEIGHT * cell
        canvas = Canvas((wide + 4 * cell) & ~1, (high + 4 * cell) & ~1, (30, GREY, GREY))
        for column, row in text_cells(text):
            for line in range(cell):
                left = (column + 2) * cell
                canvas.planes[0].span((row + 2) * cell + line, left, left + cell, WHITE[0])
        return Sprite(canvas)

    def draw(self, number: int) -> bytearray:
        """Frame `number` of the loop as yuv420p."""
        frame = bytearray(self._background(number % _NOISE_VARIANTS))
        seconds = number / self.spec.stream.fps
        for actor in self._actors:
            actor.put(frame, self.width, self.height, seconds, self.spec.stream.loop_s)
        top = ROWS if self.spec.kind in ("scene", "moment") else self.height // 16
        self._title.put(frame, self.width, self.height, self.width // 64, top + self.height // 40)
        if self.spec.kind == "moment":
            put_time(frame, self.width, self.height, self.spec.begins_s * 10 + number * 10 // self.spec.stream.fps)
        elif self.spec.kind == "scene":
            put_time(frame, self.width, self.height, 0)
        else:
            self._put_code(frame, number)
        return frame

    def _put_code(self, frame: bytearray, number: int) -> None:
        edges = [place * self.width // CODE_CELLS for place in range(CODE_CELLS + 1)]
        line = b"".join(
            bytes([235 if bit else 16]) * (end - start)
            for bit, start, end in zip(code_bits(number), edges, edges[1:], strict=False)
        )
        rows = self.height // 16
        frame[: rows * self.width] = line * rows
        luma, chroma = self.width * self.height, self.width * self.height // 4
        grey = bytes([GREY]) * (rows // 2 * (self.width // 2))
        for start in (luma, luma + chroma):
            frame[start : start + len(grey)] = grey


def encode_command(ffmpeg: str, spec: ClipSpec, encoder: str, threads: int) -> list[str]:
    """argv that encodes yuv420p from standard input to an elementary stream, or to JPEGs, on standard output."""
    stream = spec.stream
    command = [ffmpeg, "-v", "error", "-nostdin", "-f", "rawvideo", "-pix_fmt", "yuv420p"]
    command += ["-s", f"{stream.width}x{stream.height}", "-r", str(stream.fps), "-i", "pipe:0", "-an"]
    if spec.kind == "stills":
        return [
            *command,
            "-c:v",
            "mjpeg",
            "-threads",
            "1",  # ffmpeg delays its first frame by one frame a thread
            "-q:v",
            "4",
            "-color_range",
            "tv",
            "-strict",
            "unofficial",
            "-f",
            "mjpeg",
            "-flush_packets",
            "1",  # write each still whole, not in blocks of 32 KB
            "pipe:1",
        ]
    rate = ["-b:v", f"{stream.kbps}k", "-maxrate", f"{stream.kbps}k", "-bufsize", f"{stream.kbps}k"]
    options = _encoder_options(stream, encoder, threads, is_by_rows=spec.kind == "scene")
    return [*command, "-g", str(stream.gop_frames), *rate, *options, "pipe:1"]


def _encoder_options(stream: StreamSpec, encoder: str, threads: int, *, is_by_rows: bool) -> Sequence[str]:
    gop = f"keyint={stream.gop_frames}:min-keyint={stream.gop_frames}:scenecut=0:bframes=0:rc-lookahead=0:open-gop=0"
    if encoder == "libx264":
        params = f"{gop}:threads={threads}:sliced-threads=0:slices=1:repeat-headers=1:aud=0:sync-lookahead=0"
        if is_by_rows:
            params = f"{params}:slice-max-mbs={stream.width // 16}:cabac=0:8x8dct=0:weightp=0:no-deblock=1"
            return [
                "-c:v",
                encoder,
                "-profile:v",
                "baseline",
                "-preset",
                "ultrafast",
                "-x264-params",
                params,
                "-f",
                "h264",
            ]
        return ["-c:v", encoder, "-preset", "ultrafast", "-x264-params", params, "-f", "h264"]
    if encoder == "libx265":
        quick = (
            "me=dia:subme=0:merange=4:max-merge=1:min-cu-size=32:ctu=32:max-tu-size=32:rd=1:early-skip=1:no-deblock=1"
        )
        params = f"{gop}:{quick}:cutree=0:aq-mode=0:pools={threads}:frame-threads=1:repeat-headers=1:log-level=error"
        return ["-c:v", encoder, "-preset", "ultrafast", "-x265-params", params, "-f", "hevc"]
    return ["-c:v", encoder, "-threads", str(threads), "-f", "hevc" if stream.codec == "h265" else "h264"]


def _numbers(spec: ClipSpec, first_still: int) -> Iterator[int]:
    if spec.kind != "stills":
        yield from range(spec.stream.frames)
        return
    stills = still_frames(spec.stream)
    yield from stills[first_still:]
    yield from stills[:first_still]


def main(arguments: Sequence[str]) -> int:
    """Draw and encode the clip described on standard input. Return ffmpeg's exit code, 1 if ffmpeg ended early."""
    ffmpeg, encoder = arguments[:2]
    threads, niceness, first_still = (int(argument) for argument in arguments[2:])
    die_with_parent()
    os.nice(niceness)
    spec = ClipSpec.from_json(sys.stdin.read())
    command = encode_command(ffmpeg, spec, encoder, threads)
    with subprocess.Popen(command, stdin=subprocess.PIPE) as encoding:  # noqa: S603 - argv is our own list
        assert encoding.stdin is not None  # noqa: S101 (PIPE was asked for)
        painter = Painter(spec)
        try:
            for number in _numbers(spec, first_still):
                encoding.stdin.write(painter.draw(number))
            encoding.stdin.close()
        except BrokenPipeError:
            encoding.kill()
            return 1
        return encoding.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
