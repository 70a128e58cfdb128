"""Records in the page's worker every frame that the WebCodecs engine shows, with its burnt-in number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from playwright.sync_api import Page, Route

# Runs before the worker's own code. The worker handles a message, hands its samples to a decoder, and writes a frame
# into a track, each without a pause: so `channel` and `output` name the sender in the next step.
_RECORD = """
self.records = new Map();
let channel = 0;
let output = 0;
const record = (id) => self.records.get(id) ?? self.records.set(id, { received: [], shown: [] }).get(id);
const text = (view, at) => String.fromCharCode(...[0, 1, 2, 3].map((byte) => view.getUint8(at + byte)));
const samplesOf = (bytes) => { // ISO/IEC 14496-12 sections 8.8.8 and 8.8.12
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  const walk = (from, to) => {
    for (let at = from; at + 8 <= to; at += view.getUint32(at)) {
      const kind = text(view, at + 4);
      if (kind === 'moof' || kind === 'traf') walk(at + 8, at + view.getUint32(at));
      else if (kind === 'trun') count += view.getUint32(at + 12);
    }
  };
  walk(0, bytes.byteLength);
  return count;
};
self.addEventListener('message', ({ data }) => {
  channel = data.id;
  if (data.type === 'media') record(channel).received.push(samplesOf(data.fragments));
});
const Decoder = self.VideoDecoder;
self.VideoDecoder = class extends Decoder {
  constructor({ output: onFrame, error }) {
    const id = channel;
    super({ error, output: (frame) => {
      output = id;
      onFrame(frame);
    } });
  }
};
const numberOf = async (frame) => {
  const { codedWidth: width, codedHeight: height } = frame;
  const rect = { x: 0, y: 2 * Math.floor(height / 64), width, height: 2 };
  const bytes = new Uint8Array(frame.allocationSize({ rect }));
  await frame.copyTo(bytes, { rect });
  frame.close();
  const bits = Array.from({ length: 20 }, (_, cell) => Number(bytes[Math.floor(((cell + 0.5) * width) / 20)] > 128));
  const number = bits.slice(2, 18).reduce((sum, bit) => sum * 2 + bit, 0);
  const parity = bits.slice(2, 18).reduce((sum, bit) => sum ^ bit, 0);
  return bits[0] === 1 && bits[1] === 0 && bits[18] === parity && bits[19] === 1 - parity ? number : -1;
};
const { write } = WritableStreamDefaultWriter.prototype;
WritableStreamDefaultWriter.prototype.write = function (frame) {
  if (frame instanceof VideoFrame) {
    const entry = [frame.timestamp, -2];
    record(output).shown.push(entry);
    numberOf(frame.clone()).then((number) => (entry[1] = number), () => (entry[1] = -1));
  }
  return write.call(this, frame);
};
"""
_BEGIN = "() => self.records.clear()"
_FINISH = """
async () => {
  const found = [...self.records].sort(([one], [other]) => one - other).map(([, each]) => each);
  self.records.clear();
  while (found.some(({ shown }) => shown.some(([, number]) => number === -2))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return found.map(({ received, shown }) => ({ received: received.reduce((sum, each) => sum + each, 0), shown }));
}
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """Frames of one channel: how many came, and those shown, as (time in µs on the stream's timeline, number)."""

    received: int
    frames: list[tuple[int, int]]


def record_in_worker(page: Page) -> None:
    """Let the page's worker record from its start. Call it before the page is opened."""

    def change(route: Route) -> None:
        route.fulfill(response=(found := route.fetch()), body=_RECORD + found.text())

    page.route("**/live-decoder*", change)


def begin(page: Page) -> None:
    """Forget the frames until now."""
    page.workers[0].evaluate(_BEGIN)


def finish(page: Page) -> list[Shown]:
    """Return the frames since `begin`, by channel in the order of the players."""
    found: list[dict[str, Any]] = page.workers[0].evaluate(_FINISH)
    return [Shown(each["received"], [(us, number) for us, number in each["shown"]]) for each in found]


def faults_of(frames: Sequence[tuple[int, int]], timing: dict[str, Any]) -> list[str]:
    """Return the faults of shown frames: unreadable ones, a step back, a number that does not fit its time.

    `timing` is the recorder's rule. A frame that is missing is no fault here: its time is missing, too.
    """
    faults = [f"frame at {us} µs cannot be read" for us, number in frames if number < 0]
    for (us, number), (next_us, next_number) in pairwise(frames):
        step = round((next_us - us) * timing["fps"] / 1e6)
        if step < 1:
            faults.append(f"{next_us} µs after {us} µs")
        elif min(number, next_number) >= 0 and (next_number - number - step) % timing["frames"]:
            faults.append(f"{next_number} after {number}, {step} frames later")
    return faults
