"""The capabilities of each service: elements of GetServiceCapabilities, GetServices and GetCapabilities."""

from __future__ import annotations

from collections.abc import Callable

from simulator.soap.service import PATHS
from simulator.soap.xml import Element, el

MAX_PULL_POINTS = 16
LAMP_COMMANDS = ("tt:IRLamp|On", "tt:IRLamp|Off", "tt:IRLamp|Auto")


def device() -> Element:
    network = {"IPFilter": False, "ZeroConfiguration": False, "IPVersion6": False, "DynDNS": False, "NTP": 0}
    security = {"TLS1.2": False, "AccessPolicyConfig": False, "UsernameToken": True, "HttpDigest": True, "MaxUsers": 1}
    system = {"DiscoveryResolve": False, "DiscoveryBye": True, "RemoteDiscovery": False, "SystemLogging": False}
    return el(
        "tds:Capabilities",
        el("tds:Network", attributes=network),
        el("tds:Security", attributes=security),
        el("tds:System", attributes=system),
        el("tds:Misc", attributes={"AuxiliaryCommands": " ".join(LAMP_COMMANDS)}),
    )


def media(profiles: int) -> Element:
    streaming = {"RTPMulticast": False, "RTP_TCP": False, "RTP_RTSP_TCP": True, "NonAggregateControl": False}
    return el(
        "trt:Capabilities",
        el("trt:ProfileCapabilities", attributes={"MaximumNumberOfProfiles": profiles}),
        el("trt:StreamingCapabilities", attributes=streaming),
        attributes={"SnapshotUri": True, "Rotation": False, "OSD": False},
    )


def media2(profiles: int) -> Element:
    kinds = "VideoSource VideoEncoder AudioSource AudioEncoder PTZ"
    streaming = {"RTSPStreaming": True, "RTPMulticast": False, "RTP_RTSP_TCP": True, "NonAggregateControl": False}
    return el(
        "tr2:Capabilities",
        el(
            "tr2:ProfileCapabilities",
            attributes={"MaximumNumberOfProfiles": profiles, "ConfigurationsSupported": kinds},
        ),
        el("tr2:StreamingCapabilities", attributes=streaming),
        attributes={"SnapshotUri": True, "Rotation": False, "OSD": False, "Mask": False},
    )


def events() -> Element:
    values = {
        "WSSubscriptionPolicySupport": False,
        "MaxPullPoints": MAX_PULL_POINTS,
        "PersistentNotificationStorage": False,
    }
    return el("tev:Capabilities", attributes=values)


def ptz() -> Element:
    return el("tptz:Capabilities", attributes={"MoveStatus": True, "StatusPosition": True})


def imaging() -> Element:
    return el("timg:Capabilities", attributes={"ImageStabilization": False})


def device_io(relays: int) -> Element:
    inputs = {"VideoSources": 0, "VideoOutputs": 0, "AudioSources": 0, "AudioOutputs": 0}
    return el("tmd:Capabilities", attributes={**inputs, "RelayOutputs": relays})


def recording(recordings: int) -> Element:
    values = {
        "DynamicRecordings": False,
        "DynamicTracks": False,
        "Encoding": "H264 H265 G711 AAC",
        "MaxRecordings": recordings,
    }
    return el("trc:Capabilities", attributes={**values, "MaxRecordingJobs": recordings, "Options": False})


def search() -> Element:
    return el("tse:Capabilities", attributes={"MetadataSearch": False, "GeneralStartEvents": False})


def replay() -> Element:
    values = {"ReversePlayback": False, "SessionTimeoutRange": "10 60", "RTP_RTSP_TCP": True}
    return el("trp:Capabilities", attributes=values)


def all_of(url: Callable[[str], str], wanted: set[str]) -> Element:
    """The answer to GetCapabilities, the older form: services beyond the first five are in an extension."""

    def part(category: str, make: Callable[[], Element]) -> Element | None:
        return make() if wanted & {"All", category} else None

    extension = el(
        "tt:Extension",
        el(
            "tt:Recording",
            el("tt:XAddr", url(PATHS["trc"])),
            el("tt:ReceiverSource", False),
            el("tt:MediaProfileSource", True),
            el("tt:DynamicRecordings", False),
            el("tt:DynamicTracks", False),
            el("tt:MaxStringLength", 64),
        ),
        el("tt:Search", el("tt:XAddr", url(PATHS["tse"])), el("tt:MetadataSearch", False)),
        el("tt:Replay", el("tt:XAddr", url(PATHS["trp"]))),
    )
    return el(
        "tds:Capabilities",
        part("Device", lambda: _old_device(url(PATHS["tds"]))),
        part("Events", lambda: _old_events(url(PATHS["tev"]))),
        part("Media", lambda: _old_media(url(PATHS["trt"]))),
        part("PTZ", lambda: el("tt:PTZ", el("tt:XAddr", url(PATHS["tptz"])))),
        extension if "All" in wanted else None,
    )


def _flags(name: str, values: dict[str, bool], *more: Element) -> Element:
    return el(name, *(el(f"tt:{key}", value) for key, value in values.items()), *more)


def _old_device(url: str) -> Element:
    version = el("tt:SupportedVersions", el("tt:Major", 2), el("tt:Minor", 60))
    system = dict.fromkeys(("DiscoveryResolve", "DiscoveryBye", "RemoteDiscovery", "SystemBackup"), False)
    security = ("TLS1.1", "TLS1.2", "OnboardKeyGeneration", "AccessPolicyConfig", "X.509Token", "SAMLToken")
    return el(
        "tt:Device",
        el("tt:XAddr", url),
        _flags("tt:Network", dict.fromkeys(("IPFilter", "ZeroConfiguration", "IPVersion6", "DynDNS"), False)),
        _flags(
            "tt:System", {**system, "DiscoveryBye": True, "SystemLogging": False, "FirmwareUpgrade": False}, version
        ),
        el("tt:IO", el("tt:InputConnectors", 0), el("tt:RelayOutputs", 0)),
        _flags("tt:Security", dict.fromkeys((*security, "KerberosToken", "RELToken"), False)),
    )


def _old_events(url: str) -> Element:
    supported = {"WSSubscriptionPolicySupport": False, "WSPullPointSupport": True}
    flags = {**supported, "WSPausableSubscriptionManagerInterfaceSupport": False}
    return el("tt:Events", el("tt:XAddr", url), *(el(f"tt:{key}", value) for key, value in flags.items()))


def _old_media(url: str) -> Element:
    streaming = {"RTPMulticast": False, "RTP_TCP": False, "RTP_RTSP_TCP": True}
    return el("tt:Media", el("tt:XAddr", url), _flags("tt:StreamingCapabilities", streaming))
