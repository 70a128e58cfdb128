// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NextVideo } from '../../static/js/components/next-video.js';

/** A `<video>` of a browser that allows audio for each element by itself, like WebKit. */
class Video extends EventTarget {
  static isClick = false;
  /** @type {Record<string, string>} */
  dataset = {};
  muted = false;
  paused = true;
  isAllowed = false;

  cloneNode() {
    return new Video();
  }

  play() {
    if (Video.isClick) this.isAllowed = true;
    this.paused = false;
    return Promise.resolve();
  }

  pause() {
    this.paused = true;
  }

  removeAttribute() {}
  before() {}
  remove() {}
}

Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });

const video = () => /** @type {HTMLVideoElement & Video} */ (/** @type {unknown} */ (new Video()));

/** @param {() => void} work */
function click(work) {
  Video.isClick = true;
  work();
  Video.isClick = false;
}

test('a click allows audio for the element of the next stream', () => {
  const [present, next] = [video(), new NextVideo()];
  void present.play();
  click(() => next.allowAudio(present, null));
  const other = /** @type {any} */ (next.put(present, () => {}));
  assert.deepEqual([other.isAllowed, other.muted, other.paused, present.paused], [true, true, true, false]);
});

test('a click during a change allows audio for the element of that change', () => {
  const [present, next] = [video(), new NextVideo()];
  void present.play();
  const pending = /** @type {any} */ (next.put(present, () => {}));
  click(() => next.allowAudio(present, pending));
  assert.deepEqual([pending.isAllowed, pending.muted, pending.paused], [true, true, true]);
  next.remove(pending); // the stream starts anew, with audio
  assert.equal(/** @type {any} */ (next.put(present, () => {})).isAllowed, true);
});

test('an element that may play audio is kept, also behind another one', () => {
  const [present, next] = [video(), new NextVideo()];
  const pending = /** @type {any} */ (next.put(present, () => {}));
  click(() => next.allowAudio(present, null));
  next.remove(pending);
  assert.equal(/** @type {any} */ (next.put(present, () => {})).isAllowed, true);
  next.remove(present);
  assert.equal(
    next.put(video(), () => {}),
    present,
    'the two elements take turns',
  );
});
