// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Api, ApiError } from '../../static/js/lib/api.js';

const ADDRESSES = { cameras: '/api/cameras', discovery: '/api/discovery', streams: '/api/streams' };

/** @param {(url: string, init: RequestInit) => Response|Promise<Response>} answer */
function apiWith(answer) {
  /** @type {{url: string, init: RequestInit}[]} */
  const asked = [];
  const api = new Api(ADDRESSES, {
    fetch: async (url, init = {}) => {
      asked.push({ url: String(url), init });
      return answer(String(url), init);
    },
  });
  return { api, asked };
}

/** @param {unknown} body @param {ResponseInit} [init] */
const json = (body, init) => new Response(JSON.stringify(body), init);

test('startStream sends the codecs that the player decodes', async () => {
  const { api, asked } = apiWith(() => json({ stream_id: 'camera1_a' }, { status: 201 }));
  await api.startStream({ cameraId: 1, profileToken: 'a', accept: ['h264', 'hevc'] });
  assert.equal(asked[0]?.url, '/api/streams/start');
  assert.deepEqual(JSON.parse(String(asked[0]?.init.body)), { camera_id: 1, profile_token: 'a', accept: ['h264', 'hevc'] });
  assert.deepEqual(asked[0]?.init.headers, { 'Content-Type': 'application/json' });
});

test('a request without a body has no Content-Type', async () => {
  const { api, asked } = apiWith(() => json({ id: 1 }));
  await api.refreshCamera(7);
  assert.equal(asked[0]?.url, '/api/cameras/7/refresh');
  assert.equal(asked[0]?.init.body, undefined);
  assert.equal(asked[0]?.init.headers, undefined);
});

test('the start of a playback waits for a slow recorder', async (context) => {
  const { api } = apiWith(() => json({ stream_id: 'replay1' }, { status: 201 }));
  const timeout = context.mock.method(AbortSignal, 'timeout');
  await api.startPlayback({ cameraId: 1, recordingToken: 'Rec1', time: new Date(0), accept: ['h264'] });
  assert.deepEqual(timeout.mock.calls[0]?.arguments, [60_000]);
});

test('an error has the code, fields and delay of the problem document', async () => {
  const body = { code: 'invalid_request', detail: 'host: no', errors: [{ field: 'host', message: 'no' }] };
  const { api } = apiWith(() => json(body, { status: 400, headers: { 'Retry-After': '7' } }));
  const error = await api.addCamera({ host: 'x' }).catch((reason) => reason);
  assert.ok(error instanceof ApiError);
  assert.equal(error.code, 'invalid_request');
  assert.deepEqual(error.errors, [{ field: 'host', message: 'no' }]);
  assert.equal(error.retryAfterS, 7);
});

test('an already_added error has the id of the existing camera', async () => {
  const { api } = apiWith(() => json({ code: 'already_added', detail: 'It is there.', camera_id: 4 }, { status: 409 }));
  const error = await api.addCamera({ host: 'x' }).catch((reason) => reason);
  assert.equal(error.cameraId, 4);
});

test('a request without an answer fails with server_unreachable', async () => {
  const { api } = apiWith(() => {
    throw new TypeError('Failed to fetch');
  });
  const error = await api.listCameras().catch((reason) => reason);
  assert.equal(error.code, 'server_unreachable');
});

test('an error page that is no JSON becomes an ApiError, too', async () => {
  const { api } = apiWith(() => new Response('<h1>Bad gateway</h1>', { status: 502 }));
  const error = await api.listCameras().catch((reason) => reason);
  assert.equal(error.status, 502);
  assert.equal(error.code, 'internal_error');
});

test('a stream id is encoded as one part of the address', async () => {
  const { api, asked } = apiWith(() => json({}));
  await api.streamStatus('camera1_a/../b?c');
  assert.equal(asked[0]?.url, '/api/streams/status/camera1_a%2F..%2Fb%3Fc');
});

test('a snapshot has its time, and 204 becomes not_found', async () => {
  const { api } = apiWith((url) =>
    url.includes('cached=1')
      ? new Response(null, { status: 204 })
      : new Response('jpeg', { headers: { 'X-Snapshot-Taken-At': '2026-11-23T10:00:00.000Z' } }),
  );
  const { takenAt } = await api.snapshot(1, { profileToken: 'a b' });
  assert.equal(takenAt?.toISOString(), '2026-11-23T10:00:00.000Z');
  await assert.rejects(api.snapshot(1, { cached: true }), { code: 'not_found' });
});
