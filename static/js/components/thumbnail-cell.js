// @ts-check
import { setAttribute, setText } from './dom.js';

/**
 * @typedef {import('../lib/thumbnail-text.js').CellState} CellState
 * @typedef {import('../lib/thumbnail-queue.js').ThumbnailQueue<HTMLImageElement>} ImageQueue
 * @typedef {{taken: import('../lib/thumbnail-text.js').ShownTime, state: CellState, url: string|null, label: string,
 *   time: string}} Shown `taken`: time of the frame; without one, the time that was requested
 */

/** A button with the thumbnail of one time. It loads its image through the queue that all thumbnails share. */
export class ThumbnailCell {
  element = document.createElement('button');
  #picture = document.createElement('span');
  #time = document.createElement('span');
  #queue;
  /** @type {string|null} */
  #url = null;
  /** @type {HTMLImageElement|null} */
  #image = null;
  /** @type {Shown|null} */
  shown = null;

  /** @param {ImageQueue} queue */
  constructor(queue) {
    this.#queue = queue;
    this.element.type = 'button';
    this.element.className = 'thumbnail';
    this.element.tabIndex = -1;
    this.#picture.className = 'thumbnail-picture';
    this.#time.className = 'thumbnail-time';
    this.element.append(this.#picture, this.#time);
  }

  /** @param {Shown} shown */
  show(shown) {
    this.shown = shown;
    setAttribute(this.element, 'data-state', shown.state);
    setAttribute(this.element, 'aria-label', shown.label);
    setText(this.#time, shown.time);
    if (shown.url === this.#url) return;
    this.#url = shown.url;
    this.#queue.remove(this);
    if (shown.url) void this.#load(shown.url);
    else this.#setImage(null);
  }

  /** The address of the visible image; null if there is none. */
  get imageUrl() {
    return this.#image ? this.#url : null;
  }

  close() {
    this.#queue.remove(this);
    this.element.remove();
  }

  /** @param {string} url */
  async #load(url) {
    const image = await this.#queue.load(this, url);
    if (url !== this.#url) return;
    if (!image) this.#url = null;
    this.#setImage(image);
  }

  /** @param {HTMLImageElement|null} image */
  #setImage(image) {
    this.#image = image;
    this.#picture.replaceChildren(...(image ? [image] : []));
    setAttribute(this.element, 'data-shown', image !== null);
  }
}

/** Load and decode an image. @param {string} url of this origin @returns {Promise<HTMLImageElement>} */
export async function loadImage(url) {
  const image = new Image();
  image.alt = '';
  image.draggable = false;
  image.src = url;
  await image.decode();
  return image;
}
