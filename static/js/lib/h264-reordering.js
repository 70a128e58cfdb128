// @ts-check
/** The number of frames that a decoder of H.264 may hold back, from the sequence parameter set (ITU-T H.264, 7.3.2.1.1). */

const BASELINE = 66;
/** Profiles whose SPS has chroma_format_idc and the fields after it. */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
const EXTENDED_SAR = 255;

/**
 * Return the most frames that precede another frame in decoding order and follow it in presentation order: 0 without
 * B-frames. Null if the SPS does not say so, as that of many cameras, or cannot be read.
 *
 * @param {Uint8Array} sps a NAL unit
 * @returns {number|null}
 */
export function mostReordered(sps) {
  try {
    return read(new Bits(unescaped(sps.subarray(1))));
  } catch {
    return null;
  }
}

/** @param {Bits} bits @returns {number|null} */
function read(bits) {
  const profile = bits.u(8);
  bits.u(16); // constraint flags, level_idc
  bits.ue(); // seq_parameter_set_id
  if (HIGH_PROFILES.has(profile)) skipChroma(bits);
  bits.ue(); // log2_max_frame_num_minus4
  const orderKind = bits.ue(); // pic_order_cnt_type
  if (orderKind === 2 || profile === BASELINE) return 0; // 8.2.1: type 2 has the same order for decoding and output
  skipOrderCount(bits, orderKind);
  bits.ue(); // max_num_ref_frames
  bits.u(1);
  bits.ue();
  bits.ue();
  if (!bits.u(1)) bits.u(1); // frame_mbs_only_flag, mb_adaptive_frame_field_flag
  bits.u(1);
  if (bits.u(1)) for (let side = 0; side < 4; side += 1) bits.ue(); // cropping
  return bits.u(1) ? readUsability(bits) : null;
}

/** Return max_num_reorder_frames (E.2.1); null without bitstream_restriction. @param {Bits} bits */
function readUsability(bits) {
  if (bits.u(1) && bits.u(8) === EXTENDED_SAR) bits.u(32);
  if (bits.u(1)) bits.u(1); // overscan
  if (bits.u(1)) {
    bits.u(4); // video_format, video_full_range_flag
    if (bits.u(1)) bits.u(24);
  }
  if (bits.u(1)) {
    bits.ue(); // chroma sample location
    bits.ue();
  }
  if (bits.u(1)) {
    bits.u(32); // timing
    bits.u(32);
    bits.u(1);
  }
  const hasNal = bits.u(1);
  if (hasNal) skipHypotheticalDecoder(bits);
  const hasVcl = bits.u(1);
  if (hasVcl) skipHypotheticalDecoder(bits);
  if (hasNal || hasVcl) bits.u(1);
  bits.u(1); // pic_struct_present_flag
  if (!bits.u(1)) return null;
  bits.u(1);
  for (let field = 0; field < 4; field += 1) bits.ue();
  return bits.ue();
}

/** @param {Bits} bits */
function skipChroma(bits) {
  const chroma = bits.ue();
  if (chroma === 3) bits.u(1);
  bits.ue(); // bit depths
  bits.ue();
  bits.u(1);
  if (!bits.u(1)) return;
  for (let list = 0; list < (chroma === 3 ? 12 : 8); list += 1) if (bits.u(1)) skipScalingList(bits, list < 6 ? 16 : 64);
}

/** @param {Bits} bits @param {number} size */
function skipScalingList(bits, size) {
  let last = 8;
  let next = 8;
  for (let at = 0; at < size; at += 1) {
    if (next !== 0) next = (last + bits.se() + 256) % 256;
    last = next || last;
  }
}

/** @param {Bits} bits @param {number} kind */
function skipOrderCount(bits, kind) {
  if (kind === 0) bits.ue();
  if (kind !== 1) return;
  bits.u(1);
  bits.se();
  bits.se();
  const cycle = bits.ue();
  for (let at = 0; at < cycle; at += 1) bits.se();
}

/** Skip hrd_parameters() (E.1.2). @param {Bits} bits */
function skipHypotheticalDecoder(bits) {
  const count = bits.ue() + 1;
  bits.u(8);
  for (let at = 0; at < count; at += 1) {
    bits.ue();
    bits.ue();
    bits.u(1);
  }
  bits.u(20);
}

/** Remove emulation prevention bytes (7.4.1). @param {Uint8Array} bytes */
function unescaped(bytes) {
  return bytes.filter((byte, at) => !(byte === 3 && at > 1 && bytes[at - 1] === 0 && bytes[at - 2] === 0));
}

/** Bits, most significant first, and Exp-Golomb codes (9.1). Throws RangeError after the last bit. */
class Bits {
  #bytes;
  #at = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
  }

  /** @param {number} count up to 32 */
  u(count) {
    let value = 0;
    for (let bit = 0; bit < count; bit += 1) {
      const byte = this.#bytes[this.#at >> 3];
      if (byte === undefined) throw new RangeError('The SPS ends too early.');
      value = value * 2 + ((byte >> (7 - (this.#at & 7))) & 1);
      this.#at += 1;
    }
    return value;
  }

  ue() {
    let zeros = 0;
    while (!this.u(1)) {
      zeros += 1;
      if (zeros > 31) throw new RangeError('The code is too long.');
    }
    return 2 ** zeros - 1 + this.u(zeros);
  }

  se() {
    const code = this.ue();
    return code % 2 ? (code + 1) / 2 : -code / 2;
  }
}
