// @ts-check
import { rowName, spanAt, spanText } from '../lib/coverage.js';
import { loggedNamesAt } from '../lib/logged-marks.js';
import { namesAt } from '../lib/marks.js';
import { fractionOf, isInSight, keptInSight, pannedBy, ticksOf, timeAt, zoomedAround } from '../lib/timeline-scale.js';
import { LOCAL_CLOCK } from '../lib/display-clock.js';
import { emit, part } from './dom.js';
import { TimelineMarks } from './timeline-marks.js';
import { drawTimeline, paletteOf, rowAt, AXIS_HEIGHT, ROW_HEIGHT } from './timeline-drawing.js';

/** @typedef {import('../lib/coverage.js').Row} Row @typedef {import('../lib/timeline-scale.js').Span} Span */

const TAP_PX = 5;
const KEY_STEP = 0.02;
const NEAR_MS = 2500; // seeking an event leads to a moment before it

/**
 * The timeline: one row per channel, with a common time axis. Wheel and pinch zoom around the pointer, a drag pans, a
 * drag on the axis or the needle scrubs. Emits
 *   'timeline-seek'   {row, atMs}: a click, the end of a scrub, or Enter
 *   'timeline-scrub'  {row, atMs} during a scrub; null if the browser has taken the finger to scroll the page
 *   'timeline-view'   the new window
 *   'timeline-follow' `follows` has changed
 *   'timeline-rows'   other rows are shown
 *   'timeline-row'    the row that was chosen by key
 *   'timeline-mark'   {which, atMs, isFinal}: a handle of the marked range has moved; not final during a drag
 *   'timeline-hover'  {row, atMs, x} while a pointer, a scrub or a key points at a time; null after it. `x`: CSS pixels
 *                     from the left edge
 *
 * The window follows the needle until the user moves it elsewhere, and again once the needle is in it or is moved.
 * For the keyboard and screen readers the timeline is a slider whose value is the chosen time.
 */
export class RecordingTimeline extends HTMLElement {
  /** @type {AbortController|null} */
  #wires = null;
  /** @type {Row[]} */
  #rows = [];
  /** @type {Span} */
  #view = { startMs: Date.now() - 86_400_000, endMs: Date.now() };
  #current = 0;
  /** @type {number|null} */
  #atMs = null;
  /** @type {import('../lib/range-marks.js').Marked} */
  #marked = { startMs: null, endMs: null };
  /** @type {TimelineMarks|null} */
  #marks = null;
  #clock = LOCAL_CLOCK;
  #showsSource = false;
  /** @type {ReadonlyMap<number, import('../lib/logged-marks.js').LoggedMark[]>} */
  #logged = new Map();
  #drawn = 0;
  /** @type {Map<number, {x: number, y: number}>} */
  #fingers = new Map();
  /** @type {{x: number, y: number, moved: boolean, scrubs: boolean, fromMs: number|null}|null} */
  #press = null;
  #follows = true;
  /** @type {ResizeObserver|null} */
  #observer = null;
  #themes = new MutationObserver(() => this.#redraw());

  get canvas() {
    return part(this, 'canvas', HTMLCanvasElement);
  }

  get slider() {
    return part(this, 'slider', HTMLElement);
  }

  connectedCallback() {
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    const { slider } = this;
    slider.addEventListener('wheel', (event) => this.#wheel(event), { signal, passive: false });
    slider.addEventListener('pointerdown', (event) => this.#down(event), { signal });
    slider.addEventListener('pointermove', (event) => this.#move(event), { signal });
    for (const type of /** @type {const} */ (['pointerup', 'pointercancel'])) {
      slider.addEventListener(type, (event) => this.#up(event), { signal });
    }
    slider.addEventListener('pointerleave', () => this.#hover(null), { signal });
    slider.addEventListener('keydown', (event) => this.#key(event), { signal });
    slider.addEventListener('blur', () => emit(this, 'timeline-hover', null), { signal });
    const scale = {
      xOf: (/** @type {number} */ atMs) => this.#x(atMs),
      clientXOf: (/** @type {number} */ atMs) => this.canvas.getBoundingClientRect().left + this.#x(atMs),
      timeAt: (/** @type {number} */ clientX) => timeAt(this.#view, this.#fraction(clientX)),
      stamp: (/** @type {number} */ atMs) => this.#clock.stamp(atMs),
    };
    this.#marks = new TimelineMarks(this, scale, signal);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#redraw(), { signal });
    this.#themes.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    this.#observer = new ResizeObserver(() => this.#redraw());
    this.#observer.observe(slider);
    this.#redraw();
  }

  disconnectedCallback() {
    this.#wires?.abort();
    this.#observer?.disconnect();
    this.#themes.disconnect();
    cancelAnimationFrame(this.#drawn);
  }

  /** @param {Row[]} rows */
  set rows(rows) {
    this.#rows = rows;
    this.#current = Math.min(this.#current, Math.max(0, rows.length - 1));
    this.#redraw();
    emit(this, 'timeline-rows');
  }

  get rows() {
    return this.#rows;
  }

  get view() {
    return this.#view;
  }

  /** Set the window for the user. It follows the needle only if the needle is inside. @param {Span} view */
  set view(view) {
    this.#setView(view);
    this.#setFollows(this.#atMs === null || isInSight(view, this.#atMs));
  }

  /** True while the window follows the needle. */
  get follows() {
    return this.#follows;
  }

  /** Move the window to the needle, and follow it. */
  toNeedle() {
    this.#setFollows(true);
    if (this.#atMs !== null) this.#setView(keptInSight(this.#view, this.#atMs, Date.now()));
  }

  /** The chosen row. */
  get row() {
    return this.#rows[this.#current] ?? null;
  }

  /** @param {number|null} channel */
  chooseChannel(channel) {
    const index = this.#rows.findIndex((row) => row.channel === channel);
    if (index >= 0) this.#current = index;
    this.#redraw();
  }

  get atMs() {
    return this.#atMs;
  }

  /** The time of the needle, which the player moves on. @param {number|null} atMs */
  set atMs(atMs) {
    if (this.#press?.scrubs) return;
    this.#atMs = atMs;
    if (atMs !== null && isInSight(this.#view, atMs)) this.#setFollows(true);
    if (atMs !== null && !this.#press && this.#follows) this.#setView(keptInSight(this.#view, atMs, Date.now()));
    this.#redraw();
  }

  /** The range that the user has marked, with a handle at each mark. @param {import('../lib/range-marks.js').Marked} marked */
  set marked(marked) {
    this.#marked = { startMs: marked.startMs, endMs: marked.endMs };
    this.#redraw();
  }

  /** @param {import('../lib/display-clock.js').DisplayClock} clock */
  set clock(clock) {
    this.#clock = clock;
    this.#redraw();
  }

  /** True to draw recordings of the device and of the server differently. @param {boolean} shows */
  set showsSource(shows) {
    this.#showsSource = shows;
    this.#redraw();
  }

  /** Logged events by channel. @param {ReadonlyMap<number, import('../lib/logged-marks.js').LoggedMark[]>} logged */
  set logged(logged) {
    this.#logged = logged;
    this.#redraw();
  }

  /** The clock of the shown times. */
  get clock() {
    return this.#clock;
  }

  /** The part of the width that shows time, in CSS pixels. @returns {{leftPx: number, widthPx: number}} */
  get plot() {
    return { leftPx: this.#labelWidth(), widthPx: this.#plotWidth() };
  }

  /** @param {number} factor */
  zoomBy(factor) {
    const at = this.#atMs === null ? 0.5 : fractionOf(this.#view, this.#atMs);
    this.view = zoomedAround(this.#view, factor, at >= 0 && at <= 1 ? at : 0.5, Date.now());
  }

  /** @param {Span} view */
  #setView(view) {
    if (view.startMs === this.#view.startMs && view.endMs === this.#view.endMs) return;
    this.#view = view;
    this.#redraw();
    emit(this, 'timeline-view', view);
  }

  /** @param {boolean} follows */
  #setFollows(follows) {
    if (follows === this.#follows) return;
    this.#follows = follows;
    emit(this, 'timeline-follow');
  }

  // ── Pointer ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = ((event.deltaX || event.deltaY) * lines) / this.#plotWidth();
      this.view = pannedBy(this.#view, by, Date.now());
      return;
    }
    const factor = Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) / 300);
    this.view = zoomedAround(this.#view, factor, this.#fraction(event.clientX), Date.now());
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.slider.setPointerCapture(event.pointerId);
    if (this.#fingers.size > 1) {
      this.#press = null;
      return;
    }
    this.#press = { x: event.clientX, y: event.clientY, moved: false, scrubs: this.#isOnNeedle(event), fromMs: this.#atMs };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const before = this.#fingers.get(event.pointerId);
    if (!before) {
      this.#hover(event);
      return;
    }
    const now = { x: event.clientX, y: event.clientY };
    const width = this.#plotWidth();
    if (this.#fingers.size === 2) {
      const other = [...this.#fingers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const was = Math.max(8, Math.abs(before.x - other.x));
        const is = Math.max(8, Math.abs(now.x - other.x));
        const panned = pannedBy(this.#view, -(now.x - before.x) / 2 / width, Date.now());
        this.view = zoomedAround(panned, is / was, this.#fraction((now.x + other.x) / 2), Date.now());
      }
    } else if (this.#press) {
      const press = this.#press;
      press.moved ||= Math.hypot(now.x - press.x, now.y - press.y) > TAP_PX;
      if (press.moved && press.scrubs) this.#scrub(event);
      else if (press.moved) this.view = pannedBy(this.#view, -(now.x - before.x) / width, Date.now());
    }
    this.#fingers.set(event.pointerId, now);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    this.#fingers.delete(event.pointerId);
    const press = this.#press;
    if (this.#fingers.size === 0) this.#press = null;
    if (press?.scrubs && press.moved && event.type !== 'pointerup') {
      // The browser has taken the finger to scroll the page: undo the scrub.
      this.#atMs = press.fromMs;
      emit(this, 'timeline-scrub', null);
      emit(this, 'timeline-hover', null);
      this.#redraw();
    }
    if (!press || event.type !== 'pointerup' || (press.moved && !press.scrubs)) return;
    const index = rowAt(this.#rows, event.clientY - this.canvas.getBoundingClientRect().top);
    if (!press.scrubs && index !== null) this.#current = index;
    this.#seek(timeAt(this.#view, this.#fraction(event.clientX)));
  }

  /** Move the needle with the pointer. @param {PointerEvent} event */
  #scrub(event) {
    this.#atMs = Math.min(Date.now(), timeAt(this.#view, this.#fraction(event.clientX)));
    emit(this, 'timeline-scrub', { row: this.row, atMs: this.#atMs });
    this.#pointAt(this.row, this.#atMs);
    this.#redraw();
  }

  /** @param {PointerEvent} event */
  #isOnNeedle(event) {
    const box = this.canvas.getBoundingClientRect();
    if (event.clientY - box.top < AXIS_HEIGHT) return true;
    if (this.#atMs === null) return false;
    return Math.abs(this.#x(this.#atMs) + box.left - event.clientX) < (event.pointerType === 'touch' ? 16 : 6);
  }

  /** Show the time, state and events under the pointer. @param {PointerEvent|null} event */
  #hover(event) {
    const tip = part(this, 'tip', HTMLElement);
    const box = this.canvas.getBoundingClientRect();
    const index = event && event.pointerType !== 'touch' ? rowAt(this.#rows, event.clientY - box.top) : null;
    const row = index === null ? null : this.#rows[index];
    if (!event || !row || event.clientX - box.left < this.#labelWidth()) {
      if (!tip.hidden) emit(this, 'timeline-hover', null);
      tip.hidden = true;
      return;
    }
    const atMs = timeAt(this.#view, this.#fraction(event.clientX));
    const span = spanAt(row, atMs);
    const slackMs = (3 * (this.#view.endMs - this.#view.startMs)) / this.#plotWidth();
    const logged = loggedNamesAt(this.#logged.get(row.channel ?? 0) ?? [], atMs, slackMs);
    const names = new Set([...namesAt(row.events, atMs, slackMs), ...logged]);
    const state = spanText(span, { showsSource: this.#showsSource });
    tip.textContent = [this.#clock.stamp(atMs), rowName(row), state, ...names].join(' · ');
    tip.hidden = false;
    const left = Math.min(event.clientX - box.left + 12, box.width - tip.offsetWidth - 4);
    tip.style.setProperty('--tip-x', `${Math.max(0, left)}px`);
    tip.style.setProperty('--tip-y', `${event.clientY - box.top + 16}px`);
    this.#pointAt(row, atMs);
  }

  /** @param {Row|null} row @param {number} atMs */
  #pointAt(row, atMs) {
    emit(this, 'timeline-hover', row && atMs <= Date.now() ? { row, atMs, x: this.#x(atMs) } : null);
  }

  // ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const length = this.#view.endMs - this.#view.startMs;
    const step = length * (event.shiftKey ? 5 : 1) * KEY_STEP;
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowLeft: () => this.#point(-step),
      ArrowRight: () => this.#point(step),
      ArrowUp: () => this.#chooseRow(-1),
      ArrowDown: () => this.#chooseRow(1),
      PageUp: () => this.#point(-length / 2),
      PageDown: () => this.#point(length / 2),
      Home: () => this.#point(this.#view.startMs - (this.#atMs ?? 0)),
      End: () => this.#point(Math.min(this.#view.endMs, Date.now()) - (this.#atMs ?? 0)),
      '+': () => this.zoomBy(1.5),
      '=': () => this.zoomBy(1.5),
      '-': () => this.zoomBy(1 / 1.5),
      Enter: () => this.#atMs !== null && this.#seek(this.#atMs),
    };
    const action = Object.hasOwn(actions, event.key) ? actions[event.key] : null;
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  /** Move the needle without playing; Enter plays. @param {number} byMs */
  #point(byMs) {
    this.#atMs = Math.min(Date.now(), (this.#atMs ?? this.#view.endMs) + byMs);
    this.toNeedle();
    this.#pointAt(this.row, this.#atMs);
    this.#redraw();
  }

  /** @param {1|-1} direction */
  #chooseRow(direction) {
    const next = this.#current + direction;
    if (next < 0 || next >= this.#rows.length) return;
    this.#current = next;
    this.#redraw();
    emit(this, 'timeline-row', this.row);
  }

  /** @param {number} atMs */
  #seek(atMs) {
    this.#atMs = Math.min(Date.now(), atMs);
    this.toNeedle();
    this.#redraw();
    emit(this, 'timeline-hover', null);
    emit(this, 'timeline-seek', { row: this.row, atMs: this.#atMs });
  }

  // ── Drawing ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #redraw() {
    if (!this.isConnected) return;
    cancelAnimationFrame(this.#drawn);
    this.#drawn = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    const { canvas } = this;
    const width = this.slider.clientWidth;
    const height = AXIS_HEIGHT + Math.max(1, this.#rows.length) * ROW_HEIGHT;
    const ratio = window.devicePixelRatio || 1;
    if (!width) return;
    canvas.style.setProperty('height', `${height}px`);
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext('2d');
    if (!context) return;
    context.scale(ratio, ratio);
    const plot = this.#plotWidth();
    drawTimeline(context, {
      width,
      height,
      labelWidth: this.#labelWidth(),
      rows: this.#rows,
      view: this.#view,
      current: this.#current,
      logged: this.#logged,
      atMs: this.#atMs,
      nowMs: Date.now(),
      marked: this.#marked,
      showsSource: this.#showsSource,
      ticks: ticksOf(this.#view, Math.max(3, plot / 90), this.#clock),
      palette: paletteOf(this),
      font: getComputedStyle(this).fontFamily,
    });
    this.#marks?.draw(this.#marked, this.#view);
    this.#speak();
  }

  #speak() {
    const { slider, row } = this;
    const atMs = this.#atMs ?? this.#view.endMs;
    const span = row ? spanAt(row, atMs) : null;
    const state = spanText(span, { showsSource: this.#showsSource });
    slider.setAttribute('aria-valuemin', String(Math.round(this.#view.startMs / 1000)));
    slider.setAttribute('aria-valuemax', String(Math.round(this.#view.endMs / 1000)));
    slider.setAttribute('aria-valuenow', String(Math.round(atMs / 1000)));
    const names = row ? namesAt(row.events, atMs, NEAR_MS) : [];
    slider.setAttribute('aria-valuetext', [this.#clock.stamp(atMs), row ? rowName(row) : 'no channel', state, ...names].join(', '));
  }

  #labelWidth() {
    return this.slider.clientWidth < 600 ? 84 : 148;
  }

  #plotWidth() {
    return Math.max(1, this.slider.clientWidth - this.#labelWidth());
  }

  /** @param {number} clientX */
  #fraction(clientX) {
    const at = (clientX - this.canvas.getBoundingClientRect().left - this.#labelWidth()) / this.#plotWidth();
    return Math.max(0, Math.min(1, at));
  }

  /** @param {number} atMs @returns {number} CSS pixels from the canvas's left edge */
  #x(atMs) {
    return this.#labelWidth() + fractionOf(this.#view, atMs) * this.#plotWidth();
  }
}

customElements.define('recording-timeline', RecordingTimeline);
