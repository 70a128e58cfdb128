// @ts-check
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { ApiError } from '../../static/js/lib/http.js';
import { Poller } from '../../static/js/lib/poller.js';
import { mockTime, pass } from './time.mjs';

/** @typedef {{resolve: (pauseMs: number|null) => void, reject: (error: unknown) => void}} Run */

mockTime();

/** @type {Poller|null} */
let started = null;
afterEach(() => started?.stop());

/** A poller whose runs the test ends by hand. */
function held() {
  /** @type {Run[]} */
  const runs = [];
  const poller = new Poller(() => /** @type {Promise<number|null>} */ (new Promise((resolve, reject) => runs.push({ resolve, reject }))));
  started = poller;
  poller.start();
  return { poller, runs };
}

test('the next run begins after the pause that the work asks for', async () => {
  const { runs } = held();
  runs[0]?.resolve(1000);
  await pass(950);
  assert.equal(runs.length, 1);
  await pass(100);
  assert.equal(runs.length, 2);
});

test('work without a pause ends the poller until it starts again', async () => {
  const { poller, runs } = held();
  runs[0]?.resolve(null);
  await pass(60_000, 1000);
  assert.equal(runs.length, 1);
  poller.soon();
  await pass();
  assert.equal(runs.length, 1, 'a poller that has ended does no work');
  poller.start();
  assert.equal(runs.length, 2);
});

test('a run that is asked for during the last one is not lost', async () => {
  const { poller, runs } = held();
  poller.start();
  poller.soon();
  runs[0]?.resolve(null);
  await pass(50);
  assert.equal(runs.length, 2);
  runs[1]?.resolve(null);
  await pass(60_000, 1000);
  assert.equal(runs.length, 2);
});

test('a stop during a run ends the poller, whatever the work returns', async () => {
  const { poller, runs } = held();
  poller.soon();
  poller.stop();
  runs[0]?.resolve(0);
  await pass(60_000, 1000);
  assert.equal(runs.length, 1);
  poller.start();
  runs[1]?.resolve(null);
  await pass(60_000, 1000);
  assert.equal(runs.length, 2, 'a run that was asked for before the stop is forgotten');
});

test('a failure is followed by another run', async () => {
  const { runs } = held();
  runs[0]?.reject(new ApiError('server_unreachable', 'The server does not answer.'));
  await pass(20_000, 100);
  assert.equal(runs.length, 2);
});
