// @ts-check
/**
 * The recording states of the channels on a page, requested at intervals, one camera at a time. Emits 'states' with the
 * id of a camera whose states have been read.
 */

import { ApiError } from './http.js';
import { Poller } from './poller.js';

/** @typedef {import('./recording-types.js').RecordingState} RecordingState */

const POLL_MS = 10_000;

export class RecordingStates extends EventTarget {
  #api;
  /** @type {readonly number[]} */
  #cameraIds = [];
  /** @type {Map<number, RecordingState[]>} */
  #states = new Map();
  #poller = new Poller(() => this.#readAll());

  /** @param {Pick<import('./recording-api.js').RecordingApi, 'states'>} api */
  constructor(api) {
    super();
    this.#api = api;
  }

  /** Set the cameras of the page. @param {readonly number[]} ids */
  set cameraIds(ids) {
    const isNew = ids.some((id) => !this.#cameraIds.includes(id));
    this.#cameraIds = [...ids];
    if (isNew) this.#poller.soon();
  }

  start() {
    this.#poller.start();
  }

  stop() {
    this.#poller.stop();
  }

  /** Read the states now, for example after the user has changed one. */
  soon() {
    this.#poller.soon();
  }

  /** @param {number} cameraId @returns {readonly RecordingState[]} empty while unknown */
  ofCamera(cameraId) {
    return this.#states.get(cameraId) ?? [];
  }

  /** @param {number} cameraId @param {number|null} channel @returns {RecordingState|null} null while unknown */
  of(cameraId, channel) {
    return this.ofCamera(cameraId).find((state) => state.channel === channel) ?? null;
  }

  async #readAll() {
    for (const id of this.#cameraIds) {
      try {
        this.#states.set(id, await this.#api.states(id));
      } catch (error) {
        // A camera that was deleted meanwhile has no states; the others still have theirs.
        if (!(error instanceof ApiError) || error.code === 'server_unreachable') throw error;
        this.#states.delete(id);
      }
      this.dispatchEvent(new CustomEvent('states', { detail: id }));
    }
    return POLL_MS;
  }
}
