"""The queue of a sink: its limit, its tries, its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from core.access import LOCAL
from core.events import EventKind
from core.stop_signal import StopSignal
from notifications.courier import Courier, Waiting
from notifications.queues import MOST_WAITING, SinkQueue
from notifications.records import Delivery, DeliveryState, Outcome
from notifications.sinks import Notice, Sink, SinkError, SinkKind
from tests.events.logged import NOON, event
from tests.notifications.telling import Telling
from tests.patience import promised, until


class SlowSink(Sink):
    """Sends when it is let. `failures`: of the next tries."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.sent: list[int] = []
        self.failures: list[SinkError] = []
        self.tries = 0

    def send(self, notice: Notice) -> None:
        self.gate.wait(60)
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(notice.event.id)

    def close(self) -> None:
        self.gate.set()


class OpenCourier(Courier):
    """Lets everything pass, and keeps the outcomes."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def why_drop(self, waiting: Waiting) -> Outcome | None:
        return None

    def notice(self, waiting: Waiting, is_stopping: StopSignal) -> Notice:
        return Notice(waiting.event, "Title", "Text", NOON)

    def finish(self, waiting: Waiting, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


@pytest.fixture
def sink() -> SlowSink:
    return SlowSink()


@pytest.fixture
def courier() -> OpenCourier:
    return OpenCourier()


@pytest.fixture
def queue(sink: SlowSink, courier: OpenCourier, monkeypatch: pytest.MonkeyPatch) -> Iterator[SinkQueue]:
    monkeypatch.setattr("notifications.queues._FIRST_WAIT_S", 0.01)
    made = SinkQueue(sink, courier)
    made.start()
    yield made
    made.stop()


def waiting(number: int) -> Waiting:
    delivery = Delivery(NOON, 1, "Rule", None, 2, "Sink", SinkKind.WEBHOOK, number, EventKind.PERSON, 1, 1, id=number)
    return Waiting(delivery, event(id=number), 0.0)


def test_the_oldest_notice_leaves_a_full_queue_and_is_counted(queue: SinkQueue, sink: SlowSink) -> None:
    queue.put(waiting(1))
    until(lambda: queue.state().waiting == 0)  # it is being sent
    assert [queue.put(waiting(number)) for number in range(2, MOST_WAITING + 2)] == [None] * MOST_WAITING
    dropped = queue.put(waiting(5000))
    assert dropped is not None
    assert dropped.event.id == 2
    assert (queue.state().waiting, queue.state().dropped) == (MOST_WAITING, 1)
    sink.gate.set()
    until(lambda: len(sink.sent) == MOST_WAITING + 1)
    assert sink.sent == [1, *range(3, MOST_WAITING + 2), 5000]


def test_a_notice_has_three_tries(queue: SinkQueue, sink: SlowSink, courier: OpenCourier) -> None:
    sink.gate.set()
    sink.failures = [SinkError("busy", "Busy.")] * 3
    queue.put(waiting(1))
    until(lambda: courier.outcomes)
    assert courier.outcomes == [Outcome(DeliveryState.FAILED, 3, "busy", "Busy.")]
    assert (queue.state().code, queue.state().detail) == ("busy", "Busy.")
    sink.failures = [SinkError("busy", "Busy.")] * 2
    queue.put(waiting(2))
    until(lambda: len(courier.outcomes) == 2)
    assert courier.outcomes[1] == Outcome(DeliveryState.SENT, 3)
    assert queue.state().code == ""


def test_a_final_refusal_is_not_tried_again(queue: SinkQueue, sink: SlowSink, courier: OpenCourier) -> None:
    sink.gate.set()
    sink.failures = [SinkError("refused", "No.", is_final=True)]
    queue.put(waiting(1))
    until(lambda: courier.outcomes)
    assert (courier.outcomes[0].tries, sink.tries) == (1, 1)


def test_a_fault_of_a_sink_does_not_end_the_queue(
    queue: SinkQueue, sink: SlowSink, courier: OpenCourier, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.gate.set()
    right = sink.send

    def broken(notice: Notice) -> None:
        monkeypatch.setattr(sink, "send", right)
        raise ZeroDivisionError

    monkeypatch.setattr(sink, "send", broken)
    queue.put(waiting(1))
    queue.put(waiting(2))
    until(lambda: sink.sent == [2])
    assert courier.outcomes[0].code == "internal_error"


def test_a_notice_that_was_being_sent_at_the_stop_is_not_lost(queue: SinkQueue, sink: SlowSink) -> None:
    sink.failures = [SinkError("stopped", "Stopped.")]
    queue.put(waiting(1))
    until(lambda: queue.state().waiting == 0)
    with promised(2.0):
        queue.stop()
    assert [one.event.id for one in queue.take_all()] == [1]


def test_a_full_queue_writes_its_loss_into_the_log(telling: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifications.queues.MOST_WAITING", 1)
    telling.rule(sinks=(1,))
    telling.events.pictures.expect(1, 1)
    for number in range(3):
        telling.begin(telling.event(), f"{number}")
        if number == 0:
            until(lambda: telling.deliveries() and telling.manager.sink_state(1).waiting == 0)
    until(lambda: telling.deliveries(DeliveryState.DROPPED))
    (lost,) = telling.deliveries(DeliveryState.DROPPED)
    assert (lost.code, lost.event_id) == ("queue_full", 2)
    assert telling.manager.sink_state(1).dropped == 1
    telling.events.pictures.give_up(1, 1)
    assert {one.state for one in telling.settled(3)} == {DeliveryState.SENT, DeliveryState.DROPPED}
    assert telling.manager.rules(LOCAL)
