"""The playlist of the key frames of a recording, for players that jump through it (RFC 8216, section 4.3.3.6)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.clock import rfc3339


@dataclass(frozen=True, slots=True)
class IFrame:
    """A key frame that is a whole segment. `is_discontinuous`: recorded time is missing before it."""

    url: str
    init_url: str
    began_utc: datetime
    duration_s: float
    is_discontinuous: bool = False


def i_frame_playlist(frames: Sequence[IFrame]) -> str:
    """Return the playlist of at least one frame."""
    target_s = max(1, math.ceil(max(frame.duration_s for frame in frames)))
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{target_s}", "#EXT-X-PLAYLIST-TYPE:VOD"]
    lines.append("#EXT-X-I-FRAMES-ONLY")
    init_url = ""
    for number, frame in enumerate(frames):
        if number and frame.is_discontinuous:
            lines.append("#EXT-X-DISCONTINUITY")
        if frame.init_url != init_url:
            init_url = frame.init_url
            lines.append(f'#EXT-X-MAP:URI="{init_url}"')
        if not number or frame.is_discontinuous:
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(frame.began_utc)}")
        lines += [f"#EXTINF:{frame.duration_s:.3f},", frame.url]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])
