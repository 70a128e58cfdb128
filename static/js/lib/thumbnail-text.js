// @ts-check
/** The texts of thumbnails for users. */

import { isComplete, messageOf } from './messages.js';
import { hasAwaySpans, spanText } from './coverage.js';
import { counted } from './format.js';

/**
 * @typedef {import('./display-clock.js').DisplayClock} DisplayClock
 * @typedef {import('./thumbnails-api.js').Thumbnail} Thumbnail
 * @typedef {import('./thumbnails-api.js').ThumbnailState|'waiting'} CellState `waiting`: the server was not asked yet
 * @typedef {{atMs: number, isConfirmed: boolean}} ShownTime `isConfirmed`: false if the recorder sends no times with its
 *   frames, so that the frame may be of another time
 */

const DAY_MS = 86_400_000;

/** @type {Record<CellState, string>} */
const STATES = {
  ready: 'play',
  pending: 'picture follows, play',
  waiting: 'picture follows, play',
  missing: 'no picture, play',
  not_recorded: 'not recorded',
};

/** Return the time to show for a thumbnail that was requested for `atMs`. @param {Thumbnail|null} thumbnail @param {number} atMs @returns {ShownTime} */
export function takenOf(thumbnail, atMs) {
  return { atMs: thumbnail?.takenMs ?? atMs, isConfirmed: thumbnail?.state !== 'ready' || thumbnail.takenMs !== null };
}

/**
 * Return the text of a thumbnail for screen readers.
 *
 * @param {DisplayClock} clock
 * @param {ShownTime} time
 * @param {CellState} state
 * @param {string} [missing] emptyText() of a time without a recording that plays
 * @returns {string} `22 November, 14:05:10, play`
 */
export function thumbnailLabel(clock, { atMs, isConfirmed }, state, missing = STATES.not_recorded) {
  const text = state === 'not_recorded' ? missing : STATES[state];
  return `${dayText(clock, atMs)}, ${isConfirmed ? '' : 'about '}${clock.timeOf(atMs)}, ${text}`;
}

/**
 * Return why nothing plays in a time: a server that does not answer may have recorded it.
 *
 * @param {import('./coverage.js').Row|null} row
 * @param {number} startMs
 * @param {number} endMs
 */
export function emptyText(row, startMs, endMs) {
  const away = row?.spans.find((span) => span.state === 'away' && span.startMs < endMs && startMs < span.endMs);
  return away ? spanText(away, { showsSource: false }) : STATES.not_recorded;
}

/**
 * Return the text of a long time without a recording that plays.
 *
 * @param {DisplayClock} clock
 * @param {import('./coverage.js').Row|null} row
 * @param {number} startMs
 * @param {number} endMs
 * @returns {string} `Not recorded from 14:05:10 to 15:00:00`
 */
export function gapText(clock, row, startMs, endMs) {
  const text = emptyText(row, startMs, endMs);
  const [start, end] = [clock.timeOf(startMs), clock.timeOf(endMs)];
  return text === STATES.not_recorded ? `Not recorded from ${start} to ${end}` : `From ${start} to ${end} ${text}`;
}

/** Return the time of an enlarged thumbnail. @param {DisplayClock} clock @param {ShownTime} time @returns {string} `14:05:10`, `about 14:05:10` */
export function enlargedTime(clock, { atMs, isConfirmed }) {
  return `${isConfirmed ? '' : 'about '}${clock.timeOf(atMs)}`;
}

/** @param {DisplayClock} clock @param {number} atMs @returns {string} `22 November` */
export function dayText(clock, atMs) {
  return new Date(clock.wallOf(atMs)).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', timeZone: 'UTC' });
}

/**
 * Return the visible time of a thumbnail: with seconds only if the next one is less than a minute away.
 *
 * @param {DisplayClock} clock
 * @param {ShownTime} time
 * @param {number} strideMs time to the next thumbnail
 * @returns {string} `14:05`, `14:05:10`, `≈14:05`, `Sun 22`
 */
export function thumbnailTime(clock, { atMs, isConfirmed }, strideMs) {
  const wall = new Date(clock.wallOf(atMs));
  if (strideMs >= DAY_MS) {
    return `${wall.toLocaleDateString('en', { weekday: 'short', timeZone: 'UTC' })} ${wall.getUTCDate()}`;
  }
  const time = clock.timeOf(atMs);
  return `${isConfirmed ? '' : '≈'}${strideMs < 60_000 ? time : `${time.slice(0, 5)}${time.slice(8)}`}`;
}

/** @param {number} ms @returns {string} `every second`, `every 10 s`, `every hour`, `every 3 h` */
export function intervalText(ms) {
  const seconds = ms / 1000;
  if (seconds < 60) return seconds === 1 ? 'every second' : `every ${seconds} s`;
  if (seconds < 3600) return seconds === 60 ? 'every minute' : `every ${seconds / 60} min`;
  if (seconds < 86_400) return seconds === 3600 ? 'every hour' : `every ${seconds / 3600} h`;
  return seconds === 86_400 ? 'every day' : `every ${counted(seconds / 86_400, 'day')}`;
}

/**
 * Return the note above the thumbnails; '' if they need none.
 *
 * @param {{row: import('./coverage.js').Row|null, states: CellState[], problem: import('./http.js').Problem|null,
 *   isHeld: boolean, isLinkThin: boolean}} facts `states`: of the visible thumbnails
 */
export function thumbnailNote({ row, states, problem, isHeld, isLinkThin }) {
  if (!row) return '';
  if (row.channel === null) return 'This recording belongs to no channel of the recorder, so it has no pictures here.';
  const isUnfinished = states.some((state) => state === 'waiting' || state === 'pending');
  if (isHeld && isUnfinished) return isLinkThin ? 'The connection is slow: pictures wait for the video.' : '';
  if (problem && isUnfinished) {
    const { title, advice } = messageOf(problem.code);
    return `No pictures: ${title.slice(0, 1).toLowerCase()}${title.slice(1)}. ${isComplete(problem.code) ? advice : problem.detail}`;
  }
  if (!states.length || isUnfinished || states.includes('ready')) return '';
  if (states.includes('missing')) return 'The recorder gave no pictures of this time. The video may still play.';
  return hasAwaySpans(row) ? 'No server that answers has recorded this time.' : 'Nothing was recorded in this time.';
}
