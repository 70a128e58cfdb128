// @ts-check
import { rowName } from '../lib/coverage.js';
import { gridStepsFor, placeIn, timesIn, usualGridStep } from '../lib/thumbnail-times.js';
import { gapText, intervalText } from '../lib/thumbnail-text.js';
import { emit, part, setAttribute, setText } from './dom.js';
import { moveFocusByKeys, setStop } from './roving-focus.js';
import { isAt } from './storyboard-strip.js';
import { ThumbnailCell } from './thumbnail-cell.js';

/**
 * @typedef {import('./recording-timeline.js').RecordingTimeline} RecordingTimeline
 * @typedef {import('./storyboard.js').Source} Source
 */

const SETTLE_MS = 200;
const GAP_CELLS = 4; // so many empty thumbnails in a row become one line of text

/**
 * All thumbnails of the timeline's window at one step. Only those on screen are requested. Emits 'thumbnail-play' with a
 * time, 'thumbnail-states' with the states of all thumbnails, and 'grid-pan' with a direction.
 */
export class StoryboardGrid extends HTMLElement {
  /** @type {RecordingTimeline|null} */
  #timeline = null;
  /** @type {Source|null} */
  #source = null;
  /** @type {Map<number, ThumbnailCell>} */
  #cells = new Map();
  /** @type {Set<number>} */
  #onScreen = new Set();
  /** The step that the user has chosen; null: the usual one. @type {number|null} */
  #chosenS = null;
  #stepS = 3600;
  #channel = /** @type {number|null} */ (null);
  #key = '';
  /** @type {ReturnType<typeof setTimeout>|null} */
  #settling = null;
  #observer = new IntersectionObserver((changes) => this.#look(changes), { rootMargin: '100px 0px' });

  get list() {
    return part(this, 'list', HTMLElement);
  }

  /** @param {RecordingTimeline} timeline @param {Source} source */
  connect(timeline, source) {
    this.#timeline = timeline;
    this.#source = source;
    const { list } = this;
    const step = part(this, 'step', HTMLSelectElement);
    step.addEventListener('change', () => {
      this.#chosenS = Number(step.value);
      this.#build();
    });
    part(this, 'before', HTMLElement).addEventListener('click', () => emit(this, 'grid-pan', -1));
    part(this, 'after', HTMLElement).addEventListener('click', () => emit(this, 'grid-pan', 1));
    list.addEventListener('click', ({ target }) => {
      const { shown } = this.#cellOf(target) ?? {};
      if (shown) emit(this, 'thumbnail-play', shown.taken.atMs);
    });
    moveFocusByKeys(list, (from, key) => this.#next(from, key));
  }

  disconnectedCallback() {
    this.#observer.disconnect();
  }

  /** Draw the window, row and thumbnails of now. A moved window is drawn once it stands still. */
  update() {
    if (this.hidden || !this.#timeline) return;
    if (this.#keyOfNow === this.#key) {
      this.#show();
      return;
    }
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#build(), this.#key ? SETTLE_MS : 0);
  }

  /** Window, row and clock of now. */
  get #keyOfNow() {
    const { view, row, clock } = /** @type {RecordingTimeline} */ (this.#timeline);
    return [view.startMs, view.endMs, row?.channel, row?.recordingToken, clock.wallOf(view.startMs)].join(' ');
  }

  /** Mark the thumbnail of the needle. */
  moveNeedle() {
    const atMs = this.#timeline?.atMs ?? null;
    const stepMs = this.#stepS * 1000;
    for (const [startMs, { element }] of this.#cells) setAttribute(element, 'aria-current', isAt(atMs, startMs, stepMs) ? 'true' : null);
  }

  // ── Drawing ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #build() {
    const timeline = this.#timeline;
    if (!timeline || !this.#source || this.hidden) return;
    this.#key = this.#keyOfNow;
    const { view, row } = timeline;
    const span = { startMs: view.startMs, endMs: Math.min(view.endMs, Date.now()) };
    const steps = gridStepsFor(span);
    const wanted = this.#chosenS ?? usualGridStep(span);
    this.#stepS = steps.includes(wanted) ? wanted : (steps[0] ?? 3600);
    this.#channel = row?.channel ?? null;
    const select = part(this, 'step', HTMLSelectElement);
    for (const option of select.options) option.disabled = !steps.includes(Number(option.value));
    select.value = String(this.#stepS);
    const stepMs = this.#stepS * 1000;
    const times = row && this.#channel !== null ? timesIn(span, stepMs) : [];
    const hadFocus = this.list.contains(document.activeElement);
    this.#fill(times.map((atMs) => ({ atMs, isEmpty: this.#placeOf(atMs) === null })));
    const { clock } = timeline;
    setText(part(this, 'range', HTMLElement), `${clock.stamp(span.startMs).slice(0, 16)} – ${clock.stamp(span.endMs).slice(0, 16)}`);
    part(this, 'after', HTMLButtonElement).disabled = view.endMs >= Date.now();
    setAttribute(this.list, 'aria-label', row ? `Pictures of ${rowName(row)}, one ${intervalText(stepMs)}` : 'Pictures');
    this.#show();
    if (hadFocus) this.list.querySelector('button')?.focus({ preventScroll: true });
  }

  /** Create cells for all times. A long gap becomes one line. @param {{atMs: number, isEmpty: boolean}[]} places */
  #fill(places) {
    this.#observer.disconnect();
    this.#onScreen.clear();
    for (const cell of this.#cells.values()) cell.close();
    this.#cells.clear();
    const { queue } = /** @type {Source} */ (this.#source);
    /** @type {Element[]} */
    const items = [];
    for (let index = 0; index < places.length; index += 1) {
      let end = index;
      while (places[end]?.isEmpty) end += 1;
      if (end - index >= GAP_CELLS) {
        items.push(this.#gap(places[index]?.atMs ?? 0, (places[end - 1]?.atMs ?? 0) + this.#stepS * 1000));
        index = end - 1;
        continue;
      }
      const cell = new ThumbnailCell(queue);
      const { atMs } = /** @type {{atMs: number}} */ (places[index]);
      cell.element.dataset.at = String(atMs);
      this.#cells.set(atMs, cell);
      items.push(cell.element);
    }
    this.list.replaceChildren(...items);
    for (const cell of this.#cells.values()) this.#observer.observe(cell.element);
  }

  /** @param {number} startMs @param {number} endMs */
  #gap(startMs, endMs) {
    const { clock, row } = /** @type {RecordingTimeline} */ (this.#timeline);
    const line = document.createElement('p');
    line.className = 'thumbnail-gap';
    line.textContent = gapText(clock, row, startMs, endMs);
    return line;
  }

  #show() {
    const source = this.#source;
    if (!source) return;
    const [stepMs, row] = [this.#stepS * 1000, this.#timeline?.row ?? null];
    for (const [atMs, cell] of this.#cells) {
      const shown = source.shownAt(this.#channel, this.#placeOf(atMs), { atMs, strideMs: stepMs, row });
      // An image loads once its place is on screen.
      cell.show(this.#onScreen.has(atMs) || cell.imageUrl ? shown : { ...shown, url: null });
    }
    this.moveNeedle();
    const stop = this.list.querySelector('button:focus, button[tabindex="0"]') ?? this.list.querySelector('button');
    setStop(this.list, /** @type {HTMLElement|null} */ (stop));
    const visible = [...this.#onScreen].sort((a, b) => a - b).map((atMs) => this.#placeOf(atMs));
    source.want(
      'grid',
      this.#channel,
      visible.filter((place) => place !== null),
    );
    emit(
      this,
      'thumbnail-states',
      [...this.#cells.values()].map((cell) => cell.shown?.state),
    );
  }

  /** @param {number} atMs */
  #placeOf(atMs) {
    const row = this.#timeline?.row;
    return row ? placeIn(row, atMs, { strideMs: this.#stepS * 1000, stepS: this.#stepS }) : null;
  }

  /** @param {IntersectionObserverEntry[]} changes */
  #look(changes) {
    for (const { target, isIntersecting } of changes) {
      const atMs = Number(/** @type {HTMLElement} */ (target).dataset.at);
      if (isIntersecting) this.#onScreen.add(atMs);
      else this.#onScreen.delete(atMs);
    }
    this.#show();
  }

  /** @param {EventTarget|null} target @returns {ThumbnailCell|null} */
  #cellOf(target) {
    const button = target instanceof Element ? target.closest('button') : null;
    return (button && this.#cells.get(Number(button.dataset.at))) ?? null;
  }

  // ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {HTMLElement} from @param {string} key @returns {HTMLElement|null|undefined} */
  #next(from, key) {
    const buttons = [...this.list.querySelectorAll('button')];
    const index = buttons.indexOf(/** @type {HTMLButtonElement} */ (from));
    if (key === 'Home') return buttons[0] ?? null;
    if (key === 'End') return buttons.at(-1) ?? null;
    if (key === 'ArrowLeft' || key === 'ArrowRight') return buttons[index + (key === 'ArrowLeft' ? -1 : 1)] ?? null;
    if (key !== 'ArrowUp' && key !== 'ArrowDown') return undefined;
    const others = key === 'ArrowUp' ? buttons.slice(0, index).reverse() : buttons.slice(index + 1);
    const { offsetLeft, offsetTop } = from;
    return others.find((other) => other.offsetTop !== offsetTop && Math.abs(other.offsetLeft - offsetLeft) < 8) ?? null;
  }
}

customElements.define('storyboard-grid', StoryboardGrid);
