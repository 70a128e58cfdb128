// @ts-check
/**
 * Samples of H.264 in live fragments (ISO/IEC 14496-12, 8.8; sample entry and lengths: 14496-15, 5.3). WebCodecs takes
 * samples, MediaSource takes the fragments themselves.
 */
import { videoTrackOf } from './frame-times.js';
import { children, viewOf, whole, within } from './mp4-boxes.js';

/**
 * @typedef {import('./mp4-boxes.js').Box} Box
 * @typedef {{codec: string, description: Uint8Array<ArrayBuffer>, sps: Uint8Array, trackId: number, timescale: number,
 *   lengthBytes: number}} AvcTrack `description`: AVCDecoderConfigurationRecord; `lengthBytes`: of a NAL unit's length
 * @typedef {{timeUs: number, isKey: boolean, isIdr: boolean, data: Uint8Array<ArrayBuffer>}} VideoSample
 *   `timeUs`: presentation time on the stream's timeline; `isIdr`: has an IDR slice, with which a decoder may begin
 */

const SAMPLE_ENTRY_BYTES = 78;
const NON_SYNC = 0x10000;
const IDR = 5;

/** Return the H.264 track of an init section; null without one. @param {Uint8Array<ArrayBuffer>} init @returns {AvcTrack|null} */
export function avcTrackOf(init) {
  const track = videoTrackOf(init);
  const view = viewOf(init);
  for (const table of within(view, whole(view), 'moov', 'trak', 'mdia', 'minf', 'stbl', 'stsd')) {
    for (const entry of children(view, table, 8)) {
      const config = entry.type === 'avc1' && [...children(view, entry, SAMPLE_ENTRY_BYTES)].find(({ type }) => type === 'avcC');
      if (!track || !config || config.end - config.from < 8) continue;
      const description = init.slice(config.from, config.end);
      const spsBytes = viewOf(description).getUint16(6);
      const codec = `avc1.${[...description.subarray(1, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
      const lengthBytes = ((description[4] ?? 3) & 3) + 1;
      const sps = description.subarray(8, 8 + spsBytes);
      return { codec, description, sps, trackId: track.id, timescale: track.timescale, lengthBytes };
    }
  }
  return null;
}

/**
 * Return the video samples of fragments, in decoding order; null if the fragments are damaged.
 *
 * @param {Uint8Array<ArrayBuffer>} fragments
 * @param {AvcTrack} track
 * @returns {VideoSample[]|null}
 */
export function samplesOf(fragments, track) {
  try {
    return readAll(fragments, track);
  } catch (error) {
    if (error instanceof RangeError) return null; // a box is too short for its fields
    throw error;
  }
}

/** @param {Uint8Array<ArrayBuffer>} fragments @param {AvcTrack} track @returns {VideoSample[]|null} */
function readAll(fragments, track) {
  const view = viewOf(fragments);
  /** @type {VideoSample[]} */
  const samples = [];
  let at = 0;
  for (const box of children(view, whole(view))) {
    at = box.end;
    if (box.type !== 'moof') continue;
    for (const run of within(view, box, 'traf')) {
      const [head] = within(view, run, 'tfhd');
      const [begin] = within(view, run, 'tfdt');
      if (!head || !begin) return null;
      if (view.getUint32(head.from + 4) !== track.trackId) continue;
      const ticks = view.getUint8(begin.from) ? Number(view.getBigUint64(begin.from + 4)) : view.getUint32(begin.from + 4);
      const read = within(view, run, 'trun').every((table) => readRun(fragments, view, box.start, table, ticks, track, samples));
      if (!read) return null;
    }
  }
  return at === view.byteLength ? samples : null;
}

/**
 * Add the samples of a track run; false if it is damaged. The fragments of `media/fmp4/writer.py` have one run each,
 * which states duration, size and flags of every sample.
 *
 * @param {Uint8Array<ArrayBuffer>} fragments
 * @param {DataView} view
 * @param {number} base to which the run's offset of data is relative: the start of its moof
 * @param {Box} table
 * @param {number} begin decoding time of the first sample
 * @param {AvcTrack} track
 * @param {VideoSample[]} samples
 */
function readRun(fragments, view, base, table, begin, track, samples) {
  const flags = view.getUint32(table.from) & 0xffffff;
  const count = view.getUint32(table.from + 4);
  if ((flags & 0x701) !== 0x701) return false;
  const entryBytes = flags & 0x800 ? 16 : 12;
  let ticks = begin;
  let dataAt = base + view.getInt32(table.from + 8);
  let at = table.from + 12 + (flags & 0x4 ? 4 : 0);
  if (at + count * entryBytes > table.end) return false;
  for (let index = 0; index < count; index += 1, at += entryBytes) {
    const size = view.getUint32(at + 4);
    if (dataAt < 0 || dataAt + size > fragments.byteLength) return false;
    const shown = ticks + (flags & 0x800 ? view.getInt32(at + 12) : 0);
    const data = fragments.subarray(dataAt, dataAt + size);
    const types = nalTypesOf(data, track.lengthBytes);
    if (!types) return false;
    const isKey = !(view.getUint32(at + 8) & NON_SYNC);
    samples.push({ timeUs: Math.round((shown / track.timescale) * 1e6), isKey, isIdr: types.includes(IDR), data });
    ticks += view.getUint32(at);
    dataAt += size;
  }
  return true;
}

/** Return the types of a sample's NAL units; null if their lengths do not fit. @param {Uint8Array} data @param {number} lengthBytes */
function nalTypesOf(data, lengthBytes) {
  const types = [];
  let at = 0;
  while (at + lengthBytes < data.length) {
    let size = 0;
    for (let byte = 0; byte < lengthBytes; byte += 1) size = size * 256 + (data[at + byte] ?? 0);
    at += lengthBytes;
    types.push((data[at] ?? 0) & 0x1f);
    at += size;
  }
  return at === data.length && types.length ? types : null;
}
