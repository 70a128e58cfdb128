// @ts-check
/** What is recorded when: one channel's row read as a person asks for it. Times are milliseconds since 1970. */

import { midnightOf } from './ranges.js';
import { LOCAL_CLOCK } from './shown-clock.js';

/**
 * @typedef {import('./api.js').ChannelCoverage} ChannelCoverage @typedef {import('./api.js').SpanState} SpanState
 * @typedef {{startMs: number, endMs: number, state: SpanState, recordingToken: string|null}} RowSpan
 * @typedef {{atMs: number, topic: string, isOn: boolean|null}} RowEvent `isOn` null: a moment, it has no end
 * @typedef {{channel: number|null, name: string, recordingToken: string, spans: RowSpan[], events: RowEvent[],
 *   toldUntilMs: number|null}} Row `toldUntilMs`: there are more events after it than were told
 */

const OPEN_END_MS = 120_000;
const DAY_MS = 86_400_000;

/** @param {ChannelCoverage} covered @returns {Row} */
export function rowOf(covered) {
  return {
    channel: covered.channel,
    name: covered.name,
    recordingToken: covered.recording_token,
    spans: covered.spans.map((span) => ({
      startMs: Date.parse(span.start_time),
      endMs: Date.parse(span.end_time),
      state: span.state,
      recordingToken: span.recording_token,
    })),
    events: covered.events.map((event) => ({ atMs: Date.parse(event.time), topic: event.topic, isOn: event.active })),
    toldUntilMs: covered.events_truncated ? Date.parse(covered.events.at(-1)?.time ?? '') || null : null,
  };
}

/** The name of a row. @param {Row} row */
export function rowName(row) {
  if (row.channel === null) return row.name || 'Recording';
  return `${row.channel} ${row.name}`;
}

/** @param {Row} row @param {number} atMs @returns {RowSpan|null} */
export function spanAt(row, atMs) {
  return row.spans.find((span) => span.startMs <= atMs && atMs < span.endMs) ?? null;
}

/** Whether two rows are of the same channel, or of the same recording where there is none. @param {Row} one @param {Row} other */
export function sameRow(one, other) {
  return one.channel === other.channel && (one.channel !== null || one.recordingToken === other.recordingToken);
}

/**
 * Which recording plays this moment: its span's own, else the channel's whose time it is, else its newest.
 *
 * @param {Row} row
 * @param {number} atMs
 * @param {import('./api.js').KnownRecording[]} [held] what the recorder holds, as far as it is known
 */
export function tokenAt(row, atMs, held = []) {
  const own = spanAt(row, atMs)?.recordingToken;
  if (own) return own;
  const around = held.find(
    ({ channel, earliest, latest }) =>
      row.channel !== null && channel === row.channel && earliest !== null && Date.parse(earliest) <= atMs &&
      (latest === null || atMs < Date.parse(latest)),
  );
  return around?.recording_token ?? row.recordingToken;
}

/**
 * What comes of playing from there, as far as it is known: it plays; the recording goes on later, from `atMs`; nothing
 * follows; or the recorder has to be asked about `atMs` first.
 *
 * @param {Row} row
 * @param {number} atMs
 * @param {number} nowMs
 * @returns {{way: 'plays'|'later'|'nothing'|'ask', atMs: number}}
 */
export function placeAt(row, atMs, nowMs) {
  let edgeMs = atMs;
  let span = spanAt(row, edgeMs);
  while (span?.state === 'not_recorded') {
    edgeMs = span.endMs;
    span = spanAt(row, edgeMs);
  }
  const isMoved = edgeMs > atMs;
  if (span && isPlayable(span)) return { way: isMoved ? 'later' : 'plays', atMs: edgeMs };
  // The last minutes are never told yet: to ask for them would be to wait for ever.
  if (edgeMs > nowMs - OPEN_END_MS) return { way: isMoved ? 'nothing' : 'plays', atMs };
  return { way: 'ask', atMs: edgeMs };
}

/** @param {RowSpan} span whether there may be something to play */
export function isPlayable(span) {
  return span.state === 'recorded' || span.state === 'unknown';
}

/** @type {Record<SpanState, string>} */
const WORDS = {
  recorded: 'recorded',
  not_recorded: 'not recorded',
  not_asked: 'not asked yet',
  unknown: 'unknown, the device cannot tell',
};

/** @param {SpanState} state */
export function stateName(state) {
  return WORDS[state];
}

/**
 * The next event that begins after a moment, or the last that began before it; null where there is none.
 *
 * @param {Row} row
 * @param {number} atMs
 * @param {1|-1} direction
 */
export function eventBeside(row, atMs, direction) {
  const begins = row.events.filter((event) => event.isOn !== false);
  if (direction > 0) return begins.find((event) => event.atMs > atMs) ?? null;
  return begins.findLast((event) => event.atMs < atMs) ?? null;
}

/** @param {number} wallMs @returns {string} `2026-11-22` */
export function dayKey(wallMs) {
  return new Date(wallMs).toISOString().slice(0, 10);
}

/**
 * The days, by the clock that is shown, on which something is, or may be, recorded.
 *
 * @param {Row[]} rows
 * @param {import('./shown-clock.js').ShownClock} [clock]
 * @returns {Map<string, 'recorded'|'unknown'>}
 */
export function daysOf(rows, clock = LOCAL_CLOCK) {
  /** @type {Map<string, 'recorded'|'unknown'>} */
  const days = new Map();
  for (const row of rows) {
    for (const span of row.spans) {
      if (!isPlayable(span)) continue;
      let wallMs = midnightOf(clock.wallOf(span.startMs));
      for (; clock.momentOf(wallMs) < span.endMs; wallMs += DAY_MS) {
        const key = dayKey(wallMs);
        if (span.state === 'recorded' || !days.has(key)) days.set(key, span.state === 'recorded' ? 'recorded' : 'unknown');
      }
    }
  }
  return days;
}

/**
 * What a search found as lines of a table: one a stretch, the newest first within a channel.
 *
 * @param {import('./api.js').FoundRecording[]} recordings
 */
export function linesOf(recordings) {
  return recordings.flatMap((found) =>
    found.spans.map((span) => ({
      channel: found.channel,
      name: found.source_name,
      recordingToken: found.recording_token,
      startMs: Date.parse(span.start_time),
      endMs: Date.parse(span.end_time),
      isKnown: found.coverage === 'known',
      codecs: found.tracks.map((track) => track.codec ?? track.type),
    })),
  );
}
