"""The store of clips: encoded once, on demand, and kept in a cache folder of the user.

Files appear in the cache whole (written under another name, then renamed). A damaged file is encoded again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Coroutine
from pathlib import Path

from simulator.audio import AudioLoop, aac_command, aac_loop, aac_pcm, g711_loop
from simulator.clip import Clip, ClipFeed, EncodeError
from simulator.console import log
from simulator.encoding import EncodingJob, EncodingQueue
from simulator.layout import CLIP_VERSION, AudioCodec, ClipSpec


def default_cache_dir() -> Path:
    """The user's cache folder for this program (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "onvif-pretend-recorder"


class ClipStore:
    """Gives clips and audio loops. Each is loaded or encoded at most once at a time."""

    def __init__(self, cache_dir: Path, ffmpeg: str) -> None:
        self.cache_dir, self.ffmpeg = cache_dir, ffmpeg
        self._clips: dict[str, Clip] = {}
        self._audio_loops: dict[AudioCodec, asyncio.Task[AudioLoop]] = {}
        self._queue = EncodingQueue(ffmpeg)
        self._jobs: dict[str, EncodingJob] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Make the cache folder; remove files of older versions. Raise OSError if the folder cannot be made."""
        self.cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in self.cache_dir.glob("v*-*.*"):
            if not old.name.startswith(f"v{CLIP_VERSION}-"):
                old.unlink(missing_ok=True)

    async def stop(self) -> None:
        """End all encoding; may be called twice."""
        tasks = [*self._tasks, *self._audio_loops.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def clip(self, spec: ClipSpec, *, urgent: bool = True, first_still: int = 0) -> Clip:
        """The clip, which may still be empty (see `Clip.wait_described`). A failed clip is encoded again.

        `first_still`: place of the still to draw first, if none is drawn yet.
        """
        name = spec.file_name
        clip = self._clips.get(name)
        if clip is None or clip.failure:
            clip = self._clips[name] = Clip(spec)
            self._spawn(self._provide(EncodingJob(clip, urgent, first_still)))
        elif urgent and (job := self._jobs.get(name)):
            self._queue.make_urgent(job, first_still)
        return clip

    def forget(self, spec: ClipSpec) -> None:
        """Drop a clip that is no longer needed; while it is being encoded, it is dropped at the end."""
        self._clips.pop(spec.file_name, None)

    def progress(self) -> dict[str, int]:
        """How many clips are ready, and how many wait or are being encoded."""
        ready = sum(clip.is_complete for clip in self._clips.values())
        return {"ready": ready, "pending": len(self._clips) - ready}

    async def audio_loop(self, codec: AudioCodec) -> AudioLoop:
        """The audio loop in a codec. Raise EncodeError if ffmpeg cannot encode it."""
        task = self._audio_loops.get(codec)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._audio_loops[codec] = asyncio.create_task(self._make_audio(codec))
        return await asyncio.shield(task)

    async def _make_audio(self, codec: AudioCodec) -> AudioLoop:
        if codec != "aac":
            return await asyncio.to_thread(g711_loop, codec)
        path = self.cache_dir / f"v{CLIP_VERSION}-audio.aac"
        with contextlib.suppress(OSError, ValueError):
            return aac_loop(path.read_bytes())
        pcm = await asyncio.to_thread(aac_pcm)
        try:
            process = await asyncio.create_subprocess_exec(
                *aac_command(self.ffmpeg), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            adts, _ = await process.communicate(pcm)
            made = aac_loop(adts)
        except (OSError, ValueError) as error:
            raise EncodeError(f"no AAC: {error}") from error
        self._write(path, adts)
        return made

    # -- loading and encoding --------------------------------------------------------------------------------------

    async def _provide(self, job: EncodingJob) -> None:
        clip = job.clip
        path = self.cache_dir / clip.spec.file_name
        if await asyncio.to_thread(_load, clip, path):
            clip.complete()
            return
        self._jobs[path.name] = job
        try:
            data = await self._queue.encode(job)
        except (EncodeError, OSError) as error:
            log(f"cannot encode {clip.spec.title}: {error}")
            clip.fail(str(error))
            return
        finally:
            self._jobs.pop(path.name, None)
        if clip.spec.kind != "moment":
            with contextlib.suppress(OSError):  # a full disk costs the cache, not the frames
                await asyncio.to_thread(self._write, path, data)

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


def _load(clip: Clip, path: Path) -> bool:
    """Fill the clip from the cache. Return False if there is no whole file."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    feed = ClipFeed(clip)
    feed.feed(data)
    feed.finish()
    if clip.is_whole():
        return True
    clip.clear()
    path.unlink(missing_ok=True)
    return False
