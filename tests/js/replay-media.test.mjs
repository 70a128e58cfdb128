// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunTimeline } from '../../static/js/lib/run-timeline.js';
import { ReplayMedia } from '../../static/js/lib/replay-media.js';
import { ReplaySession } from '../../static/js/lib/replay-session.js';
import { mockTime, pass } from './time.mjs';

const NIGHT = Date.parse('2026-11-22T02:00:00Z');
const HOUR = 3_600_000;

/**
 * Return a piece with five frames per second.
 *
 * @param {number} startS
 * @param {number} takenMs
 * @param {number} [pictures]
 */
const piece = (startS, takenMs, pictures = 5) => ({
  startS,
  takenMs,
  times: [...Array(pictures).keys()].map((at) => startS + at / 5),
});

function lineWithAGap() {
  const line = new RunTimeline();
  for (const second of [0, 1, 2]) line.add(piece(second, NIGHT + second * 1000));
  for (const second of [3, 4]) line.add(piece(second, NIGHT + HOUR + second * 1000));
  return line;
}

const everywhere = () => true;

/** @typedef {import('../../static/js/lib/replay-media.js').ReplayRun} ReplayRun */

// ── RunTimeline ──────────────────────────────────────────────────────────────────────────────────────────────────────

test('positions and times are mapped on both sides of a gap', () => {
  const line = lineWithAGap();
  assert.equal(line.dateAt(2.4), NIGHT + 2400);
  assert.equal(line.dateAt(3), NIGHT + HOUR + 3000);
  assert.equal(line.positionOf(NIGHT + 2400), 2.4);
  assert.equal(line.positionOf(NIGHT + HOUR + 3500), 3.5);
  assert.equal(line.positionOf(NIGHT + HOUR / 2), null);
  assert.equal(line.positionOf(NIGHT - 1), null);
  assert.equal(line.positionOf(NIGHT + HOUR + 5100), null, 'after its end');
});

test('the next frame begins in the same piece, or in the next one', () => {
  const line = new RunTimeline();
  line.add({ startS: 0, takenMs: 1000, times: [0, 0.2, 0.4] });
  line.add({ startS: 0.6, takenMs: 61_000, times: [0.6, 0.8] });
  assert.equal(line.nextFrameStartOf(0.1), 0.2);
  assert.equal(line.nextFrameStartOf(0.2), 0.4);
  assert.equal(line.nextFrameStartOf(0.5), 0.6);
  assert.equal(line.nextFrameStartOf(0.9), null);
});

test('an empty line has no times', () => {
  const line = new RunTimeline();
  assert.deepEqual([line.dateAt(0), line.positionOf(NIGHT), line.beginsMs, line.frameStartOf(1)], [null, null, null, null]);
});

test('beside finds loaded frames across pieces', () => {
  const line = lineWithAGap();
  const close = (/** @type {number|null} */ found, /** @type {number} */ wanted) =>
    assert.ok(found !== null && Math.abs(found - wanted) < 1e-9, `${found}`);
  close(line.seekTimeOf(0.85, 1, everywhere), 1.1);
  close(line.seekTimeOf(1.05, -1, everywhere), 0.9);
  close(line.seekTimeOf(2.85, 1, everywhere), 3.1);
  assert.equal(line.seekTimeOf(0.1, -1, everywhere), null);
  assert.equal(
    line.seekTimeOf(1.05, -1, (time) => time >= 1),
    null,
  );
  assert.equal(line.frameStartOf(1.35), 1.2);
});

test('a newer piece replaces the old ones from its start on', () => {
  const line = lineWithAGap();
  line.dropFrom(2);
  assert.equal(line.positionOf(NIGHT + 2400), null);
  line.add(piece(2, NIGHT + 7000));
  assert.equal(line.dateAt(2.2), NIGHT + 7200);
  assert.equal(line.positionOf(NIGHT + HOUR + 3500), null);
});

test('forget keeps the piece that contains the position', () => {
  const line = lineWithAGap();
  line.forget(1.5);
  assert.equal(line.beginsMs, NIGHT + 1000);
  line.forget(100);
  assert.equal(line.beginsMs, NIGHT + HOUR + 4000);
});

// ── ReplayMedia ──────────────────────────────────────────────────────────────────────────────────────────────────────

class Socket {
  isUp = true;
  wasEverUp = true;
  failures = 0;
  /** @type {any[]} */
  sent = [];
  /** @type {any} */
  listener = null;

  at() {
    return this;
  }

  /** @param {object} source @param {object} listener */
  watch(source, listener) {
    this.sent.push(['watch', source]);
    this.listener = listener;
    return 7;
  }

  /** @param {number} id */
  leave(id) {
    this.sent.push(['leave', id]);
  }

  /** @param {number} id @param {number} run @param {number} untilS */
  want(id, run, untilS) {
    this.sent.push(['want', id, run, untilS]);
  }

  /** @param {number} run @param {number} [offsetS] */
  init(run, offsetS = 0) {
    this.listener.onInit({ codecs: 'avc1', run, offsetS }, new Uint8Array([run]));
  }

  /** @param {number} startS @param {number|null} takenMs */
  part(startS, takenMs = NIGHT + startS * 1000) {
    this.listener.onFragments({ data: new Uint8Array([9]), isKey: true, startS, takenMs });
  }
}

/** @param {Socket} [socket] @param {ConstructorParameters<typeof ReplayMedia>[2]} [how] */
function mediaOf(socket = new Socket(), how = {}) {
  const media = new ReplayMedia(/** @type {any} */ (socket), { streamId: 'replay1', viewerId: 'me' }, how);
  /** @type {string[]} */
  const emitted = [];
  /** @type {ReplayRun[]} */
  const runs = [];
  for (const type of ['segments', 'missed', 'refused', 'audio-left-out']) media.addEventListener(type, () => emitted.push(type));
  media.addEventListener('run', (event) => runs.push(/** @type {CustomEvent} */ (event).detail));
  return { socket, media, emitted, runs };
}

/** @param {ReplayRun} run */
function taken(run) {
  /** @type {string[]} */
  const got = [];
  run.sink = {
    init: ({ offsetS }) => got.push(`init ${offsetS}`),
    append: ({ startS }) => got.push(`part ${startS}`),
    end: () => got.push('end'),
  };
  return got;
}

test('a run starts with its first frame, and keeps media for its sink', () => {
  const { socket, runs } = mediaOf();
  assert.deepEqual(socket.sent, [['watch', { streamId: 'replay1', viewerId: 'me' }]]);
  socket.init(1);
  assert.equal(runs.length, 0);
  socket.part(0);
  socket.part(0.2);
  assert.deepEqual([runs.length, runs[0]?.number, runs[0]?.startMs], [1, 1, NIGHT]);
  const got = taken(/** @type {ReplayRun} */ (runs[0]));
  socket.part(0.4);
  socket.init(1, 0.6);
  socket.listener.onMessage({ type: 'end', run: 1 });
  assert.deepEqual(got, ['init 0', 'part 0', 'part 0.2', 'part 0.4', 'init 0.6', 'end']);
});

test('the previous run gets no media after a seek', () => {
  const { socket, runs } = mediaOf();
  socket.init(1);
  socket.part(0);
  const first = taken(/** @type {ReplayRun} */ (runs[0]));
  socket.init(2);
  socket.part(0, NIGHT + HOUR);
  socket.listener.onMessage({ type: 'end', run: 1 });
  assert.deepEqual(first, ['init 0', 'part 0']);
  assert.deepEqual([runs[1]?.number, runs[1]?.startMs, runs[1]?.isEnded], [2, NIGHT + HOUR, false]);
});

test('media without audio names the picture only', () => {
  const audio = { codec: 'aac' };
  const { socket, media, runs } = mediaOf();
  socket.listener.onInit({ codecs: 'avc1.64001f,mp4a.40.2', audio, run: 1, offsetS: 0 }, new Uint8Array([1]));
  socket.part(0);
  media.leaveAudioOut();
  socket.listener.onInit({ codecs: 'avc1.64001f,mp4a.40.2', audio, run: 2, offsetS: 0 }, new Uint8Array([2]));
  socket.part(0);
  /** @type {string[]} */
  const codecs = [];
  for (const run of runs) run.sink = { init: (init) => codecs.push(init.codecs), append: () => {}, end: () => {} };
  assert.deepEqual(codecs, ['avc1.64001f,mp4a.40.2', 'avc1.64001f']);
  assert.deepEqual(
    runs.map(({ hasAudio }) => hasAudio),
    [true, false],
  );
});

for (const [codecs, playable, expected, events] of /** @type {[string, RegExp, string, string[]][]} */ ([
  ['avc1.64001f,opus', /^avc1[^,]*$/, 'avc1.64001f', ['audio-left-out']],
  ['avc1.64001f,opus', /avc1/, 'avc1.64001f,opus', []],
  ['hvc1.1.6.L120.90,opus', /^avc1/, 'hvc1.1.6.L120.90,opus', []],
  ['hvc1.1.6.L120.90', /^avc1/, 'hvc1.1.6.L120.90', []],
])) {
  test(`${codecs} plays as ${expected} where ${playable} is played`, () => {
    const { socket, runs, emitted } = mediaOf(new Socket(), { plays: (asked) => playable.test(asked) });
    socket.listener.onInit({ codecs, audio: null, run: 1, offsetS: 0 }, new Uint8Array([1]));
    socket.part(0);
    /** @type {string[]} */
    const got = [];
    for (const run of runs) run.sink = { init: (init) => got.push(init.codecs), append: () => {}, end: () => {} };
    assert.deepEqual([got, emitted], [[expected], events]);
  });
}

test('the wanted position is sent on changes and regularly', () => {
  const { socket, runs } = mediaOf();
  socket.init(3);
  socket.part(0);
  const run = /** @type {ReplayRun} */ (runs[0]);
  socket.sent = [];
  for (const [untilS, nowMs] of /** @type {[number, number][]} */ ([
    [10, 0],
    [10.5, 100],
    [11.2, 200],
    [4, 300],
    [11.2, 5300],
  ]))
    run.want(untilS, nowMs);
  assert.deepEqual(socket.sent, [
    ['want', 7, 3, 10],
    ['want', 7, 3, 11.2],
    ['want', 7, 3, 11.2],
  ]);
  socket.listener.onMessage({ type: 'end', run: 3 });
  run.want(40, 60_000);
  assert.equal(socket.sent.length, 3, 'the run has ended');
});

test('the media emits missed, refused and segments', () => {
  for (const [message, sent] of /** @type {[object, string[]][]} */ ([
    [{ type: 'watching', from_start: true }, []],
    [{ type: 'watching', from_start: false }, ['missed']],
    [{ type: 'segments_only', run: 1 }, ['segments']],
  ])) {
    const { socket, emitted } = mediaOf();
    socket.listener.onMessage(message);
    assert.deepEqual(emitted, sent);
  }
  const { socket, media, emitted } = mediaOf();
  socket.listener.onProblem({ code: 'not_found' });
  socket.listener.onMessage({ type: 'watching', from_start: true });
  assert.ok(media.hasJoined);
  socket.listener.onProblem({ code: 'not_found' });
  assert.deepEqual(emitted, ['refused', 'missed']);
  media.leave();
  socket.listener.onProblem({ code: 'not_found' });
  assert.equal(emitted.length, 2);
});

// ── ReplaySession ────────────────────────────────────────────────────────────────────────────────────────────────────

const PLACE = { cameraId: 1, recordingToken: 'R1', atMs: NIGHT };

mockTime();

/** @param {Socket} [socket] @param {(codecs: string) => boolean} [plays] */
function sessionOver(socket = new Socket(), plays = () => true) {
  let status = /** @type {any} */ ({ stream_id: 'replay1', status: 'running', error: null, playlist_url: '/replay1/run3.m3u8' });
  const api = /** @type {any} */ ({
    startPlayback: async () => ({ stream_id: 'replay1', viewer_id: 'me', playlist_url: '/replay1/run1.m3u8' }),
    seekPlayback: async () => ({ playlist_url: '/replay1/run2.m3u8', start_time: '2026-11-22T03:00:00Z' }),
    stopStream: async () => {},
    streamStatus: async () => status,
  });
  const session = new ReplaySession(api, ['h264'], /** @type {any} */ (socket), { plays });
  /** @type {(string|number)[]} */
  const loads = [];
  session.addEventListener('load', (event) => {
    const { url, run } = /** @type {CustomEvent} */ (event).detail;
    loads.push(url ?? run.number);
  });
  return { session, socket, loads, api, answer: (/** @type {object} */ more) => (status = { ...status, ...more }) };
}

test('runs are loaded over the socket after start and seek', async (context) => {
  const { session, socket, loads } = sessionOver();
  context.after(() => session.close());
  session.go(PLACE);
  await pass();
  assert.deepEqual(loads, []);
  socket.listener.onMessage({ type: 'watching', from_start: true });
  socket.init(1);
  socket.part(0);
  session.go({ ...PLACE, atMs: NIGHT + HOUR });
  socket.init(2);
  socket.part(0, NIGHT + HOUR);
  await pass();
  assert.deepEqual(loads, [1, 2]);
});

test('a session knows that the browser cannot decode the audio', async (context) => {
  const { session, socket } = sessionOver(new Socket(), (codecs) => !codecs.includes('opus'));
  context.after(() => session.close());
  session.go(PLACE);
  await pass();
  socket.listener.onMessage({ type: 'watching', from_start: true });
  assert.ok(!session.isAudioLeftOut);
  socket.listener.onInit({ codecs: 'avc1.64001f,opus', audio: { codec: 'opus' }, run: 1, offsetS: 0 }, new Uint8Array([1]));
  assert.ok(session.isAudioLeftOut);
});

test('a seek is under way until its own run arrives', async (context) => {
  const { session, socket, loads } = sessionOver();
  context.after(() => session.close());
  session.go(PLACE);
  await pass();
  assert.ok(session.isPending && !session.isBusy);
  socket.listener.onMessage({ type: 'watching', from_start: true });
  socket.init(1);
  socket.part(0);
  assert.ok(!session.isPending);
  session.go({ ...PLACE, atMs: NIGHT + HOUR });
  await pass();
  assert.ok(session.isPending, 'the seek is answered, but no media has arrived');
  socket.part(0.2);
  assert.deepEqual(loads, [1]);
  socket.init(2);
  socket.part(0, NIGHT + HOUR);
  assert.ok(!session.isPending);
  assert.deepEqual(loads, [1, 2]);
});

test('a run that arrives during a later seek is not loaded', async (context) => {
  const { session, socket, loads } = sessionOver();
  context.after(() => session.close());
  session.go(PLACE);
  await pass();
  socket.listener.onMessage({ type: 'watching', from_start: true });
  socket.init(1);
  session.go({ ...PLACE, atMs: NIGHT + HOUR });
  socket.part(0); // of run 1
  socket.init(2);
  socket.part(0, NIGHT + HOUR); // before the answer to the seek
  await pass();
  assert.deepEqual(loads, [2]);
});

test('a connection that breaks after joining is awaited', async (context) => {
  const { session, socket, loads } = sessionOver();
  context.after(() => session.close());
  session.go(PLACE);
  await pass();
  socket.listener.onMessage({ type: 'watching', from_start: true });
  socket.isUp = false;
  await pass(1700);
  assert.deepEqual([loads, socket.sent.length], [[], 1]);
});

test('a complete run misses nothing, unless a seek is under way', async (context) => {
  const { session, socket } = sessionOver();
  context.after(() => session.close());
  let missed = 0;
  session.addEventListener('missed', () => (missed += 1));
  session.go(PLACE);
  await pass();
  socket.listener.onMessage({ type: 'watching', from_start: true });
  socket.init(1);
  socket.part(0);
  socket.listener.onMessage({ type: 'end', run: 1 });
  socket.listener.onMessage({ type: 'watching', from_start: false });
  socket.listener.onProblem({ code: 'not_found' });
  assert.equal(missed, 0);
  session.go({ ...PLACE, atMs: NIGHT + HOUR });
  await pass(); // the seek is answered, but its media was lost with the connection
  socket.listener.onMessage({ type: 'watching', from_start: false });
  assert.equal(missed, 1);
});

test('a run that was not loaded plays if the later seek fails', async (context) => {
  const { session, socket, loads, api } = sessionOver();
  context.after(() => session.close());
  session.go(PLACE);
  await pass();
  socket.listener.onMessage({ type: 'watching', from_start: true });
  api.seekPlayback = async () => {
    throw new TypeError('no network');
  };
  session.go({ ...PLACE, atMs: NIGHT + HOUR });
  socket.init(1);
  socket.part(0);
  await pass();
  assert.ok(session.problem);
  assert.deepEqual([loads, session.isPending], [[1], false]);
});

test('the session changes to HLS after several misses', async (context) => {
  const { session, socket, loads } = sessionOver();
  context.after(() => session.close());
  session.addEventListener('missed', () => session.go({ ...PLACE, atMs: NIGHT + HOUR }));
  session.go(PLACE);
  await pass();
  socket.listener.onMessage({ type: 'watching', from_start: true });
  for (let miss = 0; miss < 4; miss += 1) {
    socket.listener.onMessage({ type: 'watching', from_start: false });
    await pass();
  }
  assert.deepEqual(loads, ['/replay1/run2.m3u8?viewer=me']);
});

test('the session uses HLS if the socket never opened or is silent', async (context) => {
  const never = Object.assign(new Socket(), { failures: 1, wasEverUp: false });
  const refused = sessionOver(never);
  const silent = sessionOver();
  for (const { session } of [refused, silent]) {
    context.after(() => session.close());
    session.go(PLACE);
  }
  await pass();
  assert.deepEqual(refused.loads, ['/replay1/run1.m3u8?viewer=me']);
  assert.deepEqual(silent.loads, []);
  await pass(1700);
  assert.deepEqual(silent.loads, ['/replay1/run3.m3u8?viewer=me']);
  assert.deepEqual(silent.socket.sent.at(-1), ['leave', 7]);
});

test('a session with segments only is loaded by its address', async (context) => {
  const { session, socket, loads } = sessionOver();
  context.after(() => session.close());
  session.go(PLACE);
  await pass();
  socket.listener.onMessage({ type: 'segments_only', run: 1 });
  await pass();
  session.go({ ...PLACE, atMs: NIGHT + HOUR });
  await pass();
  assert.deepEqual(loads, ['/replay1/run3.m3u8?viewer=me', '/replay1/run2.m3u8?viewer=me']);
});

test('an ended session is a problem unless its run is complete', async (context) => {
  for (const isComplete of [false, true]) {
    const { session, socket, answer } = sessionOver();
    context.after(() => session.close());
    session.go(PLACE);
    await pass();
    socket.listener.onMessage({ type: 'watching', from_start: true });
    socket.init(1);
    socket.part(0);
    if (isComplete) socket.listener.onMessage({ type: 'end', run: 1 });
    answer({ status: 'stopped' });
    await pass(1300);
    assert.equal(session.problem?.code, isComplete ? undefined : 'stream_ended');
  }
});
