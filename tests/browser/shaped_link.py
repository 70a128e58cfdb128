"""A link shaped by the kernel: a network namespace whose loopback passes one port's bytes on at a given rate.

App, recorder and browser run in the namespace, so that the page is at localhost, where browsers have WebCodecs. Only
packets from the app's port are slowed down. The kernel removes the namespace when its last process ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_CLONE_NEWNET = 0x40000000  # unshare(2)
_FREE_KBPS = 10_000_000
_QUEUE_BYTES = 256 * 1024  # of the link, like a modem with much memory: 1.4 s at 1.5 Mbit/s


class ShapingMissing(Exception):
    """This machine cannot shape a link: a tool or a right is missing."""


class ShapedLink:
    """All packets from the port share the rate. Its `set_rate` works only in the thread that made the link.

    Loopback passes TCP's segments on in lumps of up to 64 kB, a third of a second at 1.5 Mbit/s, and htb would let a
    whole lump pass at once: TCP's congestion control then sees a link of Gbit/s. tbf cuts the lumps into packets.
    """

    def __init__(self) -> None:
        _run("ip", "link", "set", "lo", "up", "mtu", "1500")
        _run("tc", "qdisc", "add", "dev", "lo", "root", "handle", "1:", "htb", "default", "1")
        for minor in (1, 2):
            name = ("parent", "1:", "classid", f"1:{minor}")
            _run("tc", "class", "add", "dev", "lo", *name, "htb", "rate", f"{_FREE_KBPS}kbit", "quantum", "60000")
        self._shape("add", _FREE_KBPS)

    def slow_down(self, port: int) -> None:
        """Let the packets from this port use the shaped class."""
        match = ("u32", "match", "ip", "sport", str(port), "0xffff")
        _run("tc", "filter", "add", "dev", "lo", "protocol", "ip", "parent", "1:", *match, "flowid", "1:2")

    def set_rate(self, kbps: int | None) -> None:
        """None: pass everything on without a delay."""
        self._shape("change", kbps or _FREE_KBPS)

    def _shape(self, verb: str, kbps: int) -> None:
        burst = str(max(3000, kbps * 125 // 1000))  # bytes of a millisecond
        rate = ("rate", f"{kbps}kbit", "burst", burst, "limit", str(_QUEUE_BYTES))
        _run("tc", "qdisc", verb, "dev", "lo", "parent", "1:2", "handle", "2:", "tbf", *rate)


@contextlib.contextmanager
def shaped_link() -> Iterator[ShapedLink]:
    """Put this thread, and the processes that it starts, into a new namespace until the block ends."""
    if missing := [tool for tool in ("ip", "tc") if shutil.which(tool) is None]:
        raise ShapingMissing(f"{missing[0]} is not installed (Debian: iproute2)")
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open(f"/proc/self/task/{_thread()}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.unshare(_CLONE_NEWNET):
            raise ShapingMissing(f"no network namespace: {os.strerror(ctypes.get_errno())}")
        try:
            yield ShapedLink()
        finally:
            if libc.setns(before, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "the test cannot leave its network namespace")
    finally:
        os.close(before)


def _thread() -> str:
    return Path("/proc/thread-self").readlink().name


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ShapingMissing(f"{' '.join(command)}: {done.stderr.strip()}")
