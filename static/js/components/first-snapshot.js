// @ts-check
import { tileProfileOf } from '../lib/channels.js';
import { SNAPSHOT_AFTER_MS } from './snapshot-image.js';

/** Shows a snapshot of a channel until its first live frame. */
export class FirstSnapshot {
  #image;
  #api;
  #queue;
  /** Camera and media profile whose snapshot is wanted; '' for none. A load goes on if they are wanted again. */
  #wantedKey = '';

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
  show({ cameraId, channel }, hasFrame) {
    const profile = channel && tileProfileOf(channel);
    if (!profile || this.#image.hasPicture) return;
    const { profile_token: profileToken } = profile;
    const key = `${cameraId} ${profileToken}`;
    const isWanted = () => this.#wantedKey === key && !hasFrame();
    const load = async () => {
      if (!isWanted()) return;
      // Rejects if the server has no snapshot: then it stays dark until the first live frame.
      const { blob, takenAt } = await this.#api.snapshot(cameraId, { profileToken, cached: true });
      if (!isWanted()) return;
      await this.#image.show(blob, takenAt);
      if (this.#wantedKey !== key && this.#image.takenAt === takenAt) this.#image.clear();
    };
    this.#wantedKey = key;
    setTimeout(() => this.#queue.add(key, load), SNAPSHOT_AFTER_MS);
  }

  /** Load no snapshot any more; one that is shown stays. */
  cancel() {
    this.#wantedKey = '';
  }

  clear() {
    this.#wantedKey = '';
    this.#image.clear();
  }
}
