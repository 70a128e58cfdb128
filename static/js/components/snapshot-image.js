// @ts-check

/** A live picture that comes within this time needs no still picture before it. */
export const STILL_AFTER_MS = 300;

/**
 * A still picture that is replaced without a flicker: the next one is decoded before it takes the place of the last.
 * `has-picture` says that there is one. What it holds as children is the placeholder.
 */
export class SnapshotImage extends HTMLElement {
  /** @type {HTMLImageElement|null} */
  #image = null;
  #turn = 0;
  /** @type {Date|null} */
  takenAt = null;

  disconnectedCallback() {
    this.#turn += 1;
    this.clear();
  }

  get hasPicture() {
    return this.#image !== null;
  }

  /** @param {Blob} blob @param {Date|null} takenAt */
  async show(blob, takenAt) {
    const turn = ++this.#turn;
    const image = new Image();
    image.alt = '';
    image.draggable = false;
    image.src = URL.createObjectURL(blob);
    try {
      await image.decode();
    } catch {
      URL.revokeObjectURL(image.src);
      return;
    }
    if (turn !== this.#turn) {
      URL.revokeObjectURL(image.src);
      return;
    }
    const old = this.#image;
    this.append(image);
    this.#image = image;
    this.takenAt = takenAt;
    this.setAttribute('has-picture', '');
    if (old) {
      old.remove();
      URL.revokeObjectURL(old.src);
    }
  }

  clear() {
    this.#turn += 1;
    if (this.#image) {
      this.#image.remove();
      URL.revokeObjectURL(this.#image.src);
    }
    this.#image = null;
    this.takenAt = null;
    this.removeAttribute('has-picture');
  }
}

customElements.define('snapshot-image', SnapshotImage);
