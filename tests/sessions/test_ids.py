"""Stream ids: plain tokens stay unchanged, others are encoded one to one as valid folder names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NotFound
from sessions.folders import empty_folder, remove_leftovers, served_file
from sessions.ids import LiveStreamKey, encode_token, is_stream_id, stream_id_of

TOKENS = st.text(max_size=120)


def test_a_plain_token_stays_unchanged() -> None:
    assert stream_id_of(1, "MediaProfile00000") == "camera1_MediaProfile00000"
    assert stream_id_of(1, "MediaProfile00000", is_hevc=True) == "camera1_MediaProfile00000.hevc"
    assert LiveStreamKey(1, "a.small", is_small=True).stream_id == "camera1_a~2Esmall.small"
    assert stream_id_of(12, "Profile_1-main") == "camera12_Profile_1-main"


@pytest.mark.parametrize(
    ("token", "encoded"),
    [
        ("../../etc", "~2E~2E~2F~2E~2E~2Fetc"),
        ("a.hevc", "a~2Ehevc"),
        ("a~2E", "a~7E2E"),
        ("ä b", "~C3~A4~20b"),
        ("", ""),
    ],
)
def test_an_odd_token_is_encoded(token: str, encoded: str) -> None:
    assert encode_token(token) == encoded


@pytest.mark.slow
@given(TOKENS, TOKENS)
def test_two_tokens_never_share_a_folder(one: str, other: str) -> None:
    assert (one == other) == (encode_token(one) == encode_token(other))


@given(st.text(alphabet=st.characters(), max_size=3000), st.booleans(), st.booleans())
def test_every_id_is_a_valid_folder_name_and_path_segment(token: str, is_hevc: bool, is_small: bool) -> None:
    stream_id = LiveStreamKey(1, token, is_hevc, is_small).stream_id
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,219}", stream_id)
    assert is_stream_id(stream_id)


@given(st.text(alphabet="~aE2", min_size=1, max_size=8))
def test_an_encoded_token_can_be_decoded(token: str) -> None:
    read = re.sub(r"~([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), encode_token(token))
    assert read == token


def test_long_tokens_with_the_same_start_get_different_ids() -> None:
    assert encode_token("a/" * 500) != encode_token("a/" * 500 + "b")
    assert len(encode_token("🎥" * 500)) <= 180


def test_leftover_segments_are_removed_and_other_files_stay(tmp_path: Path) -> None:
    ours = tmp_path / "camera1_Profile"
    ours.mkdir()
    for name in ("segment_00001.ts", "segment_00001.ts.tmp", "stream.m3u8", "stream.m3u8.tmp", "init_0.mp4"):
        (ours / name).touch()
    kept = tmp_path / "camera2_Profile"
    kept.mkdir()
    (kept / "holiday.jpg").touch()
    (kept / "segment_00001.ts").touch()
    elsewhere = tmp_path.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "segment_00001.ts").touch()
    (tmp_path / "camera3_Link").symlink_to(elsewhere)
    (tmp_path / "photos").mkdir()
    (tmp_path / ".instance.lock").touch()
    remove_leftovers(tmp_path)
    remove_leftovers(tmp_path / "none")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".instance.lock",
        "camera2_Profile",
        "camera3_Link",
        "photos",
    ]
    assert [path.name for path in kept.iterdir()] == ["holiday.jpg"]
    assert (elsewhere / "segment_00001.ts").exists()


@pytest.mark.parametrize("name", ["../x.ts", "stream.m3u8", "segment_00001.ts.tmp", "", ".", "segment_1.ts", "link.ts"])
def test_only_segments_and_init_sections_are_served(tmp_path: Path, name: str) -> None:
    (tmp_path / "stream.m3u8").touch()
    (tmp_path / "segment_00001.ts").touch()
    (tmp_path / "segment_00002.ts").symlink_to("/etc/passwd")
    assert served_file(tmp_path, "segment_00001.ts").is_file()
    for refused in (name, "segment_00002.ts", "segment_00003.ts"):
        with pytest.raises(NotFound):
            served_file(tmp_path, refused)
    empty_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []
