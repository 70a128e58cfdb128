// @ts-check
/** The worker of live pictures, with a decoder and canvases of the test. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { avcTrackOf } from '../../static/js/lib/fragment-samples.js';
import { fragmentOf, initOf } from './h264.mjs';

const page = new EventTarget();
/** @type {any[]} */
const heard = [];
/** @type {FakeFrame[]} */
const frames = [];

class FakeFrame {
  displayWidth = 640;
  displayHeight = 360;
  isOpen = true;

  /** @param {number} timestamp */
  constructor(timestamp) {
    this.timestamp = timestamp;
    frames.push(this);
  }

  close() {
    this.isOpen = false;
  }
}

class FakeDecoder {
  state = 'unconfigured';
  decodeQueueSize = 0;
  #output;

  /** @param {{output: (frame: any) => void}} how */
  constructor({ output }) {
    this.#output = output;
  }

  configure() {
    this.state = 'configured';
  }

  /** @param {{timestamp: number}} chunk */
  decode({ timestamp }) {
    this.#output(new FakeFrame(timestamp));
  }

  close() {
    this.state = 'closed';
  }
}

/** @param {() => void} drawImage */
const canvas = (drawImage) => ({ width: 0, height: 0, getContext: () => ({ drawImage }) });

/** @param {object} message */
const send = (message) => page.dispatchEvent(Object.assign(new Event('message'), { data: message }));

/** Open a channel on a canvas. @param {number} id @param {() => void} [drawImage] */
function begin(id, drawImage = () => {}) {
  send({ type: 'open', id, writable: null });
  send({ type: 'canvas', id, canvas: canvas(drawImage) });
  send({ type: 'init', id, track: avcTrackOf(initOf()) });
}

/** @param {number} id */
const play = (id) => send({ type: 'media', id, fragments: new Uint8Array(fragmentOf({ isKey: true })) });

/** @param {string} type */
const ids = (type) =>
  heard.flatMap((message) => (message.type === type ? (message.reports ?? [message]).map((/** @type {any} */ { id }) => id) : []));

Object.assign(globalThis, {
  VideoDecoder: FakeDecoder,
  EncodedVideoChunk: class {
    /** @param {object} what */
    constructor(what) {
      Object.assign(this, what);
    }
  },
  postMessage: (/** @type {any} */ message) => heard.push(message),
  addEventListener: page.addEventListener.bind(page),
  createImageBitmap: async (/** @type {any} */ { width, height }) => {
    if (!width) throw new DOMException('The canvas is empty.', 'InvalidStateError');
    return new Uint8Array([width / 10, height / 10]).buffer; // anything that a port can transfer
  },
});
await import('../../static/js/workers/live-decoder.js');
beforeEach(() => {
  heard.length = 0;
  frames.length = 0;
});

test('a canvas that throws ends its own channel, and keeps no frame', () => {
  begin(1, () => {
    throw new Error('The context is lost.');
  });
  begin(2);
  play(1);
  play(2);
  assert.deepEqual([ids('failed'), ids('shown')], [[1], [2]]);
  assert.match(heard.find(({ type }) => type === 'failed').detail, /context is lost/);
  assert.deepEqual(
    frames.map(({ isOpen }) => isOpen),
    [false, false],
  );
});

test('a message that throws ends its own channel', () => {
  begin(3);
  begin(4);
  send({ type: 'media', id: 3, fragments: null });
  play(3);
  play(4);
  assert.deepEqual([ids('failed'), ids('shown')], [[3], [4]]);
});

test('a channel that cannot begin fails alone', () => {
  send({ type: 'open', id: 5, writable: {} });
  play(5);
  begin(6);
  play(6);
  assert.deepEqual([ids('failed'), ids('shown')], [[5], [6]]);
});

/** Return what the worker sends to the port of a request. @param {number} id */
function snapshotOf(id) {
  const { port1, port2 } = new MessageChannel();
  send({ type: 'snapshot', id, port: port2 });
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => {
      port1.close();
      resolve(data && [...new Uint8Array(data)]);
    };
  });
}

test('a snapshot is the newest frame of the canvas', async () => {
  begin(7);
  play(7);
  assert.deepEqual(await snapshotOf(7), [64, 36]);
});

test('a channel without a frame has no snapshot', async () => {
  begin(8);
  send({ type: 'open', id: 9, writable: null });
  assert.deepEqual(await Promise.all([snapshotOf(8), snapshotOf(9)]), [null, null]);
  assert.deepEqual(ids('failed'), []);
});
