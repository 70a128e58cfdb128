"""The store of encoded loops: drawn and encoded once, on demand, and kept in a cache folder of the user.

A loop can be sent as soon as its first pictures are encoded; the rest follows faster than it plays. What somebody waits
for goes first; what is only being prepared runs at a low priority, one at a time. Files appear in the cache whole
(written beside, then renamed), and a damaged one is made again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path

from simulator.h26x import ParameterSets, Picture, StreamCutter
from simulator.layout import CLIP_VERSION, AudioCodec, PictureSpec
from simulator.painter import still_frames
from simulator.sound import Sound, aac_command, aac_pcm, aac_sound, g711_sound

_ENCODERS = {"h264": ("libx264", "libopenh264"), "h265": ("libx265",)}
_PIECE_BYTES = 256 * 1024
_HEAD_START_FRAMES = 50
_BACKGROUND_NICENESS = 15
_JPEG_END = b"\xff\xd9"


class EncodeError(Exception):
    """A loop could not be made; the text says why, for a person."""


@dataclass
class Clip:
    """A loop of pictures or its stills, complete or growing.

    `started` is set when it can be sent, `finished` when nothing more comes; both also when it has failed.
    """

    spec: PictureSpec
    pictures: list[Picture] = field(default_factory=list)
    sets: ParameterSets = field(default_factory=ParameterSets)
    stills: list[bytes] = field(default_factory=list)
    is_complete: bool = False
    failure: str | None = None
    started: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_started(self, timeout_s: float) -> None:
        """Wait for the first pictures; EncodeError when they do not come."""
        try:
            async with asyncio.timeout(timeout_s):  # wait_for would lose a cancellation (Python before 3.12)
                await self.started.wait()
        except TimeoutError:
            raise EncodeError("the first pictures are still being encoded") from None
        if self.failure:
            raise EncodeError(self.failure)

    def next_key(self, index: int) -> int:
        """The first key picture at or after `index` among those that exist, else the first of the loop."""
        for place in range(index, len(self.pictures)):
            if self.pictures[place].is_key:
                return place
        return 0


@dataclass(slots=True)
class _Job:
    clip: Clip
    urgent: bool
    running: bool = False


def default_cache_dir() -> Path:
    """The user's cache folder for this program (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "onvif-pretend-recorder"


class ClipStore:
    """Gives clips, stills and sounds by their spec; each is loaded or made at most once at a time."""

    def __init__(self, cache_dir: Path, ffmpeg: str, *, log: Callable[[str], None]) -> None:
        self.cache_dir, self.ffmpeg, self._log = cache_dir, ffmpeg, log
        self._clips: dict[str, Clip] = {}
        self._sounds: dict[AudioCodec, asyncio.Task[Sound]] = {}
        self._jobs: dict[str, _Job] = {}
        self._waiting: deque[_Job] = deque()
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._encoders: frozenset[str] | None = None

    async def start(self) -> None:
        """Make the cache folder, forget files of older versions, start two workers (one keeps free for the urgent)."""
        self.cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in self.cache_dir.glob("v*-*.*"):
            if not old.name.startswith(f"v{CLIP_VERSION}-"):
                old.unlink(missing_ok=True)
        for takes_background in (True, False):
            self._spawn(self._work(takes_background=takes_background))

    async def stop(self) -> None:
        """End all encoding; may be called twice."""
        tasks = [*self._tasks, *self._sounds.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def clip(self, spec: PictureSpec, *, urgent: bool = True) -> Clip:
        """The clip, at once; it may still be empty (see `Clip.wait_started`). A failed one is tried again."""
        name = spec.file_name
        clip = self._clips.get(name)
        if clip is None or clip.failure:
            clip = self._clips[name] = Clip(spec)
            self._spawn(self._provide(clip, urgent=urgent))
        elif urgent and (job := self._jobs.get(name)) and not job.running:
            job.urgent = True
            self._spawn(self._wake())
        return clip

    def forget(self, spec: PictureSpec) -> None:
        """Nobody needs it any more; one that is being made is thrown away when it is done."""
        self._clips.pop(spec.file_name, None)

    def progress(self) -> dict[str, int]:
        """How many loops are ready and how many wait or are being made."""
        ready = sum(clip.is_complete for clip in self._clips.values())
        return {"ready": ready, "pending": len(self._clips) - ready}

    async def sound(self, codec: AudioCodec) -> Sound:
        """The sound loop in that codec; EncodeError when ffmpeg cannot make it."""
        task = self._sounds.get(codec)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._sounds[codec] = asyncio.create_task(self._make_sound(codec))
        return await asyncio.shield(task)

    async def _make_sound(self, codec: AudioCodec) -> Sound:
        if codec != "aac":
            return await asyncio.to_thread(g711_sound, codec)
        path = self.cache_dir / f"v{CLIP_VERSION}-sound.aac"
        with contextlib.suppress(OSError, ValueError):
            return aac_sound(path.read_bytes())
        pcm = await asyncio.to_thread(aac_pcm)
        try:
            process = await asyncio.create_subprocess_exec(
                *aac_command(self.ffmpeg), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            adts, _ = await process.communicate(pcm)
            made = aac_sound(adts)
        except (OSError, ValueError) as error:
            raise EncodeError(f"no AAC: {error}") from error
        self._write(path, adts)
        return made

    # -- loading and making ----------------------------------------------------------------------------------------

    async def _provide(self, clip: Clip, *, urgent: bool) -> None:
        path = self.cache_dir / clip.spec.file_name
        if await asyncio.to_thread(_load, clip, path):
            self._complete(clip)
            return
        job = self._jobs[clip.spec.file_name] = _Job(clip, urgent)
        self._waiting.append(job)
        await self._wake()

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _pick(self, *, takes_background: bool) -> _Job | None:
        urgent = next((job for job in self._waiting if job.urgent), None)
        return urgent or (self._waiting[0] if takes_background and self._waiting else None)

    async def _work(self, *, takes_background: bool) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._pick(takes_background=takes_background) is not None)
                job = self._pick(takes_background=takes_background)
                assert job is not None  # noqa: S101 (the condition just said so)
                self._waiting.remove(job)
                job.running = True
            try:
                await self._encode(job)
            except (EncodeError, OSError) as error:
                self._log(f"cannot encode {job.clip.spec.title}: {error}")
                job.clip.failure = str(error)
                job.clip.started.set()
                job.clip.finished.set()
            finally:
                self._jobs.pop(job.clip.spec.file_name, None)

    async def _encode(self, job: _Job) -> None:
        clip, spec = job.clip, job.clip.spec
        encoder = "mjpeg" if spec.kind == "stills" else await self._encoder(spec.stream.codec)
        niceness = 0 if job.urgent else _BACKGROUND_NICENESS
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "simulator.painter", self.ffmpeg, encoder, "1", str(niceness)],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_child_environment(),
            start_new_session=True,
        )
        try:
            data = await self._collect(clip, process)
            code = await process.wait()
        finally:
            if process.returncode is None:
                # the encoder with its painter: alone it would wait for ever for somebody to read, and we for it
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if code != 0 or not _is_whole(clip):
            raise EncodeError(f"{self.ffmpeg} ended with {code} after {len(clip.pictures)} pictures")
        self._complete(clip)
        if spec.kind == "moment":
            return
        with contextlib.suppress(OSError):  # a full disk costs the cache, not the pictures
            await asyncio.to_thread(self._write, self.cache_dir / spec.file_name, data)

    async def _collect(self, clip: Clip, process: asyncio.subprocess.Process) -> bytes:
        assert process.stdin is not None  # noqa: S101 (PIPE was asked for)
        assert process.stdout is not None  # noqa: S101 (PIPE was asked for)
        process.stdin.write(clip.spec.as_json().encode())
        process.stdin.close()
        cutter = StreamCutter(clip.spec.stream.codec, clip.sets, packs=clip.spec.kind != "scene")
        head_start = min(_HEAD_START_FRAMES, clip.spec.stream.gop_frames)
        pieces, begun = [], b""
        while piece := await process.stdout.read(_PIECE_BYTES):
            pieces.append(piece)
            if clip.spec.kind == "stills":
                *whole, begun = (begun + piece).split(_JPEG_END)
                clip.stills += [still + _JPEG_END for still in whole]
            else:
                clip.pictures += cutter.feed(piece)
            if clip.stills or len(clip.pictures) >= head_start:
                clip.started.set()
        if clip.spec.kind != "stills":
            clip.pictures += cutter.finish()
        return b"".join(pieces)

    async def _encoder(self, codec: str) -> str:
        if self._encoders is None:
            process = await asyncio.create_subprocess_exec(
                *[self.ffmpeg, "-v", "error", "-nostdin", "-encoders"], stdout=asyncio.subprocess.PIPE
            )
            listing, _ = await process.communicate()
            words = (line.split() for line in listing.decode("utf-8", "replace").splitlines())
            self._encoders = frozenset(word[1] for word in words if len(word) > 1)
        for encoder in _ENCODERS[codec]:
            if encoder in self._encoders:
                return encoder
        raise EncodeError(f"{self.ffmpeg} has none of {', '.join(_ENCODERS[codec])}")

    def _complete(self, clip: Clip) -> None:
        clip.is_complete = True
        clip.started.set()
        clip.finished.set()

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def split_jpegs(data: bytes) -> list[bytes]:
    """The JPEGs of a stream of them; entropy-coded data cannot contain an end marker (ISO 10918-1, B.1.1.5)."""
    return [part + _JPEG_END for part in data.split(_JPEG_END) if part]


def _is_whole(clip: Clip) -> bool:
    stream = clip.spec.stream
    if clip.spec.kind == "stills":
        return len(clip.stills) == len(still_frames(stream))
    return len(clip.pictures) == stream.frames and clip.pictures[0].is_key and bool(clip.sets.sps and clip.sets.pps)


def _load(clip: Clip, path: Path) -> bool:
    """Fill the clip from the cache; False when there is no whole file."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    if clip.spec.kind == "stills":
        clip.stills = split_jpegs(data)
    else:
        cutter = StreamCutter(clip.spec.stream.codec, clip.sets, packs=clip.spec.kind != "scene")
        clip.pictures = [*cutter.feed(data), *cutter.finish()]
    if _is_whole(clip):
        return True
    clip.pictures, clip.stills, clip.sets = [], [], ParameterSets()
    path.unlink(missing_ok=True)
    return False


def _child_environment() -> dict[str, str]:
    """Enough to find the interpreter and this package; nothing of ours (such as the password) is passed on."""
    kept = {name: value for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if (value := os.environ.get(name))}
    return {**kept, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
