// @ts-check
/**
 * Digital zoom: the visible part of the picture.
 *
 * A view is a scale and the shift of the picture's centre. The shift is in units of the box that shows the picture
 * (0.5 = half its width), so that it stays right when the box changes its size.
 */

/** @typedef {{scale: number, x: number, y: number}} ZoomView */

export const MAX_SCALE = 8;

/** @type {Readonly<ZoomView>} */
export const WHOLE = Object.freeze({ scale: 1, x: 0, y: 0 });

/** @param {ZoomView} view @returns {ZoomView} with a scale from 1 to MAX_SCALE, without empty edges */
export function clamped({ scale, x, y }) {
  const s = Math.min(MAX_SCALE, Math.max(1, scale));
  const reach = (s - 1) / 2;
  return { scale: s, x: Math.min(reach, Math.max(-reach, x)) + 0, y: Math.min(reach, Math.max(-reach, y)) + 0 };
}

/**
 * Zoom around the pointer: the point under it stays there.
 *
 * @param {ZoomView} view
 * @param {number} factor
 * @param {{x: number, y: number}} at the pointer, -0.5 to 0.5 from the box's centre
 */
export function zoomedAt(view, factor, at) {
  const scale = Math.min(MAX_SCALE, Math.max(1, view.scale * factor));
  const ratio = scale / view.scale;
  return clamped({ scale, x: at.x - (at.x - view.x) * ratio, y: at.y - (at.y - view.y) * ratio });
}

/** @param {ZoomView} view @param {number} dx @param {number} dy in units of the box */
export function panned(view, dx, dy) {
  return clamped({ scale: view.scale, x: view.x + dx, y: view.y + dy });
}
