// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../static/js/lib/http.js';
import { HeldKeys, ptzKeyOf } from '../../static/js/lib/ptz-keys.js';
import {
  STILL,
  gamepadVelocity,
  isSameVelocity,
  isStill,
  padVelocity,
  placeInPicture,
  stickCurve,
  sumOf,
} from '../../static/js/lib/ptz-motion.js';
import { auxiliaryName, moverText, ptzProblem, stayText } from '../../static/js/lib/ptz-text.js';

/** @param {string} key @param {Partial<import('../../static/js/lib/ptz-keys.js').Pressed>} [more] */
function pressed(key, more = {}) {
  return { key, code: key, ...more };
}

test('the middle of the pad stands still, and its edge is the chosen speed', () => {
  assert.deepEqual(padVelocity({ x: 0.05, y: -0.1 }, 1), STILL);
  assert.deepEqual(padVelocity({ x: 1, y: 0 }, 0.5), { pan: 0.5, tilt: 0, zoom: 0, focus: 0 });
  assert.deepEqual(padVelocity({ x: 0, y: -1 }, 1), { pan: 0, tilt: 1, zoom: 0, focus: 0 });
  assert.deepEqual(padVelocity({ x: -7, y: 0 }, 1), { pan: -1, tilt: 0, zoom: 0, focus: 0 });
});

test('on the pad the angle is the direction and the distance the speed', () => {
  const { pan, tilt } = padVelocity({ x: 0.5, y: 0.5 }, 1);
  assert.equal(pan, -tilt);
  assert.ok(pan > 0.3 && pan < 0.7, String(pan));
  assert.equal(padVelocity({ x: 0.8, y: 0.05 }, 1).tilt, 0, 'near an axis it moves along it');
  assert.ok(padVelocity({ x: 0.4, y: 0 }, 1).pan < padVelocity({ x: 0.7, y: 0 }, 1).pan);
  assert.ok(padVelocity({ x: 0.15, y: 0 }, 0.25).pan > 0, 'beside the middle it moves slowly');
});

test('a trembling hand does not change the speed', () => {
  assert.ok(isSameVelocity(padVelocity({ x: 0.601, y: 0 }, 0.5), padVelocity({ x: 0.607, y: 0.004 }, 0.5)));
});

test('the sum of speeds is at most full speed', () => {
  const one = { pan: 0.75, tilt: -0.5, zoom: 0, focus: 0 };
  assert.deepEqual(sumOf([one, one, { pan: 0, tilt: 0.25, zoom: 1, focus: -0.5 }]), { pan: 1, tilt: -0.75, zoom: 1, focus: -0.5 });
  assert.deepEqual(sumOf([]), STILL);
});

test('the focus is an axis as the others', () => {
  const nearer = { ...STILL, focus: -0.5 };
  assert.ok(!isStill(nearer));
  assert.ok(!isSameVelocity(nearer, STILL));
});

test('a stick has a dead zone and a square curve', () => {
  assert.equal(stickCurve(0.15), 0);
  assert.equal(stickCurve(-0.1), 0);
  assert.equal(stickCurve(1), 1);
  assert.equal(stickCurve(-1.2), -1);
  assert.ok(Math.abs(stickCurve(0.575) - 0.25) < 1e-9);
});

test('sticks, cross and triggers of a gamepad', () => {
  const released = Array.from({ length: 16 }, () => ({ pressed: false, value: 0 }));
  /** @param {Record<number, number>} values */
  const buttons = (values) => released.map((button, index) => (index in values ? { pressed: true, value: values[index] ?? 0 } : button));
  assert.deepEqual(gamepadVelocity({ axes: [1, -1, 0, 0], buttons: released }, 0.5), { pan: 0.5, tilt: 0.5, zoom: 0, focus: 0 });
  assert.deepEqual(gamepadVelocity({ axes: [0.1, 0.1, 0, -1], buttons: released }, 1), { pan: 0, tilt: 0, zoom: 1, focus: 0 });
  assert.deepEqual(gamepadVelocity({ axes: [0, 0], buttons: buttons({ 6: 1, 13: 1, 14: 1 }) }, 1), {
    pan: -1,
    tilt: -1,
    zoom: -1,
    focus: 0,
  });
  assert.deepEqual(gamepadVelocity({ axes: [], buttons: [] }, 1), STILL);
});

test('a click is at a place of the picture, not of the bars beside it', () => {
  const box = { width: 200, height: 200 };
  const wide = { width: 1600, height: 800 };
  assert.deepEqual(placeInPicture({ x: 100, y: 100 }, box, wide), { x: 0.5, y: 0.5 });
  assert.deepEqual(placeInPicture({ x: 200, y: 50 }, box, wide), { x: 1, y: 0 });
  assert.equal(placeInPicture({ x: 100, y: 40 }, box, wide), null);
  assert.deepEqual(placeInPicture({ x: 50, y: 150 }, box, { width: 0, height: 0 }), { x: 0.25, y: 0.75 });
});

test('keys of the control mode', () => {
  assert.equal(ptzKeyOf(pressed('ArrowUp', { shiftKey: true })), 'up');
  assert.equal(ptzKeyOf(pressed('=')), 'in');
  assert.equal(ptzKeyOf(pressed('7')), 7);
  assert.equal(ptzKeyOf(pressed('0')), null);
  assert.equal(ptzKeyOf(pressed('Home')), 'home');
  assert.equal(ptzKeyOf(pressed('Escape')), 'leave');
  assert.equal(ptzKeyOf(pressed('ArrowLeft', { altKey: true })), null);
  assert.equal(ptzKeyOf(pressed('toString')), null);
});

test('held keys move together, and Shift makes turns fast', () => {
  const keys = new HeldKeys();
  keys.press(pressed('ArrowUp'), 'up');
  keys.press(pressed('ArrowRight'), 'right');
  assert.deepEqual(keys.velocity(0.5), { pan: 0.5, tilt: 0.5, zoom: 0, focus: 0 });
  assert.ok(keys.lift(pressed('ArrowUp')));
  keys.press(pressed('ArrowRight', { shiftKey: true }), 'right');
  assert.deepEqual(keys.velocity(0.5), { pan: 1, tilt: 0, zoom: 0, focus: 0 });
  assert.ok(keys.lift(pressed('Shift')));
  assert.deepEqual(keys.velocity(0.5), { pan: 0.5, tilt: 0, zoom: 0, focus: 0 });
  assert.ok(!keys.lift(pressed('a')));
  keys.clear();
  assert.deepEqual(keys.velocity(0.5), STILL);
});

test('a plus that comes up as an equals sign is released', () => {
  const keys = new HeldKeys();
  keys.press({ key: '+', code: 'Equal', shiftKey: true }, 'in');
  assert.equal(keys.velocity(0.5).zoom, 0.5);
  assert.ok(keys.lift({ key: '=', code: 'Equal' }));
  assert.deepEqual(keys.velocity(0.5), STILL);
});

test('opposite keys stand still', () => {
  const keys = new HeldKeys();
  keys.press(pressed('ArrowLeft'), 'left');
  keys.press(pressed('ArrowRight'), 'right');
  assert.deepEqual(keys.velocity(1), STILL);
});

test('auxiliary commands have plain names', () => {
  assert.equal(auxiliaryName('tt:Wiper|On'), 'Wiper on');
  assert.equal(auxiliaryName('tt:IRLamp|Auto'), 'Infrared lamp auto');
  assert.equal(auxiliaryName('tt:WashingProcedure|Off'), 'Washing procedure off');
  assert.equal(auxiliaryName('LIGHT_ON'), 'Light on');
  assert.equal(auxiliaryName('|'), '|');
});

test('another mover is named, with the time until the head is free', () => {
  const mover = { name: 'Anna', own: false, moving: true, for_s: 12.4, free_in_s: 5.2 };
  assert.equal(moverText(mover), 'Anna has been moving this camera for 12 s. It is free in 5 s.');
  assert.equal(moverText({ ...mover, own: true }), '');
  assert.equal(moverText(null), '');
  const refused = new ApiError('ptz_in_use', 'Anna has been moving this camera for 3 s.', { status: 409, freeInS: 0.2 });
  assert.deepEqual(ptzProblem(refused), { text: 'Anna has been moving this camera for 3 s. It is free in 1 s.', isInUse: true });
  assert.deepEqual(ptzProblem(new ApiError('camera_busy', 'Later.')), { text: 'Later.', isInUse: false });
});

test('the stay at a stop', () => {
  assert.deepEqual([5, 60, 90, 120].map(stayText), ['5 s', '1 min', '90 s', '2 min']);
});
