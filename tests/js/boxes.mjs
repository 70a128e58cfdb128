// @ts-check
/** Builds boxes of MP4 for tests. */

/** @param {...number} values */
export const u32 = (...values) => values.flatMap((value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);

/** @param {string} type @param {...(number|number[])} content */
export function box(type, ...content) {
  const inside = content.flat();
  return [...u32(inside.length + 8), ...[...type].map((letter) => letter.charCodeAt(0)), ...inside];
}

/** @param {number} count */
export const zeros = (count) => new Array(count).fill(0);

/** @param {string} text */
export const letters = (text) => [...text].map((letter) => letter.charCodeAt(0));
