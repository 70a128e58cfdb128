"""Draws and encodes clips in child processes, a few at a time.

Clips that a client waits for go first. Such a clip keeps others from starting only until its first frame is encoded: a
client waits for the first frame of its stream, not for the last frames of others. Clips that are only prepared are
encoded one at a time, at a low priority.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from simulator.clip import Clip, ClipFeed, EncodeError

_ENCODERS = {"h264": ("libx264", "libopenh264"), "h265": ("libx265",)}
_PIECE_BYTES = 256 * 1024
_BACKGROUND_NICENESS = 15
_MAX_STARTING = 2
_MAX_CHILDREN = 6  # at 1080p a painter with its encoder takes 175 MB (x264) or 250 MB (x265)


@dataclass(eq=False, slots=True)
class EncodingJob:
    """A clip to be encoded. `is_urgent`: a client waits for it. `first_still`: place of the still to draw first."""

    clip: Clip
    is_urgent: bool
    first_still: int = 0
    may_run: asyncio.Event = field(default_factory=asyncio.Event)


class EncodingQueue:
    """Runs encoding jobs. A job runs in the task that awaits `encode`; to cancel that task ends its child process."""

    def __init__(self, ffmpeg: str) -> None:
        self._ffmpeg = ffmpeg
        self._waiting: list[EncodingJob] = []
        self._running: list[EncodingJob] = []
        self._encoders: frozenset[str] | None = None

    async def encode(self, job: EncodingJob) -> bytes:
        """Encode a clip when a place is free; return its file. Raise EncodeError or OSError if the encoding fails."""
        self._waiting.append(job)
        self._start_jobs()
        try:
            await job.may_run.wait()
            return await self._run(job)
        finally:
            for jobs in (self._waiting, self._running):
                if job in jobs:
                    jobs.remove(job)
            self._start_jobs()

    def make_urgent(self, job: EncodingJob, first_still: int) -> None:
        """Put a waiting job before those that are only prepared."""
        if job in self._waiting:
            job.is_urgent, job.first_still = True, first_still
            self._start_jobs()

    def _start_jobs(self) -> None:
        while job := self._next_job():
            self._waiting.remove(job)
            self._running.append(job)
            job.may_run.set()

    def _next_job(self) -> EncodingJob | None:
        urgent = next((job for job in self._waiting if job.is_urgent), None)
        if urgent is not None:
            starting = sum(job.is_urgent and not job.clip.described.is_set() for job in self._running)
            # Stills take a second; a snapshot need not wait for the end of a loop.
            has_memory = len(self._running) < _MAX_CHILDREN or urgent.clip.spec.kind == "stills"
            return urgent if starting < _MAX_STARTING and has_memory else None
        has_place = len(self._running) < _MAX_STARTING and all(job.is_urgent for job in self._running)
        return self._waiting[0] if self._waiting and has_place else None

    async def _run(self, job: EncodingJob) -> bytes:
        clip, spec = job.clip, job.clip.spec
        encoder = "mjpeg" if spec.kind == "stills" else await self._encoder(spec.stream.codec)
        niceness = 0 if job.is_urgent else _BACKGROUND_NICENESS
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "simulator.painter", self._ffmpeg, encoder, "1", str(niceness)],
            str(job.first_still),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_child_environment(),
            process_group=0,  # not a new session: niceness does not reach beyond a session (sched(7), autogroup)
        )
        try:
            data = await self._collect(job, process)
            code = await process.wait()
        finally:
            if process.returncode is None:
                # The painter with its ffmpeg: without a reader ffmpeg would wait forever, and so would this task.
                os.killpg(process.pid, signal.SIGKILL)
                await process.communicate()  # wait() hangs on Python 3.11 while output is unread
        if code != 0 or not clip.is_whole():
            raise EncodeError(f"{self._ffmpeg} ended with {code} after {len(clip.units)} frames")
        clip.complete()
        return data if spec.kind != "stills" else b"".join(clip.stills[place] for place in sorted(clip.stills))

    async def _collect(self, job: EncodingJob, process: asyncio.subprocess.Process) -> bytes:
        assert process.stdin is not None  # noqa: S101 (PIPE was asked for)
        assert process.stdout is not None  # noqa: S101 (PIPE was asked for)
        process.stdin.write(job.clip.spec.as_json().encode())
        process.stdin.close()
        feed = ClipFeed(job.clip, job.first_still)
        pieces = []
        while piece := await process.stdout.read(_PIECE_BYTES):
            pieces.append(piece)
            feed.feed(piece)
            job.clip.set_progress()
            self._start_jobs()
        feed.finish()
        return b"".join(pieces)

    async def _encoder(self, codec: str) -> str:
        if self._encoders is None:
            process = await asyncio.create_subprocess_exec(
                *[self._ffmpeg, "-v", "error", "-nostdin", "-encoders"], stdout=asyncio.subprocess.PIPE
            )
            listing, _ = await process.communicate()
            words = (line.split() for line in listing.decode("utf-8", "replace").splitlines())
            self._encoders = frozenset(word[1] for word in words if len(word) > 1)
        for encoder in _ENCODERS[codec]:
            if encoder in self._encoders:
                return encoder
        raise EncodeError(f"{self._ffmpeg} has none of {', '.join(_ENCODERS[codec])}")


def _child_environment() -> dict[str, str]:
    """Enough to find the interpreter and this package; the recorder's password is not passed on."""
    kept = {name: value for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if (value := os.environ.get(name))}
    return {**kept, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
