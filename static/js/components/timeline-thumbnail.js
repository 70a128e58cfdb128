// @ts-check
import { hoverStepFor, isEmptyAt, snapped } from '../lib/thumbnail-times.js';

/**
 * @typedef {import('../lib/coverage.js').Row} Row
 * @typedef {import('./recording-timeline.js').RecordingTimeline} RecordingTimeline
 * @typedef {import('./storyboard.js').Source} Source
 * @typedef {{row: Row, atMs: number, x: number}} Pointed
 */

/** A pointer on its way to another time requests nothing. */
const REST_MS = 60;
/** Until the exact thumbnail has come, one that is so many pixels away is shown. */
const NEAR_PX = 60;

/** Shows the thumbnail of the time that the pointer, a scrub or a key points at on the timeline. */
export class TimelineThumbnail {
  #timeline;
  #source;
  #popup;
  /** @type {Pointed|null} */
  #pointed = null;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #resting = null;
  /** Images that have loaded, by address; the newest last. @type {Map<string, HTMLImageElement>} */
  #images = new Map();
  /** The address of the image that loads. @type {string|null} */
  #loading = null;

  /** @param {RecordingTimeline} timeline @param {Source} source @param {import('./thumbnail-popup.js').ThumbnailPopup} popup */
  constructor(timeline, source, popup) {
    this.#timeline = timeline;
    this.#source = source;
    this.#popup = popup;
  }

  /** @param {Pointed|null} pointed */
  point(pointed) {
    const wasPointed = this.#pointed !== null;
    this.#pointed = pointed?.row.channel === null ? null : pointed;
    if (this.#resting !== null) clearTimeout(this.#resting);
    if (!this.#pointed) {
      this.#source.want('pointer', null, 1, []);
      if (wasPointed) this.#popup.hide();
      return;
    }
    const { channel, stepS, atMs } = this.#place(this.#pointed);
    this.#resting = setTimeout(() => this.#source.want('pointer', channel, stepS, [atMs]), REST_MS);
    this.update();
  }

  /** Show the best thumbnail that is there. */
  update() {
    const pointed = this.#pointed;
    if (!pointed) return;
    const { channel, stepS, atMs } = this.#place(pointed);
    if (isEmptyAt(pointed.row, atMs, stepS * 1000)) {
      this.#popup.hide();
      return;
    }
    const { store } = this.#source;
    const exact = store.get(channel, stepS, atMs);
    const isReady = exact?.state === 'ready' && exact.url !== null;
    const near = store.nearest(channel, pointed.atMs, NEAR_PX * this.#msPerPx);
    if (isReady && exact.url && !this.#images.has(exact.url)) void this.#load(exact.url);
    const isExactLoaded = isReady && this.#images.has(exact.url ?? '');
    const best = isExactLoaded ? exact : near?.url && this.#images.has(near.url) ? near : null;
    if (!best && near?.url && !isReady) void this.#load(near.url);
    if (!best && (exact?.state === 'missing' || exact?.state === 'not_recorded')) {
      this.#popup.hide();
      return;
    }
    const text = best ? this.#timeline.clock.timeOf(best.takenMs ?? best.atMs) : this.#timeline.clock.timeOf(pointed.atMs);
    this.#popup.show(best?.url ? (this.#images.get(best.url) ?? null) : null, { text, isExact: isExactLoaded });
    const box = this.#timeline.slider.getBoundingClientRect();
    this.#popup.moveTo(box, box.left + pointed.x);
  }

  /** @param {Pointed} pointed */
  #place({ row, atMs }) {
    const stepS = hoverStepFor(this.#msPerPx);
    return { channel: row.channel ?? 0, stepS, atMs: snapped(atMs, stepS * 1000) };
  }

  get #msPerPx() {
    const { view, plot } = this.#timeline;
    return (view.endMs - view.startMs) / plot.widthPx;
  }

  /** @param {string} url */
  async #load(url) {
    if (this.#loading === url) return;
    this.#loading = url;
    const image = await this.#source.queue.load(this, url, { isUrgent: true });
    if (this.#loading === url) this.#loading = null;
    if (!image) return;
    this.#images.set(url, image);
    const [oldest] = this.#images.keys();
    if (this.#images.size > 200 && oldest) this.#images.delete(oldest);
    this.update();
  }
}
