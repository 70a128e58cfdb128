// @ts-check
/**
 * The page's WebSocket to the server's `/live`: any number of channels and replay sessions over one connection. It
 * reconnects by itself.
 *
 * A binary message has a header of 20 bytes, big-endian: kind (1 init section, 2 fragments), flags (1: starts with a
 * key frame), watch id (16 bits), start on the media timeline (double, s), time of the first frame (double, ms since
 * 1970; NaN if unknown): for a channel its arrival at the server, for a replay the true time of the recording.
 */
import { backoffMs } from './backoff.js';
import { LinkMonitor } from './link-monitor.js';
import { SilenceLimit } from './silence-limit.js';
import { SocketClock } from './socket-clock.js';

/**
 * @typedef {import('./api.js').Problem} Problem
 * @typedef {import('./api.js').Stream} Stream
 * @typedef {Problem & {usedBy: string[], retryAfterS: number|null}} Refusal
 *   `usedBy`: ids of the sessions that use up the limit
 * @typedef {{codecs: string, codec: string, width: number|null, height: number|null, hasAudio: boolean,
 *   audio: {codec: string}|null, run: number, offsetS: number, isReordered: boolean}} SocketInit
 *   `audio`: the audio that this watch gets; `hasAudio`: the stream has audio that a watch may request; `isReordered`: it
 *   has B-frames; `run`, `offsetS` (replay only): number of the run, and the start of this init section's fragments on
 *   the run's timeline
 * @typedef {{data: Uint8Array<ArrayBuffer>, isKey: boolean, startS: number, takenMs: number|null}} SocketFragments
 * @typedef {{cameraId: number, profileToken: string, audio: boolean, fresh?: boolean, keyFramesOnly?: boolean,
 *   isSmall?: boolean}} LiveWatchRequest
 *   `fresh`: start with the next key frame, but after a reconnect with the last one if media came before;
 *   `keyFramesOnly`: key frames alone, without audio; `isSmall`: small video of it, without audio
 * @typedef {{streamId: string, viewerId: string}} ReplayWatchRequest a replay session of this page
 * @typedef {{type: 'watching', from_start?: boolean}|{type: 'waiting', wait_s: number}|{type: 'end'|'segments_only', run: number}}
 *   WatchMessage `waiting`: this user starts many streams, and this one waits
 * @typedef {{
 *   onInit: (init: SocketInit, data: Uint8Array<ArrayBuffer>) => void,
 *   onFragments: (fragments: SocketFragments) => void,
 *   onStream: (stream: Stream) => void,
 *   onProblem: (refusal: Refusal) => void,
 *   onLink: (isUp: boolean) => void,
 *   onMessage?: (message: WatchMessage) => void,
 *   onMoved?: () => void,
 * }} SocketListener `onMoved`: another server has the camera now, and the watch has ended. `onLink`: the connection was lost, or is back. After a reconnect the server starts with an init
 *   section; for a replay it reports in `watching` if the start of the run was missed
 * @typedef {{socket: WebSocket, first: string|null, early: (string|ArrayBuffer)[]}} OpenedSocket a socket that boot.js has
 *   opened; `first`: camera id and media profile (`1/Profile_1`) that it watches as id 0, by its address; `early`: its
 *   messages so far
 * @typedef {{url: string, WebSocket?: typeof WebSocket, onLoginEnded?: () => void, random?: () => number,
 *   opened?: OpenedSocket|null}} SocketOptions `opened`: it is closed unless a watch begins soon
 */

const HEAD_BYTES = 20;
const KIND_INIT = 1;
const STARTS_WITH_KEY = 1;
const LOGIN_ENDED = 4401;
const CLOCK_EVERY_MS = 15_000;
const CLOCK_FIRST_MS = 400;
const CLOCK_STEP_MS = 250;
const OPEN_WITHIN_MS = 5000;
const PREOPENED_KEPT_MS = 5000;
/** Id of the watch that a socket's address names. */
const FIRST_ID = 0;
/** WebSocket.OPEN */
const OPEN = 1;
const WAKE_WITHIN_MS = 1500;

/** The delay before a reconnect: short at first, never much over two seconds. */
export const RECONNECT = { firstMs: 50, startMs: 250, maxMs: 2000, jitter: 0.2 };

/** `failures`: how many attempts to connect have failed in a row. `link`: how well the link carries the watches. */
export class LiveSocket {
  #url;
  #WebSocket;
  #onLoginEnded;
  #random;
  /** @type {WebSocket|null} */
  #socket = null;
  /** @type {OpenedSocket|null} */
  #preopened = null;
  #isUp = false;
  #wasEverUp = false;
  #lastId = 0;
  #receivedMs = 0;
  /**
   * @type {Map<number, {source: LiveWatchRequest|ReplayWatchRequest, listener: SocketListener, init: SocketInit|null,
   *   hasMedia: boolean}>}
   */
  #watches = new Map();
  /** @type {ReturnType<typeof setTimeout>|null} */
  #reopening = null;
  /** @type {ReturnType<typeof setInterval>|null} */
  #ticking = null;
  #clockAskedMs = 0;
  /** The server's pings (every 10 s) are not visible to a page. It only notices messages: media and clock replies. */
  #silence = new SilenceLimit();
  /** Between `Date.now()` and `performance.now()` at the last look. */
  #clocksApartMs = 0;
  failures = 0;
  clock = new SocketClock();
  link = new LinkMonitor(performance.now());

  /** @param {SocketOptions} options */
  constructor({ url, WebSocket: Kind = globalThis.WebSocket, onLoginEnded = () => {}, random = Math.random, opened = null }) {
    this.#preopened = opened;
    if (opened) setTimeout(() => this.#takePreopened()?.socket.close(), PREOPENED_KEPT_MS);
    this.#url = url;
    this.#WebSocket = Kind;
    this.#onLoginEnded = onLoginEnded;
    this.#random = random;
  }

  get isUp() {
    return this.#isUp;
  }

  /** True if the socket was ever open. A later failure is the network's, not that of a proxy without WebSockets. */
  get wasEverUp() {
    return this.#wasEverUp;
  }

  /**
   * @param {LiveWatchRequest|ReplayWatchRequest} source
   * @param {SocketListener} listener
   * @param {{insteadOf?: number, id?: number}} [how] `insteadOf`: a watch that ends with this one. The server drops
   *   its unsent messages, so that the new one does not wait behind them. `id`: of the watch, if the caller gives the ids
   * @returns {number} the id for `leave()`
   */
  watch(source, listener, { insteadOf, id = this.#isPreopenedFor(source) ? FIRST_ID : this.#newId() } = {}) {
    const isReplacement = insteadOf !== undefined && this.#watches.delete(insteadOf);
    if (isReplacement) this.link.forgetWatch(insteadOf);
    this.#watches.set(id, { source, listener, init: null, hasMedia: false });
    if (this.#isUp) this.#ask(id, isReplacement ? { instead_of: insteadOf } : {});
    else this.#open();
    return id;
  }

  #newId() {
    do this.#lastId = (this.#lastId % 65_535) + 1;
    while (this.#watches.has(this.#lastId));
    return this.#lastId;
  }

  /** True if the socket that was opened before watches this already. @param {LiveWatchRequest|ReplayWatchRequest} source */
  #isPreopenedFor(source) {
    if (!this.#preopened || 'streamId' in source || source.audio || source.fresh || source.keyFramesOnly || source.isSmall) return false;
    return this.#preopened.first === `${source.cameraId}/${source.profileToken}`;
  }

  /** Return the socket for a camera: this one for all, where LiveSockets has several. @param {number} [_cameraId] @returns {LiveSocket} */
  at(_cameraId) {
    return this;
  }

  /** @param {number} id */
  leave(id) {
    if (!this.#watches.delete(id)) return;
    this.link.forgetWatch(id);
    if (this.#isUp) this.#send({ type: 'leave', id });
  }

  /**
   * Ask the server to send a replay up to a position.
   *
   * @param {number} id
   * @param {number} run
   * @param {number} untilS on the run's timeline
   */
  want(id, run, untilS) {
    if (this.#isUp) this.#send({ type: 'want', id, run, until_s: untilS });
  }

  /** Check the connection now, because the network is back or the machine woke up. */
  wake() {
    if (!this.#watches.size) return;
    if (!this.#isUp) {
      this.#open({ atOnce: true });
      return;
    }
    const socket = this.#socket;
    const askedMs = performance.now();
    this.#askClock();
    setTimeout(() => {
      if (socket && socket === this.#socket && this.#receivedMs < askedMs) this.#lost(socket, 0);
    }, WAKE_WITHIN_MS);
  }

  /** Close the socket while the page is being closed. */
  close() {
    this.#watches.clear();
    this.#drop();
    if (this.#reopening !== null) clearTimeout(this.#reopening);
    this.#reopening = null;
  }

  /** @param {{atOnce?: boolean}} [how] */
  #open({ atOnce = false } = {}) {
    if (this.#reopening !== null) {
      if (!atOnce) return;
      clearTimeout(this.#reopening);
      this.#reopening = null;
    }
    if (this.#socket) return;
    const opened = this.#takePreopened();
    const socket = opened?.socket ?? new this.#WebSocket(this.#url);
    socket.binaryType = 'arraybuffer';
    socket.onmessage = null;
    this.#socket = socket;
    const patience = setTimeout(() => socket === this.#socket && !this.#isUp && this.#lost(socket, 0), OPEN_WITHIN_MS);
    const open = () => {
      clearTimeout(patience);
      if (socket === this.#socket && !this.#isUp) this.#opened(opened);
    };
    if (socket.readyState === OPEN) queueMicrotask(open);
    else socket.addEventListener('open', open);
    socket.addEventListener('message', (event) => socket === this.#socket && this.#take(event.data));
    socket.addEventListener('close', (event) => {
      clearTimeout(patience);
      this.#lost(socket, event.code);
    });
  }

  /** Return the socket that was opened before if it still works; null for a second call. */
  #takePreopened() {
    const opened = this.#preopened;
    this.#preopened = null;
    return opened && opened.socket.readyState <= OPEN ? opened : null;
  }

  /** @param {OpenedSocket|null} opened */
  #opened(opened) {
    this.#isUp = this.#wasEverUp = true;
    this.failures = 0;
    this.#receivedMs = performance.now();
    this.#clocksApartMs = Date.now() - this.#receivedMs;
    this.#silence.begin(this.#receivedMs);
    this.clock.forget();
    this.#askClock();
    setTimeout(() => this.#isUp && this.#askClock(), CLOCK_FIRST_MS);
    this.#ticking ??= setInterval(() => this.#tick(), 1000);
    const first = opened?.first ? FIRST_ID : null;
    if (first !== null && !this.#watches.has(first)) this.#send({ type: 'leave', id: first });
    for (const id of this.#watches.keys()) if (id !== first) this.#ask(id);
    for (const { listener } of this.#watches.values()) listener.onLink(true);
    for (const data of opened?.early ?? []) this.#take(data);
  }

  /** @param {WebSocket} socket @param {number} code */
  #lost(socket, code) {
    if (socket !== this.#socket) return;
    const wasUp = this.#isUp;
    this.#drop();
    if (code === LOGIN_ENDED) {
      this.#onLoginEnded();
      return;
    }
    if (!wasUp) this.failures += 1;
    this.link.forget(performance.now());
    for (const watch of this.#watches.values()) watch.init = null;
    for (const { listener } of [...this.#watches.values()]) listener.onLink(false);
    if (!this.#watches.size || this.#socket) return;
    this.#reopening = setTimeout(
      () => {
        this.#reopening = null;
        if (this.#watches.size) this.#open();
      },
      backoffMs(this.failures, RECONNECT, this.#random),
    );
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#isUp = false;
    if (this.#ticking !== null) clearInterval(this.#ticking);
    this.#ticking = null;
    socket?.close();
  }

  #tick() {
    const now = performance.now();
    this.#checkClock(now);
    if (this.#socket && this.#silence.isExceeded(now)) {
      this.#lost(this.#socket, 0); // the connection is dead although no close event came
    } else if (now - this.#clockAskedMs > (now - this.#receivedMs > 2000 ? 2000 : CLOCK_EVERY_MS)) {
      this.#askClock();
    }
  }

  /** @param {number} id @param {{instead_of?: number}} [how] */
  #ask(id, how = {}) {
    const watch = this.#watches.get(id);
    if (!watch) return;
    if ('streamId' in watch.source) {
      this.#send({ type: 'replay', id, stream_id: watch.source.streamId, viewer_id: watch.source.viewerId });
      return;
    }
    const { cameraId, profileToken, audio, keyFramesOnly = false, isSmall = false } = watch.source;
    const fresh = Boolean(watch.source.fresh) && !watch.hasMedia;
    const content = {
      camera_id: cameraId,
      profile_token: profileToken,
      sound: audio,
      fresh,
      key_frames_only: keyFramesOnly,
      small: isSmall,
    };
    this.#send({ type: 'watch', id, ...content, ...how });
  }

  /** Measure the server's time anew if one of our clocks has jumped: `performance.now()` may stand still in sleep. @param {number} now */
  #checkClock(now) {
    const apartMs = Date.now() - now;
    if (Math.abs(apartMs - this.#clocksApartMs) > CLOCK_STEP_MS) {
      this.clock.forget();
      this.#askClock();
    }
    this.#clocksApartMs = apartMs;
  }

  #askClock() {
    this.#clockAskedMs = performance.now();
    this.#silence.ask(this.#clockAskedMs);
    this.#send({ type: 'clock', sent: performance.now() });
  }

  /** @param {object} message */
  #send(message) {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** @param {string|ArrayBuffer} data */
  #take(data) {
    this.#receivedMs = performance.now();
    this.#silence.hear(this.#receivedMs, { isKeyFrame: typeof data !== 'string' && hasKeyFrame(data) });
    if (typeof data === 'string') this.#takeText(JSON.parse(data));
    else this.#takeBinary(data);
  }

  /** @param {any} message */
  #takeText(message) {
    if (message.type === 'clock') {
      this.clock.observe(message.sent, message.now_ms, performance.now());
      return;
    }
    if (message.type === 'pace') {
      const delayMs = this.clock.isKnown && Number.isFinite(message.now_ms) ? this.clock.nowMs() - message.now_ms : null;
      this.link.takePace(paceOf(message), performance.now(), delayMs);
      return;
    }
    const watch = this.#watches.get(message.id);
    if (!watch) return;
    if (message.type === 'state') watch.listener.onStream(message.stream);
    else if (message.type === 'moved') watch.listener.onMoved?.();
    else if (message.type === 'problem') watch.listener.onProblem(refusalOf(message));
    else if (message.type === 'init') {
      const { codecs, codec, width, height, sound: audio, has_sound: hasAudio, run = 0, offset_s: offsetS = 0 } = message;
      const isReordered = Boolean(message.reordered);
      watch.init = { codecs, codec, width, height, audio, hasAudio, run, offsetS, isReordered };
    } else watch.listener.onMessage?.(message);
  }

  /** @param {ArrayBuffer} data */
  #takeBinary(data) {
    if (data.byteLength < HEAD_BYTES) return;
    const head = new DataView(data);
    const id = head.getUint16(2);
    const watch = this.#watches.get(id);
    if (!watch?.init) return;
    const content = new Uint8Array(data, HEAD_BYTES);
    if (head.getUint8(0) === KIND_INIT) {
      this.link.forgetWatch(id);
      watch.listener.onInit(watch.init, content);
      return;
    }
    watch.hasMedia = true;
    const time = head.getFloat64(12);
    const isKey = (head.getUint8(1) & STARTS_WITH_KEY) !== 0;
    const startS = head.getFloat64(4);
    const takenMs = Number.isNaN(time) ? null : time;
    if (!('streamId' in watch.source) && this.clock.isKnown) {
      this.link.takeFragments(id, { isKey, startS, takenMs, bytes: data.byteLength }, this.clock.nowMs(), performance.now());
    }
    watch.listener.onFragments({ data: content, isKey, startS, takenMs });
  }
}

/** True for fragments that start with a key frame. @param {ArrayBuffer} data */
function hasKeyFrame(data) {
  if (data.byteLength < HEAD_BYTES) return false;
  const head = new DataView(data);
  return head.getUint8(0) !== KIND_INIT && (head.getUint8(1) & STARTS_WITH_KEY) !== 0;
}

/** @param {any} message @returns {import('./link-monitor.js').Pace} */
function paceOf(message) {
  return {
    intervalMs: message.interval_ms,
    takenBytes: message.taken_bytes,
    busyMs: message.busy_ms,
    busyBytes: message.busy_bytes,
    backlogBytes: message.backlog_bytes,
    backlogMs: message.backlog_ms,
    serverLagMs: message.server_lag_ms ?? 0, // from a server of any version
  };
}

/** @param {any} problem from a server of any version @returns {Refusal} */
function refusalOf({ code, detail, used_by: usedBy, retry_after_s: retryAfterS }) {
  return {
    code,
    detail,
    usedBy: Array.isArray(usedBy) ? usedBy.filter((streamId) => typeof streamId === 'string') : [],
    retryAfterS: Number.isFinite(retryAfterS) && retryAfterS > 0 ? retryAfterS : null,
  };
}
