// Backfills in words, and the actions that each state allows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backfillActions, backfillText, isBusy, proposalText } from '../../static/js/lib/backfill-text.js';

const RANGE = { camera_id: 1, channel: 1, start_time: '2026-11-22T10:00:00.000Z', end_time: '2026-11-22T10:20:00.000Z' };

/**
 * @param {import('../../static/js/lib/archive-types.js').BackfillState} state
 * @param {Partial<import('../../static/js/lib/archive-types.js').Backfill>} [more]
 */
function job(state, more = {}) {
  const progress = { done_s: 300, total_s: 1200, bytes: 40_000_000 };
  const made = { automatic: false, by: 'anna', created_at: RANGE.end_time, ended_at: null };
  return { id: 1, ...RANGE, state, progress, eta_s: null, lacking_s: 0, frames_lost: 0, error: null, ...made, ...more };
}

test('a proposal tells length and size', () => {
  assert.equal(proposalText({ ...RANGE, seconds: 720, bytes: 360_000_000 }), 'The recorder has 12 min of it, about 360 MB.');
});

test('each state has words', () => {
  const busy = { code: 'camera_busy', detail: 'The device plays no more recordings.' };
  assert.equal(backfillText(job('queued')), 'Waits for its turn.');
  assert.equal(backfillText(job('queued', { error: busy })), 'Waits: The device plays no more recordings.');
  assert.equal(backfillText(job('running')), 'Fetching, 25 %.');
  assert.equal(backfillText(job('running', { eta_s: 45 })), 'Fetching, 25 %, about 45 s left.');
  assert.equal(backfillText(job('paused')), 'Paused at 25 %.');
  assert.equal(backfillText(job('cancelled')), 'Cancelled at 25 %.');
  assert.equal(backfillText(job('failed', { error: busy })), 'Failed: The device plays no more recordings.');
  assert.equal(backfillText(job('done')), 'Done, 40 MB.');
  assert.equal(backfillText(job('done', { frames_lost: 1 })), 'Done, 40 MB. One frame was lost on the way.');
  assert.equal(backfillText(job('done', { frames_lost: 12 })), 'Done, 40 MB. 12 frames were lost on the way.');
  const lacking = { code: 'not_on_recorder', detail: 'The recorder does not have 60 s of it either.' };
  assert.equal(backfillText(job('done', { error: lacking })), 'Done, 40 MB. The recorder does not have 60 s of it either.');
});

test('a state allows only its actions', () => {
  assert.deepEqual(backfillActions(job('running')), ['pause', 'cancel']);
  assert.deepEqual(backfillActions(job('paused')), ['resume', 'cancel']);
  assert.deepEqual(backfillActions(job('failed')), ['retry', 'remove']);
  assert.deepEqual(backfillActions(job('done')), ['remove']);
});

test('a list with a waiting or running job changes by itself', () => {
  assert.equal(isBusy([job('done'), job('queued')]), true);
  assert.equal(isBusy([job('done'), job('paused')]), false);
});
