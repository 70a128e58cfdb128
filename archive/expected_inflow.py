"""The bytes per day that a rule should bring, by the bit rates that the cameras are set to."""

from __future__ import annotations

from archive.forecast import DAY_MS
from archive.schedule import share_of_week
from core.archive import RecordedQuality, RecordingMode, RecordingRule, StreamKey
from core.errors import NotFound
from core.records import MediaProfile, ProfileRole
from onvif_manager import OnvifManager

_BYTES_A_DAY_OF_KBPS = 1000 / 8 * DAY_MS / 1000


class ExpectedInflow:
    """Thread-safe; waits for no device."""

    def __init__(self, cameras: OnvifManager) -> None:
        self._cameras = cameras

    def of_rule(self, camera_id: int, channel: int, rule: RecordingRule) -> dict[StreamKey, float]:
        """Return the rates of the streams of a rule. Streams without a known bit rate are left out.

        So are all of a rule for events, because no rate tells how many of them come.
        """
        shares = {RecordingMode.CONTINUOUS: 1.0, RecordingMode.SCHEDULE: share_of_week(rule.schedule)}
        profiles = self._profiles(camera_id, channel)
        if rule.mode not in shares or not profiles:
            return {}
        has_sub = ProfileRole.SUB in profiles
        qualities = rule.qualities if has_sub else (RecordedQuality.MAIN,)
        found = {}
        for quality in qualities:
            profile = profiles.get(ProfileRole(quality.value))
            if profile is not None and profile.video is not None and profile.video.bitrate_kbps:
                rate = profile.video.bitrate_kbps * _BYTES_A_DAY_OF_KBPS * shares[rule.mode]
                found[StreamKey(camera_id, channel, quality)] = rate
        return found

    def _profiles(self, camera_id: int, channel: int) -> dict[ProfileRole, MediaProfile]:
        try:
            channels = self._cameras.channels(camera_id)
        except NotFound:
            return {}
        found: dict[ProfileRole, MediaProfile] = {}
        for profile in next((one.profiles for one in channels if one.number == channel), ()):
            found.setdefault(profile.role, profile)
        return found
