// @ts-check
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { LiveSockets } from '../../static/js/lib/live-sockets.js';
import { SocketSession } from '../../static/js/lib/socket-session.js';
import { mockTime } from './time.mjs';
import { Wire, asked, start } from './wire.mjs';

/** A Wire that knows which place it leads to. */
class PlacedWire extends Wire {
  /** @param {string} url */
  constructor(url) {
    super();
    this.place = new URL(url).searchParams.get('place');
  }
}

/** @type {{id: number, place: string|null}[]} */
let cameras = [];
let questions = 0;

function sockets() {
  const made = new LiveSockets({
    url: 'ws://x/live?place=a',
    WebSocket: /** @type {any} */ (PlacedWire),
    random: () => 0.5,
    findCameras: async () => {
      questions += 1;
      return cameras;
    },
  });
  made.notePlaces(cameras);
  return made;
}

/** @param {LiveSockets} link @param {number} cameraId */
function session(link, cameraId) {
  const made = new SocketSession(link, { plays: () => true, random: () => 0.5 });
  /** @type {string[]} */
  const pieces = [];
  made.addEventListener('open', () => {
    made.sink = { init: () => pieces.push('init'), append: () => pieces.push('pictures'), takeBack: () => true };
  });
  made.play({ cameraId, profileToken: 'main' });
  return { made, pieces };
}

/** @param {string} place */
function wireTo(place) {
  const wire = /** @type {PlacedWire[]} */ (Wire.made).findLast((one) => one.place === place);
  assert.ok(wire, `no socket to ${place}`);
  return wire;
}

/** Let time pass, and the answers to questions arrive. @param {number} ms */
async function pass(ms) {
  mock.timers.tick(ms);
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
}

mockTime();
beforeEach(() => {
  Wire.made = [];
  questions = 0;
  cameras = [
    { id: 1, place: 'a' },
    { id: 2, place: 'b' },
    { id: 3, place: 'b' },
  ];
});

test('each server gets one socket, which has the watches of its cameras', () => {
  const link = sockets();
  for (const id of [1, 2, 3]) session(link, id);
  assert.equal(Wire.made.length, 2);
  for (const wire of Wire.made) wire.open();
  assert.deepEqual(
    asked(wireTo('a')).map((one) => one.camera_id),
    [1],
  );
  assert.deepEqual(
    asked(wireTo('b')).map((one) => one.camera_id),
    [2, 3],
  );
  assert.equal(questions, 0);
});

test('the ids of watches differ between the sockets', () => {
  const link = sockets();
  for (const id of [1, 2]) session(link, id);
  for (const wire of Wire.made) wire.open();
  assert.notEqual(asked(wireTo('a'))[0].id, asked(wireTo('b'))[0].id);
});

test('a watch follows its camera to another server', async () => {
  const link = sockets();
  const { made, pieces } = session(link, 2);
  wireTo('b').open();
  const [{ id }] = asked(wireTo('b'));
  start(wireTo('b'), id);
  cameras = [{ id: 2, place: 'c' }];
  wireTo('b').receive({ type: 'moved', id });
  assert.equal(made.view.problem, null);
  assert.equal(made.view.isOffline, true);
  await pass(100);
  wireTo('c').open();
  start(wireTo('c'), asked(wireTo('c'))[0].id);
  assert.deepEqual(pieces, ['init', 'pictures', 'init', 'pictures']);
  assert.equal(made.view.isOffline, false);
});

test('a camera that comes to a server with an open socket is watched there', async () => {
  const link = sockets();
  const { made } = session(link, 2);
  session(link, 1);
  for (const wire of Wire.made) wire.open();
  const [{ id }] = asked(wireTo('b'));
  cameras = cameras.map((camera) => ({ ...camera, place: 'a' }));
  wireTo('b').receive({ type: 'moved', id });
  await pass(100);
  assert.deepEqual(
    asked(wireTo('a')).map((one) => one.camera_id),
    [1, 2],
  );
  assert.equal(made.view.isOffline, false);
});

test('a camera without a server is asked for until one has it', async () => {
  const link = sockets();
  session(link, 2);
  wireTo('b').open();
  cameras = [{ id: 2, place: null }];
  wireTo('b').receive({ type: 'moved', id: asked(wireTo('b'))[0].id });
  await pass(100);
  for (let second = 0; second < 5; second += 1) await pass(1000);
  assert.equal(questions, 6);
  cameras = [{ id: 2, place: 'c' }];
  await pass(1000);
  wireTo('c').open();
  assert.equal(asked(wireTo('c')).length, 1);
  await pass(10_000);
  assert.equal(questions, 7, 'and then no more');
});

test('watches of a dead server go to the next owner, the others go on', async () => {
  const link = sockets();
  const dying = session(link, 2);
  const other = session(link, 1);
  for (const wire of Wire.made) wire.open();
  start(wireTo('a'), asked(wireTo('a'))[0].id);
  wireTo('b').break();
  assert.equal(dying.made.view.isOffline, true);
  assert.equal(other.made.view.isOffline, false);
  await pass(300);
  wireTo('b').break(); // the front door answers 503
  cameras = cameras.map((camera) => ({ ...camera, place: 'a' }));
  await pass(1100);
  assert.deepEqual(
    asked(wireTo('a')).map((one) => one.camera_id),
    [1, 2],
  );
  assert.deepEqual(other.pieces, ['init', 'pictures']);
  await pass(10_000);
  assert.equal(wireTo('b').readyState, 3, 'nothing opens a socket to the dead server');
});

test('a camera that the page does not know is asked of the first server', async () => {
  const link = sockets();
  session(link, 9);
  wireTo('a').open();
  const [{ id, camera_id: cameraId }] = asked(wireTo('a'));
  assert.equal(cameraId, 9);
  cameras = [{ id: 9, place: 'b' }];
  wireTo('a').receive({ type: 'moved', id });
  await pass(100);
  wireTo('b').open();
  assert.equal(asked(wireTo('b')).length, 1);
});

test('a replay is joined at the server of its camera', () => {
  const link = sockets();
  const listener = { onInit() {}, onFragments() {}, onStream() {}, onProblem() {}, onLink() {} };
  const id = link.watch({ streamId: 'replay2_00000000000000ff', viewerId: 'v' }, listener);
  wireTo('b').open();
  link.want(id, 1, 5);
  assert.deepEqual(
    wireTo('b')
      .sent.filter(({ type }) => type !== 'clock')
      .map(({ type }) => type),
    ['replay', 'want'],
  );
  link.leave(id);
  assert.deepEqual(wireTo('b').sent.at(-1), { type: 'leave', id });
});

test('a watch that begins instead of another one stays on its socket', () => {
  const link = sockets();
  const listener = { onInit() {}, onFragments() {}, onStream() {}, onProblem() {}, onLink() {} };
  const request = { cameraId: 2, profileToken: 'main', audio: false };
  const first = link.watch(request, listener);
  wireTo('b').open();
  link.watch({ ...request, profileToken: 'sub' }, listener, { insteadOf: first });
  assert.equal(asked(wireTo('b'))[1].instead_of, first);
  const there = link.watch({ ...request, cameraId: 1 }, listener, { insteadOf: 2 });
  assert.deepEqual(wireTo('b').sent.at(-1), { type: 'leave', id: 2 });
  wireTo('a').open();
  assert.equal(asked(wireTo('a'))[0].id, there);
});

test('nothing is asked or opened after the page has closed', async () => {
  const link = sockets();
  session(link, 2);
  wireTo('b').open();
  wireTo('b').receive({ type: 'moved', id: asked(wireTo('b'))[0].id });
  link.close();
  const made = Wire.made.length;
  await pass(5000);
  assert.equal(questions, 0);
  assert.equal(Wire.made.length, made);
});

test('one late link makes the page late', () => {
  const link = sockets();
  for (const id of [1, 2]) session(link, id);
  for (const wire of Wire.made) wire.open();
  const pace = { type: 'pace', interval_ms: 1000, taken_bytes: 9e5, busy_ms: 1000, busy_bytes: 1e5, now_ms: Date.now() };
  wireTo('a').receive({ ...pace, backlog_bytes: 0, backlog_ms: 0 });
  wireTo('b').receive({ ...pace, backlog_bytes: 5e5, backlog_ms: 2000 });
  const state = link.link.stateAt(performance.now());
  assert.equal(state.isLate, true);
  assert.equal(state.kbps, 1600, 'both together');
  assert.equal(link.link.isThin(performance.now()), true);
});
