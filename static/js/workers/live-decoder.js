// @ts-check
/**
 * The page's worker for live pictures: decodes all channels of the page and shows their frames. A separate script in
 * the build, see tools/build_front_end.mjs; components/decoder-worker.js starts it.
 */
import { ChannelDecoder } from './channel-decoder.js';
import { CanvasRenderer, TrackRenderer, makeTrackGenerator } from './frame-renderers.js';

/**
 * @typedef {import('../lib/fragment-samples.js').AvcTrack} AvcTrack
 * @typedef {import('../lib/engine-choice.js').MseReason} MseReason
 * @typedef {{id: number} & ({type: 'open', writable: WritableStream<VideoFrame>|null}
 *   |{type: 'canvas', canvas: OffscreenCanvas}|{type: 'init', track: AvcTrack}
 *   |{type: 'media', fragments: Uint8Array<ArrayBuffer>}|{type: 'held'|'resting', is: boolean}
 *   |{type: 'snapshot', port: MessagePort}|{type: 'close'})} ToDecoder
 *   `open`: begin a channel; `writable`: of the page's track generator, null if it has none;
 *   `snapshot`: send the newest frame of the canvas to `port`, null if there is none
 * @typedef {{id: number, timeUs: number, atMs: number, frames: number, width: number, height: number}} ShownReport
 *   `timeUs`: time of the last shown frame; `atMs`: when it was shown, ms since 1970; `frames`: number of shown frames
 * @typedef {{type: 'track', id: number, track: MediaStreamTrack}|{type: 'needs_canvas', id: number}
 *   |{type: 'failed', id: number, reason: MseReason, detail: string}
 *   |{type: 'shown', reports: ShownReport[]}} FromDecoder
 * @typedef {{postMessage: (message: FromDecoder, transfer?: Transferable[]) => void,
 *   addEventListener: (type: 'message', listener: (event: MessageEvent<ToDecoder>) => void) => void}} WorkerScope
 */

/** Reports of all channels go to the page together, so that a wall costs its main thread little. */
const REPORT_MS = 100;

const scope = /** @type {WorkerScope} */ (/** @type {unknown} */ (globalThis));
/** @type {Map<number, Channel>} */
const channels = new Map();
/** @type {ReturnType<typeof setTimeout>|null} */
let reporting = null;

class Channel {
  #id;
  #decoder;
  /** @type {import('./frame-renderers.js').FrameRenderer|null} */
  #renderer = null;
  /** The newest frame, while there is no renderer yet. @type {VideoFrame|null} */
  #waiting = null;
  #frames = 0;
  /** @type {ShownReport|null} */
  #report = null;

  /** @param {number} id @param {WritableStream<VideoFrame>|null} writable */
  constructor(id, writable) {
    this.#id = id;
    this.#decoder = new ChannelDecoder({
      onFrame: (frame) => this.try(() => this.#show(frame)),
      onFailed: (reason, detail) => this.#fail(reason, detail),
    });
    if (writable) this.#renderer = new TrackRenderer(writable, (detail) => this.#fail('display', detail));
    else this.#makeTrack();
  }

  get decoder() {
    return this.#decoder;
  }

  /** @param {OffscreenCanvas} canvas */
  setCanvas(canvas) {
    this.#renderer = new CanvasRenderer(canvas, (detail) => this.#fail('display', detail));
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting) this.#show(waiting);
  }

  /** @param {MessagePort} port */
  async sendSnapshot(port) {
    const bitmap = (await this.#renderer?.snapshot().catch(() => null)) ?? null;
    port.postMessage(bitmap, bitmap ? [bitmap] : []);
  }

  close() {
    this.#decoder.close();
    this.#waiting?.close();
    this.#waiting = null;
    this.#renderer?.close();
  }

  /** Do work for this channel: an exception ends this channel, and not the others of the page. @param {() => void} work */
  try(work) {
    try {
      work();
    } catch (error) {
      this.#fail('error', String(error));
    }
  }

  /** Return the newest report, and forget it; null if no frame was shown since the last call. */
  takeReport() {
    const report = this.#report;
    this.#report = null;
    return report;
  }

  #makeTrack() {
    try {
      const generator = makeTrackGenerator();
      if (!generator) throw new Error('This browser has no track generator.');
      scope.postMessage({ type: 'track', id: this.#id, track: generator.track }, [/** @type {any} */ (generator.track)]);
      this.#renderer = new TrackRenderer(generator.writable, (detail) => this.#fail('display', detail));
    } catch {
      scope.postMessage({ type: 'needs_canvas', id: this.#id });
    }
  }

  /** @param {VideoFrame} frame */
  #show(frame) {
    if (!this.#renderer) {
      this.#waiting?.close();
      this.#waiting = frame;
      return;
    }
    const { timestamp: timeUs, displayWidth: width, displayHeight: height } = frame;
    this.#renderer.show(frame);
    this.#frames += 1;
    const atMs = performance.timeOrigin + performance.now();
    this.#report = { id: this.#id, timeUs, atMs, frames: this.#frames, width, height };
    if (this.#frames <= 2)
      sendReports(); // the page waits for the first frames
    else reporting ??= setTimeout(sendReports, REPORT_MS);
  }

  /** @param {MseReason} reason @param {string} detail */
  #fail(reason, detail) {
    this.#decoder.close();
    scope.postMessage({ type: 'failed', id: this.#id, reason, detail });
  }
}

function sendReports() {
  if (reporting !== null) clearTimeout(reporting);
  reporting = null;
  const reports = [...channels.values()].flatMap((channel) => channel.takeReport() ?? []);
  if (reports.length) scope.postMessage({ type: 'shown', reports });
}

/** @param {ToDecoder} message */
function take(message) {
  const { id } = message;
  if (message.type === 'open') {
    open(id, message.writable);
    return;
  }
  const channel = channels.get(id);
  if (message.type === 'close') channels.delete(id);
  channel?.try(() => pass(channel, message));
}

/** @param {number} id @param {WritableStream<VideoFrame>|null} writable */
function open(id, writable) {
  try {
    channels.set(id, new Channel(id, writable));
  } catch (error) {
    scope.postMessage({ type: 'failed', id, reason: 'error', detail: String(error) });
  }
}

/** @param {Channel} channel @param {ToDecoder} message */
function pass(channel, message) {
  if (message.type === 'media') channel.decoder.take(message.fragments);
  else if (message.type === 'init') channel.decoder.init(message.track);
  else if (message.type === 'canvas') channel.setCanvas(message.canvas);
  else if (message.type === 'held') channel.decoder.setHeld(message.is);
  else if (message.type === 'snapshot') void channel.sendSnapshot(message.port);
  else if (message.type === 'resting') channel.decoder.setResting(message.is);
  else channel.close();
}

scope.addEventListener('message', ({ data }) => take(data));
