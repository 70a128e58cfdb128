// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandPacer } from '../../static/js/lib/command-pacer.js';
import { ApiError } from '../../static/js/lib/http.js';
import { mockTime, pass } from './time.mjs';

mockTime();

/** A head whose answers come after `delayMs`, or by hand. */
function head({ delayMs = 0 } = {}) {
  /** What was sent, with its time. @type {[string, number][]} */
  const sent = [];
  /** @type {unknown[]} */
  const problems = [];
  /** Errors of the next answers. @type {Record<'move'|'stop', unknown[]>} */
  const errors = { move: [], stop: [] };
  const startMs = Date.now();
  /** @param {string} what @param {'move'|'stop'} kind */
  const answer = async (what, kind) => {
    sent.push([what, Date.now() - startMs]);
    const error = errors[kind].shift();
    if (delayMs) await new Promise((resolve) => setTimeout(resolve, delayMs));
    if (error) throw error;
  };
  const pacer = new CommandPacer({
    send: (/** @type {number} */ value) => answer(String(value), 'move'),
    stop: () => answer('stop', 'stop'),
    isSame: (one, other) => one === other,
    onProblem: (error) => problems.push(error),
    nowMs: () => Date.now(),
  });
  return { pacer, sent, problems, errors, what: () => sent.map(([text]) => text) };
}

const AWAY = new ApiError('server_unreachable', 'The server does not answer.');
const IN_USE = new ApiError('ptz_in_use', 'Anna has been moving this camera for 3 s.', { status: 409 });

test('the first command and the stop are sent immediately', async () => {
  const { pacer, sent } = head();
  pacer.set(1);
  assert.deepEqual(sent, [['1', 0]]);
  await pass(100);
  pacer.set(null);
  assert.deepEqual(sent, [
    ['1', 0],
    ['stop', 100],
  ]);
  await pass(3000);
  assert.equal(sent.length, 2);
});

test('a held command is renewed at half of its time', async () => {
  const { pacer, sent } = head();
  pacer.set(1);
  await pass(1600);
  assert.deepEqual(
    sent.map(([, ms]) => ms),
    [0, 500, 1000, 1500],
  );
});

test('the newest change is sent, at most five a second', async () => {
  const { pacer, sent } = head();
  for (let step = 0; step < 40; step += 1) {
    pacer.set(step);
    await pass(50);
  }
  for (const [, ms] of sent) assert.ok(sent.filter(([, other]) => other >= ms && other < ms + 1000).length <= 5);
  assert.ok(sent.length >= 9, String(sent.length));
  await pass(200);
  assert.equal(sent.at(-1)?.[0], '39');
});

test('an equal command is not sent again', async () => {
  const { pacer, sent } = head();
  pacer.set(1);
  await pass(250);
  pacer.set(1);
  await pass(50);
  assert.equal(sent.length, 1);
});

test('short presses are all sent, up to five a second', async () => {
  const { pacer, what } = head();
  for (let press = 0; press < 8; press += 1) {
    pacer.set(1);
    await pass(50);
    pacer.set(null);
    await pass(50);
  }
  assert.deepEqual(what(), ['1', 'stop', '1', 'stop', '1', 'stop', '1', 'stop', '1', 'stop']);
});

test('a stop goes while moves are under way, and again after their answers', async () => {
  const { pacer, what } = head({ delayMs: 2000 });
  pacer.set(1);
  await pass(600);
  pacer.set(null);
  assert.deepEqual(what(), ['1', '1', 'stop']);
  await pass(2500);
  assert.deepEqual(what(), ['1', '1', 'stop', 'stop']);
  await pass(5000);
  assert.equal(what().length, 4);
});

test('a slow server gets at most three moves at a time', async () => {
  const { pacer, what } = head({ delayMs: 5000 });
  for (let step = 1; step <= 20; step += 1) {
    pacer.set(step);
    await pass(200);
  }
  assert.equal(what().length, 3);
  await pass(1500);
  assert.equal(what()[3], '20');
});

test('a stop that fails is repeated until the server has it', async () => {
  const { pacer, what, errors, problems } = head();
  errors.stop.push(AWAY, AWAY);
  pacer.set(1);
  await pass();
  pacer.set(null);
  await pass(1000);
  assert.deepEqual(what(), ['1', 'stop', 'stop', 'stop']);
  assert.equal(problems.length, 0);
});

test('a stop that stays without success is reported', async () => {
  const { pacer, what, errors, problems } = head();
  errors.stop.push(AWAY, AWAY, AWAY, AWAY);
  pacer.set(1);
  await pass();
  pacer.set(null);
  await pass(3000);
  assert.equal(what().length, 5);
  assert.deepEqual(problems, [AWAY]);
});

test('a repeated stop does not end a newer movement', async () => {
  const { pacer, what, errors } = head();
  errors.stop.push(AWAY);
  pacer.set(1);
  await pass();
  pacer.set(null);
  await pass(100);
  pacer.set(2);
  await pass(400);
  assert.deepEqual(what(), ['1', 'stop', '2']);
});

test('after a failed move it stops, and moves again after a release', async () => {
  const { pacer, what, errors, problems } = head();
  errors.move.push(new ApiError('camera_unreachable', 'No answer.', { status: 504 }));
  pacer.set(1);
  await pass();
  pacer.set(2);
  await pass(1000);
  assert.deepEqual(what(), ['1', 'stop']);
  assert.equal(problems.length, 1);
  pacer.set(null);
  pacer.set(3);
  assert.deepEqual(what(), ['1', 'stop', '3']);
});

test('the movement of another user is not stopped', async () => {
  const { pacer, what, errors, problems } = head();
  errors.move.push(IN_USE);
  pacer.set(1);
  await pass(1000);
  pacer.set(2);
  pacer.set(null);
  await pass(1000);
  assert.deepEqual(what(), ['1']);
  assert.deepEqual(problems, [IN_USE]);
});

test('no stop follows a command that replaces the movement', async () => {
  const { pacer, what } = head({ delayMs: 300 });
  pacer.set(1);
  await pass(100);
  pacer.set(null);
  void pacer.supersede();
  await pass(2000);
  assert.deepEqual(what(), ['1', 'stop']);
});

test('a command in place of a movement waits for the moves under way', async () => {
  const { pacer, sent } = head({ delayMs: 200 });
  /** @param {string} text */
  const command = async (text) => {
    const isNewest = await pacer.supersede();
    sent.push([isNewest ? text : `${text} left out`, Date.now()]);
  };
  pacer.set(1);
  await pass(50);
  void command('preset 1');
  await pass(100);
  assert.deepEqual(
    sent.map(([text]) => text),
    ['1'],
  );
  await pass(100);
  assert.equal(sent.at(-1)?.[0], 'preset 1');
  await command('preset 2'); // nothing is under way now
  assert.equal(sent.at(-1)?.[0], 'preset 2');
  await pass(2000);
  assert.equal(sent.length, 3);
});

test('a command waits for the stop under way, which would break it off', async () => {
  for (const delayMs of [200, 5000]) {
    const { pacer, what } = head({ delayMs });
    let waitedMs = NaN;
    void pacer.stop();
    await pass(50);
    assert.deepEqual(what(), ['stop']);
    const beganMs = Date.now();
    void pacer.supersede().then((isNewest) => (waitedMs = isNewest ? Date.now() - beganMs : NaN));
    await pass(1000);
    assert.equal(waitedMs, Math.min(delayMs - 50, 300));
  }
});

test('a held movement that a command has replaced needs another press', async () => {
  const { pacer, what } = head();
  pacer.set(1);
  await pass();
  void pacer.supersede();
  await pass();
  pacer.set(2); // a hand that trembles on the pad
  await pass(2000);
  assert.deepEqual(what(), ['1']);
  pacer.set(null);
  pacer.set(3);
  await pass();
  assert.deepEqual(what(), ['1', '3']);
});

test('a command waits for a slow move 300 ms at most', async () => {
  const { pacer } = head({ delayMs: 5000 });
  let isReady = false;
  pacer.set(1);
  await pass(50);
  void pacer.supersede().then((isNewest) => (isReady = isNewest));
  await pass(250);
  assert.equal(isReady, false);
  await pass(100);
  assert.equal(isReady, true);
});

test('a command that waits gives way to a newer movement, command or stop', async () => {
  for (const newer of /** @type {((pacer: CommandPacer<number>) => unknown)[]} */ ([
    (pacer) => [pacer.set(null), pacer.set(2)],
    (pacer) => pacer.supersede(),
    (pacer) => pacer.stop(),
  ])) {
    const { pacer } = head({ delayMs: 200 });
    pacer.set(1);
    await pass(50);
    const isNewest = pacer.supersede();
    await pass(50);
    void newer(pacer);
    await pass(300);
    assert.equal(await isNewest, false, String(newer));
    pacer.set(null);
    await pass(3000);
  }
});

test('stop() stops a head that something else moves, and is repeated', async () => {
  const { pacer, what, errors, problems } = head();
  errors.stop.push(AWAY, new ApiError('busy', 'Too many requests.', { status: 503 }));
  let isDone = false;
  void pacer.stop().then(() => (isDone = true));
  assert.deepEqual(what(), ['stop']);
  await pass(1000);
  assert.deepEqual(what(), ['stop', 'stop', 'stop']);
  assert.deepEqual([isDone, problems], [true, []]);
});

test('stop() needs no second stop by the release after it', async () => {
  const { pacer, what, errors } = head();
  errors.stop.push(AWAY);
  pacer.set(1);
  await pass();
  void pacer.stop();
  pacer.set(null);
  await pass(1000);
  assert.deepEqual(what(), ['1', 'stop', 'stop']);
});

test('stop() reports a refusal, and a newer command ends its repetitions', async () => {
  const { pacer, what, errors, problems } = head();
  errors.stop.push(IN_USE);
  await pacer.stop();
  assert.deepEqual(problems, [IN_USE]);
  errors.stop.push(AWAY);
  void pacer.stop();
  await pass();
  void pacer.supersede();
  await pass(1000);
  assert.deepEqual(what(), ['stop', 'stop']);
});
