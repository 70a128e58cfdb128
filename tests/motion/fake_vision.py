"""A process that speaks the messages of vision without any video, for tests of the app's side.

The bytes of a frame tell what it shows: MOVE a movement (ALERT one in the zone 7), CRASH and HANG what the real process
never should do, NOISE no valid message. Everything else is a calm picture.
"""

from __future__ import annotations

import os
import sys
import time

from vision.messages import (
    CELL_BYTES,
    TO_CHILD,
    BadMessage,
    Began,
    Blob,
    Cost,
    Failed,
    FromChild,
    LookBack,
    MessageReader,
    Open,
    Still,
    StillPicture,
    ToChild,
    Unit,
    Watched,
    encode,
)

BLOB = Blob((0.1, 0.2, 0.3, 0.4), (0.25, 0.6), 0.02)


class FakeVision:
    """Answers messages. `opened`: the keys of channels that were opened."""

    def __init__(self) -> None:
        self.opened: set[str] = set()

    def answer(self, message: ToChild) -> FromChild | None:
        if isinstance(message, Open):
            self.opened.add(message.key)
        elif isinstance(message, Unit):
            return self._judged(message)
        elif isinstance(message, LookBack):
            place = 0
            for unit in message.units:
                if b"MOVE" in message.body[place : place + unit.size]:
                    return Began(message.key, unit.time_ms, message.start_ms)
                place += unit.size
            return Began(message.key, None, message.start_ms)
        elif isinstance(message, Still):
            return StillPicture(message.key, 0, bytes(CELL_BYTES), b"\xff\xd8 still \xff\xd9")
        return None

    def _judged(self, unit: Unit) -> FromChild:
        if unit.key not in self.opened:
            return Failed("unknown_key", key=unit.key, time_ms=unit.time_ms)
        is_moving, is_alert = b"MOVE" in unit.body, b"ALERT" in unit.body
        cells = bytes([255 if is_moving else 0]) + bytes(CELL_BYTES - 1)
        blobs = (BLOB,) if is_moving else ()
        zones = (7,) if is_alert else ()
        return Watched(unit.key, unit.time_ms, 0.02 * is_moving, blobs, zones, zones, False, is_moving, cells)


def main() -> int:
    fake, reader = FakeVision(), MessageReader(TO_CHILD)
    began_s = time.monotonic()
    write(Cost(0.0, 0.0, 0, 1_000_000))
    while data := os.read(0, 65_536):
        for message in reader.feed(data):
            assert not isinstance(message, BadMessage), message
            body = message.body
            if b"CRASH" in body:
                os.abort()
            if b"HANG" in body:
                time.sleep(1000)
            if b"NOISE" in body:
                os.write(1, b"\xff" * 100)
            found = fake.answer(message)
            if found is not None:
                write(found)
        write(Cost(0.5, time.monotonic() - began_s, 10, 1_000_000))
    return 0


def write(message: FromChild) -> None:
    left = encode(message)
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    sys.exit(main())
