// @ts-check
/** The worker's renderers, and the track generator of the standard, which no browser of the tests has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrackRenderer, makeTrackGenerator } from '../../static/js/workers/frame-renderers.js';

const ignore = () => {};
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A frame that counts how often it was closed. */
class FakeFrame {
  closed = 0;

  close() {
    this.closed += 1;
  }
}

/** As the standard describes it: the page gets its `track`, the worker writes into its `writable`. */
class FakeTrackGenerator {
  /** @type {unknown[]} */
  taken = [];
  track = { kind: 'video' };
  writable = new WritableStream({ write: (frame) => void this.taken.push(frame) });
}

/** @param {unknown} frame @returns {any} */
const video = (frame) => frame;

/** @type {any[]} */
const posted = [];
/** @type {((event: {data: any}) => void)[]} */
const listeners = [];
Object.assign(globalThis, {
  postMessage: (/** @type {any} */ message, /** @type {any[]} */ transfer = []) => posted.push({ ...message, transfer }),
  addEventListener: (/** @type {string} */ _, /** @type {(event: {data: any}) => void} */ listener) => listeners.push(listener),
});
await import('../../static/js/workers/live-decoder.js');
/** @param {unknown} Kind @param {object} message */
function receive(Kind, message) {
  posted.length = 0;
  Object.assign(globalThis, { VideoTrackGenerator: Kind });
  for (const listener of listeners) listener({ data: message });
}

test('frames go into the track of the standard, in order', async () => {
  Object.assign(globalThis, { VideoTrackGenerator: FakeTrackGenerator });
  const generator = /** @type {any} */ (makeTrackGenerator());
  const renderer = new TrackRenderer(generator.writable, assert.fail);
  const frames = [new FakeFrame(), new FakeFrame()];
  for (const frame of frames) renderer.show(video(frame));
  await settled();
  assert.deepEqual([generator.taken, frames.map(({ closed }) => closed)], [frames, [0, 0]]);
  assert.equal(await renderer.snapshot(), null);
  renderer.close();
});

test("a browser without the standard's generator has none", () => {
  Object.assign(globalThis, { VideoTrackGenerator: undefined });
  assert.equal(makeTrackGenerator(), null);
});

test('a track that takes no frames gets four, and later ones are closed', async () => {
  const writable = new WritableStream({ write: () => new Promise(ignore) });
  const renderer = new TrackRenderer(video(writable), assert.fail);
  const frames = Array.from({ length: 6 }, () => new FakeFrame());
  for (const frame of frames) renderer.show(video(frame));
  await settled();
  assert.deepEqual(
    frames.map(({ closed }) => closed),
    [0, 0, 0, 0, 1, 1],
  );
});

test('a track that ends is reported, and its frames are closed', async () => {
  /** @type {string[]} */
  const failed = [];
  const writable = new WritableStream({
    write: () => {
      throw new Error('the track has ended');
    },
  });
  const renderer = new TrackRenderer(video(writable), (detail) => failed.push(detail));
  const frame = new FakeFrame();
  renderer.show(video(frame));
  await settled();
  assert.deepEqual([failed, frame.closed], [['Error: the track has ended'], 1]);
});

test('the worker makes the track of a channel and gives it to the page', () => {
  receive(FakeTrackGenerator, { type: 'open', id: 7, writable: null });
  const [{ type, id, track, transfer }] = posted;
  assert.deepEqual([posted.length, type, id, track.kind, transfer], [1, 'track', 7, 'video', [track]]);
});

test('a worker without a usable generator asks for a canvas', () => {
  class Broken {
    constructor() {
      throw new Error('not in this worker');
    }
  }
  for (const Kind of [undefined, Broken]) {
    receive(Kind, { type: 'open', id: 8, writable: null });
    assert.deepEqual(posted, [{ type: 'needs_canvas', id: 8, transfer: [] }]);
  }
});
