// @ts-check
/**
 * Digital zoom: the part of the picture that is looked at.
 *
 * A view is a scale and the shift of the picture's centre, both in units of the frame (0.5 = half its width), so that
 * it stays right when the frame changes its size.
 */

/** @typedef {{scale: number, x: number, y: number}} ZoomView */

export const MAX_SCALE = 8;

/** @type {Readonly<ZoomView>} */
export const WHOLE = Object.freeze({ scale: 1, x: 0, y: 0 });

/** @param {ZoomView} view @returns {ZoomView} kept between 1 and MAX_SCALE, without empty edges */
export function clamped({ scale, x, y }) {
  const s = Math.min(MAX_SCALE, Math.max(1, scale));
  const reach = (s - 1) / 2;
  return { scale: s, x: Math.min(reach, Math.max(-reach, x)) + 0, y: Math.min(reach, Math.max(-reach, y)) + 0 };
}

/**
 * Zooms so that what lies under the pointer stays there.
 *
 * @param {ZoomView} view
 * @param {number} factor
 * @param {{x: number, y: number}} at the pointer, -0.5 to 0.5 from the frame's centre
 */
export function zoomedAt(view, factor, at) {
  const scale = Math.min(MAX_SCALE, Math.max(1, view.scale * factor));
  const ratio = scale / view.scale;
  return clamped({ scale, x: at.x - (at.x - view.x) * ratio, y: at.y - (at.y - view.y) * ratio });
}

/** @param {ZoomView} view @param {number} dx @param {number} dy in units of the frame */
export function panned(view, dx, dy) {
  return clamped({ scale: view.scale, x: view.x + dx, y: view.y + dy });
}
