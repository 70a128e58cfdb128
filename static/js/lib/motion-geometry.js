// @ts-check
/** Polygons on a picture. Points are in parts of the picture: 0 to 1 from its top left corner. */

/** @typedef {{x: number, y: number}} Point @typedef {{x: number, y: number, width: number, height: number}} Box */

export const FEWEST_POINTS = 3;
export const MOST_POINTS = 32;
/** A smaller rectangle is a click that slipped. */
const SMALLEST_SIDE = 0.02;
const NEW_SIDE = 0.3;
/** So many rows and columns of places are tried for a name. */
const PLACES_TRIED = 12;
/** A place that is hardly better would let the name jump while a point is moved. */
const BETTER = 1.1;
/** New shapes lie side by side, so that none covers another one. */
const NEW_PLACES = [
  [0.35, 0.35],
  [0.05, 0.05],
  [0.65, 0.65],
  [0.65, 0.05],
  [0.05, 0.65],
];

/** @param {number} value */
function share(value) {
  return Math.round(Math.max(0, Math.min(1, value)) * 10_000) / 10_000;
}

/** Return the nearest point inside the picture. @param {Point} point @returns {Point} */
export function inside({ x, y }) {
  return { x: share(x), y: share(y) };
}

/** @param {readonly Point[]} points @param {number} index @param {Point} to @returns {Point[]} */
export function withPointAt(points, index, to) {
  return points.map((point, at) => (at === index ? inside(to) : point));
}

/**
 * Move the edge after the point `index`; an upright edge moves only sideways, and a level one only up and down.
 *
 * @param {readonly Point[]} points
 * @param {number} index
 * @param {Point} by
 * @returns {Point[]}
 */
export function withEdgeMoved(points, index, by) {
  const next = (index + 1) % points.length;
  const [from, to] = [points[index], points[next]];
  if (!from || !to) return [...points];
  const step = { x: from.y === to.y && from.x !== to.x ? 0 : by.x, y: from.x === to.x ? 0 : by.y };
  return points.map((point, at) => (at === index || at === next ? inside({ x: point.x + step.x, y: point.y + step.y }) : point));
}

/** Move a whole shape; it stops at the edge of the picture. @param {readonly Point[]} points @param {Point} by @returns {Point[]} */
export function movedShape(points, by) {
  const box = boxOf(points);
  const dx = Math.max(-box.x, Math.min(1 - box.x - box.width, by.x));
  const dy = Math.max(-box.y, Math.min(1 - box.y - box.height, by.y));
  return points.map(({ x, y }) => inside({ x: x + dx, y: y + dy }));
}

/**
 * Return the shape with one more point on the edge after the point `index`: at `at`, or in the middle of the edge. Null
 * if the shape has all points that it may have.
 *
 * @param {readonly Point[]} points
 * @param {number} index
 * @param {Point} [at]
 * @returns {Point[]|null}
 */
export function withPointAfter(points, index, at) {
  const from = points[index];
  const to = points[(index + 1) % points.length];
  if (points.length >= MOST_POINTS || !from || !to) return null;
  const added = at ?? { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  return points.toSpliced(index + 1, 0, inside(added));
}

/** Return the shape without a point; null if it needs the point. @param {readonly Point[]} points @param {number} index @returns {Point[]|null} */
export function withoutPoint(points, index) {
  return points.length <= FEWEST_POINTS || !points[index] ? null : points.toSpliced(index, 1);
}

/** Return the rectangle between two corners; null if it is too small. @param {Point} from @param {Point} to @returns {Point[]|null} */
export function rectangleBetween(from, to) {
  const [one, other] = [inside(from), inside(to)];
  const [left, right] = [Math.min(one.x, other.x), Math.max(one.x, other.x)];
  const [top, bottom] = [Math.min(one.y, other.y), Math.max(one.y, other.y)];
  if (right - left < SMALLEST_SIDE || bottom - top < SMALLEST_SIDE) return null;
  return [
    { x: left, y: top },
    { x: right, y: top },
    { x: right, y: bottom },
    { x: left, y: bottom },
  ];
}

/** Return a rectangle for the shape that is drawn after `count` others. @param {number} count @returns {Point[]} */
export function newRectangle(count) {
  const [x = 0, y = 0] = NEW_PLACES[count % NEW_PLACES.length] ?? [];
  return /** @type {Point[]} */ (rectangleBetween({ x, y }, { x: x + NEW_SIDE, y: y + NEW_SIDE }));
}

/** @param {readonly Point[]} points @returns {Box} */
export function boxOf(points) {
  const xs = points.map(({ x }) => x);
  const ys = points.map(({ y }) => y);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** True if a point lies inside the shape, by the rule of even and odd crossings. @param {readonly Point[]} points @param {Point} at */
export function contains(points, { x, y }) {
  let isInside = false;
  for (const [from, to] of edgesOf(points)) {
    if (from.y > y === to.y > y) continue;
    if (x < from.x + ((to.x - from.x) * (y - from.y)) / (to.y - from.y)) isInside = !isInside;
  }
  return isInside;
}

/**
 * Return the nearest place on the edges of a shape: the point before it, and the distance in parts of the picture's width.
 *
 * @param {readonly Point[]} points
 * @param {Point} at
 * @param {number} tallness height of the picture by its width
 * @returns {{index: number, at: Point, distance: number}}
 */
export function nearestEdge(points, at, tallness) {
  let nearest = { index: 0, at, distance: Infinity };
  edgesOf(points).forEach(([from, to], index) => {
    const along = { x: to.x - from.x, y: (to.y - from.y) * tallness };
    const length = along.x ** 2 + along.y ** 2;
    const wanted = (at.x - from.x) * along.x + (at.y - from.y) * tallness * along.y;
    const part = length ? Math.max(0, Math.min(1, wanted / length)) : 0;
    const found = { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
    const distance = Math.hypot(at.x - found.x, (at.y - found.y) * tallness);
    if (distance < nearest.distance) nearest = { index, at: inside(found), distance };
  });
  return nearest;
}

/** True if edges of the shape cross each other. @param {readonly Point[]} points */
export function isCrossed(points) {
  const edges = edgesOf(points);
  return edges.some(([a, b], one) =>
    edges.some(([c, d], other) => {
      const isBeside = other <= one + 1 || (one === 0 && other === edges.length - 1);
      return !isBeside && side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
    }),
  );
}

/**
 * Return the place inside a shape that is farthest from its edges, for its name.
 *
 * @param {readonly Point[]} points
 * @param {number} [tallness] height of the picture by its width
 * @returns {Point}
 */
export function placeInside(points, tallness = 9 / 16) {
  const box = boxOf(points);
  const centre = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  let best = { at: centre, distance: contains(points, centre) ? nearestEdge(points, centre, tallness).distance : -1 };
  for (let row = 1; row < PLACES_TRIED; row += 1) {
    for (let column = 1; column < PLACES_TRIED; column += 1) {
      const at = { x: box.x + (box.width * column) / PLACES_TRIED, y: box.y + (box.height * row) / PLACES_TRIED };
      if (!contains(points, at)) continue;
      const { distance } = nearestEdge(points, at, tallness);
      if (distance > best.distance * BETTER) best = { at, distance };
    }
  }
  return inside(best.at);
}

/**
 * Return where a box of a picture is drawn in a frame that the picture covers: parts of it outside are cut off. Null if
 * nothing of it is in sight. Shapes are width by height.
 *
 * @param {readonly number[]} box x, y, width, height in parts of the picture
 * @param {number} pictureShape
 * @param {number} frameShape
 * @returns {Box|null}
 */
export function boxInFrame(box, pictureShape, frameShape) {
  const [x = 0, y = 0, width = 0, height = 0] = box;
  const across = Math.max(1, pictureShape / frameShape);
  const down = Math.max(1, frameShape / pictureShape);
  const place = (/** @type {number} */ value, /** @type {number} */ scale) => share((value - 0.5) * scale + 0.5);
  const [left, right] = [place(x, across), place(x + width, across)];
  const [top, bottom] = [place(y, down), place(y + height, down)];
  if (!(right > left) || !(bottom > top)) return null;
  return { x: left, y: top, width: share(right - left), height: share(bottom - top) };
}

/** @param {readonly Point[]} points @returns {[Point, Point][]} */
function edgesOf(points) {
  return points.map((point, index) => [point, points[(index + 1) % points.length] ?? point]);
}

/** @param {Point} from @param {Point} to @param {Point} at */
function side(from, to, at) {
  return Math.sign((to.x - from.x) * (at.y - from.y) - (to.y - from.y) * (at.x - from.x));
}
