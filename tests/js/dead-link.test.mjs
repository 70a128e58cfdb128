// @ts-check
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { LiveSocket } from '../../static/js/lib/live-socket.js';
import { mockTime } from './time.mjs';
import { Wire, start } from './wire.mjs';

mockTime();
beforeEach(() => (Wire.made = []));

function latest() {
  const wire = Wire.made.at(-1);
  assert.ok(wire);
  return wire;
}

/** Return a socket that watches a channel, and when it lost its link, in ms. */
function watching() {
  const socket = new LiveSocket({ url: 'ws://x/live', WebSocket: /** @type {any} */ (Wire), random: () => 0.5 });
  /** @type {number[]} */
  const lostMs = [];
  let wasUp = false;
  const listener = {
    onInit() {},
    onFragments() {},
    onStream() {},
    onProblem() {},
    onLink: (/** @type {boolean} */ isUp) => {
      if (wasUp && !isUp) lostMs.push(Date.now());
      wasUp = isUp;
    },
  };
  const id = socket.watch({ cameraId: 1, profileToken: 'a', audio: false }, listener);
  latest().open();
  return { socket, id, lostMs };
}

/** @param {number} seconds */
function pass(seconds) {
  for (let second = 1; second <= seconds; second += 1) mock.timers.tick(1000);
}

/** Let the last connection be lost, and open the next one. */
function reopen() {
  for (let count = 0; count < 100 && latest().readyState !== 0; count += 1) mock.timers.tick(50);
  latest().open();
}

test('a link that stays silent is dead after some seconds', () => {
  const { lostMs } = watching();
  pass(20);
  assert.deepEqual(lostMs, [], 'a clock reply is enough');
  latest().answersClock = false;
  const silentMs = Date.now();
  pass(25);
  assert.equal(lostMs.length, 1);
  assert.ok(lostMs[0] - silentMs < 25_000, 'at most 15 s until the next question, and 8 s without an answer');
  assert.ok(Wire.made.length > 1, 'it connects again');
});

test('a first frame that takes long does not lead to endless reconnects', () => {
  const { lostMs, id } = watching();
  const takesS = 15;
  for (let tries = 1; ; tries += 1) {
    assert.ok(tries < 5, 'it reconnects again and again');
    latest().answersClock = false; // nothing overtakes the frame
    for (let second = 0; second < takesS && latest().readyState === 1; second += 1) pass(1);
    if (latest().readyState === 1) break;
    reopen();
  }
  start(latest(), id);
  latest().answersClock = true;
  const before = lostMs.length;
  assert.ok(before <= 2);
  pass(60);
  latest().answersClock = false;
  pass(60);
  assert.ok(lostMs.length > before);
  reopen();
  pass(60);
  const lost = lostMs.length;
  latest().answersClock = false;
  pass(25);
  assert.equal(lostMs.length, lost + 1, 'the patience is short again');
});
