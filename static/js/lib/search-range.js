// @ts-check
/** The searched time: ranges for a click, and the state of the page in its address. */
import { LOCAL_CLOCK } from './display-clock.js';
import { midnightOf } from './ranges.js';

/**
 * @typedef {import('./timeline-scale.js').Span} Span
 * @typedef {'hour'|'night'|'today'|'yesterday'|'day'} Preset
 * @typedef {{cameraId: number|null, channel: number|null, fromMs: number|null, toMs: number|null, atMs: number|null,
 *   searchId: number|null}} SearchPageState `atMs`: the moment whose picture the user has seen
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NIGHT = { fromHour: 20, untilHour: 6 };
/** The server takes at most so many days. */
export const LONGEST_DAYS = 31;

/** @type {Record<Preset, string>} */
export const PRESETS = { hour: 'Last hour', today: 'Today', night: 'Last night', yesterday: 'Yesterday', day: 'Last 24 hours' };

/** @param {Preset} preset @param {number} nowMs @param {import('./display-clock.js').DisplayClock} [clock] @returns {Span} */
export function presetRange(preset, nowMs, clock = LOCAL_CLOCK) {
  const midnight = midnightOf(clock.wallOf(nowMs));
  const moment = (/** @type {number} */ wallMs) => Math.min(nowMs, clock.momentOf(wallMs));
  switch (preset) {
    case 'hour':
      return { startMs: nowMs - HOUR_MS, endMs: nowMs };
    case 'night':
      return {
        startMs: moment(midnight - DAY_MS + NIGHT.fromHour * HOUR_MS),
        endMs: moment(midnight + NIGHT.untilHour * HOUR_MS),
      };
    case 'today':
      return { startMs: moment(midnight), endMs: nowMs };
    case 'yesterday':
      return { startMs: moment(midnight - DAY_MS), endMs: moment(midnight) };
    default:
      return { startMs: nowMs - DAY_MS, endMs: nowMs };
  }
}

/** Return the reason why a range cannot be searched; '' if it can. @param {number|null} startMs @param {number|null} endMs @param {number} nowMs */
export function rangeError(startMs, endMs, nowMs) {
  if (startMs === null || endMs === null) return 'Choose the begin and the end.';
  if (startMs >= endMs) return 'The end is before the begin.';
  if (startMs >= nowMs) return 'The begin is in the future.';
  if (Math.min(endMs, nowMs) - startMs > LONGEST_DAYS * DAY_MS) return `A search covers at most ${LONGEST_DAYS} days.`;
  return '';
}

/** Return the length of all spans; overlapping ones count once. @param {readonly Span[]} spans */
export function lengthOf(spans) {
  let lengthMs = 0;
  let untilMs = -Infinity;
  for (const { startMs, endMs } of [...spans].sort((a, b) => a.startMs - b.startMs)) {
    lengthMs += Math.max(0, endMs - Math.max(startMs, untilMs));
    untilMs = Math.max(untilMs, endMs);
  }
  return lengthMs;
}

/** Read the address of the page; invalid values count as absent. @param {string} search @returns {SearchPageState} */
export function readSearchState(search) {
  const query = new URLSearchParams(search);
  const number = (/** @type {string} */ name) => (/^[1-9]\d{0,8}$/.test(query.get(name) ?? '') ? Number(query.get(name)) : null);
  const moment = (/** @type {string} */ name) => {
    const text = query.get(name) ?? '';
    const ms = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : NaN;
    return Number.isNaN(ms) ? null : ms;
  };
  const [fromMs, toMs] = [moment('from'), moment('to')];
  const isRange = fromMs !== null && toMs !== null && fromMs < toMs;
  return {
    cameraId: number('camera'),
    channel: number('channel'),
    fromMs: isRange ? fromMs : null,
    toMs: isRange ? toMs : null,
    atMs: moment('t'),
    searchId: number('search'),
  };
}

/** Return the address of the page. @param {string} page @param {Partial<SearchPageState>} state */
export function searchAddress(page, { cameraId, channel, fromMs, toMs, atMs, searchId }) {
  const query = new URLSearchParams();
  if (cameraId) query.set('camera', String(cameraId));
  if (cameraId && channel) query.set('channel', String(channel));
  for (const [name, ms] of /** @type {const} */ ([
    ['from', fromMs],
    ['to', toMs],
    ['t', atMs],
  ])) {
    if (ms !== null && ms !== undefined) query.set(name, new Date(Math.round(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z'));
  }
  if (searchId) query.set('search', String(searchId));
  const text = query.toString().replaceAll('%3A', ':');
  return text ? `${page}?${text}` : page;
}
