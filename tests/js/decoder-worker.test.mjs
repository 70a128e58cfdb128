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

  postMessage() {}
}

Object.assign(globalThis, { Worker: FakeWorker, document: { body: { dataset: {} } } });
const { RemoteDecoder } = await import('../../static/js/components/decoder-worker.js');

/** @param {number} id @param {string[]} heard */
function receiveTrack(id, heard) {
  const track = { stop: () => heard.push(`stop ${id}`) };
  FakeWorker.made.at(-1)?.dispatchEvent(Object.assign(new Event('message'), { data: { type: 'track', id, track } }));
}

test('a track that comes after the end of its decoder is stopped', () => {
  /** @type {string[]} */
  const heard = [];
  const made = [1, 2].map((id) => {
    const ignore = () => {};
    return new RemoteDecoder({ onTrack: () => heard.push(`track ${id}`), onNeedsCanvas: ignore, onShown: ignore, onFailed: ignore });
  });
  made[1]?.close();
  receiveTrack(1, heard);
  receiveTrack(2, heard);
  assert.deepEqual(heard, ['track 1', 'stop 2']);
});
