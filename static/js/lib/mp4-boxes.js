// @ts-check
/** Reads the boxes of MP4 (ISO/IEC 14496-12, 4.2). */

/** @typedef {{type: string, at: number, from: number, end: number}} Box `at`: offset of the box; `from`: of its content */

/** @param {Uint8Array} bytes */
export function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** @param {DataView} view @returns {Box} */
export function whole(view) {
  return { type: '', at: 0, from: 0, end: view.byteLength };
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

/** Return the id of a track; null if it has none. @param {DataView} view @param {Box} track a `trak` box */
export function idOf(view, track) {
  const [head] = within(view, track, 'tkhd');
  return head ? view.getUint32(head.from + (view.getUint8(head.from) ? 20 : 12)) : null;
}

/** Return the kind of a track, 'vide' or 'soun'. @param {DataView} view @param {Box} track a `trak` box */
export function handlerOf(view, track) {
  const [handler] = within(view, track, 'mdia', 'hdlr');
  return handler ? nameAt(view, handler.from + 8) : '';
}

/** @param {DataView} view @param {Box} box @returns {Generator<Box>} */
function* children(view, box) {
  let at = box.from;
  while (at + 8 <= box.end) {
    const short = view.getUint32(at);
    const isLong = short === 1 && at + 16 <= box.end;
    const size = isLong ? Number(view.getBigUint64(at + 8)) : short || box.end - at;
    if (size < 8 || at + size > box.end) return;
    yield { type: nameAt(view, at + 4), at, from: at + (isLong ? 16 : 8), end: at + size };
    at += size;
  }
}

/** @param {DataView} view @param {number} at */
function nameAt(view, at) {
  return String.fromCharCode(...[0, 1, 2, 3].map((place) => view.getUint8(at + place)));
}
