"""The child that watches pictures: `python -m vision`. It reads messages from stdin and answers on stdout.

It needs OpenCV, PyAV and numpy (`make motion`). It opens no file and no socket, and ends when its stdin does.
"""

from __future__ import annotations

import argparse
import logging
import os
import select
import sys
import time

from vision.limits import be_modest, lock_down
from vision.messages import TO_CHILD, BadFrame, MessageReader, encode

# The libraries read these when they are loaded. Their threads would take more than the child's share.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
    os.environ[_name] = "1"
_READ_BYTES = 262_144
_COST_INTERVAL_S = 10.0
_SHARE = 0.25
_MEMORY_BYTES = 1 << 30


def main(argv: list[str]) -> int:
    """Return the exit status: 0 at the end of stdin, 2 if stdin cannot be read any further."""
    parser = argparse.ArgumentParser(prog="python -m vision", description=__doc__)
    parser.add_argument("--share", type=float, default=_SHARE, help="of one core (default: %(default)s)")
    parser.add_argument("--memory", type=int, default=_MEMORY_BYTES, help="bytes of address space")
    parser.add_argument("--cost-interval", type=float, default=_COST_INTERVAL_S, help="seconds between two costs")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    be_modest()
    from vision.loaded import loaded_watcher  # noqa: PLC0415 - loads OpenCV, after the variables above are set

    watcher, budget = loaded_watcher(options.share)
    lock_down(options.memory)
    reader = MessageReader(TO_CHILD)
    cost_s = time.monotonic() + options.cost_interval
    while True:
        if time.monotonic() >= cost_s:
            cost_s = time.monotonic() + options.cost_interval
            _write(encode(budget.cost()))
        if not select.select([0], [], [], max(0.0, cost_s - time.monotonic()))[0]:
            continue
        data = os.read(0, _READ_BYTES)
        if not data:
            return 0
        try:
            for message in reader.feed(data):
                for answer in watcher.answers(message):
                    _write(encode(answer))
        except BadFrame:
            return 2


def _write(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
    except (BrokenPipeError, KeyboardInterrupt):  # the app has ended
        status = 0
    sys.exit(status)
