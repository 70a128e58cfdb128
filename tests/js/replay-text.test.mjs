// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replayText } from '../../static/js/lib/replay-text.js';

/** @param {Partial<import('../../static/js/lib/replay-text.js').Facts>} facts */
const said = (facts) => {
  const { title, advice, offersLive } = replayText({
    phase: 'playing',
    problem: null,
    waitingFor: null,
    waitedS: 0,
    isRetrying: false,
    behindS: 86_400,
    ...facts,
  });
  return [title, advice, offersLive];
};

test('there is no text while playing and at the start of a load', () => {
  assert.deepEqual(said({ waitedS: 90 }), ['', '', false]);
  assert.deepEqual(said({ phase: 'loading', waitedS: 0.5 }), ['', '', false]);
  assert.deepEqual(said({ phase: 'paused', waitedS: 90 }), ['', '', false]);
});

test('a wait has its cause and duration', () => {
  assert.deepEqual(said({ phase: 'loading', waitingFor: 'connecting', waitedS: 1 }), [
    'Opening the recording',
    'The recorder takes a moment',
    false,
  ]);
  assert.equal(said({ phase: 'loading', waitingFor: 'key_frame', waitedS: 3.9 })[1], 'Waiting for its first picture: 3 s');
  assert.deepEqual(said({ phase: 'loading', waitedS: 4 }), ['Seeking', 'Waiting for the recorder: 4 s', false]);
});

test('a stall has its cause and duration', () => {
  assert.deepEqual(said({ phase: 'stalled', waitedS: 7.2 }), ['The picture stands still', 'Waiting for the recorder: 7 s', false]);
  assert.equal(said({ phase: 'stalled', isLinkShort: true, waitedS: 7.2 })[1], 'The link is too slow: 7 s');
});

test('the live link is offered near the present', () => {
  const [title, advice, offersLive] = said({ phase: 'caught-up', waitedS: 3 });
  assert.deepEqual([title, advice, offersLive], ['Caught up with now', 'Waiting for the recorder to write more: 3 s', true]);
  assert.equal(said({ phase: 'loading', waitingFor: 'recording', waitedS: 1 })[0], 'Caught up with now');
  assert.deepEqual(said({ phase: 'ended', behindS: 200 }), ['The recording ends here', '', true]);
  assert.deepEqual(said({ phase: 'ended' }), ['The recording ends here', '', false]);
});

test('a problem comes before all other texts', () => {
  const problem = { code: 'camera_unreachable', detail: 'It is gone.' };
  assert.deepEqual(said({ phase: 'stalled', problem, waitedS: 9 }), ['The device does not answer', 'It is gone.', false]);
  assert.equal(said({ phase: 'problem', problem, waitedS: 9, isRetrying: true })[1], 'It is gone. The app tries again by itself: 9 s');
});
