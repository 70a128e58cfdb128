// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../static/js/lib/api.js';
import { JobQueue } from '../../static/js/lib/job-queue.js';
import { Poller } from '../../static/js/lib/poller.js';

const turn = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));

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
    await turn(2);
    active -= 1;
    done.push(key);
    if (key === 'b') throw new Error('a picture that fails holds up nobody');
  };
  for (const key of ['a', 'b', 'c', 'c', 'd']) queue.add(key, job(key));
  queue.add('e', job('e'), { first: true });
  await turn(40);
  assert.equal(most, 2);
  assert.deepEqual([...done].sort(), ['a', 'b', 'c', 'd', 'e']);
  assert.ok(done.indexOf('e') < done.indexOf('d'));
});

test('a closed queue starts no further job', async () => {
  const queue = new JobQueue(1);
  let asked = 0;
  queue.add('a', async () => turn(2).then(() => void (asked += 1)));
  queue.add('b', async () => void (asked += 1));
  queue.close();
  queue.add('c', async () => void (asked += 1));
  await turn(20);
  assert.equal(asked, 1);
});

test('a poller runs one turn at a time, and immediately after soon()', async (context) => {
  let turns = 0;
  const poller = new Poller(async () => {
    turns += 1;
    await turn(1);
    return 60_000;
  });
  context.after(() => poller.stop()); // a timer of its own would keep the process
  poller.start();
  poller.soon();
  poller.soon();
  await turn(20);
  assert.equal(turns, 2);
  poller.stop();
  poller.soon();
  await turn(10);
  assert.equal(turns, 2);
});

test('a poller continues after a failure', async (context) => {
  let turns = 0;
  const poller = new Poller(async () => {
    turns += 1;
    throw new ApiError('server_unreachable', '');
  });
  context.after(() => poller.stop()); // a timer of its own would keep the process
  poller.start();
  await turn(5);
  poller.soon();
  await turn(5);
  poller.stop();
  assert.equal(turns, 2);
});
