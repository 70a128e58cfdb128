// @ts-check
/**
 * State of the wall page in its address: `?layout=9&tiles=1.1,1.2.main,-,2.5` (camera.channel, and the quality if the
 * user chose one; `-`: empty), `full=3` (the third tile fills the page), `wall=7` (a saved wall; `tiles` next to it are
 * the user's changes since), `quality=saver` (of all tiles without a choice of their own).
 */
import { isLayout, layoutFor, MOST_TILES } from './wall-layout.js';
import { visibleChannels } from './channels.js';
import { qualityChoice } from './viewer-state.js';

/**
 * @typedef {import('./api.js').Channel} Channel
 * @typedef {import('./wall-layout.js').Layout} Layout
 * @typedef {{cameraId: number, channel: number, quality?: 'main'|'sub'|'saver'}} Tile `quality`: absent without a choice for this tile
 * @typedef {{layout: Layout|null, tiles: (Tile|null)[]|null, full: number|null, wallId: number|null,
 *   quality: import('./viewer-state.js').QualityChoice|null}} WallState
 *   `layout`, `tiles`, `quality`: null if absent; `full`: a place, from 0
 */

/**
 * @param {string} search
 * @returns {WallState} invalid values of the address count as absent, an invalid tile as empty
 */
export function readWallState(search) {
  const query = new URLSearchParams(search);
  const text = query.get('tiles');
  const tiles = text === null ? null : text.split(',').slice(0, MOST_TILES).map(tileOf);
  const asked = numberOf(query.get('layout'));
  const layout = isLayout(asked) ? asked : tiles ? layoutFor(tiles.length) : null;
  const full = numberOf(query.get('full'));
  return {
    layout,
    tiles: tiles && layout ? tiles.slice(0, layout) : tiles,
    full: full !== null && full <= (layout ?? MOST_TILES) ? full - 1 : null,
    wallId: numberOf(query.get('wall')),
    quality: qualityChoice(query.get('quality')),
  };
}

/** @param {WallState} state @returns {string} '' or `?...` */
export function writeWallState({ layout, tiles, full, wallId, quality }) {
  const query = new URLSearchParams();
  if (wallId !== null) query.set('wall', String(wallId));
  if (layout !== null) query.set('layout', String(layout));
  if (tiles !== null) query.set('tiles', withoutEnd(tiles).map(textOf).join(','));
  if (full !== null) query.set('full', String(full + 1));
  if (quality) query.set('quality', quality);
  const text = query.toString().replaceAll('%2C', ',');
  return text ? `?${text}` : '';
}

/**
 * Return all channels that are permitted and not hidden, in order.
 *
 * @param {readonly {id: number, channels: Channel[]}[]} cameras
 * @returns {Tile[]}
 */
export function visibleTiles(cameras) {
  return cameras.flatMap(({ id, channels }) => visibleChannels(channels).map(({ channel }) => ({ cameraId: id, channel })));
}

/** Return the tiles of a wall without any choice. @param {Parameters<typeof visibleTiles>[0]} cameras */
export function defaultTiles(cameras) {
  return visibleTiles(cameras).slice(0, MOST_TILES);
}

/** @param {Tile} tile @param {import('./tile-facts.js').TileQuality} quality @returns {Tile} */
export function withQuality({ cameraId, channel }, quality) {
  return quality === 'auto' ? { cameraId, channel } : { cameraId, channel, quality };
}

/** @param {Tile|null|undefined} one @param {Tile|null|undefined} other */
export function isSameChannel(one, other) {
  return one?.cameraId === other?.cameraId && one?.channel === other?.channel;
}

/** @param {readonly (Tile|null)[]} one @param {readonly (Tile|null)[]} other empty places at the end do not count */
export function areSameTiles(one, other) {
  return Array.from({ length: Math.max(one.length, other.length) }, (_, place) => place).every(
    (place) => isSameChannel(one[place], other[place]) && one[place]?.quality === other[place]?.quality,
  );
}

/** @param {string} text @returns {Tile|null} */
function tileOf(text) {
  const found = /^([1-9]\d{0,14})\.([1-9]\d{0,3})(?:\.(main|sub|saver))?$/.exec(text);
  if (!found) return null;
  const quality = /** @type {Tile['quality']} */ (found[3]);
  return withQuality({ cameraId: Number(found[1]), channel: Number(found[2]) }, quality ?? 'auto');
}

/** @param {Tile|null} tile */
function textOf(tile) {
  return tile ? [tile.cameraId, tile.channel, tile.quality].filter(Boolean).join('.') : '-';
}

/** @param {string|null} text */
function numberOf(text) {
  return /^[1-9]\d{0,14}$/.test(text ?? '') ? Number(text) : null;
}

/** @param {readonly (Tile|null)[]} tiles */
function withoutEnd(tiles) {
  return tiles.slice(0, tiles.findLastIndex((tile) => tile !== null) + 1);
}
