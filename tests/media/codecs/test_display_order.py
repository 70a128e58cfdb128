"""The sps for browsers: without reordering until B-frames come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.codecs import h264
from media.codecs.access_unit import VIDEO, AccessUnit
from media.codecs.bits import BitWriter
from media.codecs.display_order import DisplayOrder, KnownReordering
from media.codecs.h264_sps import parse_sps
from tests.media.codecs.sps_writer import without_restriction
from tests.media.encoded import Encoded, encoded, with_b_frames


def bare_sets(film: Encoded) -> tuple[bytes, ...]:
    """Return the parameter sets of a film, without bitstream_restriction in the sps."""
    sets = film.named_sets()
    return (without_restriction(sets["sps"], keeps_vui=False), sets["pps"])


def units(film: Encoded, sets: tuple[bytes, ...]) -> list[AccessUnit]:
    return [
        AccessUnit(VIDEO, nals, index, 10, is_key=index in film.keys, parameter_sets=sets if index in film.keys else ())
        for index, nals in enumerate(film.pictures)
    ]


def reorder_frames(sets: tuple[bytes, ...]) -> int | None:
    """Return max_num_reorder_frames of the sps; None without bitstream_restriction."""
    parsed = parse_sps(sets[0])
    assert parsed is not None
    return parsed.restriction.max_num_reorder_frames if parsed.restriction else None


def test_frames_in_decoding_order_get_an_sps_that_says_so() -> None:
    film = encoded("h264")
    sets, order = bare_sets(film), DisplayOrder()
    for unit in units(film, sets):
        order.look_at(unit)
        assert reorder_frames(order.parameter_sets(sets)) == 0
    assert order.parameter_sets(sets)[1:] == sets[1:]


def test_the_first_b_frame_brings_the_devices_own_sps_back() -> None:
    film, _ = with_b_frames()
    sets, order = bare_sets(film), DisplayOrder()
    order.look_at(units(film, sets)[0])
    assert reorder_frames(order.parameter_sets(sets)) == 0
    for unit in units(film, sets)[1:4]:
        order.look_at(unit)
    assert order.parameter_sets(sets) == sets
    for unit in units(film, sets)[4:]:
        order.look_at(unit)
        assert order.parameter_sets(sets) == sets, "for as long as the sps stays the same"


def test_a_damaged_slice_makes_b_frames_for_two_minutes_only() -> None:
    """One wrong bit makes a B slice of another one."""
    film, known = encoded("h264"), KnownReordering()
    sets, order = bare_sets(with_b_frames()[0]), DisplayOrder(known)
    damaged = bytes([0x41, 0b1010_0000, 0x80])
    order.look_at(units(film, sets)[0])
    order.look_at(AccessUnit(VIDEO, (damaged,), 1, 10, is_key=False))
    assert order.has_reordering
    plain = AccessUnit(VIDEO, film.pictures[1], 2, 10, is_key=False)
    for _ in range(3000):
        order.look_at(plain)
    assert not order.has_reordering
    assert known.sps == b""
    for _ in range(3):  # as often: they are B-frames, however seldom they come
        order.look_at(AccessUnit(VIDEO, (damaged,), 1, 10, is_key=False))
    for _ in range(4000):
        order.look_at(plain)
    assert order.has_reordering


def test_another_sps_is_judged_anew() -> None:
    film, _ = with_b_frames()
    order = DisplayOrder()
    for unit in units(film, bare_sets(film))[:6]:
        order.look_at(unit)
    plain = encoded("h264")
    order.look_at(units(plain, bare_sets(plain))[0])
    assert reorder_frames(order.parameter_sets(bare_sets(plain))) == 0


def test_announced_reordering_is_believed_for_a_hundred_frames() -> None:
    plain = encoded("h264")
    sets, order = with_b_frames()[0].sets, DisplayOrder()
    announced = reorder_frames(sets)
    assert announced
    frames = units(plain, sets)
    for unit in [*frames, *frames][:99]:
        order.look_at(unit)
        assert order.parameter_sets(sets) == sets
    order.look_at(frames[0])
    assert reorder_frames(order.parameter_sets(sets)) == 0


def test_frames_shown_before_earlier_ones_bring_the_own_sps_back() -> None:
    film, _ = with_b_frames()
    sets, order = bare_sets(film), DisplayOrder()
    order.look_at(units(film, sets)[0])
    order.time_went_back()
    assert order.parameter_sets(sets) != sets, "once may be a fault of the device's clock"
    order.time_went_back()
    order.time_went_back()
    assert order.parameter_sets(sets) == sets


def test_corrections_of_a_clock_are_no_b_frames() -> None:
    film = encoded("h264")
    sets, order = bare_sets(with_b_frames()[0]), DisplayOrder()
    order.look_at(units(with_b_frames()[0], sets)[0])
    for _ in range(5):
        order.time_went_back()
        for unit in units(film, sets)[1:27]:  # the third one comes after more than 50 frames
            order.look_at(unit)
    assert reorder_frames(order.parameter_sets(sets)) == 0


def test_times_that_went_back_are_forgotten_after_100_frames() -> None:
    frames, sets = units(encoded("h264"), ()), bare_sets(with_b_frames()[0])
    order = DisplayOrder()
    order.look_at(units(with_b_frames()[0], sets)[0])
    for _ in range(3):
        order.time_went_back()
    for unit in [*frames, *frames][:99]:
        order.look_at(unit)
        assert order.parameter_sets(sets) == sets
    order.look_at(frames[0])
    assert reorder_frames(order.parameter_sets(sets)) == 0


def test_known_b_frames_are_forgotten_after_100_frames_without_any() -> None:
    film, _ = with_b_frames()
    sets, known = bare_sets(film), KnownReordering()
    order = DisplayOrder(known)
    for unit in units(film, sets)[:4]:
        order.look_at(unit)
    later, plain = DisplayOrder(known), units(encoded("h264"), ())
    later.look_at(units(film, sets)[0])
    for unit in [*plain, *plain][:98]:
        later.look_at(unit)
        assert later.has_reordering
    later.look_at(plain[0])
    assert not later.has_reordering
    assert known.sps == b""


def test_an_order_count_without_reordering_is_believed() -> None:
    film = encoded("h264")  # its encoder writes pic_order_cnt_type 2
    sets, order = bare_sets(film), DisplayOrder()
    for unit in units(with_b_frames()[0], sets):
        order.look_at(unit)
        order.time_went_back()
    assert reorder_frames(order.parameter_sets(sets)) == 0


def test_an_sps_that_cannot_be_read_is_passed_on() -> None:
    film, sets = encoded("h264"), (b"\x67\x64\x00\x1f\x00", b"\x68\xee")
    order = DisplayOrder()
    for unit in units(film, sets):
        order.look_at(unit)
        assert order.parameter_sets(sets) == sets


@given(st.integers(0, 40_000), st.integers(0, 9), st.sampled_from([0x01, 0x41, 0x65, 0x22, 0x06]))
def test_b_slices_are_recognized(position: int, slice_type: int, header: int) -> None:
    writer = BitWriter()
    writer.ue(position)
    writer.ue(slice_type)
    writer.u(0x5555, 16)
    nal = bytes([header]) + writer.rbsp()
    assert h264.is_bidirectional(nal) == (slice_type in {1, 6} and header & 0x1F in {1, 2})


def test_the_b_slices_of_an_encoder_are_recognized() -> None:
    film, shown = with_b_frames()
    latest = -1
    for nals, place in zip(film.pictures, shown, strict=True):
        assert any(map(h264.is_bidirectional, nals)) == (place < latest)
        latest = max(latest, place)
    assert not any(h264.is_bidirectional(nal) for nals in encoded("h264").pictures for nal in nals)
