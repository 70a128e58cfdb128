// @ts-check
/** Writes the texts and states around the picture of the replay player. */
import { replayText } from '../lib/replay-text.js';
import { part, setAttribute, setText } from './dom.js';

/**
 * @typedef {import('../lib/replay-text.js').Phase} Phase
 * @typedef {{phase: Phase, problem: import('../lib/api.js').Problem|null, isRetrying: boolean,
 *   stream: import('../lib/api.js').Stream|null, isBusy: boolean, request: import('../lib/replay-session.js').ReplayRequest|null,
 *   atMs: number|null, hasFrame: boolean, clock: typeof import('../lib/display-clock.js').LOCAL_CLOCK, rate: number,
 *   speed: number, isSlow: boolean, isAudioLeftOut: boolean, isLinkShort: boolean, quality: string,
 *   choice: import('../lib/replay-quality.js').Choice, waitedS: number}} Facts `isRetrying`: the server tries again;
 *   `isBusy`: a seek is under way; `rate`: present speed; `speed`: chosen speed; `isSlow`: the recorder sends no faster
 *   than 1×; `isAudioLeftOut`: this browser cannot decode the audio; `isLinkShort`: the link carries less than the quality
 *   needs; `quality`: the shown quality and its reason; `choice`: the user's
 */

/** @param {HTMLElement & {video: HTMLVideoElement}} player @param {Facts} facts */
export function showReplay(player, facts) {
  const { phase, stream, atMs, hasFrame } = facts;
  const { video } = player;
  const stage = part(player, 'stage', HTMLElement);
  stage.dataset.running = String(!video.paused && phase !== 'paused');
  stage.dataset.muted = String(video.muted);
  stage.dataset.full = String(document.fullscreenElement === stage);
  // A recorder that sends no times with its frames may play another time than the requested one.
  const doubt = stream?.time_confirmed === false ? ' (not confirmed by the recorder)' : '';
  setText(part(player, 'clock', HTMLElement), atMs === null ? '' : `${facts.clock.stamp(atMs)}${doubt}`);
  const badge = part(player, 'badge', HTMLElement);
  badge.hidden = phase === 'idle';
  badge.dataset.state = phase === 'stalled' || phase === 'problem' ? 'stalled' : phase;
  const speed = facts.rate === 1 ? '' : ` ${facts.rate}×`;
  setText(part(player, 'badge-text', HTMLElement), phase === 'paused' ? 'PAUSED' : `PLAYBACK${speed}`);
  for (const name of ['back', 'forward', 'snapshot']) {
    part(player, name, HTMLButtonElement).disabled = !hasFrame;
  }
  showAudio(part(player, 'mute', HTMLButtonElement), facts);
  explain(player, facts);
  explainSpeed(player, facts);
  offerSub(player, facts);
}

/** Offer the recording of the sub stream where there is one. @param {HTMLElement} player @param {Facts} facts */
function offerSub(player, { stream, choice }) {
  const option = part(player, 'quality', HTMLSelectElement).querySelector('[value=sub]');
  const isThere = stream?.has_sub_recording === true || choice === 'sub';
  if (option instanceof HTMLOptionElement && option.disabled === isThere) option.disabled = !isThere;
}

/** @param {HTMLButtonElement} button @param {Facts} facts */
function showAudio(button, { hasFrame, stream, isAudioLeftOut }) {
  button.disabled = !hasFrame || !stream?.audio || isAudioLeftOut;
  setAttribute(button, 'aria-label', isAudioLeftOut ? 'No sound: this browser cannot decode it' : 'Sound');
  setAttribute(button, 'data-tip', isAudioLeftOut ? 'This browser cannot decode the sound' : 'Sound  M');
}

/** @param {HTMLElement} player @param {Facts} facts */
function explain(player, { phase, problem, isRetrying, stream, isBusy, request, atMs, isLinkShort, waitedS }) {
  part(player, 'spinner', HTMLElement).hidden = !(phase === 'loading' || phase === 'stalled' || phase === 'caught-up');
  part(player, 'big-play', HTMLElement).hidden = phase !== 'idle';
  part(player, 'icon', HTMLElement).hidden = phase !== 'problem' && phase !== 'broken';
  part(player, 'retry', HTMLElement).hidden = phase !== 'problem' && phase !== 'broken';
  const behindS = (Date.now() - (atMs ?? 0)) / 1000;
  const waitingFor = isBusy ? null : (stream?.waiting_for ?? null);
  const text = replayText({ phase, problem, waitingFor, waitedS, isRetrying, isLinkShort, behindS });
  setText(part(player, 'title', HTMLElement), text.title);
  setText(part(player, 'advice', HTMLElement), text.advice);
  const live = part(player, 'live', HTMLAnchorElement);
  live.hidden = !text.offersLive || !request;
  const channel = request?.channel ? `?channel=${request.channel}` : '';
  setAttribute(live, 'href', `${document.body.dataset.viewer ?? ''}${request?.cameraId ?? ''}${channel}`);
}

/** @param {HTMLElement} player @param {Facts} facts */
function explainSpeed(player, { rate, speed, isSlow, quality }) {
  for (const option of part(player, 'speed', HTMLSelectElement).options) option.disabled = isSlow && Number(option.value) > 1;
  const why = isSlow ? 'This recorder sends no faster than 1×' : 'At 1×: caught up with now';
  setText(part(player, 'note', HTMLElement), [rate === speed ? '' : why, quality].filter(Boolean).join('; '));
}
