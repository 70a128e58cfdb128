"""Habits of heads that the app learns, and how long a focus move may take. The answers are written by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.errors import CameraBadAnswer, CameraUnsupported
from core.ptz import HeadAbilities, Velocity
from onvif_services import ptz
from onvif_services.connection import DeviceConnection
from onvif_services.faults import NoAnswer
from onvif_services.heads import Heads
from onvif_services.relays import set_relay
from tests.onvif_services.connecting import Connect
from tests.onvif_services.head_answers import ABSOLUTE, NEARER, PLACE, PTZ, channel, node, set_nodes
from tests.onvif_services.silence import Silence
from tests.onvif_services.soap_device import CUT, Reply, Request, SoapDevice, fault


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


_ONCE: dict[str, Callable[[DeviceConnection], object]] = {
    "RelativeMove": lambda conn: ptz.relative_move(conn, "P1", 0.1, 0.1, is_fov=False),
    "SetPreset": lambda conn: ptz.set_preset(conn, "P1", "Gate"),
    "SendAuxiliaryCommand": lambda conn: ptz.send_auxiliary(conn, "P1", "tt:Wiper|On"),
    "SetRelayOutputState": lambda conn: set_relay(conn, "R1", is_active=True),
}


@pytest.mark.parametrize("operation", _ONCE)
def test_a_command_that_is_cut_off_runs_once(device: SoapDevice, connect: Connect, operation: str) -> None:
    """The device may have carried it out before it closed the connection, for example in order to restart."""
    device.services["ptz"] = PTZ
    conn = connect()
    conn.open()
    device.answers |= {operation: CUT, "Stop": CUT}
    for number in (1, 2):  # while requests go side by side, and one at a time
        with pytest.raises(NoAnswer, match=operation):
            _ONCE[operation](conn)
        assert len(device.asked(operation)) == number
    with pytest.raises(NoAnswer):
        ptz.stop(conn, "P1")
    assert len(device.asked("Stop")) == 3, "a Stop is repeated"


def test_a_focus_move_without_an_answer_fails_soon(heads: Heads, silence: Silence) -> None:
    silence("Move", "Stop")
    with pytest.raises(NoAnswer):
        heads.move_focus(PLACE, 0.5)
    with pytest.raises(NoAnswer):
        heads.stop_focus(PLACE)
    assert silence.limits_s["Move"] <= 3.0
    assert silence.limits_s["Stop"] <= ptz.STOP_S


def _limits(device: SoapDevice) -> list[bool]:
    """Return for each move whether it had a time limit."""
    return ["Timeout" in request.text for request in device.asked("ContinuousMove")]


def _refuse_limits(device: SoapDevice, code: str) -> None:
    def answer(request: Request) -> str | Reply:
        return fault(code, "No") if "Timeout" in request.text else "<tptz:ContinuousMoveResponse/>"

    device.answers["ContinuousMove"] = answer


def test_a_passing_fault_does_not_end_the_time_limit(device: SoapDevice, heads: Heads) -> None:
    _refuse_limits(device, "ter:MovingPTZ")
    heads.move(PLACE, NEARER, 1.0)
    device.answers["ContinuousMove"] = "<tptz:ContinuousMoveResponse/>"
    heads.move(PLACE, NEARER, 1.0)
    assert (_limits(device)[0], _limits(device)[-1]) == (True, True)


def test_two_moves_refused_with_a_time_limit_end_it(device: SoapDevice, heads: Heads) -> None:
    _refuse_limits(device, "ter:HeadFailed")
    for _ in range(2):
        heads.move(PLACE, NEARER, 1.0)
    sent = len(_limits(device))
    heads.move(PLACE, NEARER, 1.0)
    assert _limits(device)[sent:] == [False]


@pytest.mark.parametrize("code", ["ter:TimeoutNotSupported", "ter:InvalidTimeout", "ter:InvalidArgVal"])
def test_a_fault_that_names_the_time_limit_ends_it_for_a_time(device: SoapDevice, heads: Heads, code: str) -> None:
    _refuse_limits(device, code)
    heads.move(PLACE, NEARER, 1.0)
    sent = len(_limits(device))
    heads.move(PLACE, NEARER, 1.0)
    assert _limits(device)[sent:] == [False]
    heads._without_limit_until_s -= 600.0  # ten minutes later
    device.answers["ContinuousMove"] = "<tptz:ContinuousMoveResponse/>"
    heads.move(PLACE, NEARER, 1.0)
    assert _limits(device)[sent + 1 :] == [True]


def test_a_status_that_never_moves_is_needed_for_no_command(device: SoapDevice, heads: Heads) -> None:
    """Some devices answer GetStatus with one position for ever, or with a fault."""
    device.answers |= {
        name: f"<tptz:{name}Response/>" for name in ("GotoPreset", "ContinuousMove", "Stop", "GotoHomePosition")
    }
    heads.move(PLACE, NEARER, 1.0)
    heads.stop(PLACE)
    heads.go_to_preset(PLACE, "1")
    heads.go_home(PLACE)
    assert device.asked("GotoPreset")
    assert device.asked("GetStatus") == []


def _tell_position(device: SoapDevice, pan: float, tilt: float) -> None:
    device.answers["GetStatus"] = (
        f'<tptz:GetStatusResponse><tptz:PTZStatus><tt:Position><tt:PanTilt x="{pan}" y="{tilt}"/></tt:Position>'
        "</tptz:PTZStatus></tptz:GetStatusResponse>"
    )


def _absolute_head(device: SoapDevice, heads: Heads, pan: float, tilt: float) -> HeadAbilities:
    """Return the abilities of a head that moves to absolute positions alone, and reports this one."""
    set_nodes(device, node(ABSOLUTE))
    device.answers |= {name: f"<tptz:{name}Response/>" for name in ("ContinuousMove", "AbsoluteMove")}
    _tell_position(device, pan, tilt)
    return heads.abilities(channel("P1"), [channel("P1")])


def test_a_click_on_a_head_whose_position_never_changes_is_refused(device: SoapDevice, heads: Heads) -> None:
    """The position would send the head to a wrong place, further away with each click."""
    able = _absolute_head(device, heads, 0.0, 0.0)
    for _ in range(2):
        heads.move(able.place, Velocity(pan=0.5), 1.0)
    with pytest.raises(CameraUnsupported, match="same position"):
        heads.turn_by(able, 0.1, 0.1)
    assert device.asked("AbsoluteMove") == []
    _tell_position(device, 0.2, 0.0)
    heads.turn_by(able, 0.1, 0.1)
    assert len(device.asked("AbsoluteMove")) == 1
    with pytest.raises(CameraUnsupported, match="same position"):
        heads.turn_by(able, 0.1, 0.1)


def test_a_head_at_the_end_of_its_range_may_report_one_position(device: SoapDevice, heads: Heads) -> None:
    able = _absolute_head(device, heads, 1.0, 0.0)
    for _ in range(5):
        heads.move(able.place, Velocity(pan=0.5), 1.0)
    heads.turn_by(able, -0.1, 0.0)
    assert len(device.asked("AbsoluteMove")) == 1


def test_a_click_on_an_absolute_head_without_a_position_is_refused(device: SoapDevice, heads: Heads) -> None:
    set_nodes(device, node(ABSOLUTE))
    device.answers |= {"GetStatus": "<tptz:GetStatusResponse><tptz:PTZStatus/></tptz:GetStatusResponse>"}
    able = heads.abilities(channel("P1"), [channel("P1")])
    assert able.absolute is not None
    with pytest.raises(CameraUnsupported, match="position"):
        heads.turn_by(able, 0.1, 0.1)
    assert device.asked("AbsoluteMove") == []
