// @ts-check
/** The timeline's window: which stretch of time is on screen, how it zooms and pans, and where its marks are. */

/**
 * @typedef {{startMs: number, endMs: number}} Span
 * @typedef {{atMs: number, label: string, isMajor: boolean}} Tick
 */

export const SHORTEST_MS = 10_000;
export const LONGEST_MS = 31 * 86_400_000;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Steps that people count in; from a day on the local calendar decides. */
const STEPS_MS = [
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR,
  2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
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
 * Keeps the window's length in bounds and its right edge near now: there is nothing to see in the future.
 *
 * @param {Span} view
 * @param {number} nowMs
 * @returns {Span}
 */
export function bounded(view, nowMs) {
  const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, view.endMs - view.startMs));
  const endMs = Math.min(view.startMs + length, nowMs + length * 0.05);
  return { startMs: endMs - length, endMs };
}

/** The time under the pointer stays there. @param {Span} view @param {number} factor above 1: closer @param {number} fraction @param {number} nowMs */
export function zoomedAround(view, factor, fraction, nowMs) {
  const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (view.endMs - view.startMs) / factor));
  const startMs = timeAt(view, fraction) - fraction * length;
  return bounded({ startMs, endMs: startMs + length }, nowMs);
}

/** @param {Span} view @param {number} fraction of its width, to the right (later) where positive @param {number} nowMs */
export function pannedBy(view, fraction, nowMs) {
  const shift = fraction * (view.endMs - view.startMs);
  return bounded({ startMs: view.startMs + shift, endMs: view.endMs + shift }, nowMs);
}

/** @param {Span} view @param {number} atMs */
export function isInSight(view, atMs) {
  return view.startMs <= atMs && atMs <= view.endMs;
}

/** Moves it only where the time would be out of sight. @param {Span} view @param {number} atMs @param {number} nowMs */
export function keptInSight(view, atMs, nowMs) {
  const at = fractionOf(view, atMs);
  if (at >= 0.02 && at <= 0.98) return view;
  return pannedBy(view, at - 0.5, nowMs);
}

/**
 * Marks at round local times, so far apart that their labels have room. `zoneMs` is added to every time before it is
 * read: 0 for local time, the device's offset for its own clock.
 *
 * @param {Span} view
 * @param {number} most how many labels have room
 * @param {number} [zoneMs]
 * @returns {Tick[]}
 */
export function ticksOf(view, most, zoneMs = 0) {
  const length = view.endMs - view.startMs;
  const step = STEPS_MS.find((ms) => length / ms <= most);
  return step === undefined ? dayTicks(view, most, zoneMs) : clockTicks(view, step, zoneMs);
}

/** @param {Span} view @param {number} step @param {number} zoneMs @returns {Tick[]} */
function clockTicks(view, step, zoneMs) {
  /** @type {Tick[]} */
  const ticks = [];
  const first = new Date(view.startMs + zoneMs);
  // Counted from local midnight, so that days of 23 and 25 hours keep their round times.
  let day = new Date(first.getFullYear(), first.getMonth(), first.getDate());
  while (day.getTime() - zoneMs <= view.endMs) {
    const next = new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1);
    for (let wall = 0; wall < 24 * HOUR; wall += step) {
      const at = new Date(
        day.getFullYear(), day.getMonth(), day.getDate(), Math.floor(wall / HOUR), Math.floor((wall % HOUR) / MINUTE),
        Math.floor((wall % MINUTE) / SECOND),
      );
      const atMs = at.getTime() - zoneMs;
      if (atMs > view.endMs) break;
      if (at >= next) break;
      if (atMs < view.startMs || ticks.at(-1)?.atMs === atMs) continue;
      const isMajor = wall === 0;
      ticks.push({ atMs, label: isMajor ? dayLabel(at) : clockLabel(at, step < MINUTE), isMajor });
    }
    day = next;
  }
  return ticks;
}

/** @param {Span} view @param {number} most @param {number} zoneMs @returns {Tick[]} */
function dayTicks(view, most, zoneMs) {
  const days = (view.endMs - view.startMs) / (24 * HOUR);
  const step = STEPS_DAYS.find((count) => days / count <= most) ?? 10;
  /** @type {Tick[]} */
  const ticks = [];
  const first = new Date(view.startMs + zoneMs);
  let day = new Date(first.getFullYear(), first.getMonth(), first.getDate());
  while (day.getTime() - zoneMs <= view.endMs) {
    const atMs = day.getTime() - zoneMs;
    if (atMs >= view.startMs && (day.getDate() - 1) % step === 0) {
      ticks.push({ atMs, label: dayLabel(day), isMajor: day.getDate() === 1 });
    }
    day = new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1);
  }
  return ticks;
}

/** @param {number} value */
const two = (value) => String(value).padStart(2, '0');

/** @param {Date} at @param {boolean} withSeconds */
function clockLabel(at, withSeconds) {
  const text = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return withSeconds ? `${text}:${two(at.getSeconds())}` : text;
}

/** @param {Date} at @returns {string} `Sun 22` */
function dayLabel(at) {
  return `${at.toLocaleDateString('en', { weekday: 'short' })} ${at.getDate()}`;
}
