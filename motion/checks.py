"""Lines of the health card about motion: channels that are not watched although they should be, and restless ones."""

from __future__ import annotations

from collections.abc import Iterable

from core.records import ServiceCheck
from motion.records import Reason, WatchedChannel

_EXPECTED = frozenset({None, Reason.OFF, Reason.DEVICE_TELLS, Reason.STARTING, Reason.PTZ_MOVES, Reason.PAUSED})
_RESTLESS = "It moves most of the time: larger movements count, or events are left out. An ignored zone may help."
_TEXTS: dict[str, str] = {
    Reason.NOT_INSTALLED: "The packages for it are not installed: make motion.",
    Reason.DEVICE_IS_SILENT: "The device has told no motion for seven days.",
    Reason.RESTARTING: "The process that looks at pictures is starting again.",
    Reason.NO_STREAM: "The channel has no stream.",
    Reason.UNSUPPORTED_VIDEO: "Its video is neither H.264 nor H.265.",
    Reason.UNREADABLE_VIDEO: "Its video has ended the process that looks at pictures; it is left out for ten minutes.",
    Reason.TOO_MANY: "More than 64 channels are to be watched.",
    "camera_busy": "The device gives no further session.",
    "camera_error": "The device refuses the stream.",
    "camera_unreachable": "The device does not answer.",
    "camera_auth_failed": "The device refuses the user name or the password.",
    "readable_login_needed": "The device accepts only logins that send the password readable.",
    "camera_unsupported": "The device has no stream of this kind.",
    "camera_bad_answer": "The device's answer cannot be understood.",
    "certificate_changed": "The device shows another certificate than before.",
    "camera_no_signal": "The channel has no signal.",
    "stream_not_found": "There is no stream at its address.",
    "address_refused": "The app does not connect to its address.",
    "stream_stalled": "The device sends no more video.",
}


def checks_of(channels: Iterable[WatchedChannel]) -> tuple[ServiceCheck, ...]:
    """Return a line for each channel of a camera whose motion needs attention."""
    found = []
    for one in channels:
        name, reason = f"motion of channel {one.channel}", one.state.reason
        if reason not in _EXPECTED:
            found.append(ServiceCheck(name, "not watched", _TEXTS.get(str(reason), f"The reason is {reason}.")))
        elif one.state.is_restless:
            found.append(ServiceCheck(name, "restless", _RESTLESS))
    return tuple(found)
