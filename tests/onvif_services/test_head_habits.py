"""Habits of heads that the app learns, and how long a focus move may take. The answers are written by hand."""

from __future__ import annotations

import pytest

from core.errors import CameraBadAnswer
from core.ptz import HeadPlace, Velocity
from onvif_services.faults import NoAnswer
from onvif_services.heads import Heads
from tests.onvif_services.connecting import Connect
from tests.onvif_services.soap_device import HANG, Reply, SoapDevice
from tests.patience import promised

PLACE = HeadPlace(("P1", "P2"), "00000")
NEARER = Velocity(zoom=0.5)


@pytest.fixture
def heads(device: SoapDevice, connect: Connect) -> Heads:
    device.services |= {
        "ptz": "http://www.onvif.org/ver20/ptz/wsdl",
        "imaging": "http://www.onvif.org/ver20/imaging/wsdl",
    }
    conn = connect()
    conn.open()
    return Heads(conn)


def test_garbage_after_stop_counts_only_where_moves_get_it(device: SoapDevice, heads: Heads) -> None:
    """A login page of a device that boots does not mean that the head stands."""
    garbage = Reply(b"OK", 200, {"Content-Type": "text/plain"})
    device.answers |= dict.fromkeys(("ContinuousMove", "Stop", "Move"), garbage)
    for stop in (heads.stop, heads.stop_focus):
        with pytest.raises(CameraBadAnswer):
            stop(PLACE)
    heads.move(PLACE, NEARER, 1.0)
    heads.move_focus(PLACE, 0.5)
    heads.stop(PLACE)
    heads.stop_focus(PLACE)


def test_a_focus_move_without_an_answer_fails_soon(
    device: SoapDevice, heads: Heads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onvif_services.imaging._MOVE_S", 0.3)
    monkeypatch.setattr("onvif_services.imaging.STOP_S", 0.3)
    device.answers |= {"Move": HANG, "Stop": HANG}
    with promised(3.0), pytest.raises(NoAnswer):
        heads.move_focus(PLACE, 0.5)
    with promised(3.0), pytest.raises(NoAnswer):
        heads.stop_focus(PLACE)
