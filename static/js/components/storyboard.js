// @ts-check
/**
 * Thumbnails of recordings: the strip above the timeline, the grid, the picture under the pointer, and the days of the
 * calendar. pages/recordings-pictures.js loads this script, and css/storyboard.css, after the page has begun to play.
 *
 *   lib/thumbnail-times.js    which times and steps
 *   lib/thumbnail-loader.js   asks the server about them, while it makes them
 *   lib/thumbnail-queue.js    loads their images, four at a time
 */
import { ThumbnailLoader } from '../lib/thumbnail-loader.js';
import { ThumbnailQueue } from '../lib/thumbnail-queue.js';
import { emptyText, enlargedTime, takenOf, thumbnailLabel, thumbnailNote, thumbnailTime } from '../lib/thumbnail-text.js';
import { ThumbnailsApi } from '../lib/thumbnails-api.js';
import { CalendarThumbnails } from './calendar-thumbnails.js';
import { setText } from './dom.js';
import { StoryboardGrid } from './storyboard-grid.js';
import { StoryboardStrip, isTouch } from './storyboard-strip.js';
import { loadImage } from './thumbnail-cell.js';
import { ThumbnailPopup } from './thumbnail-popup.js';
import { TimelineThumbnail } from './timeline-thumbnail.js';

/**
 * @typedef {import('../lib/coverage.js').Row} Row
 * @typedef {import('../lib/display-clock.js').DisplayClock} DisplayClock
 * @typedef {import('../lib/thumbnail-loader.js').Owner} Owner @typedef {import('../lib/thumbnail-times.js').Place} Place
 * @typedef {import('../lib/thumbnail-text.js').CellState} CellState
 * @typedef {import('./recording-timeline.js').RecordingTimeline} RecordingTimeline
 * @typedef {import('./recording-calendar.js').RecordingCalendar} RecordingCalendar
 * @typedef {'off'|'strip'|'grid'} Mode
 * @typedef {{strip: StoryboardStrip, grid: StoryboardGrid, timeline: RecordingTimeline, calendar: RecordingCalendar,
 *   note: HTMLElement, home: HTMLElement}} Elements `home`: positioned; gets the popup
 */

export { StoryboardGrid, StoryboardStrip, ThumbnailsApi };

/** The thumbnails of one recorder, for the parts of the page that show them. */
export class Source {
  #loader;
  #clockOf;
  queue;

  /**
   * @param {ThumbnailLoader} loader
   * @param {ThumbnailQueue<HTMLImageElement>} queue
   * @param {() => DisplayClock} clockOf
   */
  constructor(loader, queue, clockOf) {
    this.#loader = loader;
    this.queue = queue;
    this.#clockOf = clockOf;
  }

  get store() {
    return this.#loader.store;
  }

  /** Request the thumbnails that a part of the page shows now. @param {Owner} owner @param {number|null} channel @param {Place[]} places */
  want(owner, channel, places) {
    /** @type {Map<number, number[]>} */
    const times = new Map();
    for (const { atMs, stepS } of places) times.set(stepS, [...(times.get(stepS) ?? []), atMs]);
    this.#loader.want(owner, channel === null ? [] : [...times].map(([stepS, list]) => ({ channel, stepS, times: list })));
  }

  /**
   * Return the state and texts of a thumbnail.
   *
   * @param {number|null} channel
   * @param {Place|null} place null: nothing was recorded
   * @param {{atMs: number, strideMs: number, row: Row|null}} part the part of the time that the thumbnail stands for
   * @returns {import('./thumbnail-cell.js').Shown}
   */
  shownAt(channel, place, { atMs, strideMs, row }) {
    const clock = this.#clockOf();
    const known = place && channel !== null ? this.store.get(channel, place.stepS, place.atMs) : null;
    const state = place ? (known?.state ?? 'waiting') : 'not_recorded';
    const taken = takenOf(known, place?.atMs ?? atMs);
    const url = state === 'ready' ? (known?.url ?? null) : null;
    const label = thumbnailLabel(clock, taken, state, emptyText(row, atMs, atMs + strideMs));
    return { taken, state, url, label, time: thumbnailTime(clock, taken, strideMs) };
  }
}

/** Emits 'play' with a time. */
export class Storyboard extends EventTarget {
  #elements;
  #loader;
  #source;
  #popup;
  #pointer;
  #calendarThumbnails;
  #isLinkThin;
  /** @type {Mode} */
  #mode = 'off';
  /** @type {Row[]} */
  #monthRows = [];
  /** @type {CellState[]} */
  #states = [];

  /**
   * @param {Elements} elements
   * @param {{list: import('../lib/thumbnail-loader.js').Ask, get: import('./timeline-thumbnail.js').Get}} server
   * @param {{mayRequest: () => boolean, isLinkThin: () => boolean}} gate
   */
  constructor(elements, { list, get }, { mayRequest, isLinkThin }) {
    super();
    const { strip, grid, timeline, calendar, home } = elements;
    this.#elements = elements;
    this.#isLinkThin = isLinkThin;
    this.#loader = new ThumbnailLoader(list, mayRequest);
    const queue = new ThumbnailQueue((url) => this.#loadImage(url), mayRequest);
    this.#source = new Source(this.#loader, queue, () => timeline.clock);
    this.#popup = new ThumbnailPopup(home);
    this.#pointer = new TimelineThumbnail(timeline, this.#source, this.#popup, { get, mayRequest });
    this.#calendarThumbnails = new CalendarThumbnails(calendar, this.#source);
    strip.connect(timeline, this.#source);
    grid.connect(timeline, this.#source);
    for (const element of [strip, grid]) {
      element.addEventListener('thumbnail-play', (event) => {
        this.#popup.hide();
        this.dispatchEvent(new CustomEvent('play', { detail: /** @type {CustomEvent<number>} */ (event).detail }));
      });
      element.addEventListener('thumbnail-states', (event) => {
        this.#states = /** @type {CustomEvent<CellState[]>} */ (event).detail;
        this.#showNote();
      });
    }
    strip.addEventListener('thumbnail-point', (event) => {
      const cell = /** @type {CustomEvent<import('./thumbnail-cell.js').ThumbnailCell|null>} */ (event).detail;
      this.#enlarge(cell?.element ?? null, cell?.shown ? enlargedTime(timeline.clock, cell.shown.taken) : '');
    });
    for (const type of ['pointerover', 'focusin']) {
      calendar.addEventListener(type, (event) => {
        const button = event.target instanceof Element && !isTouch(event) ? event.target.closest('button') : null;
        this.#enlarge(button, this.#calendarThumbnails.timeOf(button?.dataset.day ?? ''));
      });
    }
    for (const type of ['pointerleave', 'focusout']) calendar.addEventListener(type, () => this.#popup.hide());
    timeline.addEventListener('timeline-hover', (event) => {
      if (this.#mode !== 'off') this.#pointer.point(/** @type {CustomEvent} */ (event).detail);
    });
    timeline.addEventListener('timeline-view', () => {
      strip.update();
      grid.update();
    });
    this.#loader.addEventListener('thumbnails', () => this.#refresh());
    this.#loader.addEventListener('state', () => this.#showNote());
  }

  get mode() {
    return this.#mode;
  }

  /** @param {Mode} mode */
  set mode(mode) {
    this.#mode = mode;
    const { strip, grid } = this.#elements;
    strip.hidden = mode !== 'strip';
    grid.hidden = mode !== 'grid';
    if (mode !== 'strip') this.#source.want('strip', null, []);
    if (mode !== 'grid') this.#source.want('grid', null, []);
    this.#states = [];
    if (mode === 'off') {
      this.#pointer.point(null);
      this.#loader.stop();
    } else this.#loader.start();
    this.#showNote();
    this.update();
  }

  /** The rows of the calendar's month. @param {Row[]} rows */
  set monthRows(rows) {
    this.#monthRows = rows;
    this.#updateCalendar();
  }

  /** The row, its spans or the clock has changed. */
  update() {
    this.#elements.strip.update();
    this.#elements.grid.update();
    this.#updateCalendar();
  }

  /** The needle has moved. */
  moveNeedle() {
    if (this.#mode === 'strip') this.#elements.strip.moveNeedle();
    else if (this.#mode === 'grid') this.#elements.grid.moveNeedle();
  }

  /** @param {string} url */
  async #loadImage(url) {
    try {
      return await loadImage(url);
    } catch (error) {
      this.#loader.store.markMissing(url, Date.now());
      this.#refresh();
      throw error;
    }
  }

  #refresh() {
    this.#elements.strip.update();
    this.#elements.grid.update();
    this.#pointer.update();
    this.#calendarThumbnails.update();
  }

  #updateCalendar() {
    const { timeline } = this.#elements;
    const row = this.#mode === 'off' ? null : this.#monthRows.find(({ channel }) => channel === (timeline.row?.channel ?? null));
    this.#calendarThumbnails.setRow(row ?? null, timeline.clock);
  }

  /** Show the thumbnail of a button larger. @param {HTMLElement|null} button @param {string} text */
  #enlarge(button, text) {
    const image = button?.querySelector('img');
    if (!button || !image) {
      this.#popup.hide();
      return;
    }
    this.#popup.show(/** @type {HTMLImageElement} */ (image.cloneNode()), { text, isExact: true });
    const box = button.getBoundingClientRect();
    this.#popup.moveTo(box, box.left + box.width / 2);
  }

  #showNote() {
    const { note, timeline } = this.#elements;
    const { problem, isHeld } = this.#loader;
    const facts = { row: timeline.row, states: this.#states, problem, isHeld, isLinkThin: this.#isLinkThin() };
    const text = this.#mode === 'off' ? '' : thumbnailNote(facts);
    setText(note, text);
    note.hidden = !text;
  }
}
