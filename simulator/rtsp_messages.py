"""RTSP requests and replies (RFC 2326)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """One RTSP request; header names are lower case."""

    method: str
    url: str
    headers: dict[str, str]

    def number(self, name: str) -> int | None:
        """A number from the URL, such as ``channel=3`` or ``trackID=0``."""
        found = re.search(rf"\b{name}=(\d{{1,6}})\b", self.url)
        return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Reply:
    """One RTSP response. `then` is called in the same step in which the response is written.

    PLAY begins to send in `then`: media must follow the response, and no frame may be sent to other clients in between,
    because RTP-Info in the response names the first packet.
    """

    status: int
    headers: tuple[str, ...] = ()
    body: str = ""
    then: Callable[[], None] | None = None


def interleaved_channels(transport: str, free: int) -> tuple[int, int] | None:
    """The channel pair of the first TCP offer in a Transport header, from `free` on if the offer names none.

    None if there is no TCP offer.
    """
    for offer in transport.split(","):
        parts = [part.strip() for part in offer.split(";")]
        if parts[0].upper() != "RTP/AVP/TCP":
            continue
        asked = next((part for part in parts if part.lower().startswith("interleaved=")), None)
        if asked is None:
            return free, free + 1
        found = re.fullmatch(r"interleaved=(\d{1,3})-(\d{1,3})", asked.lower())
        if found and int(found[1]) + 1 == int(found[2]) < 256:
            return int(found[1]), int(found[2])
    return None
