// @ts-check
/** The samples since the last key frame: a decoder that has rested begins with them. */

/** @typedef {import('./fragment-samples.js').VideoSample} VideoSample */

const MOST_BYTES = 8 * 1024 * 1024;

export class GroupOfFrames {
  /** @type {VideoSample[]} */
  #samples = [];
  #bytes = 0;

  /** Add a sample. Without its key frame, or with too many bytes, the group stays empty until the next key frame. @param {VideoSample} sample */
  add(sample) {
    if (sample.isKey) this.clear();
    else if (!this.#samples.length) return;
    this.#samples.push(sample);
    this.#bytes += sample.data.byteLength;
    if (this.#bytes > MOST_BYTES) this.clear();
  }

  /** @returns {readonly VideoSample[]} */
  get samples() {
    return this.#samples;
  }

  clear() {
    this.#samples = [];
    this.#bytes = 0;
  }
}
