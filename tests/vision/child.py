"""The child as the app starts it: a process with pipes."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from tests.patience import LIMIT_S
from tests.project_files import ROOT
from vision.messages import FROM_CHILD, BadMessage, FromChild, Message, MessageReader, encode

T = TypeVar("T")


class Child:
    """A running `python -m vision`. `answers` keeps everything that it said."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.answers: list[FromChild] = []
        self._reader = MessageReader(FROM_CHILD)

    def send(self, *messages: Message) -> None:
        for message in messages:
            self.send_bytes(encode(message))

    def send_bytes(self, data: bytes) -> None:
        """Write to its stdin, and read its answers meanwhile, so that neither side waits for the other."""
        assert self.process.stdin is not None
        fd = self.process.stdin.fileno()
        left = memoryview(data)
        while left:
            assert self.process.stdout is not None
            readable, writable, _ = select.select([self.process.stdout], [fd], [], LIMIT_S)
            assert readable or writable, "the child neither reads nor answers"
            if readable and not self._read():
                raise BrokenPipeError
            if writable:
                left = left[os.write(fd, left[:65_536]) :]

    def wait_for(self, kind: type[T], count: int = 1) -> list[T]:
        """Return its answers of a kind, at least `count` of them. Fail if it ends before, or takes too long."""
        limit_s = time.monotonic() + LIMIT_S
        found: list[T] = []
        while len(found := [answer for answer in self.answers if isinstance(answer, kind)]) < count:
            left_s = limit_s - time.monotonic()
            assert self.process.stdout is not None
            assert left_s > 0, f"{len(found)} of {count} {kind.__name__}: {self.answers[-3:]}"
            assert not select.select([self.process.stdout], [], [], left_s)[0] or self._read(), "the child has ended"
        return found

    def _read(self) -> bool:
        assert self.process.stdout is not None
        data = os.read(self.process.stdout.fileno(), 65_536)
        for answer in self._reader.feed(data):
            assert not isinstance(answer, BadMessage), answer
            self.answers.append(answer)
        return bool(data)


@contextmanager
def running_child(*arguments: str) -> Iterator[Child]:
    """Start the child. End it, and check that it ends by itself when its stdin closes."""
    command = [sys.executable, "-m", "vision", *(arguments or ("--share", "100"))]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    try:
        yield Child(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            status = process.wait(LIMIT_S)
        finally:
            process.kill()
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None
                pipe.close()
    assert status in (0, 2)
