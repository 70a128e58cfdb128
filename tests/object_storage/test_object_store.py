"""Reading copies for replays: the bytes, the number of requests, and a storage that does not answer."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from core.archive import StreamKey
from core.errors import ArchiveUnreadable
from core.recording_storage import StoredFile
from object_storage.bucket import Bucket
from object_storage.object_store import ObjectStore
from tests.hand_clock import HandClock
from tests.object_storage.node_with_files import MAIN, NodeWithFiles
from tests.patience import LIMIT_S, promised, promised_work
from tests.s3_server import S3Server


class CountingBucket(Bucket):
    """Counts the requests and their bytes."""

    def __init__(self, node: NodeWithFiles, *, timeout_s: float = 8.0) -> None:
        super().__init__(node.settings, read_timeout_s=timeout_s)
        self.requests = self.bytes = 0
        self.open()

    def read(self, key: str, first: int, count: int) -> bytes:
        self.requests += 1
        self.bytes += count
        return super().read(key, first, count)


def copied(node: NodeWithFiles, size_bytes: int) -> tuple[StoredFile, bytes]:
    """Record and copy a file. Return it as its row says, and its content."""
    row_id = node.record(size_bytes)
    (file,) = node.copies.waiting(1)
    node.uploader.work()
    return replace(file, object_key=node.key_of(row_id)), node.content(row_id)


def test_any_range_of_a_copy_has_the_bytes_of_the_file(node: NodeWithFiles) -> None:
    file, content = copied(node, 3_000_000)
    store = ObjectStore(CountingBucket(node), node.clock)
    assert store.size(file) == len(content)
    chosen = random.Random(18)
    for _ in range(60):
        first, count = chosen.randrange(len(content) + 10), chosen.choice((1, 8, 4096, 200_000, 900_000))
        assert store.read(file, first, count) == content[first : first + count]


def test_a_reader_that_goes_on_makes_few_requests(node: NodeWithFiles) -> None:
    file, content = copied(node, 8_000_000)
    bucket = CountingBucket(node)
    store = ObjectStore(bucket, node.clock)
    found = b"".join(store.read(file, first, 4096) for first in range(0, len(content), 4096))
    assert found == content
    assert bucket.requests <= 9
    assert bucket.bytes <= 1.1 * len(content)


def test_a_reader_that_jumps_reads_little_ahead(node: NodeWithFiles) -> None:
    file, content = copied(node, 8_000_000)
    bucket = CountingBucket(node)
    store = ObjectStore(bucket, node.clock)
    for first in range(0, len(content), 1_000_000):
        store.read(file, first, 4096)
    assert bucket.bytes <= 8 * 128 * 1024


def copy_named(key: str) -> StoredFile:
    return StoredFile(
        1,
        "",
        StreamKey(1, 1, MAIN),
        0,
        60_000,
        100,
        "",
        suffix=0,
        stretch_id=1,
        epoch=7,
        is_sealed=True,
        is_on_disk=False,
        object_key=key,
    )


class SlowBucket(Bucket):
    """Its requests wait until the test lets them go."""

    def __init__(self, node: NodeWithFiles) -> None:
        super().__init__(node.settings)
        self.answers = threading.Event()
        self.begun = threading.Semaphore(0)

    def read(self, key: str, first: int, count: int) -> bytes:
        del key, first
        self.begun.release()
        self.answers.wait()
        return bytes(count)


def test_a_read_waits_for_its_turn(node: NodeWithFiles) -> None:
    """The storage answers to 16 requests at a time; a wall of 17 replays is common."""
    bucket = SlowBucket(node)
    store = ObjectStore(bucket, node.clock, patience_s=LIMIT_S)
    with ThreadPoolExecutor(17) as readers:
        found = [readers.submit(store.read, copy_named(f"1/{n}.mp4"), 0, 100) for n in range(17)]
        for _ in range(16):
            bucket.begun.acquire()
        bucket.answers.set()
        assert [it.result() for it in found] == 17 * [bytes(100)]


def test_a_read_without_a_turn_is_refused_after_a_while(node: NodeWithFiles) -> None:
    bucket = SlowBucket(node)
    store = ObjectStore(bucket, node.clock, patience_s=0.05)
    with ThreadPoolExecutor(16) as readers:
        for number in range(16):
            readers.submit(store.read, copy_named(f"1/{number}.mp4"), 0, 100)
        for _ in range(16):
            bucket.begun.acquire()
        with pytest.raises(ArchiveUnreadable, match="busy"):
            store.read(copy_named("1/last.mp4"), 0, 100)
        bucket.answers.set()


def test_a_file_without_a_copy_is_not_found(node: NodeWithFiles) -> None:
    node.record()
    (file,) = node.copies.waiting(1)
    with pytest.raises(FileNotFoundError):
        ObjectStore(node.bucket, node.clock).read(file, 0, 10)


def test_after_a_silence_further_reads_are_refused_at_once(
    node: NodeWithFiles, s3_server: S3Server, tmp_path: Path
) -> None:
    del tmp_path
    file, content = copied(node, 1000)
    clock = HandClock()
    store = ObjectStore(CountingBucket(node, timeout_s=1.0), clock)
    s3_server.freeze()
    try:
        with promised(4.0), pytest.raises(ArchiveUnreadable, match="does not answer"):
            store.read(file, 0, 10)
        with promised_work(0.5):
            for _ in range(50):
                with pytest.raises(ArchiveUnreadable, match="does not answer"):
                    store.read(file, 0, 10)
    finally:
        s3_server.go_on()
    clock.move(seconds=10)
    assert store.read(file, 0, 10) == content[:10]
