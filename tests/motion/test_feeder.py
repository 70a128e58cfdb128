"""The frames of a channel on their way to the process, in the gateway's thread."""

from __future__ import annotations

import pytest

from core.archive import GapReason
from core.records import VideoFormat
from media.codecs.access_unit import AUDIO, AccessUnit
from media.units import UnitDescription
from motion.feeder import MOST_HELD_BYTES, Feeder
from tests.motion.watching import DESCRIPTION, SETS, ThinChild, frame
from tests.patience import promised_work
from vision.messages import TO_CHILD, LookBack, MessageReader, Unit, encode


@pytest.fixture
def child() -> ThinChild:
    made = ThinChild()
    made.start()
    return made


@pytest.fixture
def feeder(child: ThinChild) -> Feeder:
    made = Feeder("1:1", child)
    made.on_description(DESCRIPTION)
    return made


def flow(feeder: Feeder, start_s: float, frames: int = 10, size: int = 100) -> None:
    """Let a group of pictures arrive: ten frames in two seconds."""
    for number in range(frames):
        unit = frame(is_key=number == 0, data=b"\x65" + bytes(size))
        feeder.on_units((unit,), (start_s + number * 2 / frames,))


def sent(child: ThinChild) -> list[str]:
    return [message.type for message in child.sent]


def test_only_key_frames_are_sent_with_their_parameter_sets(feeder: Feeder, child: ThinChild) -> None:
    flow(feeder, 100)
    flow(feeder, 102)
    assert sent(child) == ["open", "unit", "unit"]
    (message,) = MessageReader(TO_CHILD).feed(encode(child.sent[1]))
    assert isinstance(message, Unit)
    assert message.time_ms == 100_000
    assert message.is_key
    assert message.body.startswith(b"\0\0\0\1" + SETS[0] + b"\0\0\0\1" + SETS[1] + b"\0\0\0\1\x65")


def test_every_frame_is_sent_from_a_key_frame_on_if_wanted(feeder: Feeder, child: ThinChild) -> None:
    flow(feeder, 100)
    feeder.set(least_share=0.001, zones=(), every_picture=True)
    feeder.on_units((frame(is_key=False),), (101.9,))
    assert sent(child) == ["open", "unit"]
    flow(feeder, 102)
    assert sent(child)[2:] == ["open", *["unit"] * 10]


def test_the_frames_since_the_key_frame_before_a_hit_are_sent(feeder: Feeder, child: ThinChild) -> None:
    for start_s in (100, 102, 104):
        flow(feeder, start_s)
    assert feeder.look_back(104_000)
    (message,) = MessageReader(TO_CHILD).feed(encode(child.sent[-1]))
    assert isinstance(message, LookBack)
    assert message.start_ms == 104_000
    assert [unit.time_ms for unit in message.units][:2] == [102_000, 102_200]
    assert len(message.units) == 20
    assert [unit.is_key for unit in message.units].count(True) == 2


def test_an_answer_may_come_after_the_next_key_frame(feeder: Feeder) -> None:
    for start_s in (100, 102, 104):
        flow(feeder, start_s)
    assert feeder.look_back(102_000)


def test_frames_that_are_gone_cannot_be_looked_at(feeder: Feeder) -> None:
    flow(feeder, 100)
    assert not feeder.look_back(100_000)
    assert not feeder.look_back(99_000)
    for start_s in range(102, 120, 2):
        flow(feeder, start_s)
    assert not feeder.look_back(102_000)


def test_the_held_frames_are_bounded(feeder: Feeder) -> None:
    for start_s in range(100, 140, 2):
        flow(feeder, start_s, size=300_000)
        assert feeder.held_bytes <= MOST_HELD_BYTES + 400_000
    flow(feeder, 200, frames=200, size=300_000)
    assert feeder.held_bytes <= MOST_HELD_BYTES
    flow(feeder, 300)
    flow(feeder, 302)
    assert feeder.look_back(302_000)


def test_nothing_is_sent_while_the_head_moves(feeder: Feeder, child: ThinChild) -> None:
    flow(feeder, 100)
    feeder.set_blind(is_blind=True)
    flow(feeder, 102)
    assert sent(child) == ["open", "unit"]
    feeder.set_blind(is_blind=False)
    flow(feeder, 104)
    assert sent(child) == ["open", "unit", "forget", "open", "unit"]


def test_a_channel_in_mjpeg_is_known_as_unsupported(feeder: Feeder, child: ThinChild) -> None:
    feeder.on_end(GapReason.UNSUPPORTED)
    assert feeder.is_unsupported
    other = Feeder("1:2", child)
    other.on_description(UnitDescription(VideoFormat("mpeg4"), ()))
    flow(other, 100)
    assert other.is_unsupported
    assert sent(child) == []


def test_another_codec_opens_the_channel_again(feeder: Feeder, child: ThinChild) -> None:
    flow(feeder, 100)
    feeder.on_description(UnitDescription(VideoFormat("hevc", 640, 360), SETS))
    flow(feeder, 102)
    opened = [message.header()["codec"] for message in child.of_type("open")]
    assert opened == ["h264", "h265"]


def test_audio_is_not_looked_at(feeder: Feeder, child: ThinChild) -> None:
    feeder.on_units((AccessUnit(AUDIO, (b"sound",), 0, 8000),), (100.0,))
    assert sent(child) == []


def test_a_closed_feeder_takes_no_frames(feeder: Feeder, child: ThinChild) -> None:
    flow(feeder, 100)
    feeder.close()
    flow(feeder, 102)
    assert sent(child) == ["open", "unit", "forget"]
    assert feeder.held_bytes == 0


def test_a_process_that_does_not_run_gets_nothing(child: ThinChild) -> None:
    child.stop()
    feeder = Feeder("1:1", child)
    feeder.on_description(DESCRIPTION)
    flow(feeder, 100)
    child.start()
    flow(feeder, 102)
    assert sent(child) == ["open", "unit"]


@pytest.mark.slow
def test_the_gateways_thread_spends_little_on_sixteen_channels(child: ThinChild) -> None:
    """Sixteen channels of 15 frames a second cost less than one hundredth of a core."""
    feeders = [Feeder(f"1:{number}", child) for number in range(16)]
    for feeder in feeders:
        feeder.on_description(DESCRIPTION)
    with promised_work(20 * 0.03):
        for second in range(0, 20, 2):
            for feeder in feeders:
                flow(feeder, second, frames=30, size=2000)
