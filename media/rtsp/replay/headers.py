"""The headers of PLAY in a replay, and of its answer (RFC 2326 sections 3.7 and 12, ONVIF Streaming Specification)."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

_FLOAT_NOISE_MS = 0.001  # 0.449 s since 1970 is a little less in a float
_SEQUENCE = re.compile(r";\s*seq=(\d{1,5})\b")
_CLOCK_RANGE = re.compile(r"\s*clock\s*=\s*(\d{8}T\d{6})(\.\d{1,9})?Z?\s*-", re.IGNORECASE | re.ASCII)
_NO_TIME = datetime(1971, 1, 1, tzinfo=UTC)


def play_headers(
    start_device_s: float, *, fast: bool, key_frames_only: bool, scale: float, is_onvif: bool
) -> list[tuple[str, str]]:
    """Return the headers of a PLAY from this time. Rate-Control, Immediate and Frames are ONVIF's only."""
    headers = [("Range", f"clock={clock_time(start_device_s)}-")]
    if scale != 1.0:
        headers.append(("Scale", f"{scale:.3f}"))
    if is_onvif:
        headers += [("Rate-Control", "no" if fast else "yes"), ("Immediate", "yes")]
        if key_frames_only:
            headers.append(("Frames", "intra"))
    return headers


def clock_time(device_s: float) -> str:
    """Return `20261122T100000.250Z`: UTC, rounded down to the millisecond, never later than `device_s`."""
    whole_s, milliseconds = divmod(math.floor(device_s * 1000 + _FLOAT_NOISE_MS), 1000)
    return f"{datetime.fromtimestamp(whole_s, UTC):%Y%m%dT%H%M%S}.{milliseconds:03d}Z"


def start_of_range(text: str) -> float | None:
    """Return the seconds since 1970 at which `clock=20261122T100000.5Z-...` begins (RFC 2326 section 3.7).

    None without such a time, and for 1970, which recorders write that do not know it.
    """
    found = _CLOCK_RANGE.match(text)
    try:
        moment = datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) if found else _NO_TIME
    except ValueError:
        return None
    return moment.timestamp() + float(f"0{found[2] or ''}") if found and moment > _NO_TIME else None


def first_video_sequence(rtp_info: str) -> int | None:
    """Return seq of the first entry of RTP-Info (`url=...;seq=123;rtptime=456,url=...`): of the first track set up."""
    found = _SEQUENCE.search(rtp_info.split(",", maxsplit=1)[0])
    return int(found[1]) & 0xFFFF if found else None
