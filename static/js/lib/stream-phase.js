// @ts-check
/** The phase of a live picture, from the server's stream state and the player's observations. */

/**
 * @typedef {'idle'|'queued'|'connecting'|'video'|'key_frame'|'buffering'|'playing'|'stalled'|'reconnecting'|'offline'|'failed'
 *   |'ended'} Phase
 * @typedef {{
 *   wanted: boolean,
 *   ended: boolean,
 *   offline: boolean,
 *   queued: boolean,
 *   problem: import('./api.js').Problem|null,
 *   stream: import('./api.js').Stream|null,
 *   shown: boolean,
 *   stalledS: number,
 * }} Facts `queued`: the server limits how many streams this user starts, and this one waits; `shown`: this run has shown a frame; `stalledS`: how long the picture has stood still
 */

/** The picture counts as stalled after so many seconds without a new frame. */
export const STALL_SHOWN_S = 2.5;

/** @param {Facts} facts @returns {Phase} */
export function phaseOf({ wanted, ended, offline, queued, problem, stream, shown, stalledS }) {
  if (ended) return 'ended';
  if (!wanted) return 'idle';
  if (problem) return 'failed';
  if (shown && stalledS < STALL_SHOWN_S) return 'playing';
  if (offline) return 'offline';
  if (!stream) return queued ? 'queued' : 'connecting';
  if (stream.status === 'reconnecting') return 'reconnecting';
  if (stream.status === 'stalled') return 'stalled';
  if (shown) return 'stalled';
  const { waiting_for: waits } = stream;
  if (stream.status === 'starting') return waits && waits !== 'recording' && waits !== 'hls' ? waits : 'connecting';
  return 'buffering';
}

/** @type {Record<Phase, {title: string, detail: string, busy: boolean}>} */
export const PHASE_TEXT = {
  idle: { title: '', detail: '', busy: false },
  queued: { title: 'Waiting to start', detail: 'You start many streams at the same time; this one follows in some seconds', busy: true },
  connecting: { title: 'Connecting', detail: 'Waiting for the device to answer', busy: true },
  video: { title: 'Waiting for video', detail: 'The device has agreed to play, but sends no picture yet', busy: true },
  key_frame: { title: 'Waiting for a key frame', detail: 'The picture can start at the next complete frame', busy: true },
  buffering: { title: 'Buffering', detail: 'Collecting the first seconds of video', busy: true },
  playing: { title: '', detail: '', busy: false },
  stalled: { title: 'The picture has stopped', detail: 'No new video arrives; waiting for the device', busy: true },
  reconnecting: { title: 'Reconnecting', detail: 'The connection to the device was lost; connecting again', busy: true },
  offline: { title: 'The server does not answer', detail: 'The picture comes back by itself as soon as it does', busy: true },
  failed: { title: '', detail: '', busy: false },
  ended: { title: 'The stream was stopped', detail: 'Another user stopped it for all viewers', busy: false },
};
