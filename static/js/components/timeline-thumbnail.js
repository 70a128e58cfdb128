// @ts-check
import { problemOf } from '../lib/http.js';
import { enlargedTime, takenOf } from '../lib/thumbnail-text.js';
import { placeAtPointer } from '../lib/thumbnail-times.js';

/**
 * @typedef {import('../lib/coverage.js').Row} Row
 * @typedef {import('../lib/thumbnail-times.js').Place} Place
 * @typedef {import('./recording-timeline.js').RecordingTimeline} RecordingTimeline
 * @typedef {import('./storyboard.js').Source} Source
 * @typedef {{row: Row, atMs: number, x: number}} Pointed
 * @typedef {(what: {channel: number, atMs: number}) => ReturnType<import('../lib/thumbnails-api.js').ThumbnailsApi['get']>} Get
 */

/** A pointer on its way to another time requests nothing. */
const REST_MS = 60;
/** Until the exact thumbnail has come, one that is so many pixels away is shown. */
const NEAR_PX = 60;
const AFTER_PROBLEM_MS = 3000;
const IMAGES_KEPT = 200;

/** Shows the thumbnail of the time that the pointer, a scrub or a key points at on the timeline. */
export class TimelineThumbnail {
  #timeline;
  #source;
  #popup;
  #get;
  #mayRequest;
  /** @type {Pointed|null} */
  #pointed = null;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #timer = null;
  #isRequesting = false;
  /** Images that have loaded, by address; the newest last. @type {Map<string, HTMLImageElement>} */
  #images = new Map();

  /**
   * @param {RecordingTimeline} timeline
   * @param {Source} source
   * @param {import('./thumbnail-popup.js').ThumbnailPopup} popup
   * @param {{get: Get, mayRequest: () => boolean}} server
   */
  constructor(timeline, source, popup, { get, mayRequest }) {
    this.#timeline = timeline;
    this.#source = source;
    this.#popup = popup;
    this.#get = get;
    this.#mayRequest = mayRequest;
  }

  /** @param {Pointed|null} pointed */
  point(pointed) {
    const wasPointed = this.#pointed !== null;
    this.#pointed = pointed?.row.channel === null ? null : pointed;
    this.#requestAfter(REST_MS);
    if (this.#pointed) this.update();
    else if (wasPointed) this.#popup.hide();
  }

  /** Show the best thumbnail that is there. */
  update() {
    const pointed = this.#pointed;
    const channel = pointed?.row.channel ?? null;
    if (!pointed || channel === null) return;
    const place = this.#placeOf(pointed);
    const exact = place && this.#source.store.get(channel, place.stepS, place.atMs);
    const near = this.#source.store.nearest(channel, pointed.atMs, NEAR_PX * this.#msPerPx);
    const image = this.#images.get(exact?.url ?? '') ?? null;
    const nearImage = this.#images.get(near?.url ?? '') ?? null;
    if (!place || (!image && !nearImage && (exact?.state === 'missing' || exact?.state === 'not_recorded'))) {
      this.#popup.hide();
      return;
    }
    const taken = image ? takenOf(exact, place.atMs) : takenOf(nearImage && near, nearImage && near ? near.atMs : pointed.atMs);
    this.#popup.show(image ?? nearImage, { text: enlargedTime(this.#timeline.clock, taken), isExact: image !== null });
    const box = this.#timeline.slider.getBoundingClientRect();
    this.#popup.moveTo(box, box.left + pointed.x);
  }

  /** @param {number} ms */
  #requestAfter(ms) {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = this.#pointed ? setTimeout(() => void this.#request(), ms) : null;
  }

  /** Load the exact thumbnail, and the next one if the pointer points at another time by then. */
  async #request() {
    const pointed = this.#pointed;
    const channel = pointed?.row.channel ?? null;
    const place = pointed && this.#placeOf(pointed);
    if (!place || channel === null || this.#isRequesting) return;
    const known = this.#source.store.get(channel, place.stepS, place.atMs);
    if (known?.url && this.#images.has(known.url)) return;
    if (known?.state === 'missing') return;
    if (!this.#mayRequest()) {
      this.#requestAfter(AFTER_PROBLEM_MS);
      return;
    }
    this.#isRequesting = true;
    const pauseMs = await this.#load(channel, place, known?.url ?? null);
    this.#isRequesting = false;
    this.update();
    this.#requestAfter(pauseMs);
  }

  /** @param {number} channel @param {Place} place @param {string|null} readyUrl @returns {Promise<number>} the pause before the next request */
  async #load(channel, place, readyUrl) {
    if (readyUrl) {
      const image = await this.#source.queue.load(this, readyUrl, { isUrgent: true });
      if (image) this.#keep(readyUrl, image);
      return image ? 0 : AFTER_PROBLEM_MS;
    }
    try {
      const found = await this.#get({ channel, atMs: place.atMs });
      if (!found) return REST_MS;
      this.#keep(found.url, await decoded(found.blob));
      this.#emit(channel, place, { takenMs: found.takenMs, state: 'ready', url: found.url });
      return 0;
    } catch (error) {
      if (problemOf(error).code === 'no_recording') this.#emit(channel, place, { takenMs: null, state: 'missing', url: null });
      return AFTER_PROBLEM_MS;
    }
  }

  /** @param {number} channel @param {Place} place @param {Omit<import('../lib/thumbnails-api.js').Thumbnail, 'atMs'>} known */
  #emit(channel, { atMs, stepS }, known) {
    this.#source.store.add(channel, stepS, [{ atMs, ...known }], Date.now());
  }

  /** @param {string} url @param {HTMLImageElement} image */
  #keep(url, image) {
    this.#images.set(url, image);
    const [oldest] = this.#images.keys();
    if (this.#images.size > IMAGES_KEPT && oldest) this.#images.delete(oldest);
  }

  /** @param {Pointed} pointed */
  #placeOf({ row, atMs }) {
    return placeAtPointer(row, atMs, this.#msPerPx);
  }

  get #msPerPx() {
    const { view, plot } = this.#timeline;
    return (view.endMs - view.startMs) / plot.widthPx;
  }
}

/** @param {Blob} blob @returns {Promise<HTMLImageElement>} */
async function decoded(blob) {
  const image = new Image();
  image.alt = '';
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
  } finally {
    URL.revokeObjectURL(image.src);
  }
  return image;
}
