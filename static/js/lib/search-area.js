// @ts-check
/**
 * The drawn part of the picture of a search: one shape, which is a box or any outline. It has the methods of a draft of
 * zones that <zone-editor> uses. Emits 'change'.
 */
import { boxOf, inside, newRectangle } from './motion-geometry.js';

/** @typedef {import('./motion-geometry.js').Point} Point @typedef {import('./motion-geometry.js').Box} Box */

const ID = 1;
/** A box keeps this width and height at least, so that its corners stay apart. */
const LEAST_SIDE = 0.02;

export class SearchArea extends EventTarget {
  /** @type {Point[]|null} */
  #points = null;
  #isBox = true;
  isReadOnly = false;

  /** The corners in parts of the picture; null before the user has drawn. @returns {Point[]|null} */
  get points() {
    return this.#points;
  }

  /** True while the shape stays a rectangle. */
  get isBox() {
    return this.#isBox;
  }

  /** The rectangle around the shape. @returns {Box|null} */
  get box() {
    return this.#points && boxOf(this.#points);
  }

  /** Take a shape, such as that of an earlier search. @param {readonly Point[]|null} points */
  load(points) {
    this.#points = points && points.map(inside);
    this.#isBox = points === null || isRectangle(points);
    this.#emit();
  }

  /** Let the shape be a box, which takes the rectangle around it, or any outline. @param {boolean} isBox */
  set isBox(isBox) {
    if (isBox === this.#isBox) return;
    this.#isBox = isBox;
    if (isBox && this.#points) this.#points = cornersOf(boxOf(this.#points));
    this.#emit();
  }

  /** Change the place or size of a box; it stays inside the picture. @param {Partial<Box>} change */
  setBox(change) {
    const { box } = this;
    if (!box || !this.#isBox || this.isReadOnly) return;
    const width = between(change.width ?? box.width, LEAST_SIDE, 1);
    const height = between(change.height ?? box.height, LEAST_SIDE, 1);
    this.#take(cornersOf({ x: between(change.x ?? box.x, 0, 1 - width), y: between(change.y ?? box.y, 0, 1 - height), width, height }));
  }

  // ── What <zone-editor> uses ──────────────────────────────────────────────────────────────────────────────────────────

  get zones() {
    return this.#points ? [{ id: ID, name: 'Area', kind: /** @type {const} */ ('watch'), points: this.#points }] : [];
  }

  get chosenId() {
    return this.#points ? ID : null;
  }

  get chosen() {
    return this.zones[0] ?? null;
  }

  /** A new shape takes the place of the old one. */
  get canAdd() {
    return !this.isReadOnly;
  }

  /** The only shape is always chosen. @param {number|null} _id */
  choose(_id) {}

  settle() {}

  /** @param {string} _kind @param {Point[]} [points] a box in the middle if missing */
  add(_kind, points = newRectangle(0)) {
    if (!this.canAdd) return null;
    this.#points = points.map(inside);
    this.#isBox = isRectangle(points);
    this.#emit();
    return ID;
  }

  /** @param {number} _id @param {{points?: Point[]}} change */
  change(_id, { points }) {
    if (!points || !this.#points || this.isReadOnly) return;
    if (this.#isBox && points.length !== this.#points.length) this.#isBox = false; // a point was added or removed
    this.#take(this.#isBox ? squared(points) : points);
  }

  /** @param {number} [_id] */
  remove(_id) {
    if (this.isReadOnly || !this.#points) return;
    this.#points = null;
    this.#isBox = true;
    this.#emit();
  }

  /** @param {Point[]|null} points */
  #take(points) {
    if (!points || JSON.stringify(points) === JSON.stringify(this.#points)) return;
    this.#points = points;
    this.#emit();
  }

  #emit() {
    this.dispatchEvent(new Event('change'));
  }
}

/** Return the corners clockwise from the upper left one. @param {Box} box @returns {Point[]} */
export function cornersOf({ x, y, width, height }) {
  return [
    { x, y },
    { x: x + width, y },
    { x: x + width, y: y + height },
    { x, y: y + height },
  ].map(inside);
}

/** True for four corners of an upright rectangle, clockwise or not, from any of them. @param {readonly Point[]} points */
export function isRectangle(points) {
  const [a, b, c, d] = points;
  if (points.length !== 4 || !a || !b || !c || !d) return false;
  const isAcross = same(a.y, b.y) && same(b.x, c.x) && same(c.y, d.y) && same(d.x, a.x);
  return isAcross || (same(a.x, b.x) && same(b.y, c.y) && same(c.x, d.x) && same(d.y, a.y));
}

/**
 * Return a rectangle again after one of its corners was moved: the corner across from it stays. Null if it would become
 * too small.
 *
 * @param {Point[]} points
 * @returns {Point[]|null}
 */
export function squared(points) {
  if (isRectangle(points)) return isLarge(boxOf(points)) ? points : null;
  const moved = points.findIndex((_, index) => {
    const [before, across, after] = [3, 2, 1].map((step) => points[(index + step) % 4]);
    return before && across && after && isCorner(before, across, after);
  });
  const corner = points[moved];
  const across = points[(moved + 2) % 4];
  const after = points[(moved + 1) % 4];
  if (!corner || !across || !after) return null;
  // The corner after the moved one shares one of its sides with the corner across.
  const isLevel = same(after.x, across.x);
  const to = { x: apart(corner.x, across.x), y: apart(corner.y, across.y) };
  const next = isLevel ? { x: across.x, y: to.y } : { x: to.x, y: across.y };
  const last = isLevel ? { x: to.x, y: across.y } : { x: across.x, y: to.y };
  const found = points.slice();
  [to, next, across, last].forEach((point, step) => (found[(moved + step) % 4] = inside(point)));
  return found;
}

/** @param {Point} before @param {Point} across @param {Point} after */
function isCorner(before, across, after) {
  return (same(before.x, across.x) && same(after.y, across.y)) || (same(before.y, across.y) && same(after.x, across.x));
}

/** Return a place at least LEAST_SIDE away from another one, on the same side of it. @param {number} value @param {number} other */
function apart(value, other) {
  if (Math.abs(value - other) >= LEAST_SIDE) return value;
  const isAfter = value > other || (value === other && other < 0.5);
  return isAfter && other + LEAST_SIDE <= 1 ? other + LEAST_SIDE : other - LEAST_SIDE < 0 ? other + LEAST_SIDE : other - LEAST_SIDE;
}

/** @param {Box} box */
function isLarge({ width, height }) {
  return width >= LEAST_SIDE - 1e-6 && height >= LEAST_SIDE - 1e-6;
}

/** @param {number} a @param {number} b */
function same(a, b) {
  return Math.abs(a - b) < 1e-6;
}

/** @param {number} value @param {number} least @param {number} most */
function between(value, least, most) {
  return Math.max(least, Math.min(most, value));
}
