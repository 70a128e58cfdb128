// @ts-check
/** Backfills in words for users. */

import { duration, fileSize } from './format.js';

/**
 * @typedef {import('./archive-types.js').Backfill} Backfill
 * @typedef {import('./archive-types.js').BackfillProposal} BackfillProposal
 * @typedef {import('./backfills-api.js').BackfillAction} BackfillAction
 */

/** @type {Record<BackfillAction|'remove', string>} */
export const ACTION_NAMES = { pause: 'Pause', resume: 'Go on', cancel: 'Cancel', retry: 'Try again', remove: 'Remove' };

/** @param {BackfillProposal} proposal @returns {string} */
export function proposalText({ seconds, bytes }) {
  return `The recorder has ${duration(seconds ?? 0)} of it, about ${fileSize(bytes)}.`;
}

/** @param {Backfill} job @returns {string} */
export function backfillText({ state, progress, eta_s: etaS, error, frames_lost: lost }) {
  const share = Math.floor((100 * (progress.done_s ?? 0)) / Math.max(1, progress.total_s ?? 0));
  switch (state) {
    case 'queued':
      return error ? `Waits: ${error.detail}` : 'Waits for its turn.';
    case 'running':
      return etaS === null ? `Fetching, ${share} %.` : `Fetching, ${share} %, about ${duration(etaS)} left.`;
    case 'paused':
      return `Paused at ${share} %.`;
    case 'failed':
      return `Failed: ${error?.detail ?? ''}`.trim();
    case 'cancelled':
      return `Cancelled at ${share} %.`;
    default:
      return [`Done, ${fileSize(progress.bytes)}.`, lostText(lost), error?.detail ?? ''].filter(Boolean).join(' ');
  }
}

/** @param {number} count */
function lostText(count) {
  if (!count) return '';
  return count === 1 ? 'One frame was lost on the way.' : `${count} frames were lost on the way.`;
}

/** @param {Backfill} job @returns {(BackfillAction|'remove')[]} the actions that its state allows */
export function backfillActions({ state }) {
  if (state === 'queued' || state === 'running') return ['pause', 'cancel'];
  if (state === 'paused') return ['resume', 'cancel'];
  return state === 'done' ? ['remove'] : ['retry', 'remove'];
}

/** @param {Backfill[]} jobs @returns {boolean} true if the list changes by itself */
export function isBusy(jobs) {
  return jobs.some(({ state }) => state === 'queued' || state === 'running');
}
