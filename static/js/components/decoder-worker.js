// @ts-check
/**
 * The page's worker that decodes live pictures: one for all players of the page. boot.js has started it, otherwise the
 * first player does.
 */

/**
 * @typedef {import('../workers/live-decoder.js').ToDecoder} ToDecoder
 * @typedef {import('../workers/live-decoder.js').FromDecoder} FromDecoder
 * @typedef {import('../workers/live-decoder.js').ShownReport} ShownReport
 * @typedef {import('../lib/engine-choice.js').MseReason} MseReason
 * @typedef {{onTrack: (track: MediaStreamTrack) => void, onNeedsCanvas: () => void,
 *   onShown: (report: ShownReport) => void, onFailed: (reason: MseReason, detail: string) => void}} DecoderListener
 */

/** A snapshot that takes longer is given up. */
const SNAPSHOT_WITHIN_MS = 1000;

let lastId = 0;
/** @type {DecoderWorker|null} */
let running = null;

class DecoderWorker {
  #worker;
  /** @type {Map<number, DecoderListener>} */
  #listeners = new Map();

  /** Throws if the browser has no module workers. @param {string} address */
  constructor(address) {
    this.#worker = startedWorker() ?? new Worker(address, { type: 'module' });
    this.#worker.addEventListener('message', ({ data }) => this.#take(data));
    this.#worker.addEventListener('error', (event) => {
      event.preventDefault();
      this.#broke(event.message ?? '');
    });
  }

  /** @param {number} id @param {DecoderListener} listener */
  add(id, listener) {
    this.#listeners.set(id, listener);
  }

  /** @param {ToDecoder} message @param {Transferable[]} [transfer] */
  send(message, transfer = []) {
    this.#worker.postMessage(message, transfer);
    if (message.type === 'close') this.#listeners.delete(message.id);
  }

  /** @param {FromDecoder} message */
  #take(message) {
    if (message.type === 'shown') {
      for (const report of message.reports) this.#listeners.get(report.id)?.onShown(report);
      return;
    }
    const listener = this.#listeners.get(message.id);
    if (message.type === 'track' && !listener) message.track.stop();
    else if (message.type === 'track') listener?.onTrack(message.track);
    else if (message.type === 'needs_canvas') listener?.onNeedsCanvas();
    else listener?.onFailed(message.reason, message.detail);
  }

  /** The script cannot be loaded, or threw: the next player starts another worker. @param {string} detail */
  #broke(detail) {
    if (running === this) running = null;
    this.#worker.terminate();
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const listener of listeners) listener.onFailed('worker', detail);
  }
}

/** Return the worker that boot.js has started; null if there is none, or for a second call. @returns {Worker|null} */
function startedWorker() {
  const scope = /** @type {{startedDecoder?: Worker}} */ (globalThis);
  const worker = scope.startedDecoder ?? null;
  delete scope.startedDecoder;
  return worker;
}

/** The decoder of one channel in the page's worker. */
export class RemoteDecoder {
  #id = (lastId += 1);
  #worker;

  /** Throws if the browser has no module workers. @param {DecoderListener} listener */
  constructor(listener) {
    running ??= new DecoderWorker(document.body.dataset.decoderWorker ?? '');
    this.#worker = running;
    this.#worker.add(this.#id, listener);
  }

  /** @param {WritableStream<VideoFrame>|null} writable of a track generator; null: the worker makes one or asks for a canvas */
  open(writable) {
    this.#worker.send({ type: 'open', id: this.#id, writable }, writable ? [writable] : []);
  }

  /** @param {OffscreenCanvas} canvas */
  setCanvas(canvas) {
    this.#worker.send({ type: 'canvas', id: this.#id, canvas }, [canvas]);
  }

  /** @param {import('../lib/fragment-samples.js').AvcTrack} track */
  init(track) {
    this.#worker.send({ type: 'init', id: this.#id, track });
  }

  /** Hand fragments over: the page cannot read them afterwards. @param {Uint8Array<ArrayBuffer>} fragments */
  take(fragments) {
    this.#worker.send({ type: 'media', id: this.#id, fragments }, [fragments.buffer]);
  }

  /** @param {boolean} is */
  setHeld(is) {
    this.#worker.send({ type: 'held', id: this.#id, is });
  }

  /** @param {boolean} is */
  setResting(is) {
    this.#worker.send({ type: 'resting', id: this.#id, is });
  }

  /** Return the newest frame of the canvas; null if none comes within a second. @returns {Promise<ImageBitmap|null>} */
  snapshot() {
    const { port1, port2 } = new MessageChannel();
    return new Promise((resolve) => {
      /** @param {ImageBitmap|null} bitmap */
      const end = (bitmap) => {
        clearTimeout(timer);
        port1.close();
        resolve(bitmap);
      };
      const timer = setTimeout(() => end(null), SNAPSHOT_WITHIN_MS);
      port1.onmessage = ({ data }) => end(data);
      this.#worker.send({ type: 'snapshot', id: this.#id, port: port2 }, [port2]);
    });
  }

  close() {
    this.#worker.send({ type: 'close', id: this.#id });
  }
}
