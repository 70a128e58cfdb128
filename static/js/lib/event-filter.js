// @ts-check
/**
 * The filters of the events page in its address: `?camera=1&channel=3&kind=person&severity=alert&seen=no&day=2026-11-22
 * &from=18:00&until=20:00&zone=Gate&words=red+person`. Invalid values of the address count as absent.
 */

import { LOCAL_CLOCK } from './display-clock.js';
import { isKind } from './event-kinds.js';
import { dayOf } from './ranges.js';

const QUARTER_MS = 91 * 86_400_000;
/** Limits of the server. */
const MOST_ZONES = 32;
const MOST_OF_ZONE = 64;
export const MOST_OF_WORDS = 200;

/**
 * @typedef {'alert'|'notice'} Severity
 * @typedef {{cameraId: number|null, channel: number|null, kinds: string[], severity: Severity|null, isSeen: boolean|null,
 *   day: string|null, from: string, until: string, zones: string[], words: string}} EventFilter `day`: in the shown clock;
 *   `from`, `until`: time of day, '' for none; `words`: what the user searches for
 */

/** @returns {EventFilter} */
export function noFilter() {
  return {
    ...{ cameraId: null, channel: null, kinds: [], severity: null, isSeen: null },
    ...{ day: null, from: '', until: '', zones: [], words: '' },
  };
}

/** @param {string} search @returns {EventFilter} */
export function readEventFilter(search) {
  const query = new URLSearchParams(search);
  const cameraId = numberOf(query.get('camera'));
  const severity = query.get('severity');
  const seen = query.get('seen');
  return {
    cameraId,
    channel: cameraId === null ? null : numberOf(query.get('channel')),
    kinds: [...new Set(query.getAll('kind'))].filter(isKind),
    severity: severity === 'alert' || severity === 'notice' ? severity : null,
    isSeen: seen === 'yes' ? true : seen === 'no' ? false : null,
    day: dayIn(query.get('day')),
    from: timeIn(query.get('from')),
    until: timeIn(query.get('until')),
    zones: [...new Set(query.getAll('zone'))].filter((zone) => zone && zone.length <= MOST_OF_ZONE).slice(0, MOST_ZONES),
    words: wordsIn(query.get('words') ?? ''),
  };
}

/** Return words of a search as the address has them. @param {string} text */
export function wordsIn(text) {
  return text.trim().replaceAll(/\s+/g, ' ').slice(0, MOST_OF_WORDS);
}

/** @param {EventFilter} filter @returns {string} '' or `?...` */
export function writeEventFilter(filter) {
  const query = new URLSearchParams();
  if (filter.cameraId !== null) query.set('camera', String(filter.cameraId));
  if (filter.cameraId !== null && filter.channel !== null) query.set('channel', String(filter.channel));
  for (const kind of filter.kinds) query.append('kind', kind);
  if (filter.severity) query.set('severity', filter.severity);
  if (filter.isSeen !== null) query.set('seen', filter.isSeen ? 'yes' : 'no');
  for (const name of /** @type {const} */ (['day', 'from', 'until'])) {
    if (filter[name]) query.set(name, filter[name]);
  }
  for (const zone of filter.zones) query.append('zone', zone);
  if (filter.words) query.set('words', filter.words);
  const text = query.toString().replaceAll('%3A', ':');
  return text ? `?${text}` : '';
}

/** True if the filter leaves out any event. @param {EventFilter} filter */
export function isFiltered(filter) {
  return writeEventFilter(filter) !== '';
}

/** @param {EventFilter} filter @returns {import('./events-api.js').EventQuery} */
export function queryOf(filter, clock = LOCAL_CLOCK) {
  const day = filter.day === null ? null : dayOf(Date.parse(filter.day), clock);
  return {
    startMs: day?.startMs ?? null,
    endMs: day?.endMs ?? null,
    cameraId: filter.cameraId,
    channel: filter.channel,
    kinds: filter.kinds,
    severity: filter.severity,
    isSeen: filter.isSeen,
    from: filter.from,
    until: filter.until,
    zones: filter.zones,
    words: filter.words,
    isJoined: true,
  };
}

/**
 * Return the query for the news of the list. It has seen events, too: the end of an event on the page is news even if
 * the user has seen it.
 *
 * @param {EventFilter} filter
 */
export function newsQueryOf(filter, clock = LOCAL_CLOCK) {
  return { ...queryOf(filter, clock), isSeen: null };
}

/**
 * Return the name of the server's time zone if its clock differs from the browser's now or in another season; '' if not.
 *
 * @param {string} serverZone IANA name, or an abbreviation
 * @param {{ownZone?: string, nowMs?: number}} [browser]
 */
export function otherZone(serverZone, { ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone, nowMs = Date.now() } = {}) {
  if (!serverZone || serverZone === ownZone) return '';
  try {
    const isSame = [0, 1, 2, 3].every((quarter) => {
      const at = nowMs + quarter * QUARTER_MS;
      return wallText(serverZone, at) === wallText(ownZone, at);
    });
    return isSame ? '' : serverZone;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return serverZone; // The browser does not know this name.
  }
}

/** @param {string} timeZone @param {number} atMs */
function wallText(timeZone, atMs) {
  return new Date(atMs).toLocaleString('en-GB', { timeZone });
}

/** @param {string|null} text */
function numberOf(text) {
  return /^[1-9]\d{0,8}$/.test(text ?? '') ? Number(text) : null;
}

/** @param {string|null} text */
function dayIn(text) {
  return text && /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) ? text : null;
}

/** @param {string|null} text */
function timeIn(text) {
  return text && /^([01]\d|2[0-3]):[0-5]\d$/.test(text) ? text : '';
}
