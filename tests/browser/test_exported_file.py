"""MP4 files of an export in Chromium: their length, first frame and sound, a seek, the time as text."""

from __future__ import annotations

import base64
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from exports.records import Rectangle, WorkingCopy
from media.commands import aac_command
from media.ffmpeg import find_ffmpeg
from media.mp4.audio import AudioSamples, read_adts, write_pcm
from tests.exports import alternating
from tests.exports.made_files import MadeFiles, draft_of, film_units, finishing
from tests.media.encoded import FPS, encoded, with_b_frames
from tests.media.fmp4.decoding import TONE
from tests.media.fmp4.film import ALAW, START_S, picture
from tests.media.mp4.stretch import frame_s, write_file

pytestmark = pytest.mark.browser

FRAMES = 60
_PLAY = """async (text) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const once = (target, name) => new Promise((done) => target.addEventListener(name, done, { once: true }));
  const video = document.createElement('video');
  video.muted = true;
  document.body.append(video);
  video.src = URL.createObjectURL(new Blob([bytes], { type: 'video/mp4' }));
  await Promise.race([once(video, 'loadeddata'), once(video, 'error')]);
  if (video.error) return { error: video.error.message };
  const { duration, currentTime: first } = video;
  video.currentTime = duration / 2;
  await once(video, 'seeked');
  const sought = video.currentTime;
  video.currentTime = 0;
  await once(video, 'seeked');
  video.playbackRate = 4;
  const end = Promise.race([once(video, 'ended').then(() => 'ended'), once(video, 'error').then(() => 'error')]);
  await video.play();
  const how = await end;
  return { how, duration, first, sought, heard: video.webkitAudioDecodedByteCount, at: video.currentTime };
}"""


def tone(folder: Path) -> tuple[AudioSamples, Path]:
    """Return AAC of the length of the film."""
    with (folder / "sound.pcm").open("wb") as target:
        write_pcm(ALAW, [(START_S + index, TONE) for index in range(6)], START_S, frame_s(FRAMES), target)
    command = aac_command(find_ffmpeg(), "pcm_alaw", 8000, 1, "sound.pcm", "sound.adts")
    subprocess.run(command, check=True, cwd=folder)
    with (folder / "sound.adts").open("rb") as source, (folder / "audio").open("wb") as target:
        audio = read_adts(source, target)
    assert audio is not None
    return audio, folder / "audio"


def played(chromium: Browser, path: Path) -> dict[str, Any]:
    page = chromium.new_page()
    try:
        found: dict[str, Any] = page.evaluate(_PLAY, base64.b64encode(path.read_bytes()).decode())
    finally:
        page.close()
    assert found["how"] == "ended", found
    return found


def test_a_file_whose_parameter_sets_alternate_plays(chromium: Browser, tmp_path: Path) -> None:
    films = alternating.films("h264")
    pieces = alternating.read_pieces(tmp_path / "range", films, [alternating.formats_of(film) for film in films])
    found = played(chromium, alternating.write_file(tmp_path, pieces))
    assert found["duration"] == pytest.approx(alternating.SECONDS, abs=0.01)
    assert found["sought"] == pytest.approx(alternating.SECONDS / 2, abs=0.01)


@pytest.mark.parametrize("has_b_frames", [False, True])
def test_a_file_has_the_requested_length_and_plays(chromium: Browser, tmp_path: Path, has_b_frames: bool) -> None:
    if has_b_frames:
        film, shown = with_b_frames()
        units = [
            replace(picture(0), parts=nals, is_key=index in film.keys, device_s=frame_s(shown[index]))
            for index, nals in enumerate(film.pictures)
        ]
    else:
        film, units = encoded("h264"), [picture(index) for index in range(FRAMES)]
    path, _, _ = write_file(tmp_path, film, units, audio=tone(tmp_path), from_s=frame_s(7), until_s=frame_s(52))
    found = played(chromium, path)
    assert found["duration"] == pytest.approx(45 / FPS, abs=0.01)
    assert found["first"] == 0
    assert found["sought"] == pytest.approx(45 / FPS / 2, abs=0.01)
    assert found["heard"] > 1000


@pytest.mark.slow
def test_a_master_with_the_time_as_text_and_its_copy_play(chromium: Browser, tmp_path: Path) -> None:
    copy = WorkingCopy(has_burnt_time=True, blurred=(Rectangle(0.1, 0.1, 0.3, 0.3),))
    with finishing(tmp_path) as context:
        made = MadeFiles(context, tmp_path / "files", draft_of(7, 52, has_subtitles=True, copies=(copy,)))
        master, _ = files = made.of(encoded("h264"), film_units())
        (working_copy,) = made.copies(files)
    assert b"tx3g" in made.path(master).read_bytes()
    for file in (master, working_copy):
        found = played(chromium, made.path(file))
        assert found["duration"] == pytest.approx(45 / FPS, abs=0.05), file.name
        assert found["first"] == 0
        assert found["sought"] == pytest.approx(45 / FPS / 2, abs=0.03)
        assert found["heard"] > 1000
