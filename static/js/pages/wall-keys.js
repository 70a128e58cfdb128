// @ts-check
/** The keys of the wall. */
import { isDigit, numberTyping, wallActionOf } from '../lib/keys.js';
import { AGO_MS, MOMENT_MS } from '../lib/recordings-state.js';
import { neighbourOf } from '../lib/wall-layout.js';

/**
 * @typedef {import('../lib/keys.js').WallAction} WallAction
 * @typedef {import('../lib/wall-layout.js').Direction} Direction
 */

const ZOOM_STEP = 1.4;

/**
 * @param {import('./wall-board.js').WallBoard} board
 * @param {import('./wall-arrangement.js').WallArrangement} arrangement
 * @param {import('./wall-popups.js').WallPopups} popups
 * @param {{toggleFullscreen: () => Promise<void>, toggleControl: () => Promise<void>}} page
 */
export function handleKeys(board, arrangement, popups, { toggleFullscreen, toggleControl }) {
  const typeDigit = numberTyping(
    () => Array.from({ length: arrangement.view.layout }, (_, place) => place + 1),
    (number) => choosePlace(number - 1),
  );

  /** @param {number} place */
  function choosePlace(place) {
    const { full, tiles } = arrangement.view;
    if (full !== null && tiles[place]) arrangement.moveFull(place);
    else board.choose(place, { focus: true });
  }

  function escape() {
    if (board.alone?.leaveZoom()) return;
    if (arrangement.full !== null) arrangement.setFull(null);
    else if (popups.isPickerOpen) popups.closePicker();
  }

  /** @type {Record<Exclude<WallAction, Direction>, () => void>} */
  const actions = {
    full: () => arrangement.toggleFull(board.chosen),
    escape,
    remove: () => arrangement.remove(board.chosen),
    toggle: () => board.alone?.togglePlay(),
    zoom_in: () => board.alone?.zoomBy(ZOOM_STEP),
    zoom_out: () => board.alone?.zoomBy(1 / ZOOM_STEP),
    zoom_reset: () => void board.alone?.leaveZoom(),
    mute: () => void popups.withMenu((menu) => menu.toggleAudio(board.chosen)),
    snapshot: () => void popups.withMenu((menu) => menu.saveSnapshot(board.chosen)),
    ago: () => void popups.withMenu((menu) => menu.openRecordings(board.chosen, AGO_MS)),
    recordings: () => void popups.withMenu((menu) => menu.openRecordings(board.chosen, MOMENT_MS)),
    fullscreen: () => void toggleFullscreen(),
    control: () => void toggleControl(),
    picker: () => popups.togglePicker(),
    help: () => void popups.showKeys(),
  };

  document.addEventListener('keydown', (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (document.querySelector('dialog[open]') || event.defaultPrevented) return;
    if (event.key === 'Escape' && popups.closeAwaitedMenu()) return;
    if (event.key === 'Escape' && target?.closest('channel-picker')) {
      popups.closePicker();
      return;
    }
    if (target?.closest('input, textarea, select')) return;
    if (isDigit(event)) {
      typeDigit(event.key);
      return;
    }
    const action = wallActionOf(event);
    // A focused button or link handles Enter and Space itself.
    if (!action || (['Enter', ' '].includes(event.key) && target?.closest('button, a'))) return;
    if (action === 'toggle' && !board.alone) return;
    if (action === 'left' || action === 'right' || action === 'up' || action === 'down') {
      event.preventDefault();
      walk(board, arrangement, action, { takesAlong: event.shiftKey });
      return;
    }
    if (event.repeat) return;
    event.preventDefault();
    actions[action]();
  });
}

/**
 * Choose the neighbour of the chosen tile, or fill the page with it.
 *
 * @param {import('./wall-board.js').WallBoard} board
 * @param {import('./wall-arrangement.js').WallArrangement} arrangement
 * @param {Direction} direction
 * @param {{takesAlong: boolean}} how `takesAlong`: the tile moves, too
 */
function walk(board, arrangement, direction, { takesAlong }) {
  const { layout, full } = arrangement.view;
  if (full !== null && takesAlong) return;
  const from = board.chosen;
  const to = neighbourOf(layout, from, direction);
  if (to === from) return;
  if (takesAlong) arrangement.swap(from, to);
  if (full !== null) arrangement.moveFull(to);
  else board.choose(to, { focus: true });
}
