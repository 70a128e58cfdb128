"""From judged pictures to movements that begin and end."""

from __future__ import annotations

from core.events import ClosedWhy
from motion.judge import (
    Closed,
    GoesOn,
    Judge,
    LevelChanged,
    LookBackWanted,
    Opened,
    PictureWanted,
    Step,
)
from motion.restless import MOST_EVENTS_AN_HOUR, Restlessness
from vision.messages import CAME_TO_REST, CELL_BYTES, LEFT, Began, Blob, Watched, Zone

SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
GATE = Zone(7, "Gate", "alert", SQUARE)
PATH = Zone(8, "Path", "watch", SQUARE)


def picture(
    time_s: float,
    share: float = 0.0,
    *,
    zones: tuple[int, ...] = (),
    alert_zones: tuple[int, ...] = (),
    rest: str = "",
    is_settling: bool = False,
) -> Watched:
    """Return a picture, calm unless it has a `share`."""
    blobs = (Blob((0.1, 0.2, 0.3, 0.4), (0.25, 0.6), share, zones),) if share else ()
    is_moving, cells, time_ms = bool(share), bytes(CELL_BYTES), round(time_s * 1000)
    return Watched("1:1", time_ms, share, blobs, zones, alert_zones, False, is_moving, cells, rest, is_settling)


def began(hit_s: float, start_s: float | None) -> Began:
    return Began("1:1", None if start_s is None else round(start_s * 1000), round(hit_s * 1000))


def opened_in(steps: list[Step]) -> Opened | None:
    return next((step for step in steps if isinstance(step, Opened)), None)


def test_a_hit_begins_where_the_frames_before_it_begin_to_move() -> None:
    judge = Judge()
    assert judge.take(picture(2)) == []
    assert judge.take(picture(4, 0.01)) == [LookBackWanted(4000)]
    steps = judge.take_beginning(began(4, 2.8))
    opened = opened_in(steps)
    assert opened is not None
    assert opened.movement.start_ms == 2800
    assert opened.movement.box == (0.1, 0.2, 0.3, 0.4)
    assert PictureWanted() in steps
    assert opened.is_counted


def test_a_hit_that_the_frames_before_it_do_not_confirm_is_none() -> None:
    judge = Judge()
    judge.take(picture(4, 0.01))
    assert judge.take_beginning(began(4, None)) == []
    assert judge.tick(4300) == []
    assert judge.tick(4600) == [LookBackWanted(4000)]
    assert judge.take_beginning(began(4, None)) == []
    assert judge.tick(5600) == []
    assert not judge.is_open
    assert judge.take(picture(6, 0.01)) == [LookBackWanted(6000)]


def test_a_movement_that_begins_just_before_a_hit_is_asked_about_twice() -> None:
    judge = Judge()
    judge.take(picture(4, 0.01))
    judge.take_beginning(began(4, None))
    judge.tick(5000)
    opened = opened_in(judge.take_beginning(began(4, 3.9)))
    assert opened is not None
    assert opened.movement.start_ms == 3900


def test_the_next_key_frame_may_come_before_the_second_question() -> None:
    judge = Judge()
    judge.take(picture(4.0, 0.01))
    judge.take_beginning(began(4.0, None))
    assert judge.take(picture(4.3, 0.01)) == [LookBackWanted(4300)]
    assert judge.tick(9000) == []
    assert opened_in(judge.take_beginning(began(4.3, 3.9))) is not None


def test_an_answer_about_another_hit_is_ignored() -> None:
    judge = Judge()
    judge.take(picture(4, 0.01))
    assert judge.take_beginning(began(2, 1.0)) == []
    assert not judge.is_open


def test_a_movement_ends_after_five_calm_seconds_with_its_last_picture() -> None:
    judge = Judge()
    judge.take(picture(4, 0.01))
    judge.take_beginning(began(4, 3.0))
    assert judge.take(picture(6, 0.01)) == [GoesOn()]
    assert judge.take(picture(8)) == []
    assert judge.take(picture(10)) == []
    assert judge.take(picture(12)) == [Closed(6000)]


def test_two_calm_key_frames_are_needed_where_they_are_rare() -> None:
    judge = Judge()
    judge.take(picture(10, 0.01))
    judge.take_beginning(began(10, 8.0))
    assert judge.take(picture(20)) == []
    assert judge.take(picture(30)) == [Closed(10_000)]


def test_a_movement_whose_object_stands_still_ends_when_it_is_at_rest() -> None:
    judge = Judge()
    judge.take(picture(4, 0.01))
    judge.take_beginning(began(4, 3.0))
    for time_s in range(6, 24, 2):
        assert judge.take(picture(time_s, is_settling=True)) == []
    assert judge.take(picture(24, rest=CAME_TO_REST)) == [Closed(4000, rest=CAME_TO_REST)]
    judge.take(picture(26, 0.01))
    judge.take_beginning(began(26, 26))
    assert judge.take(picture(34)) == []
    assert judge.take(picture(36)) == [Closed(26_000)], "the object of this movement did not stop"


def test_a_movement_by_which_an_object_leaves_its_place_says_so() -> None:
    judge = Judge()
    judge.take(picture(2, rest=LEFT))
    judge.take(picture(4, 0.01, rest=LEFT))
    judge.take_beginning(began(4, 3.0))
    assert judge.take(picture(8)) == []
    assert judge.take(picture(10)) == [Closed(4000, rest=LEFT)]


def test_a_short_calm_does_not_end_a_movement() -> None:
    judge = Judge()
    judge.take(picture(4, 0.01))
    judge.take_beginning(began(4, 3.0))
    for time_s in range(6, 60, 4):
        assert judge.take(picture(time_s)) == []
        assert judge.take(picture(time_s + 2, 0.01)) == [GoesOn()]


def test_without_the_frames_before_it_the_next_key_frame_confirms_a_hit() -> None:
    judge = Judge()
    judge.take(picture(4, 0.01))
    judge.give_up_beginning()
    opened = opened_in(judge.take(picture(6, 0.01)))
    assert opened is not None
    assert opened.movement.start_ms == 4000
    other = Judge()
    other.take(picture(4, 0.01))
    other.give_up_beginning()
    assert other.take(picture(6)) == []
    assert other.take(picture(8, 0.01)) == [LookBackWanted(8000)]


def test_a_lost_answer_does_not_block_the_channel() -> None:
    judge = Judge()
    judge.take(picture(4, 0.01))
    for time_s in range(6, 30, 2):
        judge.take(picture(time_s))
    assert judge.take(picture(40, 0.01)) == [LookBackWanted(40_000)]


def test_two_of_three_pictures_are_a_movement() -> None:
    judge = Judge(every_picture=True)
    assert judge.take(picture(1.0, 0.01)) == []
    assert judge.take(picture(1.2)) == []
    opened = opened_in(judge.take(picture(1.4, 0.01)))
    assert opened is not None
    assert opened.movement.start_ms == 1000
    single = Judge(every_picture=True)
    assert [single.take(picture(time_s, share)) for time_s, share in ((1, 0.01), (1.2, 0), (1.4, 0), (1.6, 0.01))] == [
        [],
        [],
        [],
        [],
    ]


def test_the_zone_of_a_movement_is_the_first_alert_zone_it_is_in() -> None:
    judge = Judge(every_picture=True)
    judge.set((PATH, GATE), every_picture=True)
    judge.take(picture(1.0, 0.01, zones=(8,)))
    opened = opened_in(judge.take(picture(1.2, 0.01, zones=(8, 7), alert_zones=(7,))))
    assert opened is not None
    assert (opened.movement.zone, opened.movement.is_alert) == ("Gate", True)


def test_a_movement_that_reaches_an_alert_zone_becomes_an_alert() -> None:
    judge = Judge(every_picture=True)
    judge.set((PATH, GATE), every_picture=True)
    judge.take(picture(1.0, 0.01, zones=(8,)))
    first = opened_in(judge.take(picture(1.2, 0.01, zones=(8,))))
    assert first is not None
    assert (first.movement.zone, first.movement.is_alert) == ("Path", False)
    steps = judge.take(picture(1.4, 0.01, zones=(8, 7), alert_zones=(7,)))
    second = opened_in(steps)
    assert steps[0] == Closed(1400)
    assert second is not None
    assert (second.movement.start_ms, second.movement.zone, second.movement.is_alert) == (1400, "Gate", True)
    assert judge.take(picture(1.6, 0.01, zones=(8, 7), alert_zones=(7,))) == [GoesOn()]


def test_a_better_picture_is_wanted_at_most_twice() -> None:
    judge = Judge(every_picture=True)
    judge.take(picture(1.0, 0.01))
    judge.take(picture(1.2, 0.01))
    wanted = [PictureWanted() in judge.take(picture(1.4 + place, 0.02 * 2**place)) for place in range(5)]
    assert wanted == [True, True, False, False, False]


def test_a_movement_without_further_pictures_ends() -> None:
    judge = Judge()
    judge.take(picture(4, 0.01))
    judge.take_beginning(began(4, 3.0))
    assert judge.tick(60_000) == []
    assert judge.tick(65_000) == [Closed(4000, ClosedWhy.TIMEOUT)]
    assert judge.tick(66_000) == []


def test_the_end_of_watching_ends_a_movement() -> None:
    judge = Judge()
    judge.take(picture(4, 0.01))
    judge.take_beginning(began(4, 3.0))
    assert judge.end(ClosedWhy.STOPPED) == [Closed(4000, ClosedWhy.STOPPED)]
    assert judge.end(ClosedWhy.STOPPED) == []


def test_a_movement_does_not_begin_before_the_end_of_the_last_one() -> None:
    judge = Judge()
    judge.take(picture(4, 0.01))
    judge.take_beginning(began(4, 3.0))
    for time_s in (6, 8, 10):
        judge.take(picture(time_s))
    judge.take(picture(12, 0.01))
    opened = opened_in(judge.take_beginning(began(12, 3.5)))
    assert opened is not None
    assert opened.movement.start_ms == 4000


def test_a_picture_that_comes_again_is_ignored() -> None:
    judge = Judge()
    judge.take(picture(4))
    assert judge.take(picture(4, 0.01)) == []
    assert judge.take(picture(3, 0.01)) == []


# ---- restless scenes -------------------------------------------------------------------------------


def snow(restlessness: Restlessness, minutes: range, *, share: float = 1.0) -> list[int]:
    """Note a picture every two seconds. Return the levels after each minute."""
    levels = []
    for minute in minutes:
        for place in range(30):
            restlessness.note(minute * 60_000 + place * 2000, is_moving=place < share * 30)
        levels.append(restlessness.level)
    return levels


def test_a_scene_that_moves_most_of_the_time_is_restless_in_steps() -> None:
    restlessness = Restlessness()
    assert set(snow(restlessness, range(8))) == {0}
    levels = snow(restlessness, range(8, 60))
    assert levels[0] <= 1
    assert levels[-1] == 3
    assert levels == sorted(levels)
    assert restlessness.factor == 8.0


def test_a_scene_that_calms_down_is_judged_as_before() -> None:
    restlessness = Restlessness()
    snow(restlessness, range(12))
    assert restlessness.level == 1
    assert snow(restlessness, range(12, 40), share=0.1)[-1] == 0


def test_a_scene_that_moves_now_and_then_is_not_restless() -> None:
    assert set(snow(Restlessness(), range(60), share=0.4)) == {0}


def test_a_changed_level_is_told() -> None:
    judge = Judge()
    steps = [step for minute in range(20) for place in range(30) for step in _noted(judge, minute, place)]
    assert LevelChanged() in steps


def _noted(judge: Judge, minute: int, place: int) -> list[Step]:
    return judge.take(picture(minute * 60 + place * 2 + 1, 0.01))


def test_at_most_sixty_events_of_a_channel_begin_in_an_hour() -> None:
    restlessness = Restlessness()
    began = [restlessness.may_begin(place * 1000) for place in range(100)]
    assert sum(began) == MOST_EVENTS_AN_HOUR
    assert restlessness.is_flooding(100_000)
    assert not restlessness.is_flooding(3_700_000)
    assert restlessness.may_begin(3_700_000)


def test_movements_are_seen_after_the_clock_was_set_back() -> None:
    judge = Judge()
    judge.take(picture(7200))
    judge.take(picture(7202, 0.01))
    judge.take_beginning(began(7202, 7201))
    assert [step for step in judge.take(picture(3600)) if isinstance(step, Closed)] == [
        Closed(7_202_000, ClosedWhy.MISSED)
    ]
    assert judge.take(picture(3602, 0.01)) == [LookBackWanted(3_602_000)]
    opened = opened_in(judge.take_beginning(began(3602, 3601)))
    assert opened is not None
    assert opened.movement.start_ms == 3_601_000
