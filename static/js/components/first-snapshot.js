// @ts-check
import { tileProfileOf } from '../lib/channels.js';

/** A live picture that comes within this time needs no snapshot before it. */
const SNAPSHOT_AFTER_MS = 300;

/** Shows a snapshot of a channel until its first live frame. */
export class FirstSnapshot {
  #image;
  #api;
  #queue;
  /** Camera and media profile whose snapshot is wanted; '' for none. */
  #wantedKey = '';
  #request = new AbortController();

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
    if (this.#wantedKey !== key) this.cancel();
    const { signal } = this.#request;
    const isWanted = () => !signal.aborted && !hasFrame();
    const load = async () => {
      if (!isWanted()) return;
      // Rejects if the server has no snapshot: then it stays dark until the first live frame.
      const { blob, takenAt } = await this.#api.snapshot(cameraId, { profileToken, cached: true, signal });
      if (!isWanted()) return;
      await this.#image.show(blob, takenAt);
      if (signal.aborted && this.#image.takenAt === takenAt) this.#image.clear();
    };
    this.#wantedKey = key;
    setTimeout(() => this.#queue.add(key, load), SNAPSHOT_AFTER_MS);
  }

  /** Load no snapshot any more, so that the stream has the whole link; one that is shown stays. */
  cancel() {
    this.#wantedKey = '';
    this.#request.abort();
    this.#request = new AbortController();
  }

  clear() {
    this.cancel();
    this.#image.clear();
  }
}
