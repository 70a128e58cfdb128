// @ts-check
/**
 * Requests of the pages for cameras, streams and recordings.
 *
 * Shapes are those of /api/openapi.json. A request that fails rejects with an ApiError that holds the server's
 * machine-readable `code`, or `server_unreachable` if the server does not answer.
 */

import { ApiError, JsonHttp, problemOf } from './http.js';

export { ApiError, problemOf };

/**
 * @typedef {import('./api-types.js').Problem} Problem
 * @typedef {import('./api-types.js').Camera} Camera
 * @typedef {import('./api-types.js').Profile & {isUnplayable?: boolean}} Profile `isUnplayable`: set by the page, see `asSeen()`
 * @typedef {Omit<import('./api-types.js').Channel, 'profiles'> & {profiles: Profile[]}} Channel
 * @typedef {import('./api-types.js').StreamStatus & {viewer_id?: string}} Stream
 * @typedef {import('./api-types.js').StartedPlayback} StartedPlayback
 * @typedef {import('./api-types.js').SoughtPlayback} SoughtPlayback
 * @typedef {import('./api-types.js').Found} FoundDevice
 * @typedef {import('./api-types.js').Coverage} Coverage
 * @typedef {import('./api-types.js').KnownRecording} KnownRecording
 * @typedef {import('./api-types.js').RecordingSummary} RecordingSummary
 * @typedef {import('./api-types.js').FoundRecording} FoundRecording
 * @typedef {import('./api-types.js').FoundRecordings} FoundRecordings
 * @typedef {{name?: string, host?: string, port?: number|null, username?: string, password?: string,
 *   address?: string, readable_password?: boolean, recording_time_zone?: string,
 *   stream_uris?: {main: string, sub: string|null}}} CameraDraft `address`: scheme, host, port and path in one, instead of
 *   `host`. `stream_uris`: of a camera without ONVIF, instead of both
 * @typedef {import('./replay-quality.js').Wanted} ReplayWanted
 * @typedef {{cameras: string, discovery: string, streams: string, playback?: string}} Addresses
 */

export class Api {
  #addresses;
  #http;

  /**
   * @param {Addresses} addresses from the page's data attributes
   * @param {import('./http.js').HttpOptions} [options]
   */
  constructor(addresses, options = {}) {
    this.#addresses = addresses;
    this.#http = new JsonHttp(options);
  }

  get clock() {
    return this.#http.clock;
  }

  /** @returns {Promise<Camera[]>} */
  async listCameras() {
    return (await this.#http.json('GET', this.#addresses.cameras)).cameras;
  }

  /** @param {number} id @returns {Promise<Camera>} */
  getCamera(id) {
    return this.#http.json('GET', this.#camera(id));
  }

  /** @param {CameraDraft} draft @returns {Promise<Camera>} */
  addCamera(draft) {
    return this.#http.json('POST', this.#addresses.cameras, draft);
  }

  /** @returns {Promise<Camera>} */
  addPretendRecorder() {
    return this.#http.json('POST', `${this.#addresses.cameras}/pretend`, undefined, { timeoutMs: 60_000 });
  }

  /** @param {number} id @param {CameraDraft} change @returns {Promise<Camera>} */
  updateCamera(id, change) {
    return this.#http.json('PATCH', this.#camera(id), change);
  }

  /** @param {number} id */
  async deleteCamera(id) {
    await this.#http.json('DELETE', this.#camera(id));
  }

  /** @param {number} id @param {string} sha256 @returns {Promise<Camera>} */
  acceptCertificate(id, sha256) {
    return this.#http.json('POST', `${this.#camera(id)}/certificate`, { sha256 }, { timeoutMs: 60_000 });
  }

  /** @param {number} id @returns {Promise<Camera>} */
  async refreshCamera(id) {
    return this.#http.json('POST', `${this.#camera(id)}/refresh`, undefined, { timeoutMs: 60_000 });
  }

  /** @param {number} id @returns {Promise<import('./api-types.js').Health>} */
  health(id) {
    return this.#http.json('GET', `${this.#camera(id)}/health`, undefined, { timeoutMs: 60_000 });
  }

  /** @param {number} id @returns {Promise<Channel[]>} in the user's order */
  async channels(id) {
    return (await this.#http.json('GET', `${this.#camera(id)}/profiles`)).channels;
  }

  /** Make an address of a channel for another player. @param {number} id @param {number} channel @returns {Promise<import('./api-types.js').PlayerLink>} */
  makePlayerLink(id, channel) {
    return this.#http.json('POST', `${this.#camera(id)}/channels/${channel}/player-link`);
  }

  /** Ask what the head of a channel can do. @param {number} id @param {number} channel @returns {Promise<import('./api-types.js').Ptz>} */
  ptz(id, channel) {
    return this.#http.json('GET', `${this.#camera(id)}/channels/${channel}/ptz`);
  }

  /** @param {number} id @param {number} channel @param {{name?: string, hidden?: boolean}} change */
  async updateChannel(id, channel, change) {
    await this.#http.json('PATCH', `${this.#camera(id)}/channels/${channel}`, change);
  }

  /** @param {number} id @param {number[]} channels */
  async orderChannels(id, channels) {
    await this.#http.json('PUT', `${this.#camera(id)}/channels/order`, { channels });
  }

  /** @param {AbortSignal} [signal] @returns {Promise<FoundDevice[]>} */
  async discover(signal) {
    return (await this.#http.json('POST', this.#addresses.discovery, undefined, { timeoutMs: 60_000, signal })).devices;
  }

  /**
   * Fetch a snapshot. With `cached` the server answers immediately with its newest one, otherwise it asks the device.
   *
   * @param {number} id
   * @param {{profileToken?: string|null, cached?: boolean, isSmall?: boolean, signal?: AbortSignal}} [ask] `isSmall`: at most
   *   320 pixels wide, for thin links
   * @returns {Promise<{blob: Blob, takenAt: Date|null, loadMs: number}>} `loadMs`: how long the bytes took; rejects with
   *   `not_found` if the server has no snapshot yet
   */
  async snapshot(id, ask = {}) {
    const query = new URLSearchParams();
    if (ask.profileToken) query.set('profile_token', ask.profileToken);
    if (ask.cached) query.set('cached', '1');
    if (ask.isSmall) query.set('small', '1');
    const text = query.toString();
    const url = `${this.#camera(id)}/snapshot${text ? `?${text}` : ''}`;
    const answer = await this.#http.send('GET', url, undefined, { timeoutMs: 45_000, signal: ask.signal });
    if (answer.status === 204) throw new ApiError('not_found', 'There is no picture yet.', { status: 204 });
    const taken = Date.parse(answer.headers.get('X-Snapshot-Taken-At') ?? '');
    const startMs = performance.now();
    const blob = await answer.blob();
    return { blob, loadMs: performance.now() - startMs, takenAt: Number.isNaN(taken) ? null : new Date(taken) };
  }

  /** @param {{cameraId: number, profileToken: string, accept: string[]}} source @returns {Promise<Stream>} */
  startStream(source) {
    return this.#http.json('POST', `${this.#addresses.streams}/start`, {
      camera_id: source.cameraId,
      profile_token: source.profileToken,
      accept: source.accept,
    });
  }

  /**
   * Remove one viewer from a session. `keepalive`: the request outlives a page that is being closed.
   *
   * @param {{streamId: string, viewerId?: string|null, keepalive?: boolean}} stream
   */
  async stopStream({ streamId, viewerId, keepalive }) {
    const body = viewerId ? { stream_id: streamId, viewer_id: viewerId } : { stream_id: streamId };
    await this.#http.json('POST', `${this.#addresses.streams}/stop`, body, { keepalive });
  }

  /** @param {string} streamId @returns {Promise<Stream>} */
  streamStatus(streamId) {
    return this.#http.json('GET', `${this.#addresses.streams}/status/${encodeURIComponent(streamId)}`, undefined, {
      timeoutMs: 6000,
    });
  }

  /** @param {number} id @returns {Promise<RecordingSummary>} */
  recordingSummary(id) {
    return this.#http.json('GET', `${this.#camera(id)}/recordings/summary`, undefined, { timeoutMs: 60_000 });
  }

  /**
   * @param {number} id
   * @param {{start: Date, end: Date, channel?: number|null, cursor?: string|null}} what
   * @returns {Promise<FoundRecordings>}
   */
  searchRecordings(id, { start, end, channel, cursor }) {
    const body = {
      start_time: start.toISOString(),
      end_time: end.toISOString(),
      ...(channel ? { channel } : {}),
      ...(cursor ? { cursor } : {}),
    };
    return this.#http.json('POST', `${this.#camera(id)}/recordings/search`, body, { timeoutMs: 60_000 });
  }

  /**
   * @param {number} id
   * @param {{start: Date, end: Date, events: boolean, channel?: number|null}} what
   * @returns {Promise<Coverage>}
   */
  coverage(id, { start, end, events, channel }) {
    const query = new URLSearchParams({ start_time: start.toISOString(), end_time: end.toISOString() });
    if (!events) query.set('events', '0');
    if (channel) query.set('channel', String(channel));
    return this.#http.json('GET', `${this.#camera(id)}/recordings/coverage?${query}`, undefined, { timeoutMs: 30_000 });
  }

  /** @param {number} id @param {'stop'|'resume'} what */
  async indexing(id, what) {
    await this.#http.json('POST', `${this.#camera(id)}/recordings/coverage/${what}`);
  }

  /**
   * @param {{cameraId: number, recordingToken: string, time: Date, accept: string[]} & Partial<ReplayWanted>} what
   * @returns {Promise<StartedPlayback>}
   */
  startPlayback({ cameraId, recordingToken, time, accept, quality = 'full', keyFramesOnly = false }) {
    const body = {
      camera_id: cameraId,
      recording_token: recordingToken,
      start_time: time.toISOString(),
      accept,
      quality,
      key_frames_only: keyFramesOnly,
    };
    // Slow recorders take many seconds for the address of a recording.
    return this.#http.json('POST', `${this.#addresses.playback}/start`, body, { timeoutMs: 60_000 });
  }

  /** @param {string} streamId @param {Date} time @param {Partial<ReplayWanted>} [wanted] @returns {Promise<SoughtPlayback>} */
  seekPlayback(streamId, time, { quality = 'full', keyFramesOnly = false } = {}) {
    const body = { stream_id: streamId, time: time.toISOString(), quality, key_frames_only: keyFramesOnly };
    return this.#http.json('POST', `${this.#addresses.playback}/seek`, body);
  }

  /** @param {number} id */
  #camera(id) {
    return `${this.#addresses.cameras}/${id}`;
  }
}
