"""Bits and Exp-Golomb numbers that are written can be read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.codecs.bits import BitReader, BitWriter, escaped, unescaped

FIELDS = st.one_of(
    st.tuples(st.just("u"), st.integers(1, 40)).flatmap(
        lambda kind: st.tuples(st.just("u"), st.integers(0, (1 << kind[1]) - 1), st.just(kind[1]))
    ),
    st.tuples(st.just("ue"), st.integers(0, 0xFFFF_FFFE), st.just(0)),
    st.tuples(st.just("se"), st.integers(-0x7FFF_FFFF, 0x7FFF_FFFF), st.just(0)),
)


@given(st.lists(FIELDS, max_size=30))
def test_written_fields_are_read_back(fields: list[tuple[str, int, int]]) -> None:
    writer = BitWriter()
    for kind, number, count in fields:
        if kind == "u":
            writer.u(number, count)
        else:
            getattr(writer, kind)(number)
    reader = BitReader(writer.rbsp(), is_escaped=False)
    for kind, number, count in fields:
        assert (reader.u(count) if kind == "u" else getattr(reader, kind)()) == number
    assert reader.u(1) == 1
    assert 0 <= reader.left < 8
    assert reader.u(reader.left) == 0


@given(st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 255])).map(bytes))
def test_escaped_bytes_have_no_start_code_and_can_be_unescaped(data: bytes) -> None:
    payload = escaped(data)
    assert not any(code in payload for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))
    assert unescaped(payload) == data


def test_numbers_that_do_not_fit_are_refused() -> None:
    for number, count in ((4, 2), (-1, 8)):
        with pytest.raises(ValueError, match="does not fit"):
            BitWriter().u(number, count)
    with pytest.raises(ValueError, match="negative"):
        BitWriter().ue(-1)
