// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyOf, choiceOf } from '../../static/js/lib/motion-api.js';
import { MOST_ZONES, MotionDraft } from '../../static/js/lib/motion-draft.js';
import { rectangleBetween } from '../../static/js/lib/motion-geometry.js';
import { WHOLE, keyEffect } from '../../static/js/lib/motion-keys.js';

const SQUARE = rectangleBetween({ x: 0.2, y: 0.2 }, { x: 0.6, y: 0.6 }) ?? [];
const GATE = { id: 3, name: 'Gate', kind: /** @type {const} */ ('watch'), points: SQUARE };

function draftWithGate() {
  const draft = new MotionDraft();
  draft.load({ mode: 'auto', sensitivity: 'high', zones: [GATE] });
  return draft;
}

/** @param {string} key @param {boolean} [shiftKey] */
const press = (key, shiftKey = false) => ({ key, shiftKey });

test('a draft is changed until it is as the server has it', () => {
  const draft = draftWithGate();
  assert.equal(draft.isChanged, false);
  draft.set({ sensitivity: 'low' });
  assert.equal(draft.isChanged, true);
  draft.undo();
  assert.equal(draft.isChanged, false);
  draft.redo();
  draft.saved(draft.choice);
  assert.equal(draft.isChanged, false);
  draft.undo();
  assert.equal(draft.isChanged, true, 'the server has the other value now');
});

test('a drag is one step of undo and two drags are two', () => {
  const draft = draftWithGate();
  for (const x of [0.3, 0.31, 0.32]) draft.change(3, { points: [{ x, y: 0.2 }, ...SQUARE.slice(1)] }, 'drag 1');
  draft.settle();
  draft.change(3, { points: [{ x: 0.4, y: 0.2 }, ...SQUARE.slice(1)] }, 'drag 1');
  draft.undo();
  assert.equal(draft.zones[0]?.points[0]?.x, 0.32);
  draft.undo();
  assert.deepEqual(draft.zones, [GATE]);
  assert.equal(draft.canUndo, false);
});

test('a new change forgets the steps to redo', () => {
  const draft = draftWithGate();
  draft.set({ mode: 'off' });
  draft.undo();
  assert.equal(draft.canRedo, true);
  draft.set({ mode: 'device' });
  assert.equal(draft.canRedo, false);
});

test('a new zone is chosen and has a free name and id', () => {
  const draft = draftWithGate();
  assert.equal(draft.add('ignore'), 4);
  assert.equal(draft.add('ignore'), 5);
  assert.deepEqual(
    draft.zones.map(({ name }) => name),
    ['Gate', 'Mask 1', 'Mask 2'],
  );
  assert.equal(draft.chosenId, 5);
});

test('a channel has at most sixteen zones', () => {
  const draft = draftWithGate();
  while (draft.add('watch') !== null);
  assert.equal(draft.zones.length, MOST_ZONES);
  assert.equal(draft.canAdd, false);
});

test('removing a zone chooses the one in its place', () => {
  const draft = draftWithGate();
  draft.add('watch');
  draft.add('alert');
  draft.choose(4);
  assert.equal(draft.remove(4), 5);
  assert.equal(draft.chosenId, 5);
  draft.remove(5);
  assert.equal(draft.remove(3), null);
  assert.equal(draft.chosen, null);
});

test('undoing the addition of the chosen zone leaves none chosen', () => {
  const draft = draftWithGate();
  draft.add('watch');
  draft.undo();
  assert.equal(draft.chosenId, null);
});

test('a reset can be undone', () => {
  const draft = draftWithGate();
  draft.remove(3);
  draft.reset();
  assert.equal(draft.isChanged, false);
  draft.undo();
  assert.deepEqual(draft.zones, []);
});

test('a draft that may only be read stays as it is', () => {
  const draft = draftWithGate();
  draft.isReadOnly = true;
  draft.set({ mode: 'off' });
  assert.equal(draft.add('watch'), null);
  draft.remove(3);
  assert.equal(draft.isChanged, false);
  assert.deepEqual(draft.zones, [GATE]);
});

test('settings of the server come back as they were', () => {
  /** @type {import('../../static/js/lib/motion-types.js').ChannelMotion} */
  const settings = {
    mode: 'auto',
    sensitivity: 'high',
    zones: [{ id: 3, name: 'Gate', kind: /** @type {const} */ ('watch'), points: [[0, 0], [1, 0], [0.5, 1]] }], // prettier-ignore
    state: { told_by: /** @type {const} */ ('none'), reason: null, is_restless: false, watched_at: null, key_frame_interval_s: null },
    is_available: true,
    install_command: 'make motion',
  };
  const { mode, sensitivity, zones } = settings;
  assert.deepEqual(bodyOf(choiceOf(settings)), { mode, sensitivity, zones });
});

test('arrow keys move a point, with Shift in larger steps', () => {
  const small = keyEffect(press('ArrowLeft'), SQUARE, 0);
  assert.ok(small?.kind === 'change');
  assert.deepEqual(small.points[0], { x: 0.195, y: 0.2 });
  const large = keyEffect(press('ArrowDown', true), SQUARE, 0);
  assert.ok(large?.kind === 'change');
  assert.deepEqual(large.points[0], { x: 0.2, y: 0.25 });
  assert.deepEqual(large.points.slice(1), SQUARE.slice(1));
  assert.equal(large.action, keyEffect(press('ArrowUp'), SQUARE, 0)?.kind === 'change' ? 'move point 0' : '');
});

test('arrow keys on the handle move the whole zone', () => {
  const moved = keyEffect(press('ArrowRight', true), SQUARE, WHOLE);
  assert.ok(moved?.kind === 'change');
  assert.deepEqual(
    moved.points.map(({ x }) => x),
    [0.25, 0.65, 0.65, 0.25],
  );
});

test('Delete removes a point, but not one of three', () => {
  const fewer = keyEffect(press('Delete'), SQUARE, 3);
  assert.ok(fewer?.kind === 'change');
  assert.deepEqual([fewer.points.length, fewer.index], [3, 2]);
  assert.equal(keyEffect(press('Delete'), fewer.points, 0)?.kind, 'refused');
  assert.equal(keyEffect(press('Delete'), SQUARE, WHOLE)?.kind, 'remove');
});

test('Insert adds a point after the one with the focus', () => {
  const more = keyEffect(press('Insert'), SQUARE, 0);
  assert.ok(more?.kind === 'change');
  assert.deepEqual([more.points[1], more.index], [{ x: 0.4, y: 0.2 }, 1]);
});

test('Escape leaves the points and other keys do nothing', () => {
  assert.equal(keyEffect(press('Escape'), SQUARE, 0)?.kind, 'leave');
  for (const key of ['a', 'Tab', 'Enter', 'constructor']) assert.equal(keyEffect(press(key), SQUARE, 0), null);
});
