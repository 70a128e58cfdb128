// @ts-check
/** Writes parameter sets and fragments of H.264 for tests. */
import { box, letters, u32, zeros } from './boxes.mjs';

export const TIMESCALE = 90_000;
const MAIN = 77;
const NOT_KEY = 0x01010000;

/** Bits, most significant first, and Exp-Golomb codes (ITU-T H.264, 9.1). */
class BitWriter {
  #text = '';

  /** @param {number} value @param {number} count */
  u(value, count) {
    this.#text += value.toString(2).padStart(count, '0');
    return this;
  }

  /** @param {...number} values */
  ue(...values) {
    for (const value of values) {
      const code = (value + 1).toString(2);
      this.#text += '0'.repeat(code.length - 1) + code;
    }
    return this;
  }

  /** Return the bytes of a NAL unit, with emulation prevention bytes (7.4.1). @param {number} head */
  nal(head) {
    const text = `${this.#text}1`.padEnd(Math.ceil((this.#text.length + 1) / 8) * 8, '0');
    const bytes = [head];
    let nulls = 0;
    for (const byte of (text.match(/.{8}/g) ?? []).map((each) => Number.parseInt(each, 2))) {
      if (nulls >= 2 && byte <= 3) {
        bytes.push(3);
        nulls = 0;
      }
      bytes.push(byte);
      nulls = byte ? 0 : nulls + 1;
    }
    return bytes;
  }
}

/**
 * Return an SPS of 640 x 360.
 *
 * @param {{profile?: number, orderKind?: number, reordered?: number|null, hasTiming?: boolean}} [what] `reordered`: null
 *   without bitstream_restriction
 */
export function sps({ profile = MAIN, orderKind = 0, reordered = null, hasTiming = true } = {}) {
  const bits = new BitWriter().u(profile, 8).u(0, 8).u(30, 8).ue(0);
  if (profile >= 100) bits.ue(1, 0, 0).u(0, 1).u(0, 1);
  bits.ue(0, orderKind);
  if (orderKind === 0) bits.ue(2);
  bits.ue(1).u(0, 1).ue(39, 22).u(1, 1).u(1, 1).u(1, 1).ue(0, 0, 0, 4);
  bits.u(1, 1); // VUI
  bits.u(0, 1).u(0, 1).u(0, 1).u(0, 1);
  bits.u(hasTiming ? 1 : 0, 1);
  if (hasTiming) bits.u(1, 32).u(50, 32).u(1, 1);
  bits.u(0, 1).u(0, 1).u(0, 1);
  bits.u(reordered === null ? 0 : 1, 1);
  if (reordered !== null) bits.u(1, 1).ue(0, 0, 10, 10, reordered, reordered + 1);
  return new Uint8Array(bits.nal(0x67));
}

/** @param {Uint8Array} [set] the SPS */
export function initOf(set = sps()) {
  const pps = [0x68, 0xce, 0x38, 0x80];
  const head = [1, set[1] ?? 0, set[2] ?? 0, set[3] ?? 0, 0xff, 0xe1, 0, set.length];
  const avcC = box('avcC', head, [...set], 1, 0, pps.length, pps);
  const table = box('stsd', u32(0, 1), box('avc1', zeros(78), avcC));
  const handler = box('hdlr', zeros(8), letters('vide'), zeros(12));
  const media = box('mdia', box('mdhd', zeros(12), u32(TIMESCALE)), handler, box('minf', box('stbl', table)));
  return new Uint8Array(box('moov', box('trak', box('tkhd', zeros(12), u32(1)), media), box('mvex', box('trex', u32(0, 1, 1, 0)))));
}

/** A NAL unit with its length before it. @param {number} type @param {number} [size] */
export const nal = (type, size = 5) => [...u32(size), type, ...zeros(size - 1)];

/**
 * Return a fragment of one frame.
 *
 * @param {{timeS?: number, isKey?: boolean, data?: number[], offset?: number, trackId?: number}} [frame]
 */
export function fragmentOf({ timeS = 0, isKey = false, data = nal(isKey ? 5 : 1), offset = 0, trackId = 1 } = {}) {
  const start = Math.round(timeS * TIMESCALE);
  const moofBytes = 8 + 16 + 8 + 16 + 20 + 20 + 16;
  const run = box('trun', u32(0x01000f01, 1, moofBytes + 8), u32(3600, data.length, isKey ? 0x02000000 : NOT_KEY, offset));
  const traf = box('traf', box('tfhd', u32(0x020000, trackId)), box('tfdt', u32(0x01000000, 0, start)), run);
  return [...box('moof', box('mfhd', u32(0, 1)), traf), ...box('mdat', data)];
}
