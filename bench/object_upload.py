"""CPU cost of copies in an object storage: the upload of archive files, and the reading of a copy by a replay.

python -m bench.object_upload [runs]

The storage is moto on loopback without TLS, in a process of its own, whose time does not count.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil

from object_storage.object_store import ObjectStore
from tests.object_storage.node_with_files import NodeWithFiles
from tests.s3_server import running_server

FILE_BYTES = 50_000_000
FILES = 4
FRAGMENT_BYTES = 1_000_000  # two seconds at 4 Mbit/s
_MB = 1_000_000


def spent_ms(work: Callable[[], object]) -> float:
    began_s = time.process_time()
    work()
    return (time.process_time() - began_s) * 1000


def run(node: NodeWithFiles) -> tuple[float, float, float]:
    """Return the ms of CPU for each MB of upload and of reading, and the seconds until the first bytes of a copy."""
    row_ids = [node.record(FILE_BYTES, minutes_ago=10 * number + 10) for number in range(FILES)]
    (file, *_) = node.copies.waiting(1)
    upload_ms = spent_ms(lambda: [node.uploader.work() for _ in row_ids])
    copied = replace(file, object_key=node.key_of(file.id))
    store = ObjectStore(node.bucket, node.clock)
    began_s = time.monotonic()
    store.read(copied, 0, 4096)
    first_s = time.monotonic() - began_s

    def read_all() -> None:
        for first in range(0, FILE_BYTES, FRAGMENT_BYTES):
            store.read(copied, first, 4096)
            store.read(copied, first, FRAGMENT_BYTES)

    read_ms = spent_ms(read_all)
    node.clock.move(hours=2)
    return upload_ms / (FILES * FILE_BYTES / _MB), read_ms / (FILE_BYTES / _MB), first_s


def main(runs: int) -> None:
    with running_server() as server, tempfile.TemporaryDirectory() as folder:
        rss_before = psutil.Process().memory_info().rss
        node = NodeWithFiles(server.settings(Path(folder), server.new_bucket()))
        turns = [run(node) for _ in range(runs)]
        grown = (psutil.Process().memory_info().rss - rss_before) / _MB
        node.close()
    upload, read, first = (statistics.median(column) for column in zip(*turns, strict=True))
    print(f"upload: {upload:.2f} ms of CPU for each MB, {upload * 50 / 10:.1f} % of a core for 100 streams of 4 Mbit/s")
    print(f"reading: {read:.2f} ms of CPU for each MB, first bytes after {first * 1000:.0f} ms")
    print(f"memory: {grown:.0f} MB more")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
