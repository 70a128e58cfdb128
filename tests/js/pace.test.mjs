// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../static/js/lib/api.js';
import { JobQueue } from '../../static/js/lib/job-queue.js';
import { Poller } from '../../static/js/lib/poller.js';
import { mockTime, pass } from './time.mjs';

/** @param {number} ms */
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

mockTime();

test('the queue runs two jobs at a time and each key once', async () => {
  const queue = new JobQueue(2);
  let active = 0;
  let most = 0;
  /** @type {string[]} */
  const done = [];
  /** @param {string} key */
  const job = (key) => async () => {
    active += 1;
    most = Math.max(most, active);
    await wait(2);
    active -= 1;
    done.push(key);
    if (key === 'b') throw new Error('a failed job does not stop the others');
  };
  for (const key of ['a', 'b', 'c', 'c', 'd']) queue.add(key, job(key));
  queue.add('e', job('e'), { first: true });
  await pass(40, 1);
  assert.equal(most, 2);
  assert.deepEqual([...done].sort(), ['a', 'b', 'c', 'd', 'e']);
  assert.ok(done.indexOf('e') < done.indexOf('d'));
});

test('a closed queue starts no further job', async () => {
  const queue = new JobQueue(1);
  let asked = 0;
  queue.add('a', async () => wait(2).then(() => void (asked += 1)));
  queue.add('b', async () => void (asked += 1));
  queue.close();
  queue.add('c', async () => void (asked += 1));
  await pass(20, 1);
  assert.equal(asked, 1);
});

test('a poller runs one turn at a time, and immediately after soon()', async () => {
  let turns = 0;
  const poller = new Poller(async () => {
    turns += 1;
    await wait(1);
    return 60_000;
  });
  poller.start();
  poller.soon();
  poller.soon();
  await pass(20, 1);
  assert.equal(turns, 2);
  poller.stop();
  poller.soon();
  await pass(10, 1);
  assert.equal(turns, 2);
});

test('a poller continues after a failure', async () => {
  let turns = 0;
  const poller = new Poller(async () => {
    turns += 1;
    throw new ApiError('server_unreachable', '');
  });
  poller.start();
  await pass(5, 1);
  poller.soon();
  await pass(5, 1);
  poller.stop();
  assert.equal(turns, 2);
});

test('a poller that starts again during a run runs one turn at a time', async () => {
  let running = 0;
  let most = 0;
  let turns = 0;
  const poller = new Poller(async () => {
    turns += 1;
    running += 1;
    most = Math.max(most, running);
    await wait(3);
    running -= 1;
    return 60_000;
  });
  poller.start();
  poller.stop();
  poller.start();
  await pass(30, 1);
  poller.stop();
  assert.deepEqual([most, turns], [1, 2]);
});
