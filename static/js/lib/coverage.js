// @ts-check
/** Rows of the timeline: the spans and events of one channel, and questions about them. Times are ms since 1970. */

import { midnightOf } from './ranges.js';
import { LOCAL_CLOCK } from './display-clock.js';
import { reasonThen } from './recording-text.js';

/**
 * @typedef {import('./api-types.js').ChannelCoverage} ChannelCoverage
 * @typedef {import('./api-types.js').CoverageSpan['state']} SpanState
 * @typedef {import('./api-types.js').CoverageSpan['source']} SpanSource
 * @typedef {{startMs: number, endMs: number, state: SpanState, recordingToken: string|null, source: SpanSource,
 *   reason: string|null, server: string|null, isCopy?: boolean}} RowSpan `source`: the place of the recording; `reason`: of
 *   a gap in the server's recordings; `server`: the other server that has the footage; `isCopy`: it plays from the object
 *   storage
 * @typedef {{atMs: number, topic: string, isOn: boolean|null}} RowEvent `isOn` null: a moment without an end
 * @typedef {{channel: number|null, name: string, recordingToken: string, spans: RowSpan[], events: RowEvent[],
 *   completeUntilMs: number|null}} Row `completeUntilMs`: the server left out events after this time; null if it left
 *   out none
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
      source: span.source,
      reason: span.reason,
      server: span.server,
      isCopy: span.from_object_storage,
    })),
    events: covered.events.map((event) => ({ atMs: Date.parse(event.time), topic: event.topic, isOn: event.active })),
    completeUntilMs: covered.events_truncated ? Date.parse(covered.events.at(-1)?.time ?? '') || null : null,
  };
}

/** Return the name of a row. @param {Row} row */
export function rowName(row) {
  if (row.channel === null) return row.name || 'Recording';
  return `${row.channel} ${row.name}`;
}

/** @param {Row} row @param {number} atMs @returns {RowSpan|null} */
export function spanAt(row, atMs) {
  return row.spans.find((span) => span.startMs <= atMs && atMs < span.endMs) ?? null;
}

/**
 * True if two rows are of the same channel, or, without a channel, of the same recording.
 *
 * @param {Row} one
 * @param {Row} other
 */
export function sameRow(one, other) {
  return one.channel === other.channel && (one.channel !== null || one.recordingToken === other.recordingToken);
}

/**
 * Return the recording that plays a moment: that of its span, otherwise the channel's recording of that time, otherwise
 * the row's newest one.
 *
 * @param {Row} row
 * @param {number} atMs
 * @param {import('./api.js').KnownRecording[]} [held] the recorder's recordings, as far as they are known
 */
export function tokenAt(row, atMs, held = []) {
  const own = spanAt(row, atMs)?.recordingToken;
  if (own) return own;
  const around = held.find(
    ({ channel, earliest, latest }) =>
      row.channel !== null &&
      channel === row.channel &&
      earliest !== null &&
      Date.parse(earliest) <= atMs &&
      (latest === null || atMs < Date.parse(latest)),
  );
  return around?.recording_token ?? row.recordingToken;
}

/**
 * Return what playing from a moment on gives: it `plays`; the recording goes on `later`, from `atMs`; `nothing`
 * follows; or the row does not know, and the page must `ask` the recorder about `atMs` first. `away`: the server that has
 * recorded the moment and does not answer, null without one.
 *
 * @param {Row} row
 * @param {number} atMs
 * @param {number} nowMs
 * @returns {{outcome: 'plays'|'later'|'nothing'|'ask', atMs: number, away: string|null}}
 */
export function placeAt(row, atMs, nowMs) {
  let edgeMs = atMs;
  let span = spanAt(row, edgeMs);
  const away = span?.state === 'away' ? span.server : null;
  while (span && isMissing(span)) {
    edgeMs = span.endMs;
    span = spanAt(row, edgeMs);
  }
  const isMoved = edgeMs > atMs;
  if (span && isPlayable(span)) return { outcome: isMoved ? 'later' : 'plays', atMs: edgeMs, away };
  // The coverage never reaches the last minutes, so a request for them would wait forever.
  if (edgeMs > nowMs - OPEN_END_MS) return { outcome: isMoved ? 'nothing' : 'plays', atMs, away };
  return { outcome: 'ask', atMs: edgeMs, away };
}

/** True if the span certainly cannot be played now. @param {Pick<RowSpan, 'state'>} span */
export function isMissing(span) {
  return span.state === 'not_recorded' || span.state === 'away';
}

/** True if the span may hold media. @param {RowSpan} span */
export function isPlayable(span) {
  return span.state === 'recorded' || span.state === 'unknown';
}

/** @type {Record<SpanState, string>} */
const WORDS = {
  recorded: 'recorded',
  not_recorded: 'not recorded',
  not_asked: 'not asked yet',
  unknown: 'unknown, the device cannot tell',
  away: 'recorded on another server, which does not answer',
};

/** @type {Record<string, string>} */
const PLACES = { device: ' by the recorder', server: ' on the server' };

/**
 * Return a span in words, a gap with its reason.
 *
 * @param {Pick<RowSpan, 'state'|'source'|'reason'|'server'|'isCopy'>|null} span null: the row does not know this time
 * @param {{showsSource: boolean}} how
 */
export function spanText(span, { showsSource }) {
  if (!span) return WORDS.not_asked;
  const reason = span.state === 'not_recorded' ? reasonThen(span.reason) : '';
  if (reason) return `${WORDS.not_recorded}: ${reason}`;
  if (span.server && span.state === 'away') return `recorded on the server ${span.server}, which does not answer`;
  if (span.server) return `${WORDS[span.state]} on the server ${span.server}`;
  if (span.isCopy) return `${WORDS[span.state]}, from object storage`;
  const place = showsSource && span.state === 'recorded' ? (PLACES[span.source ?? ''] ?? '') : '';
  return `${WORDS[span.state]}${place}`;
}

/** True if a row has recordings of a server that does not answer. @param {Row} row */
export function hasAwaySpans(row) {
  return row.spans.some(({ state }) => state === 'away');
}

/** True if a row has recordings of the server. @param {Row} row */
export function hasServerSpans(row) {
  return row.spans.some(({ source }) => source === 'server');
}

/**
 * Return the next event that begins after a moment, or the last one that began before it; null if there is none.
 *
 * @param {Row} row
 * @param {number} atMs
 * @param {1|-1} direction
 */
export function adjacentEvent(row, atMs, direction) {
  const begins = row.events.filter((event) => event.isOn !== false);
  if (direction > 0) return begins.find((event) => event.atMs > atMs) ?? null;
  return begins.findLast((event) => event.atMs < atMs) ?? null;
}

/** @param {number} wallMs @returns {string} `2026-11-22` */
export function dayKey(wallMs) {
  return new Date(wallMs).toISOString().slice(0, 10);
}

/**
 * Return the days, in the shown clock, on which something is or may be recorded. What a server has that does not answer
 * counts as unknown.
 *
 * @param {Row[]} rows
 * @param {import('./display-clock.js').DisplayClock} [clock]
 * @returns {Map<string, 'recorded'|'unknown'>}
 */
export function daysOf(rows, clock = LOCAL_CLOCK) {
  /** @type {Map<string, 'recorded'|'unknown'>} */
  const days = new Map();
  for (const row of rows) {
    for (const span of row.spans) {
      if (!isPlayable(span) && span.state !== 'away') continue;
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
 * Return the results of a search as lines of a table, one per span, in the order of the results.
 *
 * @param {import('./api.js').FoundRecording[]} recordings
 */
export function linesOf(recordings) {
  return recordings.flatMap((found) =>
    found.spans.map((span) => ({
      channel: found.channel,
      name: found.source_name,
      recordingToken: found.recording_token,
      isOnServer: found.source === 'server',
      startMs: Date.parse(span.start_time),
      endMs: Date.parse(span.end_time),
      isKnown: found.coverage === 'known',
      codecs: found.tracks.map((track) => track.codec ?? track.type),
    })),
  );
}
