// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../static/js/lib/api.js';
import { CoverageLoader } from '../../static/js/lib/coverage-loader.js';
import { ReplaySession } from '../../static/js/lib/replay-session.js';
import { mockTime, pass } from './time.mjs';

const PLACE = { cameraId: 1, recordingToken: 'R1', atMs: Date.parse('2026-11-22T02:13:00Z') };

/** A server that records its requests, and can hold its answers back. */
class Server {
  /** @type {string[]} */
  asked = [];
  /** @type {(() => void)[]} */
  held = [];
  holds = false;
  /** @type {string|null} */
  refuses = null;
  streams = 0;

  async #answer() {
    if (this.holds) await new Promise((resolve) => this.held.push(() => resolve(undefined)));
    const code = this.refuses;
    this.refuses = null;
    if (code) throw new ApiError(code, code);
  }

  letGo() {
    this.holds = false;
    for (const go of this.held.splice(0)) go();
  }

  /** @param {{recordingToken: string, time: Date}} what @returns {Promise<any>} */
  async startPlayback({ recordingToken, time }) {
    this.asked.push(`start ${recordingToken} ${time.toISOString().slice(11, 19)}`);
    await this.#answer();
    this.streams += 1;
    return {
      stream_id: `replay${this.streams}`,
      viewer_id: 'me',
      playlist_url: `/replay${this.streams}/run1.m3u8`,
      start_time: time.toISOString(),
    };
  }

  /** @param {string} streamId @param {Date} time @param {{quality: string, keyFramesOnly: boolean}} wanted @returns {Promise<any>} */
  async seekPlayback(streamId, time, { quality, keyFramesOnly }) {
    const how = quality === 'full' && !keyFramesOnly ? '' : ` ${quality} ${keyFramesOnly}`;
    this.asked.push(`seek ${streamId} ${time.toISOString().slice(11, 19)}${how}`);
    await this.#answer();
    const playing = { replay_quality: quality, has_sub_recording: true };
    return { stream_id: streamId, playlist_url: `/${streamId}/run2.m3u8`, start_time: time.toISOString(), ...playing };
  }

  /** @param {{streamId: string}} stream */
  async stopStream({ streamId }) {
    this.asked.push(`stop ${streamId}`);
  }

  /** @returns {Promise<any>} */
  async streamStatus() {
    return { stream_id: 'replay1', status: 'running', error: null, playlist_url: '/replay1/run2.m3u8' };
  }
}

/** @param {Server} server */
function session(server) {
  const made = new ReplaySession(/** @type {any} */ (server), ['h264']);
  /** @type {string[]} */
  const loads = [];
  made.addEventListener('load', (event) => loads.push(/** @type {CustomEvent} */ (event).detail.url));
  return { made, loads };
}

const settle = () => pass();

mockTime();

test('a seek uses the open session, and addresses have the viewer id', async () => {
  const server = new Server();
  const { made, loads } = session(server);
  made.go(PLACE);
  await settle();
  made.go({ ...PLACE, atMs: PLACE.atMs + 60_000 });
  await settle();
  assert.deepEqual(server.asked, ['start R1 02:13:00', 'seek replay1 02:14:00']);
  assert.deepEqual(loads, ['/replay1/run1.m3u8?viewer=me', '/replay1/run2.m3u8?viewer=me']);
  made.close();
});

test('a seek asks for a quality, and its answer tells the one that plays', async () => {
  const server = new Server();
  const { made } = session(server);
  made.go(PLACE);
  await settle();
  made.wantedQuality = { quality: 'sub', keyFramesOnly: true };
  made.go({ ...PLACE, atMs: PLACE.atMs + 60_000 });
  await settle();
  assert.deepEqual(server.asked.slice(1), ['seek replay1 02:14:00 sub true']);
  assert.deepEqual([made.stream?.replay_quality, made.stream?.has_sub_recording], ['sub', true]);
  made.close();
});

test('of many requests in a row only the first and last are sent', async () => {
  const server = new Server();
  const { made, loads } = session(server);
  made.go(PLACE);
  await settle();
  server.holds = true;
  for (let minute = 1; minute <= 20; minute += 1) made.go({ ...PLACE, atMs: PLACE.atMs + minute * 60_000 });
  await settle();
  server.letGo();
  await settle();
  assert.deepEqual(server.asked.slice(1), ['seek replay1 02:14:00', 'seek replay1 02:33:00']);
  assert.equal(loads.length, 2);
  made.close();
});

test('another recording starts only after the first was stopped', async () => {
  const server = new Server();
  const { made } = session(server);
  made.go(PLACE);
  await settle();
  made.go({ ...PLACE, recordingToken: 'R2' });
  await settle();
  assert.deepEqual(server.asked, ['start R1 02:13:00', 'stop replay1', 'start R2 02:13:00']);
  made.close();
  await settle();
  assert.equal(server.asked.at(-1), 'stop replay2');
});

test('another recording of the same channel uses the open session', async () => {
  const server = new Server();
  const { made } = session(server);
  made.go({ ...PLACE, channel: 3 });
  await settle();
  made.go({ ...PLACE, recordingToken: 'R2', channel: 3, atMs: PLACE.atMs + 1000 });
  await settle();
  made.go({ ...PLACE, recordingToken: 'R3', channel: null, atMs: PLACE.atMs + 2000 });
  await settle();
  assert.deepEqual(server.asked, ['start R1 02:13:00', 'seek replay1 02:13:01', 'stop replay1', 'start R3 02:13:02']);
  made.close();
});

test('a second player starts only after the first has stopped', async () => {
  const server = new Server();
  const [first, second] = [session(server), session(server)];
  server.holds = true;
  first.made.go(PLACE);
  await settle();
  first.made.close();
  second.made.go({ ...PLACE, recordingToken: 'R2' });
  await settle();
  assert.deepEqual(server.asked, ['start R1 02:13:00']);
  server.letGo();
  await settle();
  assert.deepEqual(server.asked, ['start R1 02:13:00', 'stop replay1', 'start R2 02:13:00']);
  assert.deepEqual(second.loads, ['/replay2/run1.m3u8?viewer=me']);
  second.made.close();
  first.made.go(PLACE);
  await settle();
  assert.deepEqual(server.asked.slice(3), ['stop replay2', 'start R1 02:13:00']);
  first.made.close();
});

test('a player that was closed does not wait for its own stop', async () => {
  const server = new Server();
  const { made, loads } = session(server);
  server.holds = true;
  made.go(PLACE);
  await settle();
  made.close();
  made.go({ ...PLACE, recordingToken: 'R2' });
  server.letGo();
  await settle();
  assert.deepEqual(server.asked, ['start R1 02:13:00', 'stop replay1', 'start R2 02:13:00']);
  assert.deepEqual(loads, ['/replay2/run1.m3u8?viewer=me']);
  made.close();
});

test('a seek in a session that has ended starts a new one', async () => {
  const server = new Server();
  const { made, loads } = session(server);
  made.go(PLACE);
  await settle();
  server.refuses = 'not_found';
  made.go({ ...PLACE, atMs: PLACE.atMs + 1000 });
  await settle();
  assert.deepEqual(server.asked, ['start R1 02:13:00', 'seek replay1 02:13:01', 'start R1 02:13:01']);
  assert.equal(loads.at(-1), '/replay2/run1.m3u8?viewer=me');
  made.close();
});

test('a problem is kept until the next request', async () => {
  const server = new Server();
  const { made, loads } = session(server);
  server.refuses = 'replay_limit';
  made.go(PLACE);
  await settle();
  assert.equal(made.problem?.code, 'replay_limit');
  assert.equal(loads.length, 0);
  made.go(PLACE);
  await settle();
  assert.equal(made.problem, null);
  assert.equal(loads.length, 1);
  made.close();
});

test('a session that is closed during its start is stopped', async () => {
  const server = new Server();
  const { made, loads } = session(server);
  server.holds = true;
  made.go(PLACE);
  await settle();
  made.close();
  server.letGo();
  await settle();
  assert.deepEqual(server.asked, ['start R1 02:13:00', 'stop replay1']);
  assert.equal(loads.length, 0);
});

test('the month is requested again when indexing has ended', async () => {
  /** @type {string[]} */
  const asked = [];
  let turns = 0;
  const api = {
    /** @param {number} _id @param {{events: boolean}} what @returns {Promise<any>} */
    async coverage(_id, { events }) {
      asked.push(events ? 'view' : 'month');
      turns += 1;
      const indexing = turns < 3 ? { done: 1, total: 2 } : null;
      return {
        channels: [],
        indexing,
        indexing_stopped: false,
        may_stop_indexing: true,
        event_search: true,
        clock_offset_s: 0,
        error: null,
      };
    },
    async indexing() {},
  };
  const nowMs = Date.now();
  const loader = new CoverageLoader(api, 1, { startMs: nowMs - 3_600_000, endMs: nowMs });
  loader.setMonth({ startMs: nowMs - 20 * 86_400_000, endMs: nowMs });
  loader.start();
  await pass(1300);
  loader.stop();
  assert.deepEqual(asked, ['view', 'month', 'view', 'month']);
});
