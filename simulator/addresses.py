"""The URLs in the recorder's answers."""

from __future__ import annotations

from simulator.faults import Faults
from simulator.layout import ChannelSpec, Role
from simulator.makes import Make


class Addresses:
    """Host and ports of the recorder. A port of 0 is replaced by the one that the system chose."""

    def __init__(self, host: str, onvif_port: int, rtsp_port: int, make: Make, faults: Faults) -> None:
        self.host, self.onvif_port, self.rtsp_port = host, onvif_port, rtsp_port
        self._make, self._faults = make, faults

    def _authority(self, port: int) -> str:
        other = self._faults.text("other_host")
        if other is None:
            return f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}"
        return other if ":" in other else f"{other}:{port}"

    def onvif_url(self, path: str) -> str:
        return f"http://{self._authority(self.onvif_port)}{path}"

    def live_url(self, channel: ChannelSpec, role: Role) -> str:
        query = f"channel={channel.number}&subtype={0 if role == 'main' else 1}&unicast=true&proto=Onvif"
        return f"rtsp://{self._authority(self.rtsp_port)}/cam/realmonitor?{query}"

    def replay_url(self, channel: ChannelSpec, recording_token: str) -> str:
        query = f"channel={channel.number}&proto=Onvif"
        if self._make.session_timeout_s or self._make.recording_hours or self._make.records_sub:
            query = f"recordingid={recording_token}&{query}"
        if self._make.session_timeout_s:
            query = f"{query}&session_timeout={self._make.session_timeout_s:.0f}"
        return f"rtsp://{self._authority(self.rtsp_port)}/cam/replay?{query}"

    def snapshot_url(self, channel: ChannelSpec, role: Role) -> str:
        return self.onvif_url(f"/onvif/snapshot?channel={channel.number}&subtype={0 if role == 'main' else 1}")
