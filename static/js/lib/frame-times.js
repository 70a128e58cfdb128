// @ts-check
/**
 * Presentation times of the frames in fragmented MP4 (ISO/IEC 14496-12, 8.8). A player needs them to step by exactly
 * one frame at any frame rate, also where the rate changes.
 */

import { nameAt, viewOf, whole, within } from './mp4-boxes.js';

/** @typedef {{id: number, timescale: number, duration: number}} VideoTrack `duration`: default of a sample, in ticks */
/** @typedef {import('./mp4-boxes.js').Box} Box */

/** Largest difference that rounding may make to the time of a frame. */
export const SAME_FRAME_S = 0.0005;

/** A frame that seems to last longer is the last one before a gap, or one of a link that carries key frames alone. */
const LONGEST_FRAME_MS = 1000;
const INSIDE_FRAME_MS = 1;

/**
 * Return the time until which a range must go to have a frame in it, in ms.
 *
 * @param {number} frameMs time of the frame
 * @param {number|null} nextMs time of the next loaded frame; null if none is loaded
 */
export function frameEndMs(frameMs, nextMs) {
  const isNext = nextMs !== null && frameMs < nextMs && nextMs - frameMs <= LONGEST_FRAME_MS;
  return isNext ? nextMs : frameMs + INSIDE_FRAME_MS;
}

/**
 * Return the video track of an init section; null if it has none.
 *
 * @param {Uint8Array} bytes
 * @returns {VideoTrack|null}
 */
export function videoTrackOf(bytes) {
  const view = viewOf(bytes);
  for (const track of within(view, whole(view), 'moov', 'trak')) {
    const [head] = within(view, track, 'tkhd');
    const [media] = within(view, track, 'mdia', 'mdhd');
    const [handler] = within(view, track, 'mdia', 'hdlr');
    if (!head || !media || !handler || nameAt(view, handler.from + 8) !== 'vide') continue;
    const id = view.getUint32(head.from + (view.getUint8(head.from) ? 20 : 12));
    const timescale = view.getUint32(media.from + (view.getUint8(media.from) ? 20 : 12));
    const extend = within(view, whole(view), 'moov', 'mvex', 'trex').find((box) => view.getUint32(box.from + 4) === id);
    return { id, timescale, duration: extend ? view.getUint32(extend.from + 12) : 0 };
  }
  return null;
}

/**
 * Return the presentation times of a segment's frames, in seconds of its own timeline, sorted. Empty for other data.
 *
 * @param {Uint8Array} bytes
 * @param {VideoTrack} track
 */
export function frameTimesOf(bytes, track) {
  const view = viewOf(bytes);
  /** @type {number[]} */
  const times = [];
  for (const run of within(view, whole(view), 'moof', 'traf')) {
    const [head] = within(view, run, 'tfhd');
    const [begin] = within(view, run, 'tfdt');
    if (!head || !begin || view.getUint32(head.from + 4) !== track.id) continue;
    const flags = view.getUint32(head.from) & 0xffffff;
    const at = head.from + 8 + (flags & 1 ? 8 : 0) + (flags & 2 ? 4 : 0);
    const duration = flags & 8 ? view.getUint32(at) : track.duration;
    let ticks = view.getUint8(begin.from) ? Number(view.getBigUint64(begin.from + 4)) : view.getUint32(begin.from + 4);
    for (const samples of within(view, run, 'trun'))
      ticks = readRun(view, samples, ticks, duration, (shown) => times.push(shown / track.timescale));
  }
  return times.sort((one, other) => one - other);
}

/**
 * Return the time to seek to for the frame shown at a time (0), the next one (1) or the previous one (-1): the middle
 * of its duration, so that rounding cannot lead to its neighbour. Null if that frame is not in `times`.
 *
 * @param {number[]} times presentation times, sorted
 * @param {number} at
 * @param {0|1|-1} direction
 */
export function seekTimeIn(times, at, direction) {
  const shown = times.findLastIndex((time) => time <= at + SAME_FRAME_S);
  const begin = times[shown + direction];
  if (shown < 0 || begin === undefined) return null;
  const end = times[shown + direction + 1] ?? begin + 0.002;
  return begin + (end - begin) / 2;
}

/**
 * @param {DataView} view
 * @param {Box} run
 * @param {number} ticks decoding time of its first sample
 * @param {number} usual default duration of a sample, in ticks
 * @param {(shown: number) => void} take gets each presentation time, in ticks
 * @returns {number} decoding time of the sample after the last, in ticks
 */
function readRun(view, run, ticks, usual, take) {
  const flags = view.getUint32(run.from) & 0xffffff;
  const count = view.getUint32(run.from + 4);
  let at = run.from + 8 + (flags & 0x1 ? 4 : 0) + (flags & 0x4 ? 4 : 0);
  for (let sample = 0; sample < count; sample += 1) {
    const duration = flags & 0x100 ? view.getUint32(at) : usual;
    at += (flags & 0x100 ? 4 : 0) + (flags & 0x200 ? 4 : 0) + (flags & 0x400 ? 4 : 0);
    take(ticks + (flags & 0x800 ? view.getInt32(at) : 0));
    at += flags & 0x800 ? 4 : 0;
    ticks += duration;
  }
  return ticks;
}
