// @ts-check
/** The range that a user marks on the recordings page: its start, its end, and questions about it. Times are ms. */
import { spanAt } from './coverage.js';
import { marksOf } from './marks.js';

/**
 * @typedef {import('./coverage.js').Row} Row @typedef {import('./timeline-scale.js').Span} Span
 * @typedef {'in'|'out'} MarkName
 * @typedef {{startMs: number|null, endMs: number|null}} Marked
 */

/** The longest range of an export. */
export const LONGEST_MS = 24 * 3_600_000;
/** An event is exported with this much before and after it: recorders report motion late. */
const AROUND_EVENT_MS = 2000;
/** The playhead is at an event from this long before it: a step to an event leads to a moment before it. */
const NEAR_EVENT_MS = 2500;

/** Emits 'marks' when a mark has changed. */
export class RangeMarks extends EventTarget {
  /** @type {Marked} */
  #marked = { startMs: null, endMs: null };

  get startMs() {
    return this.#marked.startMs;
  }

  get endMs() {
    return this.#marked.endMs;
  }

  /** Both marks; null if one is missing, or if the end is not later than the start. @returns {Span|null} */
  get span() {
    const { startMs, endMs } = this.#marked;
    return startMs !== null && endMs !== null && startMs < endMs ? { startMs, endMs } : null;
  }

  get isEmpty() {
    return this.startMs === null && this.endMs === null;
  }

  /** Set a mark. The other mark is removed if the range would end before it begins. @param {MarkName} which @param {number} atMs */
  set(which, atMs) {
    const { startMs, endMs } = this.#marked;
    if (which === 'in') this.#change({ startMs: atMs, endMs: endMs !== null && endMs > atMs ? endMs : null });
    else this.#change({ startMs: startMs !== null && startMs < atMs ? startMs : null, endMs: atMs });
  }

  /** Set a mark from a typed time. The other mark stays, because each digit changes the time. @param {MarkName} which @param {number} atMs */
  type(which, atMs) {
    const { startMs, endMs } = this.#marked;
    this.#change(which === 'in' ? { startMs: atMs, endMs } : { startMs, endMs: atMs });
  }

  /** Mark a whole range. @param {Span} span */
  setSpan({ startMs, endMs }) {
    this.#change({ startMs, endMs });
  }

  clear() {
    this.#change({ startMs: null, endMs: null });
  }

  /** @param {Marked} marked */
  #change(marked) {
    if (marked.startMs === this.#marked.startMs && marked.endMs === this.#marked.endMs) return;
    this.#marked = marked;
    this.dispatchEvent(new Event('marks'));
  }
}

/** Return a time in the frame that a mark means: the first frame of the range, or the last one. @param {MarkName} which @param {number} atMs */
export function frameOf(which, atMs) {
  return which === 'in' ? atMs : atMs - 1;
}

/**
 * Return true if the player must go on by one frame: the frame of the moved mark is the one from which a key has moved it.
 *
 * @param {number} fromMs the mark before the key
 * @param {number} toMs where the key has moved it
 * @param {number} frameMs where the frame on screen would put it
 */
export function isStuck(fromMs, toMs, frameMs) {
  return toMs > fromMs ? frameMs <= fromMs : toMs < fromMs && frameMs >= fromMs;
}

/** Return the last seconds before a moment. @param {number} atMs @param {number} seconds @returns {Span} */
export function lastSeconds(atMs, seconds) {
  return { startMs: atMs - seconds * 1000, endMs: atMs };
}

/**
 * Return the event at a moment with a little time around it, otherwise the recorded span, at most 24 hours of it; null
 * if nothing is known to be recorded.
 *
 * @param {Row} row
 * @param {number} atMs
 * @param {number} nowMs
 * @returns {{kind: 'event'|'recording', span: Span}|null}
 */
export function rangeAround(row, atMs, nowMs) {
  const recorded = spanAt(row, atMs);
  const event = marksOf(row.events).findLast(({ startMs, endMs }) => startMs - NEAR_EVENT_MS <= atMs && atMs <= endMs + NEAR_EVENT_MS);
  if (event) {
    const startMs = event.startMs - AROUND_EVENT_MS;
    const endMs = Math.min(nowMs, event.endMs + AROUND_EVENT_MS);
    return { kind: 'event', span: { startMs, endMs: Math.min(endMs, startMs + LONGEST_MS) } };
  }
  if (recorded?.state !== 'recorded') return null;
  const endMs = Math.min(recorded.endMs, nowMs);
  const startMs = Math.max(recorded.startMs, Math.min(atMs, endMs - LONGEST_MS));
  if (endMs - recorded.startMs <= LONGEST_MS) return { kind: 'recording', span: { startMs: recorded.startMs, endMs } };
  return { kind: 'recording', span: { startMs, endMs: Math.min(endMs, startMs + LONGEST_MS) } };
}

/**
 * Return what keeps a range from being exported; '' if nothing does.
 *
 * @param {Marked} marked
 * @param {number} nowMs
 */
export function rangeProblem({ startMs, endMs }, nowMs) {
  if (startMs === null && endMs === null) return 'Mark a start and an end.';
  if (startMs === null) return 'Mark the start, too.';
  if (endMs === null) return 'Mark the end, too.';
  if (endMs <= startMs) return 'The end must be later than the start.';
  if (endMs - startMs > LONGEST_MS) return 'At most 24 hours can be exported at a time.';
  return endMs > nowMs ? 'The end lies in the future.' : '';
}

/** Return what keeps a row from being exported; '' if nothing does. @param {Row|null} row */
export function channelProblem(row) {
  if (!row) return 'Choose a channel first.';
  return row.channel === null ? 'The recorder gives no channel number for this row, so the app cannot export it.' : '';
}

/**
 * Return where a dragged mark comes to lie: not beyond the other mark, and not in the future.
 *
 * @param {MarkName} which
 * @param {number} atMs
 * @param {Marked} marked
 * @param {number} nowMs
 */
export function draggedTo(which, atMs, { startMs, endMs }, nowMs) {
  const bounded = Math.min(atMs, nowMs);
  if (which === 'in') return endMs === null ? bounded : Math.min(bounded, endMs - 1);
  return startMs === null ? bounded : Math.max(bounded, startMs + 1);
}
