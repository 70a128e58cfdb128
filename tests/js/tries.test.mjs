// @ts-check
/** A try of a better stream, and its end. The stream before it plays on meanwhile. */
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { MAIN, REQUEST, latest, playing } from './playing-session.mjs';
import { mockTime } from './time.mjs';
import { Wire, asked, start } from './wire.mjs';

mockTime();
beforeEach(() => (Wire.made = []));

/** @param {Wire} wire @param {number} id @param {object} [more] */
function report(wire, id, more) {
  const stream = { status: 'running', error: null, waiting_for: null, bitrate_kbps: 900, ...more };
  wire.receive({ type: 'state', id, stream });
}

/** Report running media for some seconds. @param {number} seconds @param {object} [more] */
function flow(seconds, more) {
  for (let second = 0; second < seconds; second += 2) {
    report(latest(), asked(latest()).at(-1).id, more);
    mock.timers.tick(2000);
  }
}

/** @param {Wire} wire @param {number} id */
function sendInit(wire, id) {
  wire.receive({ type: 'init', id, codecs: 'avc1.42', codec: 'h264', width: 1, height: 1, sound: null, has_sound: true });
  wire.receiveBinary(1, id);
}

const leftBy = (/** @type {Wire} */ wire) => wire.sent.flatMap((message) => (message.type === 'leave' ? [message.id] : []));

function reconnect() {
  latest().break();
  mock.timers.tick(3000);
  latest().open();
  return latest();
}

test('a reconnect after a successful try starts with the last key frame', () => {
  const { session, wire, unplayable } = playing();
  session.tryBetter(MAIN);
  const { id, fresh } = asked(wire).at(-1);
  assert.equal(fresh, true);
  start(wire, id);
  session.playerPlays();
  assert.deepEqual(
    asked(reconnect()).map((watch) => [watch.id, watch.profile_token, watch.fresh]),
    [[id, 'main', false]],
  );
  flow(16);
  assert.deepEqual(unplayable, ['no_key_frame'], 'the limit is that of a held key frame again');
});

test('a watch without a first frame still waits for the next key frame', () => {
  const { session, wire } = playing();
  session.restartForPlayer();
  mock.timers.tick(10);
  const { id, fresh } = asked(wire).at(-1);
  sendInit(wire, id);
  assert.deepEqual([fresh, asked(reconnect()).at(-1).fresh], [true, true]);
});

test('a stream whose next key frame does not come goes over HLS', () => {
  const { session, wire, unplayable } = playing();
  session.restartForPlayer();
  mock.timers.tick(10);
  flow(60);
  assert.deepEqual(unplayable, [], 'some cameras send a key frame once a minute');
  sendInit(wire, asked(wire).at(-1).id);
  flow(20);
  assert.deepEqual(unplayable, ['no_key_frame']);
});

test('a failed try gives way to the stream that is still playing', () => {
  for (const end of ['replace', 'play']) {
    const { session, sunk, screen, wire, first } = playing();
    report(wire, first.id, { bitrate_kbps: 500 });
    session.tryBetter(MAIN);
    const { id } = asked(wire).at(-1);
    report(wire, first.id, { bitrate_kbps: 600 });
    start(wire, id);
    session[/** @type {'replace'|'play'} */ (end)](REQUEST);
    assert.deepEqual([asked(wire).length, leftBy(wire), screen.takenBack], [2, [id], 1], 'no third watch');
    const { phase, stream, shown } = session.view;
    assert.deepEqual([phase, stream?.bitrate_kbps, shown], ['playing', 600, true]);
    const before = sunk.length;
    wire.receiveBinary(2, first.id);
    assert.equal(sunk.length, before + 1);
    mock.timers.tick(100_000);
    assert.deepEqual(leftBy(wire), [id], 'the stream is no longer the previous one');
    session.tryBetter(MAIN);
    assert.equal(asked(wire).at(-1).fresh, true, 'the next try');
    Wire.made = [];
  }
});

test('a refused try leaves no later start behind', () => {
  const { session, wire } = playing();
  session.addEventListener('change', () => session.view.problem && session.play(REQUEST));
  session.tryBetter(MAIN);
  wire.receive({ type: 'problem', id: asked(wire).at(-1).id, code: 'busy', detail: 'full' });
  assert.equal(session.view.problem, null);
  mock.timers.tick(120_000);
  assert.equal(asked(wire).length, 2);
});

test('a stream that ended during the try is watched again', () => {
  for (const why of ['engine', 'refused', 'stopped']) {
    const { session, screen, wire, first } = playing();
    session.tryBetter(MAIN);
    if (why === 'engine') screen.takesBack = false;
    else if (why === 'refused') wire.receive({ type: 'problem', id: first.id, code: 'camera_busy', detail: 'full' });
    else report(wire, first.id, { status: 'stopped' });
    session.play(REQUEST);
    if (why === 'stopped') assert.deepEqual([asked(wire).length, session.view.phase], [2, 'ended']);
    else assert.deepEqual([asked(wire).length, asked(wire).at(-1).profile_token], [3, 'a']);
    Wire.made = [];
  }
});

test('a lower stream on a late link replaces both watches of a try', () => {
  const { session, wire, first } = playing();
  session.tryBetter(MAIN);
  const { id } = asked(wire).at(-1);
  sendInit(wire, id);
  session.replace({ ...REQUEST, keyFramesOnly: true });
  assert.equal(asked(wire).at(-1).instead_of, id, 'the server keeps its bound for the first frames');
  assert.deepEqual(leftBy(wire), [first.id]);
  assert.equal(session.view.phase, 'playing', 'its last frame stays');
  session.play(REQUEST);
  assert.equal(asked(wire).length, 4, 'the server has ended that watch');
});

test('a stream whose engine may have failed is not taken back', () => {
  const { session, screen, wire } = playing();
  session.rewatch();
  sendInit(wire, asked(wire).at(-1).id);
  session.play(MAIN);
  session.play(REQUEST);
  session.tryBetter(MAIN);
  start(wire, asked(wire).at(-1).id);
  session.restartForPlayer();
  mock.timers.tick(10);
  session.play(REQUEST);
  assert.equal(screen.takenBack, 0);
});

test('a try whose connection was lost starts anew', () => {
  const { session, screen } = playing();
  session.tryBetter(MAIN);
  latest().break();
  session.play(REQUEST);
  mock.timers.tick(3000);
  latest().open();
  assert.deepEqual(
    asked(latest()).map((watch) => [watch.profile_token, watch.fresh]),
    [['a', false]],
  );
  assert.equal(screen.takenBack, 0);
});

test('audio that is turned on during a try leaves it a try', () => {
  const { session, wire } = playing();
  session.tryBetter(MAIN);
  session.setAudio(true);
  const again = asked(wire).at(-1);
  assert.deepEqual([again.profile_token, again.sound, again.fresh], ['main', true, true]);
  start(wire, again.id);
  session.playerPlays();
  session.setAudio(false);
  assert.deepEqual([asked(wire).at(-1).sound, asked(wire).at(-1).fresh], [false, false]);
});

test('a tried stream that the user chooses starts immediately', () => {
  const { session, wire } = playing();
  session.tryBetter(MAIN);
  session.endTry();
  assert.deepEqual([asked(wire).at(-1).profile_token, asked(wire).at(-1).fresh], ['main', false]);
  const count = asked(wire).length;
  session.endTry();
  assert.equal(asked(wire).length, count, 'once');
  start(wire, asked(wire).at(-1).id);
  session.tryBetter(MAIN);
  start(wire, asked(wire).at(-1).id);
  session.endTry();
  assert.equal(asked(wire).length, count + 1, 'a try with a frame goes on');
});

test('a try that broke its decoder does not end the old stream', () => {
  const { session, wire, first } = playing();
  session.tryBetter(MAIN);
  const { id } = asked(wire).at(-1);
  start(wire, id);
  session.restartForPlayer();
  session.playerPlays(); // the old picture still moves
  assert.deepEqual(leftBy(wire), []);
  mock.timers.tick(10);
  assert.deepEqual([leftBy(wire), asked(wire).at(-1).fresh, session.view.phase], [[id], true, 'playing']);
  start(wire, asked(wire).at(-1).id);
  session.playerPlays();
  assert.deepEqual(leftBy(wire), [id, first.id]);
});
