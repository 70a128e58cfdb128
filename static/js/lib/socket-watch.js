// @ts-check
/** One watch request of a channel on the page's socket, and the sink of its media. */

/**
 * @typedef {import('./api.js').Stream} Stream
 * @typedef {import('./live-socket.js').SocketInit} SocketInit
 * @typedef {import('./live-socket.js').SocketFragments} SocketFragments
 * @typedef {{cameraId: number, profileToken: string, audio: boolean, keyFramesOnly: boolean,
 *   isSmall: boolean}} WatchContent
 * @typedef {{init: (codecs: string, data: Uint8Array<ArrayBuffer>, isReordered: boolean) => void,
 *   append: (fragments: SocketFragments) => void, takeBack: () => boolean}} Sink made by attachLive() in
 *   components/live-player.js. `takeBack`: keep this stream on screen and drop the next one; false if it has ended
 */

/** Some cameras refresh the picture gradually and send no IDR frame at all. ffmpeg plays that, MediaSource does not. */
const NO_KEY_FRAME_MS = 12_000;
/** Without the held key frame a stream may take a minute until its next one (H.264+). */
const NO_NEXT_KEY_FRAME_MS = 75_000;
/** The server sends the stream's state every two seconds. A longer pause means that the machine slept. */
const BETWEEN_STATES_MS = 4000;

export class SocketWatch {
  id = 0;
  /** @type {Sink|null} */
  sink = null;
  /** True once the init section has come. */
  isOpen = false;
  /** True once fragments have come. */
  hasMedia = false;
  /** @type {SocketInit|null} */
  init = null;
  /** The newest state. @type {Stream|null} */
  stream = null;
  /** True while the server sends its media to an engine that works. */
  canReturn = true;
  #startsFresh;
  /** How long media has arrived, in ms. */
  #flowedMs = 0;
  /** @type {number|null} */
  #flowedAtMs = null;

  /**
   * @param {WatchContent} content
   * @param {{startsFresh: boolean, isTry: boolean}} how `startsFresh`: with the next key frame, not with the held one;
   *   `isTry`: it is not known whether the link carries the stream
   */
  constructor(content, { startsFresh, isTry }) {
    this.content = content;
    this.isTry = isTry;
    this.#startsFresh = startsFresh;
  }

  /** True while the watch waits for the next key frame of a stream. */
  get isAwaitingKey() {
    return this.#startsFresh && !this.hasMedia;
  }

  /** True if media has come for so long without a key frame that none is to be expected. */
  get lacksKeyFrame() {
    const isHeld = !this.#startsFresh && !this.isOpen;
    return !this.hasMedia && this.#flowedMs >= (isHeld ? NO_KEY_FRAME_MS : NO_NEXT_KEY_FRAME_MS);
  }

  /** @param {Stream} stream @param {number} nowMs */
  note(stream, nowMs) {
    if (this.#flowedAtMs !== null) this.#flowedMs += Math.min(BETWEEN_STATES_MS, nowMs - this.#flowedAtMs);
    this.#flowedAtMs = isFlowing(stream) ? nowMs : null;
  }

  /** @param {SocketFragments} fragments */
  append(fragments) {
    this.hasMedia = true;
    this.sink?.append(fragments);
  }

  /** True if the server sends the same media for both. @param {WatchContent} content */
  isOf({ cameraId, profileToken, audio, keyFramesOnly, isSmall }) {
    const { content } = this;
    return this.shares({ cameraId, profileToken, isSmall }) && content.audio === audio && content.keyFramesOnly === keyFramesOnly;
  }

  /** True if the server gives this content from the same session. @param {Pick<WatchContent, 'cameraId'|'profileToken'|'isSmall'>} other */
  shares({ cameraId, profileToken, isSmall }) {
    const { content } = this;
    return content.cameraId === cameraId && content.profileToken === profileToken && content.isSmall === isSmall;
  }

  /**
   * The connection is lost. After a reconnect the server starts with an init section, maybe on another timeline, and
   * with the held key frame unless the watch still waits for its first one.
   */
  reset() {
    if (this.hasMedia) this.#startsFresh = false;
    this.isOpen = this.hasMedia = false;
    this.sink = null;
    this.#flowedMs = 0;
    this.#flowedAtMs = null;
  }
}

/**
 * True if media arrives that ffmpeg could start with. A silent camera is no reason to change to HLS. Neither is a
 * camera whose key frame the server still waits for: HLS would wait for it, too.
 *
 * @param {Stream} stream
 */
function isFlowing({ status, bitrate_kbps: kbps, waiting_for: waits }) {
  return Boolean(kbps) && (status === 'running' || waits === 'buffering');
}
