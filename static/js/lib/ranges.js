// @ts-check
/** Stretches of time as people ask for them, in the browser's own time zone: its days may have 23 or 25 hours. */

/** @typedef {import('./timeline-scale.js').Span} Span @typedef {'today'|'yesterday'|'day'|'week'|'month'} Range */

const HOUR_MS = 3_600_000;

/** @param {Date} day */
export function midnight(day) {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate());
}

/** @param {Date} day @param {number} count */
export function daysLater(day, count) {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + count);
}

/** @param {Date} day @returns {Span} the whole local day */
export function dayOf(day) {
  return { startMs: midnight(day).getTime(), endMs: daysLater(day, 1).getTime() };
}

/** @param {Range} range @param {Date} now @returns {Span} */
export function rangeOf(range, now) {
  const nowMs = now.getTime();
  switch (range) {
    case 'today':
      return { startMs: midnight(now).getTime(), endMs: nowMs };
    case 'yesterday':
      return dayOf(daysLater(now, -1));
    case 'week':
      return { startMs: daysLater(now, -6).getTime(), endMs: nowMs };
    case 'month':
      return { startMs: daysLater(now, -29).getTime(), endMs: nowMs };
    default:
      return { startMs: nowMs - 24 * HOUR_MS, endMs: nowMs };
  }
}

/** @param {number} atMs @returns {string} what `<input type="datetime-local" step="1">` takes, local time */
export function inputValue(atMs) {
  const at = new Date(atMs);
  const two = (/** @type {number} */ value) => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** @param {string} text @returns {number|null} */
export function fromInput(text) {
  const ms = text ? new Date(text).getTime() : NaN;
  return Number.isNaN(ms) ? null : ms;
}

/**
 * The month of a day as weeks from Monday to Sunday; null pads.
 *
 * @param {Date} month
 * @returns {(Date|null)[][]}
 */
export function weeksOf(month) {
  const first = new Date(month.getFullYear(), month.getMonth(), 1);
  const length = new Date(month.getFullYear(), month.getMonth() + 1, 0).getDate();
  /** @type {(Date|null)[]} */
  const days = Array.from({ length: (first.getDay() + 6) % 7 }, () => null);
  for (let day = 1; day <= length; day += 1) days.push(new Date(month.getFullYear(), month.getMonth(), day));
  while (days.length % 7) days.push(null);
  return Array.from({ length: days.length / 7 }, (_, week) => days.slice(7 * week, 7 * week + 7));
}
