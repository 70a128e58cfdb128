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
  /** @param {typeof smallest} profile */
  const rateOf = ({ role, video }) => (measured?.quality === role ? measured.kbps : video?.bitrate_kbps || null);
  /** @type {Rung[]} */
  const rungs = [];
  if (main && !fills(sub, widthPx)) rungs.push({ name: 'main', kbps: rateOf(main) });
  if (sub) rungs.push({ name: 'sub', kbps: rateOf(sub) });
  const kbps = rateOf(smallest);
  rungs.push({ name: 'keys', kbps: kbps === null ? null : Math.round(kbps * KEYS_SHARE) });
  // They are loaded at the pace that the link carries.
  rungs.push({ name: 'stills', kbps: kbps === null ? null : Math.min(STILLS_KBPS, Math.round((kbps * KEYS_SHARE) / 3)) });
  return rungs;
}

/**
 * Return the stream of a rung; null for stills.
 *
 * @param {RungName} name
 * @param {readonly Rung[]} rungs those of the channel
 * @returns {{quality: Quality, keyFramesOnly: boolean}|null}
 */
export function streamOf(name, rungs) {
  if (name === 'stills') return null;
  if (name !== 'keys') return { quality: name, keyFramesOnly: false };
  return { quality: rungs.some((rung) => rung.name === 'sub') ? 'sub' : 'main', keyFramesOnly: true };
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
