// @ts-check
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { SnapshotLoader } from '../../static/js/components/snapshot-loader.js';
import { mockTime, pass } from './time.mjs';

const TICKS_MS = 4000;

/** Every observed element is on screen. Node has no browser. */
class AllOnScreen {
  /** @param {(changes: {target: object, isIntersecting: boolean}[]) => void} changed */
  constructor(changed) {
    this.changed = changed;
  }

  /** @param {object} target */
  observe(target) {
    this.changed([{ target, isIntersecting: true }]);
  }

  unobserve() {}
  disconnect() {}
}

/** @type {SnapshotLoader[]} */
const made = [];

mockTime();
beforeEach(() => Object.assign(globalThis, { IntersectionObserver: AllOnScreen, document: { hidden: false } }));
afterEach(() => {
  for (const loader of made.splice(0)) loader.close();
});

/** Return a loader of one image, and the requests that it makes. @param {() => boolean} isLinkThin */
function loaderOf(isLinkThin) {
  /** @type {boolean[]} */
  const requests = [];
  const api = {
    /** @param {number} _id @param {{cached?: boolean}} how */
    snapshot: async (_id, { cached = false }) => {
      requests.push(cached);
      return { blob: new Blob(), takenAt: new Date() };
    },
  };
  const loader = new SnapshotLoader(/** @type {any} */ (api), { refreshMs: 1000, isLinkThin });
  made.push(loader);
  loader.set(/** @type {any} */ ({ show: async () => {} }), { cameraId: 1, profileToken: 'a', askDevice: true });
  return requests;
}

test('snapshots are loaded again once they are old', async () => {
  const requests = loaderOf(() => false);
  await pass(TICKS_MS);
  assert.equal(requests[0], true, 'the newest one of the server comes first');
  assert.ok(requests.slice(1).length >= 1 && requests.slice(1).every((cached) => !cached));
});

test('no snapshot is requested over a thin link, until it is free again', async () => {
  let isThin = true;
  const requests = loaderOf(() => isThin);
  await pass(TICKS_MS);
  assert.deepEqual(requests, []);
  isThin = false;
  await pass(TICKS_MS);
  assert.equal(requests[0], true);
});
