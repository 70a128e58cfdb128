"""The waits of sessions between tries, and after which time players may ask again."""

from __future__ import annotations

from core.backoff import Backoff

FIRST_S = 0.5
BREAKS_AFTER = 6
BROKEN_S = 30.0
HEALTHY_S = 60.0

FIXED_WAIT_S = {
    "storage_full": 2.0,
    "transcode_limit": 5.0,
    "ffmpeg_missing": 10.0,
    "camera_unsupported": 60.0,
    "certificate_changed": 60.0,
    "not_found": 60.0,
    "internal_error": 60.0,
}
"""Seconds until the next try, by error code; the session is failed until then.

The reason is on this machine, where a look costs little, or is one that the device will not change soon. A user who
accepts a changed certificate starts the next try immediately."""
RETRY_AFTER_S = {"camera_auth_failed": 60, "certificate_changed": 60, "camera_unsupported": 60, "ffmpeg_missing": 10}
"""Retry-After for players, by error code."""


def session_backoff() -> Backoff:
    """Return the back-off of one session: after BREAKS_AFTER failures in a row it tries only every BROKEN_S."""
    return Backoff(first_s=FIRST_S, longest_s=BROKEN_S, healthy_after_s=HEALTHY_S, breaks_after=BREAKS_AFTER)
