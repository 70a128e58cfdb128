"""Answers of heads and their nodes, written by hand."""

from __future__ import annotations

from core.ptz import HeadPlace, Velocity
from core.records import Channel, MediaProfile
from tests.onvif_services.soap_device import SoapDevice, fault

PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
IMAGING = "http://www.onvif.org/ver20/imaging/wsdl"
DEVICE_IO = "http://www.onvif.org/ver10/deviceIO/wsdl"
SPACES = "http://www.onvif.org/ver10/tptz"
PLACE = HeadPlace(("P1", "P2"), "00000")
RIGHT, NEARER, BOTH = Velocity(pan=0.5), Velocity(zoom=0.5), Velocity(pan=0.5, tilt=-0.5, zoom=0.5)
NO_PROFILE = fault("ter:NoPTZProfile", "The profile has no PTZ configuration")


def plane(name: str, kind: str, limits: tuple[float, float] = (-1.0, 1.0)) -> str:
    ends = f"<tt:Min>{limits[0]}</tt:Min><tt:Max>{limits[1]}</tt:Max>"
    return (
        f"<tt:{name}><tt:URI>{SPACES}/PanTiltSpaces/{kind}</tt:URI><tt:XRange>{ends}</tt:XRange>"
        f"<tt:YRange>{ends}</tt:YRange></tt:{name}>"
    )


def line(name: str, kind: str, limits: tuple[float, float] = (-1.0, 1.0)) -> str:
    ends = f"<tt:Min>{limits[0]}</tt:Min><tt:Max>{limits[1]}</tt:Max>"
    return f"<tt:{name}><tt:URI>{SPACES}/ZoomSpaces/{kind}</tt:URI><tt:XRange>{ends}</tt:XRange></tt:{name}>"


TURNS = plane("ContinuousPanTiltVelocitySpace", "VelocityGenericSpace")
ZOOMS = line("ContinuousZoomVelocitySpace", "VelocityGenericSpace")
STILL = plane("ContinuousPanTiltVelocitySpace", "VelocityGenericSpace", (0.0, 0.0))
RELATIVE = plane("RelativePanTiltTranslationSpace", "TranslationGenericSpace")
RELATIVE_FOV = plane("RelativePanTiltTranslationSpace", "TranslationSpaceFov")
ABSOLUTE = plane("AbsolutePanTiltPositionSpace", "PositionGenericSpace")


def node(spaces: str = TURNS + ZOOMS, *, token: str = "N1", more: str = "", presets: int = 255) -> str:
    return (
        f'<tptz:PTZNode token="{token}" FixedHomePosition="false"><tt:Name>PTZ</tt:Name>'
        f"<tt:SupportedPTZSpaces>{spaces}</tt:SupportedPTZSpaces>"
        f"<tt:MaximumNumberOfPresets>{presets}</tt:MaximumNumberOfPresets><tt:HomeSupported>true</tt:HomeSupported>"
        f"{more}</tptz:PTZNode>"
    )


def done(name: str) -> str:
    return f"<tptz:{name}Response/>"


def channel(*with_ptz: str, number: int = 1) -> Channel:
    """Return a channel with the profiles P1 and P2; those in `with_ptz` have a PTZ configuration."""
    source = f"0000{number - 1}"
    profiles = tuple(
        MediaProfile(token, token, source, None, has_ptz=token in with_ptz)
        for token in ((f"P{2 * number - 1}"), (f"P{2 * number}"))
    )
    return Channel(number, f"Channel {number}", source, profiles)


def set_nodes(device: SoapDevice, *nodes: str) -> None:
    device.answers["GetNodes"] = f"<tptz:GetNodesResponse>{''.join(nodes)}</tptz:GetNodesResponse>"
