// @ts-check
/** Addresses of the recordings of an event. */

import { writeRecordingsState } from './recordings-state.js';

/** @typedef {import('./events-api.js').LoggedEvent} LoggedEvent @typedef {import('./timeline-scale.js').Span} Span */

/** An event is played and exported from this long before it. */
export const BEFORE_MS = 5000;
const AFTER_MS = 5000;
/** Recorders write with a delay. */
const DELAY_MS = 5000;

/** @param {Pick<LoggedEvent, 'start_time'>} event @returns {number} the time to play from */
export function playMs({ start_time: start }) {
  return Date.parse(start) - BEFORE_MS;
}

/** Return the part of the recording to export or to keep. @param {Pick<LoggedEvent, 'start_time'|'end_time'>} event @param {number} nowMs @returns {Span} */
export function eventSpan({ start_time: start, end_time: end }, nowMs) {
  const startMs = Date.parse(start) - BEFORE_MS;
  const endMs = end === null ? nowMs - DELAY_MS : Math.min(Date.parse(end) + AFTER_MS, nowMs - DELAY_MS);
  return { startMs, endMs: Math.max(endMs, startMs + BEFORE_MS) };
}

/**
 * Return the address that plays an event on the recordings page, where the `marked` part can be exported.
 *
 * @param {string} recordings address of the page
 * @param {LoggedEvent} event
 * @param {Span|null} [marked]
 */
export function playAddress(recordings, event, marked = null) {
  const state = { channel: event.channel, atMs: playMs(event), fromMs: null, toMs: null };
  const page = event.camera_id === null ? recordings.replace(/\/$/, '') : `${recordings}${event.camera_id}`;
  return `${page}${writeRecordingsState({ ...state, marked })}`;
}
