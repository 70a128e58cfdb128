// @ts-check
/** Recording on the server in words for users. */

import { LOCAL_CLOCK } from './display-clock.js';
import { exactDuration } from './format.js';

/**
 * @typedef {import('./recording-types.js').RecordingState} RecordingState
 * @typedef {import('./recording-types.js').RecordingAlert} RecordingAlert
 * @typedef {import('./display-clock.js').DisplayClock} DisplayClock
 * @typedef {'recording'|'waiting'|'paused'|'problem'|'off'} Tone
 */

/** Each reason: now, and in the past. @type {Record<string, [string, string]>} */
const REASONS = {
  switched_off: ['recording is switched off', 'recording was switched off'],
  not_scheduled: ['the schedule does not include this time', 'the schedule did not include this time'],
  no_event: ['there is no event', 'there was no event'],
  paused: ['a user has paused the recording', 'a user had paused the recording'],
  device_away: ['the camera does not answer', 'the camera did not answer'],
  no_signal: ['the channel has no signal', 'the channel had no signal'],
  refused: ['the camera refuses the connection', 'the camera refused the connection'],
  stalled: ['the camera sends no more video', 'the camera sent no video'],
  disk_full: ['the disk is full', 'the disk was full'],
  disk_too_slow: ['the disk is too slow', 'the disk was too slow'],
  disk_gone: ['the disk cannot be written', 'the disk could not be written'],
  server_off: ['the server was off', 'the server was off'],
  clock_stepped: ['the server’s clock was changed', 'the server’s clock was changed'],
  unsupported: ['the camera does not support this recording', 'the camera did not support this recording'],
  damaged: ['the file is damaged', 'the file was damaged'],
  expired: ['the recording is too old and was deleted', 'the recording was too old and was deleted'],
};

/** What a recording waits for, by mode. @type {Record<string, string>} */
const WAITING = { events: 'The recording waits for an event', schedule: 'The recording waits for the schedule' };

/** Return the reason for a gap as a clause; '' if it is unknown. @param {string|null|undefined} reason */
function reasonNow(reason) {
  return REASONS[reason ?? '']?.[0] ?? '';
}

/** Return the reason for a past gap as a clause; '' if it is unknown. @param {string|null|undefined} reason */
export function reasonThen(reason) {
  return REASONS[reason ?? '']?.[1] ?? '';
}

/**
 * Return a time as short as it is clear: `14:05` today, otherwise `2026-11-22 14:05`.
 *
 * @param {number} atMs
 * @param {number} nowMs
 * @param {DisplayClock} [clock]
 */
export function shortTime(atMs, nowMs, clock = LOCAL_CLOCK) {
  const [day = '', time = ''] = clock.stamp(atMs).split(' ');
  const isToday = clock.stamp(nowMs).startsWith(day);
  const zone = clock.isTwice(atMs) ? ` ${clock.zoneOf(atMs)}` : '';
  return `${isToday ? '' : `${day} `}${time.slice(0, 5)}${zone}`;
}

/**
 * Return the recording state of a channel in words.
 *
 * @param {RecordingState} state
 * @param {number} nowMs
 * @returns {{short: string, text: string, tone: Tone}} `short`: for a badge
 */
export function stateText(state, nowMs) {
  const time = (/** @type {string|null} */ at) => (at ? shortTime(Date.parse(at), nowMs) : '');
  const since = state.since ? ` since ${time(state.since)}` : '';
  switch (state.state) {
    case 'recording':
      return { short: 'REC', text: `Recorded on the server${since}`, tone: 'recording' };
    case 'waiting': {
      const text = WAITING[state.mode] ?? 'The recording is starting';
      const cut = state.pre_roll_s ?? null;
      const memory = cut === null ? '' : `; the memory holds only ${Math.floor(cut)} s before it`;
      return { short: 'REC waits', text: `${text}${memory}`, tone: 'waiting' };
    }
    case 'paused': {
      const by = state.paused_by ? ` by ${state.paused_by}` : '';
      const until = state.paused_until ? ` until ${time(state.paused_until)}` : '';
      return { short: 'REC paused', text: `Recording paused${by}${until}`, tone: 'paused' };
    }
    case 'problem': {
      const reason = reasonNow(state.reason);
      return { short: 'Not recorded', text: `Not recorded${since}${reason ? `: ${reason}` : ''}`, tone: 'problem' };
    }
    default:
      return { short: 'Not recorded', text: 'Not recorded on the server', tone: 'off' };
  }
}

/**
 * Return the recording of a camera's channels in one sentence; null if no channel has a rule.
 *
 * @param {readonly RecordingState[]} states
 * @returns {{text: string, tone: Tone}|null}
 */
export function cameraRecordingText(states) {
  const wanted = states.filter(({ state }) => state !== 'off');
  if (!wanted.length) return null;
  const count = (/** @type {string} */ name) => wanted.filter(({ state }) => state === name).length;
  const failed = wanted.filter(({ state }) => state === 'problem');
  const parts = [
    [count('recording'), 'recorded'],
    [count('waiting'), 'waiting'],
    [count('paused'), 'paused'],
    [failed.length, 'not recorded'],
  ];
  const shown = parts.filter(([number]) => number);
  const [only] = shown;
  const isOne = wanted.length === 1 && states.length === 1;
  const counts = shown.map(([number, words]) => `${number} ${words}`).join(', ');
  const head = isOne && only ? sentenceStart(String(only[1])) : `${wanted.length} of ${states.length} channels: ${counts}`;
  const reason = failed.length ? reasonNow(failed[0]?.reason) : '';
  const tone = failed.length ? 'problem' : count('recording') ? 'recording' : count('paused') ? 'paused' : 'waiting';
  return { text: reason ? `${head}: ${reason}` : head, tone };
}

/** @param {string} text */
function sentenceStart(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * Return an alert as a sentence.
 *
 * @param {RecordingAlert} alert
 * @param {number} nowMs
 */
export function alertText(alert, nowMs) {
  const { channel_name: channelName, camera_name: cameraName } = alert;
  const name = channelName && cameraName && channelName !== cameraName ? `${channelName} (${cameraName})` : channelName || cameraName;
  const start = shortTime(Date.parse(alert.start_time), nowMs);
  const end = alert.end_time ? shortTime(Date.parse(alert.end_time), Date.parse(alert.start_time)) : '';
  if (alert.origin === 'device') {
    return end ? `The recorder did not record ${name} from ${start} to ${end}.` : `The recorder has not recorded ${name} since ${start}.`;
  }
  const reason = end ? reasonThen(alert.reason) : reasonNow(alert.reason);
  const why = reason ? `: ${reason}` : '';
  return end ? `${name} was not recorded from ${start} to ${end}${why}.` : `${name} has not been recorded since ${start}${why}.`;
}

/**
 * Return the lengths of a pause.
 *
 * @param {number} nowMs
 * @param {DisplayClock} [clock]
 * @returns {{value: string, text: string, untilMs: number|null}[]}
 */
export function pauseChoices(nowMs, clock = LOCAL_CLOCK) {
  const day = 86_400_000;
  const tomorrowMs = clock.momentOf((Math.floor(clock.wallOf(nowMs) / day) + 1) * day);
  const inMs = (/** @type {number} */ minutes) => nowMs + minutes * 60_000;
  return [
    { value: '15min', text: '15 minutes', untilMs: inMs(15) },
    { value: '1h', text: '1 hour', untilMs: inMs(60) },
    { value: '8h', text: '8 hours', untilMs: inMs(480) },
    { value: 'tomorrow', text: 'Until tomorrow, 00:00', untilMs: tomorrowMs },
    { value: 'open', text: 'Until a user resumes it', untilMs: null },
  ];
}

/**
 * Return the news about a range that was just kept, and an offer to fetch the part that the server lacks; '' for none.
 *
 * @param {{limited_until: string|null, missing_s: number|null, backfill_id: number|null}} kept
 * @param {boolean} mayFetch
 * @param {number} nowMs
 */
export function keptText(kept, mayFetch, nowMs) {
  const missing = exactDuration(Math.round(kept.missing_s ?? 0));
  const limit = kept.limited_until ? shortTime(Date.parse(kept.limited_until), nowMs) : '';
  const texts = ['This part is kept.'];
  if (limit) texts.push(`The limit by law of the channel deletes it all the same, from ${limit} on.`);
  if (!kept.missing_s) return { text: texts.join(' '), offer: '' };
  const lacking = `The server lacks ${missing} of it`;
  if (kept.backfill_id !== null) texts.push(`${lacking} and fetches them from the recorder.`);
  else if (!mayFetch) texts.push(`${lacking}. An admin can fetch them from the recorder.`);
  const isOffered = kept.backfill_id === null && mayFetch;
  return { text: texts.join(' '), offer: isOffered ? `${lacking}. It can fetch what the recorder has of them.` : '' };
}
