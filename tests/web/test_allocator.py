"""Threads share one arena of the C library's allocator, which returns its holes; collections skip the first objects."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import LIMIT_S
from web.allocator import without_collections

pytestmark = pytest.mark.programs

ROOT = Path(__file__).resolve().parent.parent.parent
# Sixteen threads that allocate at the same time, then the report. Objects above 512 bytes come from the C library.
_PROGRAM = """
import ctypes, sys, threading
from web.allocator import use_one_arena

if sys.argv[1] == "one":
    use_one_arena()
together = threading.Barrier(16)

def allocate():
    together.wait()
    kept = [bytearray(5000) for _ in range(100)]
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""
# Every second object of 100 MB is freed, so that the heap keeps its holes; then the memory before and after.
_HOLES = """
import sys, time
from web.allocator import keep_returning_memory, use_one_arena

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

use_one_arena()
kept = [bytearray(50_000) for _ in range(2000)]
del kept[::2]
before_mb = now_mb = resident_mb()
ended = keep_returning_memory(0.01)
deadline_s = time.monotonic() + float(sys.argv[1])
while now_mb > before_mb - 30 and time.monotonic() < deadline_s:
    time.sleep(0.01)
    now_mb = resident_mb()
ended.set()
print(before_mb, now_mb)
"""


def test_free_memory_returns_to_the_system() -> None:
    command = [sys.executable, "-c", _HOLES, str(LIMIT_S / 2)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    before_mb, now_mb = map(float, run.stdout.split())
    assert now_mb < before_mb - 30


def test_the_objects_of_the_start_are_left_out_of_collections() -> None:
    program = "import gc; from web.allocator import freeze_start_objects; before = len(gc.get_objects());"
    program += "freeze_start_objects(); print(before, gc.get_freeze_count())"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=True
    )
    before, frozen = map(int, run.stdout.split())
    assert frozen > 0.9 * before > 0


def test_the_worker_gives_requests_short_turns() -> None:
    program = "import os, sys, types; from web.server import _prepare_worker;"
    program += "_prepare_worker(None, types.SimpleNamespace(ppid=os.getppid())); print(sys.getswitchinterval())"
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    assert float(run.stdout) <= 0.001


def test_no_garbage_is_collected_while_the_app_is_built() -> None:
    with without_collections():
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.parametrize(("how", "has_one"), [("one", True), ("plain", False)])
def test_threads_share_one_arena(how: str, *, has_one: bool) -> None:
    command = [sys.executable, "-c", _PROGRAM, how]
    report = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=True).stdout
    arenas = re.findall(r'<heap nr="\d+">', report)
    assert arenas
    assert (len(arenas) == 1) is has_one
