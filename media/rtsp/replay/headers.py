"""The headers of PLAY in a replay, and of its answer (RFC 2326 sections 3.7 and 12, ONVIF Streaming Specification)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_FLOAT_NOISE_MS = 0.001  # 0.449 s since 1970 is a little less in a float
_SEQUENCE = re.compile(r";\s*seq=(\d{1,5})\b")
_CLOCK_RANGE = re.compile(
    r"""\s*clock\s*[=:]\s*"?\s*
    (\d{4})-?(\d\d)-?(\d\d) [T\s]* (\d\d):?(\d\d):?(\d\d) (?:[.,](\d{1,9}))? \s*
    (?:Z|UTC|GMT|([+-])(\d\d):?(\d\d)(?!\d))? \s* (?:-|;|"|$)""",
    re.IGNORECASE | re.ASCII | re.VERBOSE,
)
_FAR_END_S = 86_400.0
_FIRST_TIME = datetime(1971, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PlayForm:
    """How a PLAY is written, for recorders that refuse the full form.

    `has_fraction`: the time has milliseconds. `has_end`: the range has an end, a day later. `has_options`: with
    Rate-Control, Immediate, Frames and Scale.
    """

    has_fraction: bool = True
    has_end: bool = False
    has_options: bool = True


PLAY_FORMS = (
    PlayForm(),
    PlayForm(has_fraction=False),
    PlayForm(has_fraction=False, has_end=True),
    PlayForm(has_fraction=False, has_options=False),
    PlayForm(has_fraction=False, has_end=True, has_options=False),
)
"""All forms, in the order in which they are tried."""


def play_headers(
    start_device_s: float,
    *,
    fast: bool,
    key_frames_only: bool,
    scale: float,
    is_onvif: bool,
    key_frames_ms: int | None = None,
    end_device_s: float | None = None,
    form: PlayForm = PLAY_FORMS[0],
) -> list[tuple[str, str]]:
    """Return the headers of a PLAY from this time. Rate-Control, Immediate and Frames are ONVIF's only.

    `key_frames_ms`: the least distance between two key frames on the recording's time line. `end_device_s`: the range's
    end, in the full form only, for recorders that refuse one.
    """
    end = ""
    if form.has_end:
        end = clock_time(start_device_s + _FAR_END_S, has_fraction=False)
    elif end_device_s is not None and form == PLAY_FORMS[0]:
        end = clock_time(end_device_s)
    headers = [("Range", f"clock={clock_time(start_device_s, has_fraction=form.has_fraction)}-{end}")]
    if not form.has_options:
        return headers
    if scale != 1.0:
        headers.append(("Scale", f"{scale:.3f}"))
    if is_onvif:
        headers += [("Rate-Control", "no" if fast else "yes"), ("Immediate", "yes")]
        if key_frames_only:
            headers.append(("Frames", "intra" if key_frames_ms is None else f"intra/{key_frames_ms}"))
    return headers


def clock_time(device_s: float, *, has_fraction: bool = True) -> str:
    """Return `20261122T100000.250Z`: UTC, rounded down to the millisecond (or second), never later than `device_s`."""
    whole_s, milliseconds = divmod(math.floor(device_s * 1000 + _FLOAT_NOISE_MS), 1000)
    fraction = f".{milliseconds:03d}" if has_fraction else ""
    return f"{datetime.fromtimestamp(whole_s, UTC):%Y%m%dT%H%M%S}{fraction}Z"


def start_of_range(text: str) -> float | None:
    """Return the seconds since 1970 at which `clock=20261122T100000.5Z-...` begins (RFC 2326 section 3.7).

    Recorders also write dashes and colons, a comma before the fraction, an offset, or no Z. None without such a time,
    and for 1970, which recorders write that do not know it.
    """
    found = _CLOCK_RANGE.match(text)
    if found is None:
        return None
    try:
        moment = datetime.strptime("".join(found.groups()[:6]), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        if found[8]:
            east = timedelta(hours=int(found[9]), minutes=int(found[10]))
            moment += east if found[8] == "-" else -east
    except (ValueError, OverflowError):
        return None
    return moment.timestamp() + float(f"0.{found[7] or 0}") if moment > _FIRST_TIME else None


def first_video_sequence(rtp_info: str) -> int | None:
    """Return seq of the first entry of RTP-Info (`url=...;seq=123;rtptime=456,url=...`): of the first track set up."""
    found = _SEQUENCE.search(rtp_info.split(",", maxsplit=1)[0])
    return int(found[1]) & 0xFFFF if found else None
