"""Key frames that a search has fetched: a later question of the search gets them without the recorder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from core.clock import SystemClock
from media.still_decoder import KeyFrameData
from pictures.inbox import KeyFrame
from pictures.source import Placed, RecordingSource
from searches.fetched import FetchedFrames
from searches.key_frames import KeyFrameReader, Replays

GOP_S = 10


def frame(at_s: float, size: int = 10, *, is_confirmed: bool = True) -> KeyFrame:
    return KeyFrame(KeyFrameData("h264", None, (), (bytes(size),)), at_s, is_confirmed)


class FewKeyFrames(RecordingSource):
    """A recording with a key frame each ten seconds. `asked`: the single times that the recorder was asked for."""

    recording_token = "Rec0"

    def __init__(self, *, is_confirmed: bool = True) -> None:
        self.asked: list[int] = []
        self.is_confirmed = is_confirmed

    def frames_one_by_one(self, times: Sequence[int], step_s: int, should_stop: Callable[[], bool]) -> Iterator[Placed]:
        for time_s in times:
            self.asked.append(time_s)
            yield time_s, frame(time_s // GOP_S * GOP_S, is_confirmed=self.is_confirmed)

    def correction_at(self, time_s: float) -> float:
        return 0.0

    def received_bytes(self) -> int:
        return 0

    def close(self) -> None:
        pass


class OneSource(Replays):
    def __init__(self, source: FewKeyFrames) -> None:
        self.clock = SystemClock()
        self._source = source

    def open(self, camera_id: int, recording_token: str) -> RecordingSource:
        return self._source


def times(reader: KeyFrameReader, *asked: int) -> list[float]:
    return [at_s for at_s, _ in reader.frames("Rec0", asked, 0)]


def test_a_key_frame_answers_the_times_up_to_the_one_asked_for() -> None:
    source = FewKeyFrames()
    reader = KeyFrameReader(OneSource(source), 1)
    assert times(reader, 17, 34) == [10.0, 30.0]
    assert times(reader, 12, 17, 38) == [10.0, 10.0, 30.0]
    assert source.asked == [17, 34, 38]
    assert reader.key_frames == 3


def test_a_key_frame_without_a_time_answers_only_its_question() -> None:
    source = FewKeyFrames(is_confirmed=False)
    reader = KeyFrameReader(OneSource(source), 1)
    assert times(reader, 17) == [17.0]
    assert times(reader, 12, 17) == [17.0, 12.0]
    assert source.asked == [17, 12]


def test_another_recording_has_other_key_frames() -> None:
    fetched = FetchedFrames()
    fetched.add("Rec0", 17, 10.0, frame(10.0))
    assert fetched.find("Rec1", 17) is None
    assert fetched.find("Rec0", 18) is None
    assert fetched.find("Rec0", 9) is None


def test_a_later_question_extends_the_times_of_a_key_frame() -> None:
    fetched = FetchedFrames()
    for asked_s in (17, 13, 19):
        fetched.add("Rec0", asked_s, 10.0, frame(10.0))
    found = fetched.find("Rec0", 19)
    assert found is not None
    assert found[0] == 10.0


def test_only_the_newest_key_frames_stay_in_memory() -> None:
    fetched = FetchedFrames()
    for number in range(5):
        fetched.add("Rec0", number, number, frame(number, 4_000_000))
        fetched.add("Rec0", number, number, frame(number, 4_000_000))
    kept = [number for number in range(5) if fetched.find("Rec0", number) is not None]
    assert kept == [1, 2, 3, 4]
