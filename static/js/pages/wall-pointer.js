// @ts-check
/** The mouse and the fingers on the wall: choosing, enlarging and dragging tiles, and their menu. */
import { nameOf } from '../components/live-tile.js';
import { TileDrag } from '../components/tile-drag.js';
import { byId } from './page.js';

/**
 * @typedef {import('../lib/wall-state.js').Tile} Tile
 * @typedef {{tile: Tile, place: number|null}} Taken `place`: its place on the wall; null: from the picker
 */

const TAP_MS = 350;

/**
 * @param {import('./wall-board.js').WallBoard} board
 * @param {import('./wall-arrangement.js').WallArrangement} arrangement
 * @param {import('./wall-popups.js').WallPopups} popups
 */
export function handlePointer(board, arrangement, popups) {
  const grid = byId('wall-grid', HTMLElement);
  dragTiles(grid, board, arrangement, popups);
  openMenus(grid, board, popups);
  clickAndTap(grid, board, arrangement, popups);
}

/**
 * Drag tiles to other places, out of the wall, and from the picker onto it.
 *
 * @param {HTMLElement} grid
 * @param {import('./wall-board.js').WallBoard} board
 * @param {import('./wall-arrangement.js').WallArrangement} arrangement
 * @param {import('./wall-popups.js').WallPopups} popups
 */
function dragTiles(grid, board, arrangement, popups) {
  new TileDrag(byId('wall', HTMLElement), {
    take(pressed, isFinger) {
      if (pressed.closest('[data-part="menu"], [data-part="play"], input')) return null;
      const picked = popups.pickedChannel(pressed);
      if (picked) return { source: picked.source, label: picked.label, what: /** @type {Taken} */ ({ tile: picked.tile, place: null }) };
      const place = board.placeOf(pressed);
      const source = place === null ? null : board.at(place);
      if (place === null || !source?.content || source.isZoomed) return null;
      // A tile that fills the page cannot be dragged, but a long press opens its menu.
      if (arrangement.full !== null && !isFinger) return null;
      return { source, label: nameOf(source.content), what: { tile: source.content.tile, place } };
    },
    targetAt(under) {
      const place = board.placeOf(under);
      return place === null || arrangement.full !== null ? null : board.at(place);
    },
    onDrop({ tile, place }, under) {
      const to = board.placeOf(under);
      if (arrangement.full !== null) return;
      if (to !== null && place !== null) arrangement.swap(place, to);
      else if (to !== null) arrangement.put(tile, to);
      else if (place !== null && !grid.contains(under)) arrangement.remove(place);
      if (to !== null) board.choose(to);
    },
    onHold({ place }, at) {
      if (place !== null) void popups.openMenu(place, at);
    },
  });
}

/**
 * Open the menu of a tile by the right button, the menu key, and the tile's own button.
 *
 * @param {HTMLElement} grid
 * @param {import('./wall-board.js').WallBoard} board
 * @param {import('./wall-popups.js').WallPopups} popups
 */
function openMenus(grid, board, popups) {
  grid.addEventListener('contextmenu', (event) => {
    const place = board.placeOf(/** @type {Element} */ (event.target));
    if (place === null) return;
    event.preventDefault();
    // TileDrag handles the long press of a finger, because it may become a drag.
    if (event instanceof PointerEvent && event.pointerType === 'touch') return;
    const box = board.at(place)?.getBoundingClientRect() ?? new DOMRect();
    const byKey = event.clientX === 0 && event.clientY === 0;
    void popups.openMenu(place, byKey ? { x: box.left + 16, y: box.top + 32 } : { x: event.clientX, y: event.clientY });
  });
  grid.addEventListener('click', (event) => {
    const target = /** @type {Element} */ (event.target);
    const place = board.placeOf(target);
    const box = target.closest('[data-part="menu"]')?.getBoundingClientRect();
    if (place !== null && box) void popups.openMenu(place, { x: box.left, y: box.bottom + 4 });
  });
}

/**
 * Choose a tile by a click, and enlarge it by a double click or a tap.
 *
 * @param {HTMLElement} grid
 * @param {import('./wall-board.js').WallBoard} board
 * @param {import('./wall-arrangement.js').WallArrangement} arrangement
 * @param {import('./wall-popups.js').WallPopups} popups
 */
function clickAndTap(grid, board, arrangement, popups) {
  let tappedMs = -TAP_MS;

  /**
   * Enlarge a tile, or go back. The second tap of a double tap is ignored, so that it does not go back.
   *
   * @param {number} place
   * @param {number} ms time stamp of the tap
   */
  const tap = (place, ms) => {
    if (ms - tappedMs < TAP_MS) return;
    tappedMs = ms;
    arrangement.toggleFull(place);
  };

  grid.addEventListener('click', (event) => {
    const target = /** @type {Element} */ (event.target);
    const place = board.placeOf(target);
    if (place === null || target.closest('[data-part="menu"]')) return;
    board.choose(place, { focus: true });
    const isTap = event instanceof PointerEvent && event.pointerType === 'touch';
    if (target.closest('[data-part="play"]')) board.at(place)?.togglePlay();
    else if (target.closest('[data-part="empty"]')) void popups.openPicker();
    else if (isTap && !popups.isPickerOpen && !board.at(place)?.isZoomed) tap(place, event.timeStamp);
  });
  // A double click or double tap. The double tap leaves a zoomed tile, where a single tap does nothing.
  grid.addEventListener('zoom-tap', (event) => {
    const place = board.placeOf(/** @type {Element} */ (event.target));
    if (place !== null) tap(place, performance.now());
  });
}
