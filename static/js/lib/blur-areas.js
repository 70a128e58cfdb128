// @ts-check
/** Rectangles that a working copy blurs, in parts of the picture: 0 to 1 from its top left corner. */

/** @typedef {{x: number, y: number, width: number, height: number}} Area @typedef {{x: number, y: number}} Point */

export const MOST_AREAS = 16;
/** The server refuses smaller ones. */
const SMALLEST = 0.005;

/** @param {number} value @param {number} [most] */
function part(value, most = 1) {
  return Math.round(Math.max(0, Math.min(most, value)) * 10_000) / 10_000;
}

/** Return the rectangle between two corners, inside the picture; null if it is too small. @param {Point} from @param {Point} to @returns {Area|null} */
export function areaBetween(from, to) {
  const x = part(Math.min(from.x, to.x));
  const y = part(Math.min(from.y, to.y));
  const width = part(part(Math.max(from.x, to.x)) - x);
  const height = part(part(Math.max(from.y, to.y)) - y);
  return width < SMALLEST || height < SMALLEST ? null : { x, y, width, height };
}

/** @param {Area} area @param {Point} by @returns {Area} */
export function movedArea(area, by) {
  return { ...area, x: part(area.x + by.x, 1 - area.width), y: part(area.y + by.y, 1 - area.height) };
}

/** @param {Area} area @param {Point} by @returns {Area} */
export function resizedArea(area, by) {
  const width = Math.max(SMALLEST, part(area.width + by.x, 1 - area.x));
  const height = Math.max(SMALLEST, part(area.height + by.y, 1 - area.y));
  return { ...area, width, height };
}
