// @ts-check
/** Ranges of time that users choose, in the shown clock: its days may have 23 or 25 hours. */

import { LOCAL_CLOCK } from './display-clock.js';

/**
 * @typedef {import('./timeline-scale.js').Span} Span @typedef {'today'|'yesterday'|'day'|'week'|'month'} Range
 * @typedef {import('./display-clock.js').DisplayClock} DisplayClock
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Return the wall time of the midnight before. @param {number} wallMs */
export function midnightOf(wallMs) {
  return Math.floor(wallMs / DAY_MS) * DAY_MS;
}

/** Return the whole day of a wall time. @param {number} wallMs @param {DisplayClock} [clock] @returns {Span} */
export function dayOf(wallMs, clock = LOCAL_CLOCK) {
  const midnight = midnightOf(wallMs);
  return { startMs: clock.momentOf(midnight), endMs: clock.momentOf(midnight + DAY_MS) };
}

/** @param {Range} range @param {number} nowMs @param {DisplayClock} [clock] @returns {Span} */
export function rangeOf(range, nowMs, clock = LOCAL_CLOCK) {
  const wallMs = clock.wallOf(nowMs);
  switch (range) {
    case 'today':
      return { startMs: dayOf(wallMs, clock).startMs, endMs: nowMs };
    case 'yesterday':
      return dayOf(wallMs - DAY_MS, clock);
    case 'week':
      return { startMs: dayOf(wallMs - 6 * DAY_MS, clock).startMs, endMs: nowMs };
    case 'month':
      return { startMs: dayOf(wallMs - 29 * DAY_MS, clock).startMs, endMs: nowMs };
    default:
      return { startMs: nowMs - DAY_MS, endMs: nowMs };
  }
}

/**
 * @param {number} atMs
 * @param {DisplayClock} [clock]
 * @param {boolean} [hasMs] with milliseconds
 * @returns {string} value of `<input type="datetime-local" step="1">`, or `step="0.001"`
 */
export function inputValue(atMs, clock = LOCAL_CLOCK, hasMs = false) {
  const wallMs = clock.wallOf(atMs);
  return new Date(hasMs ? Math.round(wallMs) : wallMs).toISOString().slice(0, hasMs ? 23 : 19);
}

/** @param {string} text of such an input @returns {number|null} the wall time */
export function wallOfInput(text) {
  const ms = text ? Date.parse(`${text}Z`) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

/**
 * Return the month of a day as weeks from Monday to Sunday: each day as the wall time of its midnight, null as padding.
 *
 * @param {number} wallMs
 * @returns {(number|null)[][]}
 */
export function weeksOf(wallMs) {
  const at = new Date(wallMs);
  const first = Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1);
  const next = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1);
  /** @type {(number|null)[]} */
  const days = Array.from({ length: (new Date(first).getUTCDay() + 6) % 7 }, () => null);
  for (let day = first; day < next; day += DAY_MS) days.push(day);
  while (days.length % 7) days.push(null);
  return Array.from({ length: days.length / 7 }, (_, week) => days.slice(7 * week, 7 * week + 7));
}
