// @ts-check
/** The last frame of a live player, with a real engine on a canvas. The page's elements and the worker are faked. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

/** @type {any[]} */
let sent = [];
/** @type {any} */
let worker = null;

class FakeWorker extends EventTarget {
  constructor() {
    super();
    worker = this;
  }

  /** @param {object} message */
  postMessage(message) {
    sent.push(message);
  }
}

class FakeCanvas {
  hidden = true;
  className = 'still';
  isOnPage = true;
  drawn = 0;
  dataset = { part: 'frozen' };
  setAttribute() {}
  transferControlToOffscreen() {}
  getContext = () => ({ drawImage: () => (this.drawn += 1) });
  remove = () => (this.isOnPage = false);
}

Object.assign(globalThis, {
  Worker: FakeWorker,
  HTMLCanvasElement: FakeCanvas,
  window: {},
  document: Object.assign(new EventTarget(), {
    hidden: false,
    body: { dataset: {} },
    createElement: () => Object.assign(new FakeCanvas(), { className: '' }),
  }),
});
const { FrozenPicture } = await import('../../static/js/components/frozen-picture.js');
const { WebCodecsEngine } = await import('../../static/js/components/webcodecs-engine.js');

const ignore = () => {};
const PICTURE = /** @type {any} */ ({ source: {}, width: 640, height: 360 });
const ends = () => sent.filter(({ type }) => type === 'resting' || type === 'close').map(({ type }) => type);
/** @type {FakeCanvas} */
let still;
/** @type {InstanceType<typeof FrozenPicture>} */
let frozen;
beforeEach(() => {
  still = new FakeCanvas();
  frozen = new FrozenPicture(/** @type {any} */ ({ querySelector: () => still }));
});

/** Return an engine that shows its frames on a canvas, and that canvas. */
function engineOnCanvas() {
  sent = [];
  const video = /** @type {any} */ ({ after: ignore });
  const engine = new WebCodecsEngine(video, { onFailed: ignore, onFirstFrames: ignore, onPlay: ignore });
  const { id } = sent[0];
  worker.dispatchEvent(Object.assign(new Event('message'), { data: { type: 'needs_canvas', id } }));
  sent = [];
  return { engine, canvas: /** @type {FakeCanvas} */ (/** @type {unknown} */ (engine.canvas)) };
}

test('the canvas of an old engine stays until the next picture moves', () => {
  const { engine, canvas } = engineOnCanvas();
  frozen.show(engine, PICTURE);
  engine.close();
  assert.deepEqual([frozen.isShown, canvas.isOnPage, canvas.className, canvas.dataset.part], [true, true, 'still', 'left']);
  assert.deepEqual(ends(), ['resting'], 'the decoder ends, the canvas keeps its worker');
  frozen.hide();
  assert.deepEqual([frozen.isShown, canvas.isOnPage, still.drawn], [false, false, 0]);
  assert.deepEqual(ends(), ['resting', 'close']);
});

test('the canvas of a newer engine replaces the one of the old engine', () => {
  const [old, next] = [engineOnCanvas(), engineOnCanvas()];
  frozen.show(old.engine, PICTURE);
  frozen.show(next.engine, PICTURE);
  assert.deepEqual([old.canvas.isOnPage, next.canvas.isOnPage, frozen.isShown], [false, true, true]);
});

test('an engine without a frame leaves the last frame on screen', () => {
  const [old, next] = [engineOnCanvas(), engineOnCanvas()];
  frozen.show(old.engine, PICTURE);
  frozen.show(next.engine, null);
  next.engine.close();
  assert.deepEqual([old.canvas.isOnPage, next.canvas.isOnPage, frozen.isShown], [true, false, true]);
});

test('a canvas that stands still is not read', () => {
  const { engine } = engineOnCanvas();
  frozen.keep(engine, PICTURE);
  assert.equal(still.drawn, 0);
});

test('the frame of a <video> is drawn, and a standing one once', () => {
  frozen.show(null, PICTURE);
  assert.deepEqual([still.drawn, frozen.isShown], [1, true]);
  frozen.hide();
  frozen.keep(null, PICTURE);
  frozen.keep(null, PICTURE);
  assert.deepEqual([still.drawn, frozen.isShown], [2, false]);
  frozen.show(null, null);
  assert.equal(frozen.isShown, true, 'the kept frame');
});
