"""Reads frame numbers from videos in a page: the pretend recorder writes them into the top sixteenth of each frame."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

# Twenty cells in black and white: white, black, sixteen bits with the highest first, even parity, odd parity.
# `read` returns the number, or -1 if the cells are invalid.
_READ_LATE_S = 1.0
_READ = """
const canvas = document.createElement('canvas');
canvas.width = 200;
canvas.height = 4;
const context = canvas.getContext('2d', { willReadFrequently: true });
const read = (video) => {
  context.drawImage(video, 0, 0, video.videoWidth, video.videoHeight / 16, 0, 0, 200, 4);
  const { data } = context.getImageData(0, 0, 200, 4);
  const bits = Array.from({ length: 20 }, (_, cell) => {
    const at = (2 * 200 + cell * 10 + 5) * 4;
    return data[at] + data[at + 1] + data[at + 2] > 384 ? 1 : 0;
  });
  const number = bits.slice(2, 18).reduce((sum, bit) => sum * 2 + bit, 0);
  const parity = bits.slice(2, 18).reduce((sum, bit) => sum ^ bit, 0);
  return bits[0] === 1 && bits[1] === 0 && bits[18] === parity && bits[19] === 1 - parity ? number : -1;
};
const shownAt = (now, meta) => performance.timeOrigin + (meta.expectedDisplayTime || now);
"""

# For each displayed frame: [number or -1, display time in ms of the wall clock, latency as the page states it].
READ_FRAMES = f"""
(count) => new Promise((resolve) => {{
  {_READ}
  const video = document.querySelector('live-player [data-part=video]') ?? document.querySelector('video');
  const seen = [];
  const onFrame = (now, meta) => {{
    const behind = document.querySelector('[data-fact=behind]')?.textContent ?? '';
    seen.push([read(video), shownAt(now, meta), behind]);
    if (seen.length >= count) resolve(seen);
    else video.requestVideoFrameCallback(onFrame);
  }};
  video.requestVideoFrameCallback(onFrame);
  // The element may be replaced by another one, which takes over.
  const watch = setInterval(() => {{
    if (video.isConnected && seen.length < count) return;
    clearInterval(watch);
    resolve(seen);
  }}, 100);
  setTimeout(() => resolve(seen), 10_000);
}})
"""

# For each live video of the page, for some seconds: [number or -1, count of displayed frames so far] of its frames. A
# busy page misses some, but the browser counts them.
RECORD_FRAMES = f"""
(seconds) => new Promise((resolve) => {{
  {_READ}
  const videos = [...document.querySelectorAll('live-player [data-part=video]')].filter((one) => one.readyState >= 2);
  const seen = videos.map((video) => {{
    const numbers = [];
    const onFrame = (now, {{ presentedFrames }}) => {{
      numbers.push([read(video), presentedFrames]);
      video.requestVideoFrameCallback(onFrame);
    }};
    video.requestVideoFrameCallback(onFrame);
    return numbers;
  }});
  setTimeout(() => resolve(seen), 1000 * seconds);
}})
"""

# Read all videos of the page for some seconds: one frame of each per second, so that reading costs the page little.
# For each video, in the page's order: [number or -1, display time in ms of the wall clock] of its frames.
READ_ALL_VIDEOS = f"""
(seconds) => new Promise((resolve) => {{
  {_READ}
  const videos = [...document.querySelectorAll('video')];
  const seen = videos.map(() => []);
  const look = () => videos.forEach((video, index) => video.requestVideoFrameCallback((now, meta) => {{
    seen[index].push([read(video), shownAt(now, meta)]);
  }}));
  look();
  const timer = setInterval(look, 1000);
  setTimeout(() => {{
    clearInterval(timer);
    resolve(seen);
  }}, 1000 * seconds);
}})
"""


def seconds_behind(number: int, at_ms: float, timing: dict[str, Any]) -> float:
    """Return how long ago the recorder sent this frame, by its time rule. The loop repeats: take the latest time.

    Down to -1: a busy page reads a frame later than `at_ms` says, so the frame may be newer than that.
    """
    fps, frames = float(timing["fps"]), int(timing["frames"])
    now_tick = int((at_ms / 1000 + _READ_LATE_S) * fps - timing["phase"])
    wanted = (number - timing["offset"]) % frames
    tick = now_tick - (now_tick - wanted) % frames
    return float(at_ms / 1000 - (tick + timing["phase"]) / fps)


def frame_steps(seen: Sequence[tuple[int, int]], timing: dict[str, Any]) -> list[tuple[int, int]]:
    """Return how far each readable frame of RECORD_FRAMES is from the one before: in frames of the recorder, and in
    displayed frames.
    """
    frames = int(timing["frames"])
    readable = [(number, count) for number, count in seen if number >= 0]
    return [((after - before) % frames, then - now) for (before, now), (after, then) in pairwise(readable)]
