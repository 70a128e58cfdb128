// @ts-check
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { REQUEST, latest, playing, socket } from './playing-session.mjs';
import { mockTime } from './time.mjs';
import { Wire, asked, start } from './wire.mjs';

mockTime();
beforeEach(() => (Wire.made = []));

test('a watch that replaces another one ends it on the server and here', () => {
  const link = socket();
  const listener = { onInit() {}, onFragments: mock.fn(), onStream() {}, onProblem() {}, onLink() {} };
  const source = { cameraId: 1, profileToken: 'main', audio: false };
  const old = link.watch(source, listener);
  latest().open();
  start(latest(), old);
  assert.equal(listener.onFragments.mock.callCount(), 1);
  const id = link.watch({ ...source, profileToken: 'sub', keyFramesOnly: true }, listener, { insteadOf: old });
  const { instead_of: replaced, key_frames_only: keysOnly } = asked(latest()).at(-1);
  assert.deepEqual([replaced, keysOnly], [old, true]);
  latest().receiveBinary(2, old);
  assert.equal(listener.onFragments.mock.callCount(), 1, 'a message that was half sent is ignored');
  link.leave(old);
  assert.equal(latest().sent.at(-1).type, 'watch', 'the server has ended it');

  latest().break();
  mock.timers.tick(3000);
  latest().open();
  assert.deepEqual(
    asked(latest()).map((message) => [message.id, 'instead_of' in message]),
    [[id, false]],
    'the next connection knows no old watch',
  );
});

test('the socket measures its link by pace and by late frames', () => {
  const link = socket();
  link.watch({ cameraId: 1, profileToken: 'a', audio: false }, /** @type {any} */ ({ onInit() {}, onFragments() {}, onLink() {} }));
  latest().open();
  assert.equal(link.link.stateAt(performance.now()).isLate, false);
  const pace = { interval_ms: 1000, taken_bytes: 187_500, busy_ms: 1000, busy_bytes: 187_500, backlog_bytes: 5, backlog_ms: 900 };
  latest().receive({ type: 'pace', ...pace, left_out: {} });
  const { isLate, kbps } = link.link.stateAt(performance.now());
  assert.deepEqual([isLate, kbps], [true, 1500]);
  latest().break();
  assert.deepEqual(link.link.stateAt(performance.now()).kbps, null);
});

test('the time of a report shows how long it was under way', () => {
  const link = socket();
  link.watch({ cameraId: 1, profileToken: 'a', audio: false }, /** @type {any} */ ({ onInit() {}, onFragments() {}, onLink() {} }));
  latest().open();
  const takePace = mock.method(link.link, 'takePace');
  mock.timers.tick(5000);
  latest().receive({ type: 'pace', now_ms: 4300 });
  latest().receive({ type: 'pace' });
  assert.deepEqual(
    takePace.mock.calls.map(({ arguments: [, nowMs, delayMs] }) => [nowMs, delayMs]),
    [
      [5000, 700],
      [5000, null],
    ],
  );
});

test('a stream that is replaced ends, and its last frame stays on screen', () => {
  const { session, sunk, wire, first } = playing();
  session.replace({ ...REQUEST, profileToken: 'b', audio: true, keyFramesOnly: true });
  const second = asked(wire).at(-1);
  assert.deepEqual([second.profile_token, second.instead_of, second.key_frames_only, second.sound], ['b', first.id, true, false]);
  const before = sunk.length;
  wire.receiveBinary(2, first.id);
  assert.equal(sunk.length, before);
  assert.equal(session.view.phase, 'playing', 'the last frame of the old stream is on screen');
  start(wire, second.id);
  session.playerPlays();
  assert.equal(wire.sent.filter((message) => message.type === 'leave').length, 0, 'the server has ended the old watch');
});

test('key frames alone have no audio, so turning it on starts nothing again', () => {
  const { session, wire } = playing();
  session.replace({ ...REQUEST, keyFramesOnly: true });
  const count = asked(wire).length;
  session.setAudio(true);
  session.setAudio(false);
  session.setAudio(true);
  assert.equal(asked(wire).length, count);
});

test('a try that comes late gives way to the stream before', () => {
  const { session, wire, first: sub } = playing({ sinksLive: false });
  session.tryBetter({ ...REQUEST, profileToken: 'main' });
  const main = asked(wire).at(-1);
  assert.deepEqual([main.fresh, 'instead_of' in main], [true, false]);
  session.replace(REQUEST);
  const again = asked(wire).at(-1);
  assert.deepEqual([again.profile_token, again.instead_of], [REQUEST.profileToken, main.id]);
  assert.deepEqual(wire.sent.at(-2), { type: 'leave', id: sub.id }, 'its engine has ended');
});
