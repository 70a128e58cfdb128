"""The makes of recorder that the simulator can behave like: how they differ in their recordings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Make:
    """The behaviour of one make. The defaults follow the specifications.

    `replay`: "onvif", or "plain" (551 to Require: onvif-replay; its URL plays as plain RTSP).
    `summary`: "full", "empty" (all dates 1970, no number), or "none" (optional action not implemented).
    """

    name: str
    text: str
    has_profile_g: bool = True
    searches_events: bool = True  # False: FindEvents is an optional action that is not implemented
    honours_filters: bool = True
    gives_start_states: bool = True
    summary: str = "full"
    has_wrong_dates: bool = False  # EarliestRecording is 1970; the summary and the tracks have other dates
    is_never_completed: bool = False  # the state stays Searching until an empty page
    writes_loosely: bool = False  # TRUE for true, times without Z, unsorted
    replay: str = "onvif"
    honours_rate_control: bool = True
    seeks_in_session: bool = True
    session_timeout_s: float | None = None  # also in the replay URL
    records_sub: bool = False  # a channel has a recording of its sub stream, too
    recording_hours: int = 0  # a channel has a recording for every so many hours, from midnight on; 0: only one


MAKES = {
    make.name: make
    for make in (
        Make("conformant", "follows the specifications"),
        Make("dahua-like", "filters ignored, a summary without details", honours_filters=False, summary="empty"),
        Make(
            "hikvision-like",
            "wrong dates (1970), Searching with results, no start states, TRUE and times without Z, "
            "seeks in a new session only",
            gives_start_states=False,
            has_wrong_dates=True,
            is_never_completed=True,
            writes_loosely=True,
            seeks_in_session=False,
        ),
        Make(
            "uniview-like",
            "no summary, Rate-Control ignored",
            summary="none",
            honours_rate_control=False,
        ),
        Make("axis-like", "a query and session_timeout=30 in the replay address", session_timeout_s=30.0),
        Make("no-replay-headers", "551 to Require: onvif-replay; plays as plain RTSP", replay="plain"),
        Make("no-event-search", "FindEvents is not implemented", searches_events=False),
        Make("many-recordings", "a recording for every six hours of a channel", recording_hours=6),
        Make("sub-recordings", "a recording of each stream of a channel", records_sub=True),
        Make("no-profile-g", "no Recording, Search and Replay services", has_profile_g=False),
    )
}


def table_text() -> str:
    """The makes for `--help`."""
    return "\n".join(f"  {make.name:18} {make.text}" for make in MAKES.values())
