// @ts-check
/** The wall's layouts: their cells, and moving and resizing of tiles. Places count from 0. */

/**
 * @typedef {1|4|6|9|16} Layout how many tiles
 * @typedef {{column: number, row: number, span: number}} Cell columns and rows count from 1
 * @typedef {'left'|'right'|'up'|'down'} Direction
 */

/** @type {readonly Layout[]} */
export const LAYOUTS = [1, 4, 6, 9, 16];
export const MOST_TILES = 16;

/** @param {number} count of tiles @returns {Layout} the smallest one for so many, at most the largest */
export function layoutFor(count) {
  return LAYOUTS.find((layout) => layout >= count) ?? MOST_TILES;
}

/** @param {unknown} value @returns {value is Layout} */
export function isLayout(value) {
  return LAYOUTS.some((layout) => layout === value);
}

/**
 * Return the number of columns, which is that of the rows, too: so 16:9 tiles make a 16:9 wall.
 *
 * @param {Layout} layout
 */
export function columnsOf(layout) {
  return { 1: 1, 4: 2, 6: 3, 9: 3, 16: 4 }[layout];
}

/** @param {Layout} layout @returns {Cell[]} one per place */
export function cellsOf(layout) {
  if (layout === 6) {
    // One large tile, and five around its corner.
    return [
      { column: 1, row: 1, span: 2 },
      { column: 3, row: 1, span: 1 },
      { column: 3, row: 2, span: 1 },
      { column: 1, row: 3, span: 1 },
      { column: 2, row: 3, span: 1 },
      { column: 3, row: 3, span: 1 },
    ];
  }
  const columns = columnsOf(layout);
  return Array.from({ length: layout }, (_, place) => ({
    column: (place % columns) + 1,
    row: Math.floor(place / columns) + 1,
    span: 1,
  }));
}

/** True if a tile is large enough for the main stream. @param {Layout} layout @param {number} place */
export function isLarge(layout, place) {
  return layout === 1 || (layout === 6 && place === 0);
}

/**
 * Return the neighbour of a place; the place itself if it has none in that direction.
 *
 * @param {Layout} layout
 * @param {number} place
 * @param {Direction} direction
 */
export function neighbourOf(layout, place, direction) {
  const cells = cellsOf(layout);
  const from = cells[place];
  if (!from) return 0;
  const column = direction === 'left' ? from.column - 1 : direction === 'right' ? from.column + from.span : from.column;
  const row = direction === 'up' ? from.row - 1 : direction === 'down' ? from.row + from.span : from.row;
  const found = cells.findIndex(
    (cell) => column >= cell.column && column < cell.column + cell.span && row >= cell.row && row < cell.row + cell.span,
  );
  return found < 0 ? place : found;
}

/**
 * @template T
 * @param {readonly (T|null)[]} tiles
 * @param {number} from
 * @param {number} to
 * @returns {(T|null)[]}
 */
export function swapped(tiles, from, to) {
  const next = [...tiles];
  next[from] = tiles[to] ?? null;
  next[to] = tiles[from] ?? null;
  return Array.from(next, (tile) => tile ?? null);
}

/**
 * @template T
 * @param {readonly (T|null)[]} tiles
 * @param {number} place
 * @param {T|null} tile
 * @returns {(T|null)[]}
 */
export function placed(tiles, place, tile) {
  const next = [...tiles];
  next[place] = tile;
  return Array.from(next, (each) => each ?? null);
}

/**
 * Return the tiles cut or filled up to the places of the layout.
 *
 * @template T
 * @param {readonly (T|null)[]} tiles
 * @param {Layout} layout
 * @returns {(T|null)[]}
 */
export function fitted(tiles, layout) {
  return Array.from({ length: layout }, (_, place) => tiles[place] ?? null);
}

/**
 * Return the place for the next channel: the first empty one after `place`, around the end, otherwise the one after it.
 *
 * @param {readonly (object|null)[]} tiles one per place
 * @param {number} place
 */
export function nextPlace(tiles, place) {
  for (let step = 1; step <= tiles.length; step += 1) {
    const at = (place + step) % tiles.length;
    if (!tiles[at]) return at;
  }
  return (place + 1) % tiles.length;
}
