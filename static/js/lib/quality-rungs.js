// @ts-check
/** The qualities that a channel offers to the quality ladder. Pure. */
import { canDecode, profileOf } from './channels.js';

/**
 * @typedef {import('./api.js').Channel} Channel
 * @typedef {import('./quality-ladder.js').Rung} Rung
 * @typedef {import('./quality-ladder.js').RungName} RungName
 * @typedef {import('./viewer-state.js').Quality} Quality
 * @typedef {{quality: Quality, kbps: number}} Measured rate of the stream that plays. The declared one may be the upper
 *   limit of a rate that varies
 */

/** Measured with key frames every 2 s: 9 to 11 % of the bytes of a stream of constant rate are key frames. */
const KEYS_SHARE = 0.11;
const STILLS_KBPS = 20;
/** The encoder of small video never exceeds 240 kbit/s, so it needs less of a reserve than other streams: 240 of 270. */
const PHONE_KBPS = 190;
/** Of a stream with less, small video saves too little. */
const LEAST_KBPS = 400;
/** In a still scene a stream takes less than declared, and small video of it does, too. */
const PHONE_SHARE = 0.6;
/** From larger streams the server makes no small video, because decoding costs too much. Pixels by codec. @type {Record<string, number>} */
const MOST_PIXELS = { h264: 1280 * 720, hevc: 720 * 576 };
/** A tile uses the sub stream alone if that is more than so many times as wide as the tile. */
const SPARE_WIDTH = 1.3;

/**
 * Return the rungs of a channel in a tile of this width, best first. Empty if this browser decodes none of the channel's
 * streams: such a channel plays over HLS, and the ladder leaves it alone.
 *
 * @param {Channel} channel
 * @param {{decodes: readonly string[], widthPx: number, measured?: Measured|null}} how `widthPx`: of the tile, in pixels
 *   of the device
 * @returns {Rung[]}
 */
export function rungsOf(channel, { decodes, widthPx, measured = null }) {
  const main = playable(channel, 'main', decodes);
  const sub = playable(channel, 'sub', decodes);
  const smallest = sub ?? main;
  if (!smallest) return [];
  /** @param {import('./api.js').Profile} profile */
  const rateOf = ({ role, video }) => (measured?.quality === role ? measured.kbps : video?.bitrate_kbps || null);
  /** @type {Rung[]} */
  const rungs = [];
  if (main && !fills(sub, widthPx)) rungs.push({ name: 'main', kbps: rateOf(main) });
  if (sub) rungs.push({ name: 'sub', kbps: rateOf(sub) });
  const source = smallSourceOf(channel);
  if (source) rungs.push({ name: 'phone', kbps: Math.min(PHONE_KBPS, Math.round((rateOf(source) ?? Infinity) * PHONE_SHARE)) });
  const kbps = rateOf(smallest);
  rungs.push({ name: 'keys', kbps: kbps === null ? null : Math.round(kbps * KEYS_SHARE) });
  // They are loaded at the pace that the link carries.
  rungs.push({ name: 'stills', kbps: kbps === null ? null : Math.min(STILLS_KBPS, Math.round((kbps * KEYS_SHARE) / 3)) });
  return rungs;
}

/**
 * Return the profile from which the server makes small video: the sub stream, or a main stream without one. Null if that
 * is too large for it, or so small already that little would be saved. By the declared values, which do not change while
 * it plays.
 *
 * @param {Channel} channel
 */
export function smallSourceOf(channel) {
  const sub = profileOf(channel, 'sub');
  const source = sub ?? profileOf(channel, 'main');
  const { codec, width = null, height = null, bitrate_kbps: kbps = null } = source?.video ?? {};
  if (!source || (kbps && kbps <= LEAST_KBPS) || (!sub && (codec !== 'h264' || !width))) return null;
  const most = MOST_PIXELS[codec ?? 'h264'] ?? 0;
  return most && (width ?? 0) * (height ?? 0) <= most ? source : null;
}

/** True if the main stream looks better in a tile of this width. @param {Channel} channel @param {number} widthPx */
export function showsMainAt(channel, widthPx) {
  return profileOf(channel, 'main') !== null && !fills(profileOf(channel, 'sub'), widthPx);
}

/** True if this sub stream has more pixels than a tile. @param {ReturnType<typeof profileOf>} sub @param {number} widthPx */
function fills(sub, widthPx) {
  const subPx = sub?.video?.width ?? null;
  return subPx !== null && widthPx * SPARE_WIDTH < subPx;
}

/** @param {Channel} channel @param {Quality} quality @param {readonly string[]} decodes */
function playable(channel, quality, decodes) {
  const profile = profileOf(channel, quality);
  return profile && canDecode(profile, decodes) ? profile : null;
}
