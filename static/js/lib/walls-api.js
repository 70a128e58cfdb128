// @ts-check
/** Requests of the wall page for named walls. Shapes are those of /api/openapi.json. */
import { JsonHttp } from './http.js';
import { withQuality } from './wall-state.js';

/**
 * @typedef {import('./wall-layout.js').Layout} Layout
 * @typedef {import('./wall-state.js').Tile} Tile
 * @typedef {{id: number, name: string, layout: Layout, tiles: (Tile|null)[], everybodys: boolean,
 *   mayChange: boolean}} Wall
 * @typedef {{name: string, layout: Layout, tiles: (Tile|null)[]}} WallDraft
 */

export class WallsApi {
  #url;
  #http;

  /** @param {string} url @param {import('./http.js').HttpOptions} [options] */
  constructor(url, options) {
    this.#url = url;
    this.#http = new JsonHttp(options);
  }

  /** @returns {Promise<Wall[]>} sorted by name */
  async walls() {
    return (await this.#http.json('GET', this.#url)).walls.map(wallOf);
  }

  /** @param {number} id @returns {Promise<Wall>} */
  async wall(id) {
    return wallOf(await this.#http.json('GET', `${this.#url}/${id}`));
  }

  /** @param {WallDraft} draft @returns {Promise<Wall>} */
  async add(draft) {
    return wallOf(await this.#http.json('POST', this.#url, bodyOf(draft)));
  }

  /** @param {number} id @param {Partial<WallDraft>} change @returns {Promise<Wall>} */
  async change(id, change) {
    return wallOf(await this.#http.json('PATCH', `${this.#url}/${id}`, bodyOf(change)));
  }

  /** @param {number} id */
  async remove(id) {
    await this.#http.json('DELETE', `${this.#url}/${id}`);
  }
}

/** @param {import('./api-types.js').Wall} answer @returns {Wall} */
function wallOf({ id, name, layout, tiles, everybodys, may_change: mayChange }) {
  /** @param {import('./api-types.js').Tile|null} tile */
  const tileOf = (tile) => tile && withQuality({ cameraId: tile.camera_id, channel: tile.channel }, tile.quality ?? 'auto');
  return { id, name, layout, tiles: tiles.map(tileOf), everybodys, mayChange };
}

/** @param {Partial<WallDraft>} draft */
function bodyOf({ tiles, ...draft }) {
  if (!tiles) return draft;
  return { ...draft, tiles: tiles.map((tile) => tile && { camera_id: tile.cameraId, channel: tile.channel, quality: tile.quality }) };
}
