// @ts-check
/** The texts over a recording's picture while it loads, has stalled, or has ended. */

import { isComplete, messageOf } from './messages.js';

/**
 * @typedef {'idle'|'loading'|'playing'|'paused'|'stalled'|'caught-up'|'ended'|'problem'|'broken'} Phase
 * @typedef {{phase: Phase, problem: import('./api.js').Problem|null, waitingFor: string|null, waitedS: number,
 *   isRetrying: boolean, isLinkShort?: boolean, behindS: number}} Facts `isRetrying`: the server tries again;
 *   `isLinkShort`: the link carries less than the recording needs; `behindS`: age of the picture
 * @typedef {{title: string, advice: string, offersLive: boolean}} Text
 */

/** A shorter wait shows no text. */
const SHOWN_AFTER_S = 0.7;
const COUNTED_AFTER_S = 2;
const NEAR_NOW_S = 15 * 60;

/** @type {Record<string, [string, string]>} */
const OPENING = {
  connecting: ['Opening the recording', 'The recorder takes a moment'],
  video: ['Opening the recording', 'Waiting for its first picture'],
  key_frame: ['Opening the recording', 'Waiting for its first picture'],
  buffering: ['Opening the recording', 'Collecting the first pictures'],
};

/** @param {Facts} facts @returns {Text} */
export function replayText({ phase, problem, waitingFor, waitedS, isRetrying, isLinkShort = false, behindS }) {
  const nothing = { title: '', advice: '', offersLive: false };
  if (problem) {
    const { title, advice } = messageOf(problem.code);
    const why = isComplete(problem.code) ? advice : problem.detail;
    const again = isRetrying ? ` ${counted('The app tries again by itself', waitedS)}` : '';
    return { title, advice: why + again, offersLive: problem.code === 'no_recording' };
  }
  if (phase === 'ended') return { ...nothing, title: 'The recording ends here', offersLive: behindS < NEAR_NOW_S };
  if (phase === 'caught-up' || (phase === 'loading' && waitingFor === 'recording' && waitedS > SHOWN_AFTER_S)) {
    return { title: 'Caught up with now', advice: counted('Waiting for the recorder to write more', waitedS), offersLive: true };
  }
  if (phase === 'loading' && waitedS > SHOWN_AFTER_S) {
    const [title, advice] = OPENING[waitingFor ?? ''] ?? ['Seeking', 'Waiting for the recorder'];
    return { ...nothing, title, advice: counted(advice, waitedS) };
  }
  if (phase === 'stalled')
    return {
      ...nothing,
      title: 'The picture stands still',
      advice: counted(isLinkShort ? 'The link is too slow' : 'Waiting for the recorder', waitedS),
    };
  return nothing;
}

/** @param {string} what @param {number} waitedS */
function counted(what, waitedS) {
  return waitedS < COUNTED_AFTER_S ? what : `${what}: ${Math.floor(waitedS)} s`;
}
