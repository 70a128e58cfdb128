"""The Recording Control service (ONVIF Recording Control Service Specification): the catalogue of recordings."""

from __future__ import annotations

from simulator.addresses import Addresses
from simulator.archive import KEPT_DAYS, Archive, Recording
from simulator.clock import as_xml_time
from simulator.identity import Identity
from simulator.layout import Layout
from simulator.soap import capabilities
from simulator.soap.service import PATHS, Call, Handler, SoapService, no_such
from simulator.soap.xml import Element, el


def time_element(name: str, recording: Recording, *, is_end: bool) -> Element:
    """The first or the last moment of a recording."""
    return el(name, as_xml_time(recording.latest if is_end else recording.earliest))


class RecordingDescriptions:
    """Elements about recordings, for the Recording Control, Search and Replay services."""

    def __init__(self, archive: Archive, identity: Identity, addresses: Addresses) -> None:
        self._archive, self._identity, self._addresses = archive, identity, addresses

    def found(self, call: Call, name: str) -> Recording:
        """The recording of a token parameter. Raise SoapFault if there is none."""
        recording = self._archive.find(call.text(name))
        if recording is None:
            raise no_such("ter:NoRecording", "recording")
        return recording

    def source(self, recording: Recording) -> Element:
        """The source of a recording: its SourceId is the video source token, as many recorders have it."""
        channel = recording.channel
        return el(
            "tt:Source",
            el("tt:SourceId", channel.video_source_token),
            el("tt:Name", self._identity.shown_name(channel.name)[:64]),
            el("tt:Location", ""),
            el("tt:Description", f"Channel {channel.number}"),
            el("tt:Address", self._addresses.onvif_url("/onvif/device_service")),
        )


class RecordingService(SoapService):
    """Lists the recordings, their configurations and jobs."""

    path = PATHS["trc"]

    def __init__(self, layout: Layout, archive: Archive, descriptions: RecordingDescriptions) -> None:
        self._layout, self._archive, self._descriptions = layout, archive, descriptions

    def operations(self) -> dict[str, Handler]:
        return {
            "trc:GetServiceCapabilities": self.get_service_capabilities,
            "trc:GetRecordings": self.get_recordings,
            "trc:GetRecordingConfiguration": self.get_recording_configuration,
            "trc:GetRecordingJobs": self.get_recording_jobs,
        }

    def _configuration(self, recording: Recording, name: str) -> Element:
        return el(
            name,
            self._descriptions.source(recording),
            el("tt:Content", "Continuous"),
            el("tt:MaximumRetentionTime", f"P{KEPT_DAYS}D"),
        )

    def get_service_capabilities(self, _call: Call) -> Element:
        return el("trc:GetServiceCapabilitiesResponse", capabilities.recording(len(self._layout)))

    def get_recordings(self, _call: Call) -> Element:
        items = []
        for recording in self._archive.recordings():
            tracks = [
                el(
                    "tt:Track",
                    el("tt:TrackToken", token),
                    el("tt:Configuration", el("tt:TrackType", kind), el("tt:Description", "")),
                )
                for token, kind in recording.tracks()
            ]
            items.append(
                el(
                    "trc:RecordingItem",
                    el("tt:RecordingToken", recording.token),
                    self._configuration(recording, "tt:Configuration"),
                    el("tt:Tracks", *tracks),
                )
            )
        return el("trc:GetRecordingsResponse", *items)

    def get_recording_configuration(self, call: Call) -> Element:
        recording = self._descriptions.found(call, "trc:RecordingToken")
        configuration = self._configuration(recording, "trc:RecordingConfiguration")
        return el("trc:GetRecordingConfigurationResponse", configuration)

    def get_recording_jobs(self, _call: Call) -> Element:
        items = []
        for recording in self._archive.recordings():
            kind = {"Type": "http://www.onvif.org/ver10/schema/Profile"}
            token = el(
                "tt:SourceToken", el("tt:Token", recording.channel.profile_token(recording.role)), attributes=kind
            )
            configuration = el(
                "tt:JobConfiguration",
                el("tt:RecordingToken", recording.token),
                el("tt:Mode", "Active"),
                el("tt:Priority", 1),
                el("tt:Source", token),
            )
            number = recording.channel.number - 1
            job = el("tt:JobToken", f"RecordingJob{number:03d}{'' if recording.role == 'main' else '_sub'}")
            items.append(el("trc:JobItem", job, configuration))
        return el("trc:GetRecordingJobsResponse", *items)
