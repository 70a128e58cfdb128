// @ts-check

/**
 * A snapshot that is replaced without a flicker: the next image is decoded before it replaces the last one. It has the
 * attribute `has-picture` while it shows one. Its children are the placeholder.
 */
export class SnapshotImage extends HTMLElement {
  /** @type {HTMLImageElement|null} */
  #image = null;
  #newest = 0;
  /** @type {Date|null} */
  takenAt = null;

  disconnectedCallback() {
    this.#newest += 1;
    this.clear();
  }

  get hasPicture() {
    return this.#image !== null;
  }

  /** @param {Blob} blob @param {Date|null} takenAt */
  async show(blob, takenAt) {
    const show = ++this.#newest;
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
    if (show !== this.#newest) {
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
    this.#newest += 1;
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
