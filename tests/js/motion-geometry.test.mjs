// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cellRows, cellsPath } from '../../static/js/lib/motion-cells.js';
import {
  MOST_POINTS,
  boxInFrame,
  boxOf,
  contains,
  isCrossed,
  movedShape,
  nearestEdge,
  newRectangle,
  placeInside,
  rectangleBetween,
  withEdgeMoved,
  withPointAfter,
  withPointAt,
  withoutPoint,
} from '../../static/js/lib/motion-geometry.js';

const SQUARE = [
  { x: 0.2, y: 0.2 },
  { x: 0.6, y: 0.2 },
  { x: 0.6, y: 0.6 },
  { x: 0.2, y: 0.6 },
];
/** An L that is open to the top right: its mean lies outside. */
const HOOK = [
  { x: 0, y: 0 },
  { x: 0.1, y: 0 },
  { x: 0.1, y: 0.9 },
  { x: 1, y: 0.9 },
  { x: 1, y: 1 },
  { x: 0, y: 1 },
];

test('a point that is moved stops at the edge of the picture', () => {
  assert.deepEqual(withPointAt(SQUARE, 1, { x: 1.4, y: -0.3 })[1], { x: 1, y: 0 });
  assert.deepEqual(withPointAt(SQUARE, 1, { x: 0.123456, y: 0.5 })[1], { x: 0.1235, y: 0.5 });
});

test('a shape that is moved keeps its form at the edge of the picture', () => {
  const moved = movedShape(SQUARE, { x: 0.9, y: -0.9 });
  assert.deepEqual(boxOf(moved), { x: 0.6, y: 0, width: 0.4, height: 0.4 });
  assert.deepEqual(moved[0], { x: 0.6, y: 0 });
});

test('a point is added mid-edge or where the user has clicked', () => {
  assert.deepEqual(withPointAfter(SQUARE, 3)?.[4], { x: 0.2, y: 0.4 });
  assert.deepEqual(withPointAfter(SQUARE, 0, { x: 0.3, y: 0.2 })?.[1], { x: 0.3, y: 0.2 });
  assert.equal(withPointAfter(SQUARE, 0)?.length, 5);
});

test('a shape has at least three points and at most 32', () => {
  const triangle = withoutPoint(SQUARE, 2);
  assert.deepEqual(triangle, [SQUARE[0], SQUARE[1], SQUARE[3]]);
  assert.equal(withoutPoint(triangle ?? [], 0), null);
  const full = Array.from({ length: MOST_POINTS }, (_, index) => ({ x: index / 40, y: (index % 2) / 2 }));
  assert.equal(withPointAfter(full, 0), null);
});

test('a point belongs to a shape by even and odd crossings', () => {
  assert.ok(contains(SQUARE, { x: 0.4, y: 0.4 }));
  assert.ok(!contains(SQUARE, { x: 0.7, y: 0.4 }));
  assert.ok(contains(HOOK, { x: 0.05, y: 0.5 }));
  assert.ok(!contains(HOOK, { x: 0.5, y: 0.5 }));
});

test('the nearest edge is found by the distance that the eye sees', () => {
  const top = nearestEdge(SQUARE, { x: 0.4, y: 0.22 }, 9 / 16);
  assert.deepEqual([top.index, top.at], [0, { x: 0.4, y: 0.2 }]);
  assert.ok(Math.abs(top.distance - 0.02 * (9 / 16)) < 1e-9);
  assert.equal(nearestEdge(SQUARE, { x: 0.1, y: 0.4 }, 9 / 16).index, 3);
  const corner = nearestEdge(SQUARE, { x: 0.7, y: 0.7 }, 1);
  assert.deepEqual(corner.at, { x: 0.6, y: 0.6 });
});

test('crossed edges are noticed and plain shapes are not', () => {
  assert.ok(!isCrossed(SQUARE));
  assert.ok(!isCrossed(HOOK));
  const [a, b, c, d] = SQUARE;
  assert.ok(a && b && c && d && isCrossed([a, c, b, d]));
});

test('the name of a shape lies inside it', () => {
  assert.deepEqual(placeInside(SQUARE), { x: 0.4, y: 0.4 });
  assert.ok(contains(HOOK, placeInside(HOOK)));
});

test('a rectangle may be drawn from any corner and is not tiny', () => {
  const drawn = rectangleBetween({ x: 0.6, y: 0.6 }, { x: 0.2, y: 0.2 });
  assert.deepEqual(drawn, SQUARE);
  assert.equal(rectangleBetween({ x: 0.2, y: 0.2 }, { x: 0.21, y: 0.9 }), null);
});

test('new rectangles lie inside the picture and beside each other', () => {
  const boxes = [0, 1, 2, 3, 4].map((count) => boxOf(newRectangle(count)));
  for (const { x, y, width, height } of boxes) assert.ok(x >= 0 && y >= 0 && x + width <= 1 && y + height <= 1);
  assert.equal(new Set(boxes.map(({ x, y }) => `${x} ${y}`)).size, 5);
});

test('a box follows a picture that covers its frame', () => {
  assert.deepEqual(boxInFrame([0.1, 0.2, 0.3, 0.4], 16 / 9, 16 / 9), { x: 0.1, y: 0.2, width: 0.3, height: 0.4 });
  // A picture of 4:3 in a frame of 16:9 loses an eighth of its height above and below.
  const box = boxInFrame([0.25, 0.125, 0.5, 0.75], 4 / 3, 16 / 9);
  assert.deepEqual(box, { x: 0.25, y: 0, width: 0.5, height: 1 });
  assert.equal(boxInFrame([0.1, 0, 0.1, 0.1], 4 / 3, 16 / 9), null);
});

test('cells are read row by row from the highest bit', () => {
  const hex = `80000001${'0'.repeat(128)}f0000000`;
  const rows = cellRows(hex);
  assert.deepEqual([rows.length, rows[0]?.length], [18, 32]);
  assert.deepEqual([rows[0]?.[0], rows[0]?.[1], rows[0]?.[31], rows[17]?.[3], rows[17]?.[4]], [true, false, true, true, false]);
  assert.equal(cellsPath(hex), 'M0 0h1v1h-1zM31 0h1v1h-1zM0 17h4v1h-4z');
});

test('cells of another length or alphabet draw nothing', () => {
  for (const text of ['', 'ff', 'x'.repeat(144)]) assert.equal(cellsPath(text), '');
});

test('upright edges move sideways, level ones up, slanted ones freely', () => {
  const by = { x: 0.1, y: -0.1 };
  assert.deepEqual(withEdgeMoved(SQUARE, 0, by), [{ x: 0.2, y: 0.1 }, { x: 0.6, y: 0.1 }, ...SQUARE.slice(2)]);
  assert.deepEqual(withEdgeMoved(SQUARE, 3, by), [{ x: 0.3, y: 0.2 }, ...SQUARE.slice(1, 3), { x: 0.3, y: 0.6 }]);
  const slanted = [
    { x: 0.2, y: 0.2 },
    { x: 0.5, y: 0.3 },
    { x: 0.3, y: 0.6 },
  ];
  assert.deepEqual(withEdgeMoved(slanted, 0, by)[1], { x: 0.6, y: 0.2 });
});
