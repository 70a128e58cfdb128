// @ts-check
/** The timeline's window: its span of time, zooming and panning, and the labels of its axis. */

import { LOCAL_CLOCK } from './display-clock.js';

/**
 * @typedef {import('./display-clock.js').DisplayClock} DisplayClock
 * @typedef {{startMs: number, endMs: number}} Span
 * @typedef {{atMs: number, label: string, isMajor: boolean}} Tick
 */

export const SHORTEST_MS = 10_000;
export const LONGEST_MS = 31 * 86_400_000;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Steps between labels; steps of a day or more follow the calendar. */
const STEPS_MS = [
  SECOND,
  2 * SECOND,
  5 * SECOND,
  10 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
];
const STEPS_DAYS = [1, 2, 5, 10];

/** @param {Span} view @param {number} atMs @returns {number} 0 at the left edge, 1 at the right */
export function fractionOf(view, atMs) {
  return (atMs - view.startMs) / (view.endMs - view.startMs);
}

/** @param {Span} view @param {number} fraction */
export function timeAt(view, fraction) {
  return view.startMs + fraction * (view.endMs - view.startMs);
}

/**
 * Return the window with a permitted length and its right edge at most a little after now.
 *
 * @param {Span} view
 * @param {number} nowMs
 * @returns {Span}
 */
function bounded(view, nowMs) {
  const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, view.endMs - view.startMs));
  const endMs = Math.min(view.startMs + length, nowMs + length * 0.05);
  return { startMs: endMs - length, endMs };
}

/**
 * Zoom around the pointer: the time under it stays there.
 *
 * @param {Span} view
 * @param {number} factor above 1: closer
 * @param {number} fraction the pointer's place in the window, 0 to 1
 * @param {number} nowMs
 */
export function zoomedAround(view, factor, fraction, nowMs) {
  const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (view.endMs - view.startMs) / factor));
  const startMs = timeAt(view, fraction) - fraction * length;
  return bounded({ startMs, endMs: startMs + length }, nowMs);
}

/** @param {Span} view @param {number} fraction of its width, positive: later @param {number} nowMs */
export function pannedBy(view, fraction, nowMs) {
  const shift = fraction * (view.endMs - view.startMs);
  return bounded({ startMs: view.startMs + shift, endMs: view.endMs + shift }, nowMs);
}

/** @param {Span} view @param {number} atMs */
export function isInSight(view, atMs) {
  return view.startMs <= atMs && atMs <= view.endMs;
}

/**
 * Move the window to a time, but only if the time is outside.
 *
 * @param {Span} view
 * @param {number} atMs
 * @param {number} nowMs
 */
export function keptInSight(view, atMs, nowMs) {
  const at = fractionOf(view, atMs);
  if (at >= 0.02 && at <= 0.98) return view;
  return pannedBy(view, at - 0.5, nowMs);
}

/**
 * Return ticks at round times of the shown clock, so far apart that their labels fit. A repeated hour has its ticks
 * twice, each with its zone; a skipped hour has none.
 *
 * @param {Span} view
 * @param {number} most how many labels fit
 * @param {DisplayClock} [clock]
 * @returns {Tick[]}
 */
export function ticksOf(view, most, clock = LOCAL_CLOCK) {
  const length = view.endMs - view.startMs;
  const step = STEPS_MS.find((ms) => length / ms <= most);
  return step === undefined ? dayTicks(view, most, clock) : clockTicks(view, step, clock);
}

/** @param {Span} view @param {number} step @param {DisplayClock} clock @returns {Tick[]} */
function clockTicks(view, step, clock) {
  const offsets = new Set([clock.offsetOf(view.startMs), clock.offsetOf(view.endMs)]);
  /** @type {number[]} */
  const moments = [];
  for (const offset of offsets) {
    const first = Math.ceil((view.startMs + offset) / step) * step;
    for (let wallMs = first; wallMs - offset <= view.endMs; wallMs += step) {
      if (clock.offsetOf(wallMs - offset) === offset) moments.push(wallMs - offset);
    }
  }
  moments.sort((a, b) => a - b);
  let day = Math.floor(clock.wallOf(view.startMs - 1) / DAY);
  return moments.map((atMs) => {
    const wallMs = clock.wallOf(atMs);
    const isMajor = Math.floor(wallMs / DAY) > day;
    day = Math.max(day, Math.floor(wallMs / DAY));
    const time = new Date(wallMs).toISOString().slice(11, step < MINUTE ? 19 : 16);
    const label = clock.isTwice(atMs) ? `${time} ${clock.zoneOf(atMs)}` : time;
    if (!isMajor) return { atMs, label, isMajor };
    // In some zones summer time starts at midnight, so that the day begins at one o'clock.
    return { atMs, label: wallMs % DAY ? `${dayLabel(wallMs)} ${label}` : dayLabel(wallMs), isMajor };
  });
}

/** @param {Span} view @param {number} most @param {DisplayClock} clock @returns {Tick[]} */
function dayTicks(view, most, clock) {
  const days = (view.endMs - view.startMs) / DAY;
  const step = STEPS_DAYS.find((count) => days / count <= most) ?? 10;
  /** @type {Tick[]} */
  const ticks = [];
  for (let wallMs = Math.floor(clock.wallOf(view.startMs) / DAY) * DAY; ; wallMs += DAY) {
    const atMs = clock.momentOf(wallMs);
    if (atMs > view.endMs) return ticks;
    const date = new Date(wallMs).getUTCDate();
    if (atMs >= view.startMs && (date - 1) % step === 0) ticks.push({ atMs, label: dayLabel(wallMs), isMajor: date === 1 });
  }
}

/** @param {number} wallMs @returns {string} `Sun 22` */
function dayLabel(wallMs) {
  const at = new Date(wallMs);
  return `${at.toLocaleDateString('en', { weekday: 'short', timeZone: 'UTC' })} ${at.getUTCDate()}`;
}
