"""PullPoint subscriptions: pulled, renewed, always ended."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from core.errors import CameraBadAnswer, CameraUnreachable, DeviceError
from onvif_services.connection import DeviceConnection
from onvif_services.events import PullPoint
from onvif_services.faults import NoAnswer
from tests.onvif_services.connecting import Connect
from tests.onvif_services.soap_device import CUT, Request, SoapDevice, fault
from tests.patience import LIMIT_S, promised

SUBSCRIBED = (
    "<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference>"
    "<wsa:Address>http://192.168.5.5:8080/onvif/subscription?Idx=7</wsa:Address>"
    '<wsa:ReferenceParameters><axis:Id xmlns:axis="http://axis.example/event">42</axis:Id></wsa:ReferenceParameters>'
    "</tev:SubscriptionReference><wsnt:CurrentTime>2026-11-22T10:00:00Z</wsnt:CurrentTime>"
    "<wsnt:TerminationTime>2026-11-22T10:01:00Z</wsnt:TerminationTime></tev:CreatePullPointSubscriptionResponse>"
)
PULLED = (
    "<tev:PullMessagesResponse><tev:CurrentTime>2026-11-22T10:00:01Z</tev:CurrentTime>"
    "<tev:TerminationTime>2026-11-22T10:01:01Z</tev:TerminationTime><wsnt:NotificationMessage>"
    '<wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">tns1:VideoSource/MotionAlarm</wsnt:Topic>'
    '<wsnt:Message><tt:Message UtcTime="2026-11-22T10:00:00.5Z" PropertyOperation="Changed"><tt:Source>'
    '<tt:SimpleItem Name="Source" Value="00000"/></tt:Source>'
    '<tt:Data><tt:SimpleItem Name="State" Value="true"/></tt:Data>'
    "</tt:Message></wsnt:Message></wsnt:NotificationMessage></tev:PullMessagesResponse>"
)


def _opened(device: SoapDevice, connect: Connect, timeout_s: float = LIMIT_S) -> DeviceConnection:
    device.services["events"] = "http://www.onvif.org/ver10/events/wsdl"
    device.answers["CreatePullPointSubscription"] = SUBSCRIBED
    device.answers["PullMessages"] = PULLED
    device.answers["Renew"] = "<wsnt:RenewResponse/>"
    device.answers["Unsubscribe"] = "<wsnt:UnsubscribeResponse/>"
    conn = connect(timeout_s=timeout_s)
    conn.open()
    return conn


def test_a_subscription_is_pulled_at_our_host_and_ended(device: SoapDevice, connect: Connect) -> None:
    conn = _opened(device, connect)
    with PullPoint(conn) as events:
        (message,) = events.pull(timeout_s=1.0)
        (again,) = events.pull(timeout_s=1.0)
        events.renew()
    assert message == again
    assert message.topic == "tns1:VideoSource/MotionAlarm"
    assert message.at_utc == datetime(2026, 11, 22, 10, 0, 0, 500_000, UTC)
    assert message.operation == "Changed"
    assert message.source == (("Source", "00000"),)
    assert message.data == (("State", "true"),)
    for operation, times in (("PullMessages", 2), ("Renew", 1), ("Unsubscribe", 1)):
        asked = device.asked(operation)
        assert len(asked) == times
        assert {request.path for request in asked} == {"/onvif/subscription?Idx=7"}
        assert all(request.value("Id") == "42" and 'IsReferenceParameter="true"' in request.text for request in asked)
    assert device.asked("PullMessages")[0].value("Timeout") == "PT1S"


def test_an_address_without_its_reference_is_used(device: SoapDevice, connect: Connect) -> None:
    conn = _opened(device, connect)
    device.answers["CreatePullPointSubscription"] = (
        "<tev:CreatePullPointSubscriptionResponse><wsa:Address>http://192.168.5.5:8080/onvif/subscription?Idx=7"
        "</wsa:Address></tev:CreatePullPointSubscriptionResponse>"
    )
    with PullPoint(conn) as events:
        events.pull(timeout_s=1.0)
    assert {request.path for request in device.asked("Unsubscribe")} == {"/onvif/subscription?Idx=7"}


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("http://www.w3.org/2005/08/addressing/anonymous", "/onvif/events"),
        ("http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous", "/onvif/events"),
        ("", "/onvif/events"),
        ("?Idx=7", "/onvif/events?Idx=7"),
        ("/onvif/sub?Idx=7", "/onvif/sub?Idx=7"),
        ("http://172.17.0.2:8080/onvif/sub", "/onvif/sub"),
    ],
)
def test_a_subscription_without_a_whole_address_is_used(
    device: SoapDevice, connect: Connect, written: str, path: str
) -> None:
    conn = _opened(device, connect)
    device.answers["CreatePullPointSubscription"] = SUBSCRIBED.replace(
        "http://192.168.5.5:8080/onvif/subscription?Idx=7", written
    )
    with PullPoint(conn) as events:
        events.pull(timeout_s=1.0)
    assert {request.path for request in device.asked("Unsubscribe")} == {path}


def test_a_subscription_that_is_cut_off_is_made_once(device: SoapDevice, connect: Connect) -> None:
    """The device may have made it; another one would take another of its few places."""
    conn = _opened(device, connect)
    device.answers["CreatePullPointSubscription"] = CUT
    with pytest.raises(NoAnswer):
        PullPoint(conn).open()
    assert len(device.asked("CreatePullPointSubscription")) == 1


def test_a_subscription_is_ended_even_when_pulling_fails(device: SoapDevice, connect: Connect) -> None:
    conn = _opened(device, connect)
    device.answers["PullMessages"] = fault("ter:InvalidArgVal", "x")
    events = PullPoint(conn)
    events.open()
    with pytest.raises(DeviceError):
        events.pull()
    device.answers["Unsubscribe"] = fault("", "gone", sender="s:Receiver")
    events.close()
    events.close()
    assert len(device.asked("Unsubscribe")) == 1
    with pytest.raises(CameraBadAnswer):
        events.pull()


@pytest.mark.slow
def test_a_pull_ends_at_the_time_limit_of_a_silent_device(device: SoapDevice, connect: Connect) -> None:
    conn, may_answer = _opened(device, connect), threading.Event()

    def answer_late(_: Request) -> str:
        may_answer.wait(LIMIT_S)
        return PULLED

    device.answers["PullMessages"] = answer_late
    with PullPoint(conn) as events:
        conn.timeout_s = 0.5
        with promised(3.0), pytest.raises(CameraUnreachable):
            events.pull(timeout_s=0.2)
        conn.timeout_s = LIMIT_S
    may_answer.set()


def test_an_invalid_subscription_address_is_refused(device: SoapDevice, connect: Connect) -> None:
    conn = _opened(device, connect)
    device.answers["CreatePullPointSubscription"] = SUBSCRIBED.replace("http://192.168.5.5:8080/", "gopher://x/")
    with pytest.raises(CameraBadAnswer):
        PullPoint(conn).open()
