"""The Replay service (ONVIF Replay Control Service Specification): the RTSP URIs of recordings."""

from __future__ import annotations

from simulator.addresses import Addresses
from simulator.soap import capabilities
from simulator.soap.recordings import RecordingDescriptions
from simulator.soap.service import PATHS, Call, Handler, SoapFault, SoapService, done
from simulator.soap.xml import Element, child, el, parse_duration, text_of

_REPLAY_TIMEOUT = "PT60S"


class ReplayService(SoapService):
    """Gives replay URIs; the session time-out cannot be changed."""

    path = PATHS["trp"]

    def __init__(self, descriptions: RecordingDescriptions, addresses: Addresses) -> None:
        self._descriptions, self._addresses = descriptions, addresses

    def operations(self) -> dict[str, Handler]:
        return {
            "trp:GetServiceCapabilities": self.get_service_capabilities,
            "trp:GetReplayUri": self.get_replay_uri,
            "trp:GetReplayConfiguration": self.get_replay_configuration,
            "trp:SetReplayConfiguration": self.set_replay_configuration,
        }

    def get_service_capabilities(self, _call: Call) -> Element:
        return el("trp:GetServiceCapabilitiesResponse", capabilities.replay())

    def get_replay_uri(self, call: Call) -> Element:
        recording = self._descriptions.found(call, "trp:RecordingToken")
        setup = child(call.body, "trp:StreamSetup")
        if text_of(setup, "tt:Stream") == "RTP-Multicast":
            raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidStreamSetup", reason="No multicast here")
        uri = self._addresses.replay_url(recording.channel, recording.token)
        return el("trp:GetReplayUriResponse", el("trp:Uri", uri))

    def get_replay_configuration(self, _call: Call) -> Element:
        configuration = el("trp:Configuration", el("tt:SessionTimeout", _REPLAY_TIMEOUT))
        return el("trp:GetReplayConfigurationResponse", configuration)

    def set_replay_configuration(self, call: Call) -> Element:
        """Accept the present time-out; refuse any other."""
        timeout = parse_duration(text_of(child(call.body, "trp:Configuration"), "tt:SessionTimeout"))
        if timeout is None or timeout.total_seconds() != 60:
            reason = f"Only {_REPLAY_TIMEOUT} can be set"
            raise SoapFault("Sender", "ter:InvalidArgVal", "ter:ConfigModify", reason=reason)
        return done("trp:SetReplayConfiguration")
