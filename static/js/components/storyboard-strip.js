// @ts-check
import { rowName } from '../lib/coverage.js';
import { pannedBy, fractionOf, timeAt } from '../lib/timeline-scale.js';
import { placeIn, strideFor, timesIn } from '../lib/thumbnail-times.js';
import { dayText, intervalText } from '../lib/thumbnail-text.js';
import { emit, part, setAttribute, setText } from './dom.js';
import { moveFocusByKeys, setStop } from './roving-focus.js';
import { ThumbnailCell } from './thumbnail-cell.js';

/**
 * @typedef {import('./recording-timeline.js').RecordingTimeline} RecordingTimeline
 * @typedef {import('../lib/thumbnail-times.js').Stride} Stride
 * @typedef {import('./storyboard.js').Source} Source
 */

const LEAST_PX = 104;
const NARROW_LEAST_PX = 60;
const NARROW_PX = 600;
const TAP_PX = 5;
const SETTLE_MS = 150;

/**
 * Thumbnails above the timeline, at the places of their times: they move with its window. A drag moves the window, arrow
 * keys go from thumbnail to thumbnail. Emits 'thumbnail-play' with a time, 'thumbnail-point' {cell} of the thumbnail that
 * the pointer or the focus is on, and 'thumbnail-states' with the states of all thumbnails.
 */
export class StoryboardStrip extends HTMLElement {
  /** @type {RecordingTimeline|null} */
  #timeline = null;
  /** @type {Source|null} */
  #source = null;
  /** @type {Map<number, ThumbnailCell>} */
  #cells = new Map();
  /** @type {Stride|null} */
  #stride = null;
  #channel = /** @type {number|null} */ (null);
  /** @type {{id: number, startX: number, x: number, moved: boolean}|null} */
  #press = null;
  #wantedKey = '';
  /** @type {ReturnType<typeof setTimeout>|null} */
  #settling = null;
  #drawn = 0;
  #observer = new ResizeObserver(() => this.update());

  get track() {
    return part(this, 'track', HTMLElement);
  }

  /** @param {RecordingTimeline} timeline @param {Source} source */
  connect(timeline, source) {
    this.#timeline = timeline;
    this.#source = source;
    const { track } = this;
    this.#observer.observe(this);
    track.addEventListener('click', (event) => this.#click(event));
    track.addEventListener('pointerdown', (event) => this.#down(event));
    track.addEventListener('pointermove', (event) => this.#move(event));
    for (const type of /** @type {const} */ (['pointerup', 'pointercancel'])) {
      track.addEventListener(type, (event) => this.#up(event));
    }
    track.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    for (const type of ['pointerover', 'focusin']) track.addEventListener(type, (event) => !isTouch(event) && this.#point(event.target));
    for (const type of ['pointerleave', 'focusout']) track.addEventListener(type, () => this.#point(null));
    moveFocusByKeys(track, (from, key) => this.#next(from, key));
  }

  disconnectedCallback() {
    this.#observer.disconnect();
  }

  /** Draw the window, row and thumbnails of now. */
  update() {
    cancelAnimationFrame(this.#drawn);
    this.#drawn = requestAnimationFrame(() => this.#draw());
  }

  /** Mark the thumbnail of the needle. */
  moveNeedle() {
    const atMs = this.#timeline?.atMs ?? null;
    const { strideMs } = this.#stride ?? { strideMs: 0 };
    for (const [startMs, { element }] of this.#cells) setAttribute(element, 'aria-current', isAt(atMs, startMs, strideMs) ? 'true' : null);
  }

  // ── Drawing ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #draw() {
    const timeline = this.#timeline;
    const source = this.#source;
    const width = this.track.clientWidth;
    if (!timeline || !source || this.hidden || !width) return;
    const { view, row } = timeline;
    const channel = row?.channel ?? null;
    const { leftPx, widthPx } = this.#plot(width);
    const msPerPx = (view.endMs - view.startMs) / widthPx;
    const hadFocus = this.track.contains(document.activeElement);
    const stride = strideFor(msPerPx, width < NARROW_PX ? NARROW_LEAST_PX : LEAST_PX);
    if (channel !== this.#channel || stride.strideMs !== this.#stride?.strideMs) this.#clear();
    this.#channel = channel;
    this.#stride = stride;
    const { strideMs } = stride;
    const span = { startMs: view.startMs - leftPx * msPerPx, endMs: Math.min(view.endMs, Date.now()) };
    const times = channel === null ? [] : timesIn(span, strideMs).filter((atMs) => atMs + strideMs > span.startMs);
    this.#keep(times);
    const widthOfCell = strideMs / msPerPx;
    this.track.style.setProperty('--cell-width', `${widthOfCell}px`);
    /** @type {import('../lib/thumbnail-times.js').Place[]} */
    const wanted = [];
    for (const atMs of times) {
      const cell = this.#cells.get(atMs);
      if (!cell) continue;
      cell.element.style.setProperty('--cell-x', `${leftPx + fractionOf(view, atMs) * widthPx}px`);
      const place = row ? placeIn(row, atMs, stride) : null;
      if (place) wanted.push(place);
      cell.show(source.shownAt(channel, place, { atMs, strideMs, row }));
    }
    this.moveNeedle();
    this.#setStop(times, hadFocus);
    this.#describe(times, strideMs);
    this.#want(wanted);
  }

  /** On a narrow page the strip also covers the width of the timeline's labels. @param {number} width */
  #plot(width) {
    const { leftPx, widthPx } = /** @type {RecordingTimeline} */ (this.#timeline).plot;
    const offsetPx = Math.max(0, leftPx + widthPx - width);
    return { leftPx: leftPx - offsetPx, widthPx };
  }

  /** Create the cells of these times in their order, and remove all others. @param {number[]} times */
  #keep(times) {
    const wanted = new Set(times);
    for (const [atMs, cell] of this.#cells) {
      if (wanted.has(atMs)) continue;
      cell.close();
      this.#cells.delete(atMs);
    }
    const { queue } = /** @type {Source} */ (this.#source);
    /** @type {Element|null} */
    let before = null;
    for (const atMs of times) {
      let cell = this.#cells.get(atMs);
      if (!cell) {
        cell = new ThumbnailCell(queue);
        this.#cells.set(atMs, cell);
        cell.element.dataset.at = String(atMs);
        if (before) before.after(cell.element);
        else this.track.prepend(cell.element);
      }
      before = cell.element;
    }
  }

  #clear() {
    for (const cell of this.#cells.values()) cell.close();
    this.#cells.clear();
  }

  /**
   * Keep one stop of the Tab key: the focused thumbnail, the one at the needle, or the first whole one. It gets the focus
   * of a thumbnail that has left the window.
   *
   * @param {number[]} times
   * @param {boolean} hadFocus
   */
  #setStop(times, hadFocus) {
    const { track } = this;
    const found = track.querySelector('button:focus, button[tabindex="0"]') ?? track.querySelector('[aria-current]');
    const stop = found instanceof HTMLElement ? found : (this.#cells.get(times[1] ?? times[0] ?? NaN)?.element ?? null);
    setStop(track, stop);
    if (hadFocus && !track.contains(document.activeElement)) stop?.focus({ preventScroll: true });
  }

  /** @param {number[]} times @param {number} strideMs */
  #describe(times, strideMs) {
    const { row, clock } = /** @type {RecordingTimeline} */ (this.#timeline);
    setText(part(this, 'channel', HTMLElement), row ? rowName(row) : '');
    setText(part(this, 'interval', HTMLElement), times.length ? `one ${intervalText(strideMs)}` : '');
    const [first] = times;
    const day = first === undefined ? '' : `, from ${dayText(clock, first)}`;
    setAttribute(this.track, 'aria-label', row ? `Pictures of ${rowName(row)}, one ${intervalText(strideMs)}${day}` : 'Pictures');
    emit(
      this,
      'thumbnail-states',
      [...this.#cells.values()].map((cell) => cell.shown?.state),
    );
  }

  /** Request the thumbnails, of a moved window once it stands still. @param {import('../lib/thumbnail-times.js').Place[]} places */
  #want(places) {
    const channel = this.#channel;
    const key = [channel, ...places.map(({ atMs }) => atMs)].join(' ');
    const request = () => {
      this.#settling = null;
      this.#source?.want('strip', channel, places);
    };
    if (key === this.#wantedKey) {
      if (this.#settling === null) request();
      return;
    }
    const isFirst = !this.#wantedKey;
    this.#wantedKey = key;
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#settling = setTimeout(request, isFirst ? 0 : SETTLE_MS);
  }

  // ── Pointer ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0 || this.#press) return;
    this.#press = { id: event.pointerId, startX: event.clientX, x: event.clientX, moved: false };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const press = this.#press;
    if (press?.id !== event.pointerId) return;
    if (!press.moved && Math.abs(event.clientX - press.startX) <= TAP_PX) return;
    if (!press.moved) this.track.setPointerCapture(event.pointerId); // earlier it would take the click from the button
    press.moved = true;
    this.#panBy(press.x - event.clientX);
    press.x = event.clientX;
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (this.#press?.id !== event.pointerId) return;
    // The click that follows a drag is not meant.
    if (this.#press.moved) setTimeout(() => (this.#press = null));
    else this.#press = null;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const byPx = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
    if (!byPx || (!event.shiftKey && Math.abs(event.deltaY) > Math.abs(event.deltaX))) return; // scrolls the page
    event.preventDefault();
    this.#panBy(byPx);
  }

  /** @param {number} px positive: later */
  #panBy(px) {
    const timeline = this.#timeline;
    if (timeline) timeline.view = pannedBy(timeline.view, px / timeline.plot.widthPx, Date.now());
  }

  /** @param {MouseEvent} event */
  #click(event) {
    if (this.#press?.moved) return;
    const { shown } = this.#cellOf(event.target) ?? {};
    if (shown) emit(this, 'thumbnail-play', shown.taken.atMs);
  }

  /** @param {EventTarget|null} target */
  #point(target) {
    if (this.#press?.moved) return;
    emit(this, 'thumbnail-point', this.#cellOf(target));
  }

  /** @param {EventTarget|null} target @returns {ThumbnailCell|null} */
  #cellOf(target) {
    const button = target instanceof Element ? target.closest('button') : null;
    return (button && this.#cells.get(Number(button.dataset.at))) ?? null;
  }

  // ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {HTMLElement} from @param {string} key @returns {HTMLElement|null|undefined} */
  #next(from, key) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (key === 'Home' || key === 'End') return this.#atEnd(key === 'Home');
    const step = steps[/** @type {keyof typeof steps} */ (key)];
    const timeline = this.#timeline;
    if (!step || !timeline || !this.#stride) return undefined;
    const { strideMs } = this.#stride;
    const atMs = Number(from.dataset.at) + step * strideMs;
    if (atMs > Date.now()) return null;
    const { view } = timeline;
    const share = strideMs / (view.endMs - view.startMs);
    if (atMs < view.startMs || atMs + strideMs > timeAt(view, 1)) {
      timeline.view = pannedBy(view, step * share, Date.now());
      cancelAnimationFrame(this.#drawn);
      this.#draw();
    }
    return this.#cells.get(atMs)?.element ?? null;
  }

  /** @param {boolean} isFirst */
  #atEnd(isFirst) {
    const buttons = [...this.track.querySelectorAll('button')];
    const { startMs } = /** @type {RecordingTimeline} */ (this.#timeline).view;
    return (isFirst ? buttons.find((button) => Number(button.dataset.at) >= startMs) : buttons.at(-1)) ?? null;
  }
}

/** True if the needle is in [startMs, startMs + lengthMs). @param {number|null} needleMs @param {number} startMs @param {number} lengthMs */
export function isAt(needleMs, startMs, lengthMs) {
  return needleMs !== null && startMs <= needleMs && needleMs < startMs + lengthMs;
}

/** True for an event of a finger, which hides the picture that it points at. @param {Event} event */
export function isTouch(event) {
  return event instanceof PointerEvent && event.pointerType === 'touch';
}

customElements.define('storyboard-strip', StoryboardStrip);
