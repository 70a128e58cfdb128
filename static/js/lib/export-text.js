// @ts-check
/** Words for exports: states, reasons, formats, progress. */
import { LOCAL_CLOCK } from './display-clock.js';
import { codecName, counted, duration, exactDuration, fileSize, resolution } from './format.js';
import { reasonThen } from './recording-text.js';

/**
 * @typedef {import('./export-types.js').Export} Export
 * @typedef {import('./export-types.js').FileOfExport} ExportFile
 * @typedef {import('./display-clock.js').DisplayClock} DisplayClock
 * @typedef {'quiet'|'busy'|'good'|'bad'} Tone
 */

/** @type {Record<string, string>} */
const FORMATS = {
  mp4: 'MP4: picture unchanged, for most players',
  original: 'Original: MKV, sound unchanged, too',
  h264: 'H.264: MP4, and a copy for every player',
};

/** @param {string} format name in the API @returns {string} for a list to choose from */
export function formatText(format) {
  return Object.hasOwn(FORMATS, format) ? (FORMATS[format] ?? format) : format;
}

/** @param {string} format @returns {string} `MP4`, `Original` */
export function formatName(format) {
  return formatText(format).split(':')[0] ?? format;
}

/** Return the state in words. @param {Export} job @returns {{text: string, tone: Tone}} */
export function stateOf({ state, error }) {
  if (error?.code === 'node_away') return { text: 'Its server is not running', tone: 'bad' };
  switch (state) {
    case 'queued':
      return error ? { text: 'Waits for the recorder', tone: 'busy' } : { text: 'Waiting', tone: 'quiet' };
    case 'running':
      return { text: 'Running', tone: 'busy' };
    case 'paused':
      return { text: 'Paused', tone: 'quiet' };
    case 'done':
      return error ? { text: 'Ready, but incomplete', tone: 'busy' } : { text: 'Ready', tone: 'good' };
    case 'failed':
      return { text: 'Failed', tone: 'bad' };
    case 'cancelled':
      return { text: 'Cancelled', tone: 'quiet' };
  }
}

/** @type {Record<string, string>} */
const ADVICE = {
  camera_unreachable: 'Check that the recorder has power and is on the network.',
  camera_auth_failed: 'Enter the recorder’s password again on the page Cameras, then press Try again.',
  certificate_changed: 'Compare the recorder’s certificates on its health card, then press Try again.',
  storage_full: 'Delete other exports or other files, then press Try again.',
  nothing_recorded: 'The recorder may have overwritten this time. Choose another range on the page Recordings.',
  not_found: 'The camera or the channel was deleted.',
  copy_failed: 'The video itself is complete. Press Try again: the app then makes only the missing copies.',
  incomplete: 'Press Try again: the app then reads only the missing time.',
  device_changed: 'Make a new export if you need the recordings of the present device.',
  too_many_files: 'Make several exports of shorter ranges.',
};

/** Return why a job waits, has failed or is incomplete, and what a user can do. '' without a reason. @param {Export} job */
export function reasonOf({ state, error, files, kept }) {
  if (!error) {
    if (state === 'queued') return 'It waits for earlier exports.';
    if (state === 'paused') return 'The recorder’s session is free for other users until you resume.';
    return '';
  }
  const detail = sentence(error.detail);
  if (state === 'queued') return `${detail} The app tries again by itself.`;
  const advice = Object.hasOwn(ADVICE, error.code) ? ADVICE[error.code] : '';
  const again = state === 'failed' && error.code !== 'camera_deleted' ? 'Press Try again: the export goes on where it ended.' : '';
  const finished = state === 'failed' && files.length && !kept ? 'Press Keep if you need its finished files after their expiry.' : '';
  return [detail, advice || again, finished].filter(Boolean).join(' ');
}

/** @param {string} detail */
function sentence(detail) {
  const text = detail.trim();
  if (!text) return '';
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

/**
 * Return the progress of a job: its share of the recorded time, 0 to 1, and a text; null if it makes none.
 *
 * @param {Export} job
 * @returns {{share: number, text: string}|null}
 */
export function progressOf({ state, progress, speed, eta_s: etaS }) {
  if (state !== 'running' && state !== 'queued' && state !== 'paused') return null;
  const doneS = progress.done_s ?? 0;
  const totalS = progress.total_s ?? 0;
  if (state !== 'running' && !doneS) return null;
  const share = totalS > 0 ? Math.min(1, doneS / totalS) : 0;
  const parts = [`${Math.floor(share * 100)} %: ${exactDuration(Math.floor(doneS))} of ${exactDuration(Math.round(totalS))}`];
  if (state === 'running') {
    if (speed) parts.push(speedText(speed));
    if (etaS !== null && speed) parts.push(etaS < 1 ? 'almost done' : `about ${duration(Math.max(1, Math.round(etaS)))} left`);
  }
  if (progress.bytes) parts.push(fileSize(progress.bytes));
  return { share, text: parts.join(' · ') };
}

/** @param {number} speed recorded seconds per second @returns {string} `43 × real time` */
function speedText(speed) {
  return `${speed < 9.95 ? Number(speed.toFixed(1)) : Math.round(speed)} × real time`;
}

/** @type {Record<string, string>} */
const GAPS = {
  not_recorded: 'nothing is recorded',
  not_sent: 'it is recorded, but was not sent',
  away: 'it is on another server, which did not answer',
};

/**
 * Return the reason for a gap of an export as a clause; '' if it is unknown.
 *
 * @param {Pick<import('./export-types.js').GapOfExport, 'reason'|'server'>} gap
 */
export function gapReason({ reason, server }) {
  if (reason === 'away' && server) return `it is on the server “${server}”, which did not answer`;
  return Object.hasOwn(GAPS, reason) ? (GAPS[reason] ?? '') : reasonThen(reason);
}

/**
 * Return a range in the shown clock, with one date if it lies within a day.
 *
 * @param {number} startMs
 * @param {number} endMs
 * @param {DisplayClock} [clock]
 */
export function rangeText(startMs, endMs, clock = LOCAL_CLOCK) {
  const start = clock.stamp(startMs);
  const end = clock.stamp(endMs);
  return `${start} to ${start.slice(0, 10) === end.slice(0, 10) ? end.slice(11) : end}`;
}

/** Return the kind, size, codec, length and faults of a file. @param {ExportFile} file */
export function fileFacts(file) {
  const lengthS = (Date.parse(file.end_time) - Date.parse(file.start_time)) / 1000;
  const facts = [kindText(file), fileSize(file.bytes)];
  if (isVideo(file)) facts.push(codecName(file.codec), resolution(file), exactDuration(lengthS));
  if (file.lead_in_s >= 0.5) facts.push(`begins ${duration(file.lead_in_s)} earlier, with a key frame`);
  if (file.frames_lost) facts.push(`${counted(file.frames_lost, 'damaged frame')} left out`);
  if (file.audio_left_out) facts.push(`sound left out: ${file.audio_left_out}`);
  if (!file.time_confirmed) facts.push('the recorder does not confirm these times');
  return facts.filter(Boolean).join(' · ');
}

/** @param {ExportFile} file */
function kindText(file) {
  if (file.kind === 'subtitles') return 'Subtitles with the time of day';
  if (file.kind === 'original') return 'Picture and sound as recorded';
  return file.derived ? 'Copy, encoded again' : '';
}

/** @param {ExportFile} file */
export function isVideo(file) {
  return file.kind !== 'subtitles';
}

/** True if browsers can play the kind of a file; no browser promises MKV. @param {ExportFile} file */
export function isPlayable(file) {
  return file.kind === 'master' || file.kind === 'working_copy';
}

/** MediaError.MEDIA_ERR_NETWORK: the file came in part. */
const NETWORK_ERROR = 2;

/** Return why a player shows no picture of a file that the server sends. @param {number|undefined} code of its MediaError */
export function playerProblem(code) {
  if (code === NETWORK_ERROR) return 'The connection broke off. Close this player, then press Play again.';
  return 'This browser cannot play this file. A player such as VLC can: download it.';
}

/**
 * Return when an export is deleted; '' for one that has not ended.
 *
 * @param {Export} job
 * @param {number} nowMs
 * @param {DisplayClock} [clock]
 */
export function expiryText(job, nowMs, clock = LOCAL_CLOCK) {
  if (job.kept) return 'Kept until you delete it';
  if (!job.expires_at) return '';
  const atMs = Date.parse(job.expires_at);
  const when = atMs > nowMs ? `in ${duration((atMs - nowMs) / 1000)}, on ` : '';
  const date = clock.stamp(atMs).slice(0, 16);
  return job.files.length ? `Deleted ${when}${date}, unless kept` : `Leaves the list ${when}${date}`;
}
