// @ts-check
/** The effects of keys on the chosen zone while the focus is on one of its points, or on the handle of the whole zone. */
import { movedShape, withPointAfter, withPointAt, withoutPoint } from './motion-geometry.js';

/** @typedef {import('./motion-geometry.js').Point} Point */

const STEP = 0.005;
const LARGE_STEP = 0.05;
/** The handle of the whole zone. */
export const WHOLE = -1;

/** @type {Record<string, Point>} */
const ARROWS = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/**
 * Return the effect of a key: `points` is the new shape, `index` the point that has the focus then, `action` names steps
 * that undo takes back together. `refusal` says why the key does nothing. Null for a key without a meaning here.
 *
 * @param {{key: string, shiftKey: boolean}} event
 * @param {readonly Point[]} points
 * @param {number} index of the point, or WHOLE
 * @returns {{kind: 'change', points: Point[], index: number, action: string}|{kind: 'remove'}|{kind: 'leave'}
 *   |{kind: 'refused', refusal: string}|null}
 */
export function keyEffect({ key, shiftKey }, points, index) {
  const arrow = Object.hasOwn(ARROWS, key) ? ARROWS[key] : undefined;
  const point = points[index];
  if (arrow) {
    const step = shiftKey ? LARGE_STEP : STEP;
    const by = { x: arrow.x * step, y: arrow.y * step };
    if (!point) return { kind: 'change', points: movedShape(points, by), index, action: 'move zone' };
    const to = { x: point.x + by.x, y: point.y + by.y };
    return { kind: 'change', points: withPointAt(points, index, to), index, action: `move point ${index}` };
  }
  if (key === 'Escape') return { kind: 'leave' };
  if (key === 'Delete' || key === 'Backspace') {
    if (!point) return { kind: 'remove' };
    const fewer = withoutPoint(points, index);
    if (!fewer) return { kind: 'refused', refusal: 'A zone needs at least 3 points.' };
    return { kind: 'change', points: fewer, index: Math.min(index, fewer.length - 1), action: '' };
  }
  if ((key === 'Insert' || key === '+') && point) {
    const more = withPointAfter(points, index);
    if (!more) return { kind: 'refused', refusal: 'A zone has at most 32 points.' };
    return { kind: 'change', points: more, index: index + 1, action: '' };
  }
  return null;
}
