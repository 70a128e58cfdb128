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

/**
 * Let a message take some seconds, during which nothing else arrives; after each loss it begins anew.
 *
 * @param {number} id @param {number} takesS
 */
function passMessage(id, takesS) {
  for (let tries = 1; ; tries += 1) {
    assert.ok(tries < 5, 'it reconnects again and again');
    latest().answersClock = false;
    for (let second = 0; second < takesS && latest().readyState === 1; second += 1) pass(1);
    if (latest().readyState === 1) break;
    reopen();
  }
  start(latest(), id);
  latest().answersClock = true;
}

test('a first frame that takes long does not lead to endless reconnects', () => {
  const { lostMs, id } = watching();
  passMessage(id, 15);
  assert.ok(lostMs.length <= 2);
});

test('a link whose key frames take long keeps its connection', () => {
  for (const [takesS, most] of [
    [5, 0],
    [9, 1],
    [13, 2],
  ]) {
    Wire.made = [];
    const { socket, lostMs, id } = watching();
    for (let count = 0; count < 8; count += 1) {
      passMessage(id, takesS);
      pass(60); // small messages, longer than a connection has to last
    }
    assert.ok(lostMs.length <= most, `messages of ${takesS} s led to ${lostMs.length} reconnects`);
    socket.close();
  }
});

test('minutes without a long silence make the patience short again', () => {
  const { lostMs, id } = watching();
  passMessage(id, 15);
  pass(11 * 60);
  const lost = lostMs.length;
  latest().answersClock = false;
  pass(25);
  assert.equal(lostMs.length, lost + 1);
});

test('a dead connection does not make the next one’s patience long', () => {
  const { lostMs, id } = watching();
  start(latest(), id);
  for (let count = 1; count <= 4; count += 1) {
    latest().answersClock = false;
    pass(25);
    assert.equal(lostMs.length, count, 'noticed as soon as the first time');
    reopen();
    start(latest(), id);
    pass(35);
  }
});

test('a small frame does not show that the last connection was dead', () => {
  const { lostMs, id } = watching();
  for (let count = 0; count < 6; count += 1) {
    passMessage(id, 9);
    start(latest(), id); // another channel's small frame
    pass(35);
  }
  assert.equal(lostMs.length, 1);
});

test('a machine that slept has not shown a slow link', () => {
  const { lostMs, id } = watching();
  start(latest(), id);
  latest().answersClock = false;
  pass(5);
  const before = lostMs.length;
  const sleptMs = 18_000;
  mock.method(performance, 'now', () => Date.now() + sleptMs);
  latest().receive({ type: 'clock', sent: performance.now(), now_ms: performance.now() });
  pass(15);
  assert.equal(lostMs.length, before + 1);
});
