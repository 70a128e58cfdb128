// @ts-check
import { tileProfileOf } from '../lib/channels.js';
import { SNAPSHOT_AFTER_MS } from './snapshot-image.js';

/** Shows a snapshot of a channel until its first live frame. */
export class FirstSnapshot {
  #image;
  #api;
  #queue;
  /** The channel whose snapshot is wanted. @type {object|null} */
  #wanted = null;

  /**
   * @param {import('./snapshot-image.js').SnapshotImage} image
   * @param {import('../lib/api.js').Api} api
   * @param {import('../lib/job-queue.js').JobQueue} queue
   */
  constructor(image, api, queue) {
    this.#image = image;
    this.#api = api;
    this.#queue = queue;
  }

  /**
   * Load and show the snapshot, unless a live frame comes first.
   *
   * @param {{cameraId: number, channel: import('../lib/api.js').Channel|null}} request
   * @param {() => boolean} hasFrame true if a live frame is on screen
   */
  show(request, hasFrame) {
    const { cameraId, channel } = request;
    const profile = channel && tileProfileOf(channel);
    if (!profile || this.#image.hasPicture) return;
    const { profile_token: profileToken } = profile;
    const isWanted = () => this.#wanted === request && !hasFrame();
    const load = async () => {
      if (!isWanted()) return;
      // Rejects if the server has no snapshot: then it stays dark until the first live frame.
      const { blob, takenAt } = await this.#api.snapshot(cameraId, { profileToken, cached: true });
      if (isWanted()) await this.#image.show(blob, takenAt);
      if (!this.#wanted) this.#image.clear();
    };
    this.#wanted = request;
    setTimeout(() => this.#queue.add(`${cameraId} ${profileToken}`, load), SNAPSHOT_AFTER_MS);
  }

  /** Load no snapshot any more; one that is shown stays. */
  cancel() {
    this.#wanted = null;
  }

  clear() {
    this.#wanted = null;
    this.#image.clear();
  }
}
