// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FirstSnapshot } from '../../static/js/components/first-snapshot.js';
import { JobQueue } from '../../static/js/lib/job-queue.js';
import { mockTime, pass } from './time.mjs';

const CHANNEL = /** @type {any} */ ({ profiles: [{ profile_token: 'sub', role: 'sub', video: null }], sub_token: 'sub' });

mockTime();

/** Return a first snapshot whose requests end when the test says so, the requests, and the shown pictures. */
function made() {
  /** @type {{signal: AbortSignal, answer: () => void}[]} */
  const requests = [];
  const api = {
    /** @param {number} _id @param {{signal: AbortSignal}} how */
    snapshot: (_id, { signal }) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        requests.push({ signal, answer: () => resolve({ blob: new Blob(), takenAt: null, loadMs: 1 }) });
      }),
  };
  const image = {
    hasPicture: false,
    takenAt: null,
    show: async () => void (image.hasPicture = true),
    clear: () => void (image.hasPicture = false),
  };
  const snapshot = new FirstSnapshot(/** @type {any} */ (image), /** @type {any} */ (api), new JobQueue(1));
  const show = () => snapshot.show({ cameraId: 1, channel: CHANNEL }, () => false);
  return { snapshot, requests, image, show };
}

test('a snapshot that is not wanted any more gives the link back', async () => {
  const { snapshot, requests, image, show } = made();
  show();
  await pass(500);
  assert.equal(requests.length, 1);
  snapshot.cancel();
  assert.ok(requests[0]?.signal.aborted);
  show();
  await pass(500);
  requests[1]?.answer();
  await pass(10);
  assert.ok(image.hasPicture, 'a later request loads it anew');
});

test('a repeated request for the same snapshot goes on with the first', async () => {
  const { requests, show } = made();
  show();
  await pass(500);
  show();
  await pass(500);
  assert.deepEqual(
    requests.map(({ signal }) => signal.aborted),
    [false],
  );
});
