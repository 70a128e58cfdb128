"""The one subscription of a device: extended in time, ended with its parameters, gentle to weak web servers."""

from __future__ import annotations

import threading

import pytest

from core.errors import CameraBusy, CameraUnreachable, CameraUnsupported, Conflict, Unavailable
from core.events import EventKind, ListedTopic, SubscriptionAddress
from onvif_services import device_events, subscription_place
from onvif_services.connection import DeviceConnection
from onvif_services.device_events import DeviceEvents
from onvif_services.faults import NoAnswer, SoapFault
from onvif_services.subscription_place import SubscriptionPlace
from tests.onvif_services.connecting import Connect
from tests.onvif_services.soap_device import CUT, Reply, Request, SoapDevice, fault
from tests.onvif_services.test_events import PULLED, SUBSCRIBED
from tests.patience import LIMIT_S

RENEWED = (
    "<wsnt:RenewResponse><wsnt:TerminationTime>2026-11-22T10:10:00Z</wsnt:TerminationTime>"
    "<wsnt:CurrentTime>2026-11-22T10:00:00Z</wsnt:CurrentTime></wsnt:RenewResponse>"
)
NOTHING_GRANTED = RENEWED.replace("10:10:00", "10:00:00")
NO_NEWS = (
    "<tev:PullMessagesResponse><tev:CurrentTime>2026-11-22T10:00:01Z</tev:CurrentTime>"
    "<tev:TerminationTime>2026-11-22T10:01:00Z</tev:TerminationTime></tev:PullMessagesResponse>"
)


class _Time:
    """The time of the module under test, which the test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> _Time:
    made = _Time()
    monkeypatch.setattr(device_events, "time", made)
    return made


@pytest.fixture
def conn(device: SoapDevice, connect: Connect) -> DeviceConnection:
    device.services["events"] = "http://www.onvif.org/ver10/events/wsdl"
    device.answers["CreatePullPointSubscription"] = SUBSCRIBED
    device.answers["PullMessages"] = PULLED
    device.answers["Renew"] = RENEWED
    device.answers["SetSynchronizationPoint"] = "<tev:SetSynchronizationPointResponse/>"
    device.answers["Unsubscribe"] = "<wsnt:UnsubscribeResponse/>"
    conn = connect(timeout_s=LIMIT_S)
    conn.open()
    return conn


@pytest.fixture
def events(conn: DeviceConnection) -> DeviceEvents:
    return DeviceEvents(conn, SubscriptionPlace())


def test_a_subscription_begins_with_a_minute_and_is_kept_for_ten(device: SoapDevice, events: DeviceEvents) -> None:
    events.subscribe()
    events.keep()
    assert device.asked("CreatePullPointSubscription")[0].value("InitialTerminationTime") == "PT60S"
    assert device.asked("Renew")[0].value("TerminationTime") == "PT600S"
    assert len(device.asked("SetSynchronizationPoint")) == 1
    (event,) = events.pull().events
    assert (event.kind, event.active, event.sources) == (EventKind.MOTION, True, ("00000",))


def test_it_is_renewed_at_four_fifths_of_the_granted_life(
    device: SoapDevice, events: DeviceEvents, time: _Time
) -> None:
    events.subscribe()
    events.keep()
    time.now_s += 479
    events.pull()
    assert len(device.asked("Renew")) == 1
    time.now_s += 1
    events.pull()
    assert len(device.asked("Renew")) == 2


def test_a_device_that_grants_nothing_gets_an_absolute_time_at_48_s(
    device: SoapDevice, events: DeviceEvents, time: _Time
) -> None:
    device.answers["Renew"] = NOTHING_GRANTED
    device.answers["PullMessages"] = NO_NEWS.replace("10:01:00", "10:00:01")
    events.subscribe()
    events.keep()
    time.now_s += 47
    events.pull()
    assert len(device.asked("Renew")) == 1
    time.now_s += 1
    events.pull()
    assert device.asked("Renew")[1].value("TerminationTime").endswith("Z")


def test_a_device_without_renewal_and_states_is_listened_to(
    device: SoapDevice, events: DeviceEvents, conn: DeviceConnection
) -> None:
    device.answers["Renew"] = fault("ter:ActionNotSupported", "no")
    device.answers["SetSynchronizationPoint"] = fault("ter:ActionNotSupported", "no")
    events.subscribe()
    events.keep()
    assert events.pull().events
    assert {"renewal of events", "states of events"} <= {check.name for check in conn.checks}


@pytest.mark.parametrize(
    "code", ["tev:SubscribeCreationFailedFault", "wsnt:UnableToCreatePullPointFault", "ter:ResourceProblem"]
)
def test_used_up_subscriptions_are_told_apart_by_any_code(
    device: SoapDevice, events: DeviceEvents, conn: DeviceConnection, code: str
) -> None:
    device.answers["CreatePullPointSubscription"] = fault(code, "x", sender="s:Receiver")
    with pytest.raises(CameraBusy, match="no more event subscriptions"):
        events.subscribe()
    assert not events.is_subscribed
    assert [check.outcome for check in conn.checks if check.name == "events"] == ["camera_busy"]


def test_a_device_without_the_service_is_not_asked(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    with pytest.raises(CameraUnsupported):
        DeviceEvents(conn, SubscriptionPlace()).subscribe()
    assert not device.asked("CreatePullPointSubscription")


def test_states_are_requested_again_unless_the_device_refuses(device: SoapDevice, events: DeviceEvents) -> None:
    events.subscribe()
    events.keep()
    assert events.synchronize()
    assert len(device.asked("SetSynchronizationPoint")) == 2
    device.answers["SetSynchronizationPoint"] = fault("ter:ActionNotSupported", "no")
    assert not events.synchronize()
    assert not events.synchronize()
    assert len(device.asked("SetSynchronizationPoint")) == 3


def test_a_second_subscription_is_refused(device: SoapDevice, events: DeviceEvents) -> None:
    events.subscribe()
    with pytest.raises(Conflict):
        events.subscribe()
    assert events.pull_states(1.0) is None
    assert len(device.asked("CreatePullPointSubscription")) == 1


def test_a_new_connection_opens_no_second_subscription(device: SoapDevice, events: DeviceEvents) -> None:
    stored = events.subscribe()
    later = DeviceEvents(events._conn, events._place)
    assert later.pull_states(1.0) is None
    assert len(device.asked("CreatePullPointSubscription")) == 1
    assert later.unsubscribe_stored(stored)
    assert later.pull_states(1.0)


def test_nothing_is_subscribed_while_another_connection_has_the_place(
    device: SoapDevice, events: DeviceEvents, time: _Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as that of a camera that was removed and added again, whose Unsubscribe got lost."""
    monkeypatch.setattr(subscription_place, "time", time)
    first = events.subscribe()
    later = DeviceEvents(events._conn, events._place)
    with pytest.raises(Unavailable) as caught:
        later.subscribe()
    assert caught.value.retry_after_s == 61
    assert len(device.asked("CreatePullPointSubscription")) == 1
    assert later.unsubscribe_stored(SubscriptionAddress("http://192.168.5.5:8080/onvif/subscription?Idx=1"))
    with pytest.raises(Unavailable):
        later.subscribe()
    assert later.unsubscribe_stored(first)
    later.subscribe()
    time.now_s += 60
    DeviceEvents(events._conn, events._place).subscribe()


def test_a_later_connection_ends_a_subscription_whose_end_got_lost(device: SoapDevice, events: DeviceEvents) -> None:
    events.subscribe()
    device.answers["Unsubscribe"] = CUT
    assert not events.unsubscribe()
    later = DeviceEvents(events._conn, events._place)
    with pytest.raises(CameraUnreachable):
        later.subscribe()
    assert len(device.asked("CreatePullPointSubscription")) == 1
    device.answers["Unsubscribe"] = "<wsnt:UnsubscribeResponse/>"
    later.subscribe()
    assert len(device.asked("CreatePullPointSubscription")) == 2


def test_a_short_subscription_whose_end_got_lost_ends_before_the_next(device: SoapDevice, events: DeviceEvents) -> None:
    device.answers["Unsubscribe"] = CUT
    assert events.pull_states(1.0)
    later = DeviceEvents(events._conn, events._place)
    with pytest.raises(CameraUnreachable):
        later.subscribe()
    assert len(device.asked("CreatePullPointSubscription")) == 1
    device.answers["Unsubscribe"] = "<wsnt:UnsubscribeResponse/>"
    later.subscribe()
    assert len(device.asked("CreatePullPointSubscription")) == 2


def test_a_subscription_whose_answer_got_lost_expires_before_the_next(
    device: SoapDevice, events: DeviceEvents, time: _Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription_place, "time", time)
    device.answers["CreatePullPointSubscription"] = CUT
    with pytest.raises(NoAnswer):
        events.pull_states(1.0)
    device.answers["CreatePullPointSubscription"] = SUBSCRIBED
    asked = len(device.asked("CreatePullPointSubscription"))
    with pytest.raises(Unavailable) as caught:
        events.subscribe()
    assert caught.value.retry_after_s == 61
    assert len(device.asked("CreatePullPointSubscription")) == asked
    time.now_s += 60
    events.subscribe()


def test_a_stored_subscription_is_ended_with_its_parameters(device: SoapDevice, events: DeviceEvents) -> None:
    stored = events.subscribe()
    assert stored.address == "http://192.168.5.5:8080/onvif/subscription?Idx=7"
    later = DeviceEvents(events._conn, events._place)
    assert later.unsubscribe_stored(SubscriptionAddress(stored.address, stored.parameters))
    (asked,) = device.asked("Unsubscribe")
    assert (asked.path, asked.value("Id")) == ("/onvif/subscription?Idx=7", "42")


def test_a_device_that_knows_no_such_subscription_has_ended_it(device: SoapDevice, events: DeviceEvents) -> None:
    events.subscribe()
    device.answers["Unsubscribe"] = fault("wsrf-rw:ResourceUnknownFault", "gone", sender="s:Receiver")
    assert events.unsubscribe()
    assert not events.is_subscribed


def test_no_answer_to_the_end_is_told(device: SoapDevice, events: DeviceEvents) -> None:
    stored = events.subscribe()
    device.answers["Unsubscribe"] = CUT
    assert not events.unsubscribe()
    device.answers["Unsubscribe"] = "<wsnt:UnsubscribeResponse/>"
    assert events.unsubscribe_stored(stored)


def test_an_empty_address_means_that_of_the_service(
    device: SoapDevice, events: DeviceEvents, conn: DeviceConnection
) -> None:
    device.answers["CreatePullPointSubscription"] = SUBSCRIBED.replace(
        "http://192.168.5.5:8080/onvif/subscription?Idx=7", ""
    )
    assert events.subscribe().address == conn.services["events"]
    assert events.pull().events


def test_pulls_may_end_in_a_closed_connection_three_times(
    device: SoapDevice, events: DeviceEvents, conn: DeviceConnection
) -> None:
    events.subscribe()
    device.answers["PullMessages"] = CUT
    for _ in range(3):
        assert events.pull().rest_s > 0
    with pytest.raises(CameraUnreachable):
        events.pull()
    assert len(device.asked("PullMessages")) == 4, "none is repeated"
    assert not conn.gets_one_at_a_time, "a closed pull says nothing about the web server"


def test_any_number_of_pulls_may_end_closed_after_a_wait(device: SoapDevice, events: DeviceEvents, time: _Time) -> None:
    events.subscribe()

    def close_late(_: Request) -> Reply:
        time.now_s += 20
        return CUT

    device.answers["PullMessages"] = close_late
    for _ in range(8):
        assert not events.pull().events


def test_a_fault_means_that_the_subscription_is_gone(device: SoapDevice, events: DeviceEvents) -> None:
    events.subscribe()
    device.answers["PullMessages"] = fault("wsrf-rw:ResourceUnknownFault", "gone")
    with pytest.raises(SoapFault):
        events.pull()


def test_a_weak_web_server_gets_short_pulls_with_rests(
    device: SoapDevice, events: DeviceEvents, conn: DeviceConnection
) -> None:
    """It serves one request at a time: a pull of 20 s would keep out all others."""
    events.subscribe()
    conn._repeated._slots.serialize()
    assert events.pull().rest_s >= 1.0
    assert device.asked("PullMessages")[0].value("Timeout") == "PT1S"


def test_a_device_that_answers_at_once_without_news_gets_rests(device: SoapDevice, events: DeviceEvents) -> None:
    events.subscribe()
    device.answers["PullMessages"] = NO_NEWS
    assert events.pull().rest_s >= 1.0


@pytest.mark.slow
def test_a_pull_that_hangs_ends_after_its_time(
    device: SoapDevice, events: DeviceEvents, conn: DeviceConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    events.subscribe()
    monkeypatch.setattr(device_events, "MAX_PULL_S", 0.2)
    conn.timeout_s = 0.5
    may_answer = threading.Event()

    def answer_late(_: Request) -> str:
        may_answer.wait(LIMIT_S)
        return PULLED

    device.answers["PullMessages"] = answer_late
    with pytest.raises(CameraUnreachable):
        events.pull()
    may_answer.set()


LISTED = (
    "<tev:GetEventPropertiesResponse><wstop:TopicSet>"
    '<tns1:RuleEngine><FieldDetector><ObjectsInside wstop:topic="true"><tt:MessageDescription IsProperty="true">'
    '<tt:Data><tt:SimpleItemDescription Name="IsInside" Type="xs:boolean"/></tt:Data></tt:MessageDescription>'
    "</ObjectsInside></FieldDetector></tns1:RuleEngine>"
    '<tnsmaker:Own xmlns:tnsmaker="http://maker.example/topics"><Unheard><tt:MessageDescription/></Unheard>'
    '<Bare topic="true"/></tnsmaker:Own></wstop:TopicSet></tev:GetEventPropertiesResponse>'
)


def test_the_topics_of_a_device_are_listed_without_prefixes(device: SoapDevice, conn: DeviceConnection) -> None:
    device.answers["GetEventProperties"] = LISTED
    assert DeviceEvents(conn, SubscriptionPlace()).topics() == (
        ListedTopic("RuleEngine/FieldDetector/ObjectsInside", EventKind.INTRUSION),
        ListedTopic("Own/Unheard", EventKind.OTHER),
        ListedTopic("Own/Bare", EventKind.OTHER),
    )


def test_a_device_with_thousands_of_topics_is_cut(device: SoapDevice, conn: DeviceConnection) -> None:
    many = "".join(f'<T{number} wstop:topic="true"/>' for number in range(3000))
    device.answers["GetEventProperties"] = (
        f"<tev:GetEventPropertiesResponse><wstop:TopicSet><tns1:Own>{many}</tns1:Own></wstop:TopicSet>"
        "</tev:GetEventPropertiesResponse>"
    )
    assert len(DeviceEvents(conn, SubscriptionPlace()).topics()) == 200
    deep = "<A>" * 60 + '<B topic="true"/>' + "</A>" * 60
    device.answers["GetEventProperties"] = (
        f"<tev:GetEventPropertiesResponse><wstop:TopicSet>{deep}</wstop:TopicSet></tev:GetEventPropertiesResponse>"
    )
    assert DeviceEvents(conn, SubscriptionPlace()).topics() == ()
