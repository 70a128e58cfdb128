"""Camera control: the requests that a camera gets."""

from __future__ import annotations

from core.ptz import Velocity
from onvif_services import ptz
from tests.onvif_services.connecting import Connect
from tests.onvif_services.soap_device import SoapDevice


def test_a_move_names_only_the_axes_that_move(device: SoapDevice, connect: Connect) -> None:
    """A camera without zoom refuses a request with a zoom speed, even zero."""
    device.services["ptz"] = "http://www.onvif.org/ver20/ptz/wsdl"
    device.answers["ContinuousMove"] = '<tptz:ContinuousMoveResponse xmlns:tptz="http://www.onvif.org/ver20/ptz/wsdl"/>'
    conn = connect()
    conn.open()
    ptz.continuous_move(conn, "P1", Velocity(pan=0.5), 1.0)
    ptz.continuous_move(conn, "P1", Velocity(zoom=0.5), 1.0)
    turned, zoomed = (request.text for request in device.asked("ContinuousMove"))
    assert "PanTilt" in turned
    assert "Zoom" not in turned
    assert "Zoom" in zoomed
    assert "PanTilt" not in zoomed
