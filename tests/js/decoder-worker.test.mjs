// @ts-check
/** The page's side of the decoder's worker. Only the worker is faked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

class FakeWorker extends EventTarget {
  /** @type {FakeWorker[]} */
  static made = [];

  constructor() {
    super();
    FakeWorker.made.push(this);
  }

  /** @type {any[]} */
  taken = [];

  /** @param {object} message */
  postMessage(message) {
    this.taken.push(message);
  }

  terminate() {}
}

Object.assign(globalThis, { Worker: FakeWorker, document: { body: { dataset: {} } } });
const { RemoteDecoder } = await import('../../static/js/components/decoder-worker.js');

/** @param {number} id @param {string[]} heard */
function receiveTrack(id, heard) {
  const track = { stop: () => heard.push(`stop ${id}`) };
  FakeWorker.made.at(-1)?.dispatchEvent(Object.assign(new Event('message'), { data: { type: 'track', id, track } }));
}

const ignore = () => {};

/** @param {() => void} [onTrack] */
const decoder = (onTrack = ignore) => new RemoteDecoder({ onTrack, onNeedsCanvas: ignore, onShown: ignore, onFailed: ignore });

test('the worker that boot.js has started decodes, until it breaks', () => {
  const started = new FakeWorker();
  Object.assign(globalThis, { startedDecoder: started });
  decoder().setHeld(true);
  assert.deepEqual([FakeWorker.made.length, started.taken.length], [1, 1]);
  started.dispatchEvent(new Event('error'));
  decoder().setHeld(true);
  assert.deepEqual([FakeWorker.made.length, started.taken.length], [2, 1]);
});

test('a track that comes after the end of its decoder is stopped', () => {
  /** @type {string[]} */
  const heard = [];
  const made = [3, 4].map((id) => decoder(() => heard.push(`track ${id}`)));
  made[1]?.close();
  receiveTrack(3, heard);
  receiveTrack(4, heard);
  assert.deepEqual(heard, ['track 3', 'stop 4']);
});

test('a snapshot is what the worker sends', async () => {
  const asked = decoder().snapshot();
  FakeWorker.made.at(-1)?.taken.at(-1).port.postMessage('the newest frame');
  assert.equal(await asked, 'the newest frame');
});

test('a snapshot that does not come within a second is null', async ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const asked = decoder().snapshot();
  mock.timers.tick(1000);
  assert.equal(await asked, null);
});
