// @ts-check
/** The handles of the marked range on the timeline, for mouse, finger and keyboard. Each is a slider of its own. */
import { draggedTo } from '../lib/range-marks.js';
import { emit, part, setAttribute } from './dom.js';

/**
 * @typedef {import('../lib/range-marks.js').Marked} Marked @typedef {import('../lib/range-marks.js').MarkName} MarkName
 * @typedef {{xOf: (atMs: number) => number, clientXOf: (atMs: number) => number, timeAt: (clientX: number) => number,
 *   stamp: (atMs: number) => string}} Scale `xOf` returns CSS pixels from the left edge of the timeline's canvas
 */

const FRAME_MS = 40;
const NAMES = /** @type {const} */ (['in', 'out']);
/** A key moves a mark by this share of the window. */
const KEY_STEP = 0.002;

/**
 * Emits 'timeline-mark' {which, atMs, isFinal} on the timeline: `isFinal` false during a drag.
 */
export class TimelineMarks {
  #timeline;
  #scale;
  /** @type {Marked} */
  #marked = { startMs: null, endMs: null };
  /** @type {{which: MarkName, pointerId: number, byPx: number, fromMs: number}|null} */
  #drag = null;

  /** @param {HTMLElement} timeline @param {Scale} scale @param {AbortSignal} signal */
  constructor(timeline, scale, signal) {
    this.#timeline = timeline;
    this.#scale = scale;
    for (const which of NAMES) {
      const handle = this.#handle(which);
      handle.addEventListener('pointerdown', (event) => this.#down(which, event), { signal });
      handle.addEventListener('pointermove', (event) => this.#move(event), { signal });
      for (const type of /** @type {const} */ (['pointerup', 'pointercancel'])) {
        handle.addEventListener(type, (event) => this.#up(event), { signal });
      }
      handle.addEventListener('keydown', (event) => this.#key(which, event), { signal });
    }
  }

  /**
   * Put the handles at the marks.
   *
   * @param {Marked} marked
   * @param {import('../lib/timeline-scale.js').Span} view
   */
  draw(marked, view) {
    this.#marked = marked;
    for (const which of NAMES) {
      const handle = this.#handle(which);
      const atMs = this.#at(which);
      const isThere = atMs !== null && view.startMs <= atMs && atMs <= view.endMs;
      if (!isThere && handle.contains(document.activeElement)) {
        if (atMs !== null) continue; // a key has moved the mark out of sight
        part(this.#timeline, 'slider', HTMLElement).focus({ preventScroll: true }); // the mark is gone
      }
      handle.hidden = !isThere;
      if (atMs === null) continue;
      handle.style.setProperty('--mark-x', `${this.#scale.xOf(atMs)}px`);
      setAttribute(handle, 'aria-valuenow', Math.round(atMs / 1000));
      setAttribute(handle, 'aria-valuemin', Math.round(view.startMs / 1000));
      setAttribute(handle, 'aria-valuemax', Math.round(view.endMs / 1000));
      setAttribute(handle, 'aria-valuetext', this.#scale.stamp(atMs));
    }
  }

  /** @param {MarkName} which */
  #handle(which) {
    return part(this.#timeline, `mark-${which}`, HTMLElement);
  }

  /** @param {MarkName} which */
  #at(which) {
    return which === 'in' ? this.#marked.startMs : this.#marked.endMs;
  }

  /** @param {MarkName} which @param {PointerEvent} event */
  #down(which, event) {
    const atMs = this.#at(which);
    if (event.button !== 0 || atMs === null || this.#drag) return;
    event.stopPropagation();
    const handle = this.#handle(which);
    handle.setPointerCapture(event.pointerId);
    handle.focus({ preventScroll: true });
    this.#drag = { which, pointerId: event.pointerId, byPx: event.clientX - this.#scale.clientXOf(atMs), fromMs: atMs };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (event.pointerId !== this.#drag?.pointerId) return;
    this.#emit(this.#drag.which, this.#scale.timeAt(event.clientX - this.#drag.byPx), false);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const drag = this.#drag;
    if (event.pointerId !== drag?.pointerId) return;
    this.#drag = null;
    const isUndone = event.type === 'pointercancel';
    const atMs = this.#at(drag.which);
    if (isUndone || (atMs !== null && atMs !== drag.fromMs)) this.#emit(drag.which, isUndone ? drag.fromMs : (atMs ?? drag.fromMs), true);
  }

  /** @param {MarkName} which @param {KeyboardEvent} event */
  #key(which, event) {
    const atMs = this.#at(which);
    const direction = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!direction || atMs === null || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const { left, width } = this.#timeline.getBoundingClientRect();
    const windowMs = this.#scale.timeAt(left + width) - this.#scale.timeAt(left);
    const step = Math.max(FRAME_MS, windowMs * KEY_STEP) * (event.shiftKey ? 10 : 1);
    this.#emit(which, atMs + direction * step, true);
  }

  /** @param {MarkName} which @param {number} atMs @param {boolean} isFinal */
  #emit(which, atMs, isFinal) {
    emit(this.#timeline, 'timeline-mark', { which, atMs: draggedTo(which, atMs, this.#marked, Date.now()), isFinal });
  }
}
