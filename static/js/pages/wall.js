// @ts-check
/** The wall page: live channels of all cameras in tiles. The page's state is in its address. */
import { copied, setAttribute, setText } from '../components/dom.js';
import { nameOf } from '../components/live-tile.js';
import { TileDrag } from '../components/tile-drag.js';
import { problemOf } from '../lib/api.js';
import { DigitKeys, wallActionOf } from '../lib/keys.js';
import { Poller } from '../lib/poller.js';
import { AGO_MS, MOMENT_MS } from '../lib/recordings-state.js';
import { MOST_TILES, fitted, isLayout, layoutFor, nextPlace, neighbourOf, placed, swapped } from '../lib/wall-layout.js';
import { defaultTiles, readWallState, visibleTiles, withQuality, writeWallState } from '../lib/wall-state.js';
import { WallsApi } from '../lib/walls-api.js';
import { hideBarsAtRest } from './attention.js';
import { LaterPart, byId, httpParts, pageApi, pageData, remember, remembered, showToast } from './page.js';
import { WallBoard } from './wall-board.js';
import { SavedWalls } from './wall-saved.js';

/**
 * @typedef {import('../lib/wall-state.js').Tile} Tile
 * @typedef {import('../lib/wall-layout.js').Direction} Direction
 * @typedef {{tile: Tile, place: number|null}} Taken `place`: its place on the wall; null: from the picker
 */

const POLL_BUSY_MS = 1000;
const POLL_MS = 15_000;
const DIGIT_MS = 900;
const TAP_MS = 350;
const ZOOM_STEP = 1.4;
const LAST_WALL = 'wall';

const api = pageApi();
const wallsApi = new WallsApi(document.body.dataset.walls ?? '', httpParts());
const board = new WallBoard(api);
const saved = new SavedWalls(wallsApi, () => currentView());
const panels = new LaterPart(loadPanels);
const picker = byId('picker', HTMLElement);
const digits = new DigitKeys();

let state = readWallState(window.location.search || remembered(LAST_WALL) || '');
/** The user's tiles. Tiles beyond a smaller layout are kept: a larger one shows them again. @type {(Tile|null)[]} */
let tiles = state.tiles ?? [];
/** The first answers of the API, which stand in the page. @type {import('./wall-board.js').Known|null} */
let firstAnswers = pageData();
/** @type {import('./wall-board.js').Known} */
let known = [];
let isKnown = false;
/** @type {ReturnType<typeof setTimeout>|null} */
let digitTimer = null;
let tappedMs = -TAP_MS;

// ── Loading cameras and saved walls ────────────────────────────────────────────────────────────────────────────────

const poller = new Poller(async () => {
  known = firstAnswers ?? (await askAll());
  firstAnswers = null;
  isKnown = true;
  void openSavedWall();
  board.known = known;
  if (panels.loaded) panels.loaded.picker.known = known;
  show();
  if (document.hidden) return POLL_MS * 4;
  const busy = known.some(({ camera, channels }) => camera.status === 'connecting' && !channels?.length);
  return busy ? POLL_BUSY_MS : POLL_MS;
});

async function askAll() {
  const cameras = await api.listCameras();
  return Promise.all(
    cameras.map(async (camera) => {
      const before = known.find((each) => each.camera.id === camera.id)?.channels ?? null;
      return { camera, channels: await api.channels(camera.id).catch(() => before) };
    }),
  );
}

async function openSavedWall() {
  if (state.wallId === null || saved.current?.id === state.wallId) return;
  try {
    const wall = await wallsApi.wall(state.wallId);
    saved.current = wall;
    if (!state.tiles) tiles = wall.tiles;
  } catch (error) {
    const isGone = problemOf(error).code === 'not_found';
    if (!isGone) return; // tried again with the next list of cameras
    showToast('This layout does not exist, or it belongs to another user.', 'bad');
    state.wallId = null;
  }
  show();
}

// ── Display ────────────────────────────────────────────────────────────────────────────────────────────────────────

function camerasNow() {
  return known.map(({ camera, channels }) => ({ id: camera.id, channels: channels ?? [] }));
}

/** @returns {import('./wall-board.js').WallView} */
function currentView() {
  const all = state.tiles ? tiles : (saved.current?.tiles ?? defaultTiles(camerasNow()));
  const layout = state.layout ?? saved.current?.layout ?? layoutFor(all.length);
  const full = state.full !== null && state.full < layout ? state.full : null;
  return { layout, tiles: fitted(all, layout), full };
}

function show() {
  // A wall without tiles of its own shows all channels: wait for them instead of showing empty tiles.
  const isWaiting = !state.tiles && !saved.current && (!isKnown || state.wallId !== null);
  const isEmpty = isKnown && !known.length;
  byId('wall-waiting', HTMLElement).hidden = !isWaiting;
  byId('wall-empty', HTMLElement).hidden = !isEmpty;
  byId('wall-grid', HTMLElement).hidden = isWaiting || isEmpty;
  if (isWaiting) return;
  const shown = currentView();
  board.show(shown);
  for (const button of byId('layouts', HTMLElement).querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(Number(button.dataset.layout) === shown.layout));
  }
  setText(byId('wall-name-shown', HTMLElement), saved.current ? `${saved.current.name}${saved.isChanged ? ' *' : ''}` : 'Layouts');
  setAttribute(byId('open-walls', HTMLElement), 'data-plain', saved.current === null);
  showLeftOut(shown);
  const full = shown.full === null ? null : board.at(shown.full);
  document.title = `${[full && nameOf(full.content), saved.current?.name, 'Wall'].filter(Boolean).join(' · ')} · ONVIF Web Viewer`;
}

/**
 * Show how many of all channels are on the wall, unless the user has arranged it.
 *
 * @param {import('./wall-board.js').WallView} shown
 */
function showLeftOut({ tiles: shown }) {
  const button = byId('left-out', HTMLElement);
  const all = visibleTiles(camerasNow()).length;
  const count = shown.filter(Boolean).length;
  button.hidden = state.tiles !== null || saved.current !== null || count >= all;
  setText(button, `${count} of ${all}`);
  setAttribute(button, 'aria-label', `${count} of ${all} channels are shown: choose others`);
}

/** @param {Partial<import('../lib/wall-state.js').WallState>} change @param {{push?: boolean}} [how] */
function updateState(change, { push = false } = {}) {
  state = { ...state, ...change };
  const search = writeWallState({ ...state, tiles: state.tiles && fitted(tiles, currentView().layout) });
  if (search !== window.location.search) {
    const address = `${window.location.pathname}${search}`;
    if (push) window.history.pushState(null, '', address);
    else window.history.replaceState(null, '', address);
  }
  remember(LAST_WALL, writeWallState({ ...readWallState(search), full: null }));
  show();
}

/** @param {(Tile|null)[]} next @param {Partial<import('../lib/wall-state.js').WallState>} [also] */
function arrange(next, also = {}) {
  const { layout } = currentView();
  tiles = next.slice(0, MOST_TILES);
  updateState({ layout, tiles, ...also });
}

/** Return the tiles of all places, those beyond the layout included. */
function allTiles() {
  return state.tiles ? tiles : [...currentView().tiles];
}

/** @param {number} layout */
function chooseLayout(layout) {
  if (!isLayout(layout)) return;
  const whole = state.tiles ?? saved.current?.tiles ?? null;
  if (whole && !state.tiles) tiles = [...whole];
  updateState({ layout, tiles: whole && tiles, full: null }, { push: true });
}

/** @param {number|null} place */
function setFull(place) {
  if (place === currentView().full || (place !== null && !board.at(place)?.content)) return;
  updateState({ full: place }, { push: true });
}

/** @param {number} place */
function toggleFull(place) {
  setFull(currentView().full === null ? place : null);
}

/** @param {Tile} tile @param {number} place */
function put(tile, place) {
  arrange(placed(allTiles(), place, tile));
}

/** @param {number} place */
function remove(place) {
  if (currentView().tiles[place]) arrange(placed(allTiles(), place, null), { full: null });
}

// ── Choosing, dragging, the menu ───────────────────────────────────────────────────────────────────────────────────

async function loadPanels() {
  const { connect, keysDialog, picker: channels } = await import('./wall-panels.js');
  const menu = connect(api, board);
  menu.addEventListener('full', (event) => toggleFull(/** @type {CustomEvent<number>} */ (event).detail));
  menu.addEventListener('remove', (event) => remove(/** @type {CustomEvent<number>} */ (event).detail));
  menu.addEventListener('pick', () => void openPicker());
  menu.addEventListener('quality', (event) => {
    const { place, quality } = /** @type {CustomEvent<{place: number, quality: import('../lib/tile-facts.js').TileQuality}>} */ (event)
      .detail;
    chooseQuality(place, quality);
  });
  channels.known = known;
  return { keysDialog, menu, picker: channels };
}

/** @param {(menu: import('./wall-menu.js').WallMenu) => void} work */
async function withMenu(work) {
  const loaded = await panels.get();
  if (loaded) work(loaded.menu);
}

async function showKeys() {
  (await panels.get())?.keysDialog.show();
}

async function openPicker() {
  const loaded = await panels.get();
  if (!loaded) return;
  setFull(null);
  loaded.picker.open();
  showPicking(true);
}

function closePicker() {
  const hadFocus = picker.contains(document.activeElement);
  picker.hidden = true;
  if (hadFocus) board.choose(board.chosen, { focus: true });
  showPicking(false);
}

/** @param {boolean} isOpen */
function showPicking(isOpen) {
  setAttribute(byId('wall', HTMLElement), 'data-picking', isOpen);
  byId('toggle-picker', HTMLElement).setAttribute('aria-pressed', String(isOpen));
}

function togglePicker() {
  if (picker.hidden) void openPicker();
  else closePicker();
}

picker.addEventListener('channel-picked', (event) => {
  const place = board.chosen;
  put(/** @type {CustomEvent<Tile>} */ (event).detail, place);
  board.choose(nextPlace(currentView().tiles, place));
});
picker.addEventListener('picker-closed', closePicker);

/** @param {number} place @param {{x: number, y: number}} at */
function openMenu(place, at) {
  board.choose(place);
  void withMenu((menu) => menu.open(place, at, { isFull: currentView().full !== null }));
}

new TileDrag(byId('wall', HTMLElement), {
  take(pressed, isFinger) {
    if (pressed.closest('[data-part="menu"], [data-part="play"], input')) return null;
    const picked = picker.contains(pressed) ? (panels.loaded?.picker.channelAt(pressed) ?? null) : null;
    if (picked) return { source: picked.source, label: picked.label, what: /** @type {Taken} */ ({ tile: picked.tile, place: null }) };
    const place = board.placeOf(pressed);
    const source = place === null ? null : board.at(place);
    if (place === null || !source?.content || source.isZoomed) return null;
    // A tile that fills the page cannot be dragged, but a long press opens its menu.
    if (currentView().full !== null && !isFinger) return null;
    return { source, label: nameOf(source.content), what: { tile: source.content.tile, place } };
  },
  targetAt(under) {
    const place = board.placeOf(under);
    return place === null || currentView().full !== null ? null : board.at(place);
  },
  onDrop({ tile, place }, under) {
    const to = board.placeOf(under);
    if (currentView().full !== null) return;
    if (to !== null && place !== null) arrange(swapped(allTiles(), place, to));
    else if (to !== null) put(tile, to);
    else if (place !== null && !byId('wall-grid', HTMLElement).contains(under)) remove(place);
    if (to !== null) board.choose(to);
  },
  onHold({ place }, at) {
    if (place !== null) openMenu(place, at);
  },
});

const grid = byId('wall-grid', HTMLElement);
grid.addEventListener('contextmenu', (event) => {
  const place = board.placeOf(/** @type {Element} */ (event.target));
  if (place === null) return;
  event.preventDefault();
  // TileDrag handles the long press of a finger, because it may become a drag.
  if (event instanceof PointerEvent && event.pointerType === 'touch') return;
  const box = board.at(place)?.getBoundingClientRect() ?? new DOMRect();
  const byKey = event.clientX === 0 && event.clientY === 0;
  openMenu(place, byKey ? { x: box.left + 16, y: box.top + 32 } : { x: event.clientX, y: event.clientY });
});
grid.addEventListener('click', (event) => {
  const target = /** @type {Element} */ (event.target);
  const place = board.placeOf(target);
  if (place === null) return;
  const button = target.closest('[data-part="menu"]');
  if (button) {
    const box = button.getBoundingClientRect();
    openMenu(place, { x: box.left, y: box.bottom + 4 });
    return;
  }
  board.choose(place, { focus: true });
  if (target.closest('[data-part="play"]')) board.at(place)?.togglePlay();
  else if (target.closest('[data-part="empty"]')) void openPicker();
  else if (event instanceof PointerEvent && event.pointerType === 'touch' && picker.hidden) tap(place, event.timeStamp);
});
// A double click or double tap. The double tap leaves a zoomed tile, where a single tap does nothing.
grid.addEventListener('zoom-tap', (event) => {
  const place = board.placeOf(/** @type {Element} */ (event.target));
  const nowMs = performance.now();
  if (place === null || nowMs - tappedMs < TAP_MS) return;
  tappedMs = nowMs;
  toggleFull(place);
});

/**
 * A single tap of a finger fills the page. The second tap of a double tap is ignored, so that it does not go back.
 *
 * @param {number} place
 * @param {number} ms time stamp of the tap
 */
function tap(place, ms) {
  if (ms - tappedMs < TAP_MS || board.at(place)?.isZoomed) return;
  tappedMs = ms;
  toggleFull(place);
}

/** @param {number} place @param {import('../lib/tile-facts.js').TileQuality} quality */
function chooseQuality(place, quality) {
  const tile = currentView().tiles[place];
  if (!tile) return;
  arrange(placed(allTiles(), place, withQuality(tile, quality)));
  board.at(place)?.retry();
}

// ── Saved walls ────────────────────────────────────────────────────────────────────────────────────────────────────

saved.addEventListener('open', (event) => {
  const wall = /** @type {CustomEvent<import('../lib/walls-api.js').Wall|null>} */ (event).detail;
  tiles = [...(wall?.tiles ?? [])];
  updateState({ layout: null, tiles: null, full: null, wallId: wall?.id ?? null }, { push: true });
});
saved.addEventListener('saved', (event) => {
  const { id } = /** @type {CustomEvent<import('../lib/walls-api.js').Wall>} */ (event).detail;
  updateState({ layout: null, tiles: null, wallId: id });
});
saved.addEventListener('renamed', show);
saved.addEventListener('deleted', () => arrange(allTiles(), { wallId: null }));

async function copyLink() {
  // The link lists the tiles, because other users may not open a saved wall of this user.
  const shown = currentView();
  const url = new URL(window.location.pathname, window.location.href);
  url.search = writeWallState({ ...shown, tiles: [...shown.tiles], wallId: null });
  if (await copied(url.href.replaceAll('%2C', ',')))
    showToast('Link copied. It shows these channels to users who have permission to see them.');
  else showToast('The browser does not allow copying. Copy the link from the address bar.', 'bad');
}

// ── Keys and buttons ───────────────────────────────────────────────────────────────────────────────────────────────

async function toggleFullscreen() {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await byId('wall', HTMLElement).requestFullscreen();
  } catch {
    showToast('The browser does not allow full screen here.', 'bad');
  }
}

function escape() {
  if (board.alone?.leaveZoom()) return;
  if (currentView().full !== null) setFull(null);
  else if (!picker.hidden) closePicker();
}

/** @param {Direction} direction @param {boolean} takesAlong true: the tile moves, too */
function walk(direction, takesAlong) {
  const { layout, full } = currentView();
  if (full !== null && takesAlong) return;
  const from = board.chosen;
  const to = neighbourOf(layout, from, direction);
  if (to === from) return;
  if (takesAlong) arrange(swapped(allTiles(), from, to));
  if (full !== null && board.at(to)?.content) updateState({ full: to });
  else if (full === null) board.choose(to, { focus: true });
}

/** @type {Record<Exclude<import('../lib/keys.js').WallAction, Direction>, () => void>} */
const ACTIONS = {
  full: () => toggleFull(board.chosen),
  escape,
  remove: () => remove(board.chosen),
  toggle: () => board.alone?.togglePlay(),
  zoom_in: () => board.alone?.zoomBy(ZOOM_STEP),
  zoom_out: () => board.alone?.zoomBy(1 / ZOOM_STEP),
  zoom_reset: () => void board.alone?.leaveZoom(),
  mute: () => void withMenu((menu) => menu.toggleAudio(board.chosen)),
  snapshot: () => void withMenu((menu) => void menu.saveSnapshot(board.chosen)),
  ago: () => void withMenu((menu) => menu.openRecordings(board.chosen, AGO_MS)),
  recordings: () => void withMenu((menu) => menu.openRecordings(board.chosen, MOMENT_MS)),
  fullscreen: () => void toggleFullscreen(),
  picker: togglePicker,
  help: () => void showKeys(),
};

document.addEventListener('keydown', (event) => {
  const target = event.target instanceof Element ? event.target : null;
  if (document.querySelector('dialog[open]') || event.defaultPrevented) return;
  if (event.key === 'Escape' && target?.closest('channel-picker')) {
    closePicker();
    return;
  }
  if (target?.closest('input, textarea, select')) return;
  if (/^\d$/.test(event.key) && !event.ctrlKey && !event.altKey && !event.metaKey) {
    typeDigit(event.key);
    return;
  }
  const action = wallActionOf(event);
  // A focused button or link handles Enter and Space itself.
  if (!action || (['Enter', ' '].includes(event.key) && target?.closest('button, a'))) return;
  if (action === 'toggle' && !board.alone) return;
  if (action === 'left' || action === 'right' || action === 'up' || action === 'down') {
    event.preventDefault();
    walk(action, event.shiftKey);
    return;
  }
  if (event.repeat) return;
  event.preventDefault();
  ACTIONS[action]();
});

/** @param {string} digit */
function typeDigit(digit) {
  if (digitTimer !== null) clearTimeout(digitTimer);
  const places = Array.from({ length: currentView().layout }, (_, place) => place + 1);
  const wanted = digits.feed(digit, places);
  if (wanted !== null) choosePlace(wanted);
  else digitTimer = setTimeout(() => choosePlace(digits.due(places)), DIGIT_MS);
}

/** @param {number|null} number from 1 */
function choosePlace(number) {
  if (number === null) return;
  const place = number - 1;
  if (currentView().full !== null && board.at(place)?.content) updateState({ full: place });
  else board.choose(place, { focus: true });
}

byId('layouts', HTMLElement).addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('button') : null;
  if (button) chooseLayout(Number(button.dataset.layout));
});
for (const [id, work] of /** @type {[string, () => void][]} */ ([
  ['toggle-picker', togglePicker],
  ['left-out', () => void openPicker()],
  ['open-walls', () => saved.show()],
  ['copy-link', () => void copyLink()],
  ['keys', () => void showKeys()],
  ['fullscreen', () => void toggleFullscreen()],
  ['back-to-all', () => setFull(null)],
])) {
  byId(id, HTMLElement).addEventListener('click', work);
}
document.addEventListener('fullscreenchange', () => {
  const isFull = document.fullscreenElement !== null;
  setAttribute(byId('wall', HTMLElement), 'data-fullscreen', isFull);
  byId('fullscreen', HTMLElement).setAttribute('aria-label', isFull ? 'Leave full screen' : 'Full screen');
});
hideBarsAtRest(byId('wall', HTMLElement));
board.addEventListener('awake', () => poller.soon());
window.addEventListener('popstate', () => {
  state = readWallState(window.location.search);
  tiles = state.tiles ?? [];
  if (state.wallId !== saved.current?.id) saved.current = null;
  show();
  void openSavedWall();
});

if (!window.location.search) updateState({});
show();
void openSavedWall();
poller.start();
