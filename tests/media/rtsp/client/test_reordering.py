"""Packets over UDP come late, twice or never."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.rtsp.client.reordering import ReorderBuffer


def packet(sequence: int) -> bytes:
    return b"\x80\x60" + (sequence & 0xFFFF).to_bytes(2, "big") + bytes(8)


def numbers(packets: list[bytes]) -> list[int]:
    return [item[2] << 8 | item[3] for item in packets]


def test_packets_in_order_pass_immediately() -> None:
    buffer = ReorderBuffer(0.05)
    assert [numbers(buffer.push(packet(number), 0.0)) for number in (65535, 65536, 65537)] == [[65535], [0], [1]]
    assert (buffer.lost, buffer.reordered) == (0, 0)


def test_a_swapped_packet_is_put_into_order() -> None:
    buffer = ReorderBuffer(0.05)
    buffer.push(packet(1), 0.0)
    assert numbers(buffer.push(packet(3), 0.01)) == []
    assert numbers(buffer.push(packet(2), 0.02)) == [2, 3]
    assert (buffer.lost, buffer.reordered) == (0, 1)


def test_a_lost_packet_delays_the_next_ones_by_a_limit_only() -> None:
    buffer = ReorderBuffer(0.05)
    buffer.push(packet(1), 0.0)
    buffer.push(packet(3), 0.01)
    assert buffer.is_holding
    assert numbers(buffer.flush(0.03)) == []
    assert numbers(buffer.push(packet(4), 0.04)) == []
    assert numbers(buffer.flush(0.07)) == [3, 4]
    assert (buffer.lost, buffer.is_holding) == (1, False)


def test_a_packet_after_its_time_and_one_that_comes_twice_are_dropped() -> None:
    buffer = ReorderBuffer(0.05)
    for number in (1, 3):
        buffer.push(packet(number), 0.0)
    buffer.flush(1.0)
    assert buffer.push(packet(2), 1.0) == []
    buffer.push(packet(6), 1.0)
    assert buffer.push(packet(6), 1.0) == []
    assert (buffer.late, buffer.duplicates) == (1, 1)


def test_numbers_that_begin_anew_are_no_loss() -> None:
    buffer = ReorderBuffer(0.05)
    buffer.push(packet(40000), 0.0)
    buffer.push(packet(40002), 0.0)
    assert numbers(buffer.push(packet(7), 0.0)) == [40002, 7]
    assert numbers(buffer.push(packet(8), 0.0)) == [8]
    assert buffer.lost == 0


@given(st.lists(st.integers(0, 200), max_size=200), st.integers(0, 65535))
def test_any_order_comes_out_sorted_and_each_packet_once(steps: list[int], start: int) -> None:
    buffer = ReorderBuffer(0.05)
    out: list[int] = []
    for index, step in enumerate(steps):
        out += numbers(buffer.push(packet(start + step), index / 100))
        out += numbers(buffer.flush(index / 100))
    out += numbers(buffer.flush(1e9))
    shifted = [(number - start + 300) & 0xFFFF for number in out]
    assert shifted == sorted(set(shifted))
