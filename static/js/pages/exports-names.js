// @ts-check
/** Names of the cameras and channels of exports. */
import { ApiError } from '../lib/http.js';

/** @typedef {import('../lib/api.js').Api} Api */

export class ExportNames {
  #api;
  /** @type {Map<number, string>|null} */
  #cameras = null;
  /** @type {Map<number, Map<number, string>>} */
  #channels = new Map();
  /** Cameras whose channels were requested. @type {Set<number>} */
  #requested = new Set();

  /** @param {Api} api */
  constructor(api) {
    this.#api = api;
  }

  /** Load the names of cameras that are not known yet. @param {number[]} cameraIds @returns {Promise<boolean>} true if there are new ones */
  async load(cameraIds) {
    const wanted = cameraIds.filter((id) => !this.#requested.has(id));
    if (!wanted.length) return false;
    for (const id of wanted) this.#requested.add(id);
    try {
      this.#cameras = new Map((await this.#api.listCameras()).map((camera) => [camera.id, camera.name || camera.host]));
    } catch (error) {
      for (const id of wanted) this.#requested.delete(id);
      if (!(error instanceof ApiError)) throw error;
      return false;
    }
    await Promise.all(wanted.filter((id) => this.#cameras?.has(id)).map((id) => this.#loadChannels(id)));
    return true;
  }

  /** @param {number} cameraId */
  async #loadChannels(cameraId) {
    try {
      const channels = await this.#api.channels(cameraId);
      this.#channels.set(cameraId, new Map(channels.map(({ channel, name }) => [channel, name])));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // its channels keep their numbers
    }
  }

  /** @param {number} cameraId */
  camera(cameraId) {
    return this.#cameras?.get(cameraId) ?? (this.#cameras ? `Camera ${cameraId} (deleted)` : `Camera ${cameraId}`);
  }

  /** Return the names of a camera and a channel. @type {import('../lib/export-list.js').NamesOf} */
  of = (cameraId, channel) => ({
    camera: this.camera(cameraId),
    channel: [String(channel), this.#channels.get(cameraId)?.get(channel) ?? ''].filter(Boolean).join(' '),
  });
}
