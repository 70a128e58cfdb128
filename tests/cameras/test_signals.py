"""Events that tell if an input has a signal."""

from __future__ import annotations

import pytest

from cameras.onvif_device import _is_about_signal, _signal
from onvif_services.events import EventMessage


def _message(topic: str, state: str) -> EventMessage:
    return EventMessage(topic, None, "Initialized", (("VideoSourceToken", "V1"),), (("Level", "-"), ("State", state)))


@pytest.mark.parametrize("topic", ["SignalLoss", "tns1:SignalLoss/RecordingService", "maker:VideoLoss", "VideoLost"])
@pytest.mark.parametrize(("state", "has_signal"), [("true", False), ("On", False), ("0", True), ("inactive", True)])
def test_a_loss_of_signal_is_known_by_its_usual_names(topic: str, state: str, has_signal: bool) -> None:
    message = _message(f"tns1:VideoSource/{topic}", state)
    assert _is_about_signal(message)
    assert _signal(message) == ("V1", has_signal)


def test_other_events_say_nothing_about_a_signal() -> None:
    assert not _is_about_signal(_message("tns1:VideoSource/MotionAlarm", "true"))
    assert not _is_about_signal(_message("tns1:Media/VideoLossless", "true"))
