// @ts-check
/** Boxes of MP4 (ISO/IEC 14496-12, 4.2). A truncated or invalid box ends the list of its neighbours. */

/** @typedef {{type: string, start: number, from: number, end: number}} Box `from`: offset of its content */

/** @param {Uint8Array} bytes */
export function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Return the whole data as if it were the content of a box. @param {DataView} view @returns {Box} */
export function whole(view) {
  return { type: '', start: 0, from: 0, end: view.byteLength };
}

/**
 * Return the boxes at a path of types.
 *
 * @param {DataView} view
 * @param {Box} box
 * @param {...string} path
 * @returns {Box[]}
 */
export function within(view, box, ...path) {
  const [type, ...rest] = path;
  const found = [...children(view, box)].filter((child) => child.type === type);
  return rest.length ? found.flatMap((child) => within(view, child, ...rest)) : found;
}

/** @param {DataView} view @param {Box} box @param {number} [skipped] bytes of the box before its first child @returns {Generator<Box>} */
export function* children(view, box, skipped = 0) {
  let at = box.from + skipped;
  while (at + 8 <= box.end) {
    const short = view.getUint32(at);
    const isLong = short === 1 && at + 16 <= box.end;
    const size = isLong ? Number(view.getBigUint64(at + 8)) : short || box.end - at;
    if (size < 8 || at + size > box.end) return;
    yield { type: nameAt(view, at + 4), start: at, from: at + (isLong ? 16 : 8), end: at + size };
    at += size;
  }
}

/** @param {DataView} view @param {number} at */
export function nameAt(view, at) {
  return String.fromCharCode(...[0, 1, 2, 3].map((place) => view.getUint8(at + place)));
}
