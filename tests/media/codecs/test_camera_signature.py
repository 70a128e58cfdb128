"""Signatures of cameras in the video are noticed in both codecs, and never guessed."""

from __future__ import annotations

import pytest

from media.codecs.camera_signature import has_camera_signature

ONVIF = bytes.fromhex("005bc93f2d715e95ada4796f90877a6f")
AXIS = b"Signed Video...0"
SLICE = b"\x65" + b"\x88" * 40


@pytest.mark.parametrize("uuid", [ONVIF, AXIS])
@pytest.mark.parametrize("header", [b"\x06", b"\x4e\x01", b"\x50\x01"], ids=["h264", "h265 prefix", "h265 suffix"])
def test_a_signature_in_user_data_is_noticed(header: bytes, uuid: bytes) -> None:
    assert has_camera_signature([header + b"\x05\xff\x40" + uuid + b"payload", SLICE])


def test_other_user_data_is_no_signature() -> None:
    assert not has_camera_signature([b"\x06\x05\x20" + b"\x11" * 16 + b"x264", SLICE])


def test_a_slice_with_the_same_bytes_is_no_signature() -> None:
    assert not has_camera_signature([SLICE + ONVIF, b""])
