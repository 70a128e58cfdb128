// @ts-check
/**
 * Thumbnails of recordings: the strip above the timeline, the grid, the picture under the pointer, and the days of the
 * calendar. pages/recordings-pictures.js loads this script, and css/storyboard.css, after the page has begun to play.
 *
 *   lib/thumbnail-times.js    which times and steps
 *   lib/thumbnail-loader.js   asks the server about them, while it makes them
 *   lib/thumbnail-queue.js    loads their images, four at a time
 */
import { rowName } from '../lib/coverage.js';
import { ThumbnailLoader } from '../lib/thumbnail-loader.js';
import { ThumbnailQueue } from '../lib/thumbnail-queue.js';
import { isEmptyAt } from '../lib/thumbnail-times.js';
import { thumbnailLabel, thumbnailNote, thumbnailTime } from '../lib/thumbnail-text.js';
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
 * @typedef {import('../lib/thumbnail-loader.js').Want} Want @typedef {import('../lib/thumbnail-loader.js').Owner} Owner
 * @typedef {import('../lib/thumbnail-text.js').CellState} CellState
 * @typedef {import('./recording-timeline.js').RecordingTimeline} RecordingTimeline
 * @typedef {import('./recording-calendar.js').RecordingCalendar} RecordingCalendar
 * @typedef {'off'|'strip'|'grid'} Mode
 * @typedef {{strip: StoryboardStrip, grid: StoryboardGrid, timeline: RecordingTimeline, calendar: RecordingCalendar,
 *   note: HTMLElement, home: HTMLElement}} Elements `home`: positioned; gets the popup
 */

export { StoryboardGrid, StoryboardStrip, ThumbnailsApi };

/** The thumbnails as its parts see them. */
export class Source {
  #loader;
  #rowOf;
  #clockOf;
  queue;

  /**
   * @param {ThumbnailLoader} loader
   * @param {ThumbnailQueue<HTMLImageElement>} queue
   * @param {RecordingTimeline} timeline
   */
  constructor(loader, queue, timeline) {
    this.#loader = loader;
    this.queue = queue;
    this.#rowOf = () => timeline.row;
    this.#clockOf = () => timeline.clock;
  }

  get store() {
    return this.#loader.store;
  }

  /** @param {Row} row */
  nameOf(row) {
    return rowName(row);
  }

  /** @param {Owner} owner @param {number|null} channel null: nothing @param {number} stepS @param {number[]} times */
  want(owner, channel, stepS, times) {
    const row = this.#rowOf();
    const wanted = times.filter((atMs) => !row || row.channel !== channel || !isEmptyAt(row, atMs, stepS * 1000));
    this.#loader.want(owner, channel === null || !wanted.length ? [] : [{ channel, stepS, times: wanted }]);
  }

  /** @param {Owner} owner @param {Want[]} wants */
  wantAll(owner, wants) {
    this.#loader.want(owner, wants);
  }

  /**
   * Return the state and texts of the thumbnail of the timeline's row at a time.
   *
   * @param {number} channel
   * @param {number} stepS
   * @param {number} atMs
   * @param {number} strideMs time to the next thumbnail
   * @returns {import('./thumbnail-cell.js').Shown}
   */
  shownAt(channel, stepS, atMs, strideMs) {
    const row = this.#rowOf();
    const clock = this.#clockOf();
    const { state: said = null, takenMs = null, url = null } = this.store.get(channel, stepS, atMs) ?? {};
    const isEmpty = said === null && row !== null && isEmptyAt(row, atMs, stepS * 1000);
    const state = said ?? (isEmpty ? 'not_recorded' : 'waiting');
    const label = thumbnailLabel(clock, takenMs ?? atMs, state);
    return { atMs, state, url: state === 'ready' ? url : null, takenMs, label, time: thumbnailTime(clock, takenMs ?? atMs, strideMs) };
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
   * @param {import('../lib/thumbnail-loader.js').Ask} ask
   * @param {{mayRequest: () => boolean, isLinkThin: () => boolean}} gate
   */
  constructor(elements, ask, { mayRequest, isLinkThin }) {
    super();
    const { strip, grid, timeline, calendar, home } = elements;
    this.#elements = elements;
    this.#isLinkThin = isLinkThin;
    this.#loader = new ThumbnailLoader(ask, mayRequest);
    const queue = new ThumbnailQueue(loadImage, mayRequest);
    this.#source = new Source(this.#loader, queue, timeline);
    this.#popup = new ThumbnailPopup(home);
    this.#pointer = new TimelineThumbnail(timeline, this.#source, this.#popup);
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
      const { takenMs, atMs } = cell?.shown ?? { takenMs: null, atMs: 0 };
      this.#enlarge(cell?.element ?? null, timeline.clock.timeOf(takenMs ?? atMs));
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
    if (mode !== 'strip') this.#source.wantAll('strip', []);
    if (mode !== 'grid') this.#source.wantAll('grid', []);
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
