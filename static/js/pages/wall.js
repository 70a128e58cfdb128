// @ts-check
/**
 * The wall page: live channels of all cameras in tiles.
 *
 * From the page to the picture:
 *   wall.js                        loads the cameras and draws the bars; wall-keys.js and wall-pointer.js take the input
 *   wall-arrangement.js            which channel is at which place, in the address
 *   wall-board.js                  which tiles play; one <live-tile> (components/live-tile.js) for each place
 *   components/channel-player.js   plays a tile's channel, as on the viewer page (see viewer.js)
 *   wall-popups.js                 opens wall-panels.js: the tiles' menu (wall-menu.js), the picker, the list of keys
 */
import { ConfirmDialog } from '../components/confirm-dialog.js';
import { copied, setAttribute, setText } from '../components/dom.js';
import { nameOf } from '../components/live-tile.js';
import { Poller } from '../lib/poller.js';
import { qualityChoice } from '../lib/viewer-state.js';
import { WallsApi } from '../lib/walls-api.js';
import { hideBarsAtRest } from './attention.js';
import { byId, httpOptions, pageApi, pageData, showToast, whenIdle } from './page.js';
import { PtzControl } from './ptz-control.js';
import { watchAlerts } from './server-recording.js';
import { WallArrangement } from './wall-arrangement.js';
import { WallBoard } from './wall-board.js';
import { handleKeys } from './wall-keys.js';
import { handlePointer } from './wall-pointer.js';
import { WallPopups } from './wall-popups.js';
import { SavedWalls } from './wall-saved.js';

const POLL_BUSY_MS = 1000;
const POLL_MS = 15_000;
const LOOK_MS = 500;
/** The states of recordings and the alerts wait for the first pictures, at most so long. */
const RECORDING_WAIT_MS = 10_000;

const api = pageApi();
const wallsApi = new WallsApi(document.body.dataset.walls ?? '', httpOptions());
const board = new WallBoard(api);
const saved = new SavedWalls(wallsApi, () => arrangement.view);
const arrangement = new WallArrangement(wallsApi, saved);
const popups = new WallPopups(api, board, arrangement);
const ptz = new PtzControl(api, byId('ptz', HTMLButtonElement), (...texts) => byId('confirm', ConfirmDialog).ask(...texts));

/** The first answers of the API, which stand in the page. @type {import('./wall-board.js').Known|null} */
let firstAnswers = pageData();
/** @type {import('./wall-board.js').Known} */
let known = [];
let isKnown = false;
let isPictured = false;

// ── Loading the cameras ────────────────────────────────────────────────────────────────────────────────────────────

const poller = new Poller(async () => {
  known = firstAnswers ?? (await askAll());
  firstAnswers = null;
  isKnown = true;
  arrangement.known = known;
  void arrangement.loadSavedWall();
  board.known = known;
  popups.known = known;
  if (isPictured) watchRecording();
  draw();
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

function watchRecording() {
  board.recording.watch(known.map(({ camera }) => camera.id));
}

/** Begin with the requests that wait for the first pictures. */
function beginRecording() {
  if (isPictured) return;
  isPictured = true;
  watchRecording();
  watchAlerts();
}

// ── Display ────────────────────────────────────────────────────────────────────────────────────────────────────────

function draw() {
  // A wall without chosen tiles shows all channels: wait for them instead of showing empty tiles.
  const { isLoading } = arrangement;
  const isWaiting = isLoading || (arrangement.isDefault && !isKnown);
  const isEmpty = isKnown && !known.length;
  byId('wall-waiting', HTMLElement).hidden = !isWaiting;
  byId('wall-empty', HTMLElement).hidden = !isEmpty;
  byId('wall-grid', HTMLElement).hidden = isWaiting || isEmpty;
  byId('save-wall', HTMLElement).hidden = isLoading;
  for (const id of ['copy-link', 'toggle-picker']) byId(id, HTMLButtonElement).disabled = isLoading;
  for (const button of byId('layouts', HTMLElement).querySelectorAll('button')) button.disabled = isLoading;
  if (isWaiting) return;
  const { view, quality } = arrangement;
  board.quality = quality;
  board.setView(view);
  for (const button of byId('quality', HTMLElement).querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(button.dataset.quality === quality));
  }
  for (const button of byId('layouts', HTMLElement).querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(Number(button.dataset.layout) === view.layout));
  }
  setText(byId('wall-name-shown', HTMLElement), saved.current ? `${saved.current.name}${saved.isChanged ? ' *' : ''}` : 'Layouts');
  setAttribute(byId('open-walls', HTMLElement), 'data-plain', saved.current === null);
  drawLeftOut(view.tiles.filter(Boolean).length);
  showPtz();
  const full = view.full === null ? null : board.at(view.full);
  document.title = `${[full && nameOf(full.content), saved.current?.name, 'Wall'].filter(Boolean).join(' · ')} · ONVIF Web Viewer`;
}

/** Offer the controls of the tile that fills the page after its first live picture. */
function showPtz() {
  const tile = board.alone;
  const { cameraId, channel: number } = tile?.content?.tile ?? {};
  if (!tile || cameraId === undefined || number === undefined) ptz.show(null);
  else if (tile.hasFrame || ptz.isShowing(cameraId, number)) ptz.show({ cameraId, number, place: tile, before: null });
  else ptz.show(null);
}

/** Show how many of all channels are on the wall, unless the user has arranged it. @param {number} count */
function drawLeftOut(count) {
  const button = byId('left-out', HTMLElement);
  const all = arrangement.channelCount;
  button.hidden = !arrangement.isDefault || count >= all;
  setText(button, `${count} of ${all}`);
  setAttribute(button, 'aria-label', `${count} of ${all} channels are shown: choose others`);
}

// ── Buttons, keys, pointer ─────────────────────────────────────────────────────────────────────────────────────────

async function copyLink() {
  if (await copied(arrangement.linkToTiles())) showToast('Link copied. It shows these channels to users who have permission to see them.');
  else showToast('The browser does not allow copying. Copy the link from the address bar.', 'bad');
}

async function toggleFullscreen() {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await byId('wall', HTMLElement).requestFullscreen();
  } catch {
    showToast('The browser does not allow full screen here.', 'bad');
  }
}

byId('layouts', HTMLElement).addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('button') : null;
  if (button) arrangement.chooseLayout(Number(button.dataset.layout));
});
byId('quality', HTMLElement).addEventListener('click', (event) => {
  const quality = qualityChoice(event.target instanceof HTMLElement ? event.target.dataset.quality : null);
  if (quality) arrangement.chooseWallQuality(quality);
});
for (const [id, work] of /** @type {[string, () => void][]} */ ([
  ['toggle-picker', () => popups.togglePicker()],
  ['left-out', () => void popups.openPicker()],
  ['open-walls', () => saved.show()],
  ['copy-link', () => void copyLink()],
  ['keys', () => void popups.showKeys()],
  ['fullscreen', () => void toggleFullscreen()],
  ['back-to-all', () => arrangement.setFull(null)],
])) {
  byId(id, HTMLElement).addEventListener('click', work);
}
document.addEventListener('fullscreenchange', () => {
  const isFull = document.fullscreenElement !== null;
  setAttribute(byId('wall', HTMLElement), 'data-fullscreen', isFull);
  byId('fullscreen', HTMLElement).setAttribute('aria-label', isFull ? 'Leave full screen' : 'Full screen');
});
handleKeys(board, arrangement, popups, { toggleFullscreen, toggleControl: () => ptz.toggle() });
handlePointer(board, arrangement, popups);
hideBarsAtRest(byId('wall', HTMLElement));

// ── Start ──────────────────────────────────────────────────────────────────────────────────────────────────────────

board.addEventListener('awake', () => poller.soon());
board.addEventListener('settled', () => whenIdle(() => popups.prepare()), { once: true });
board.addEventListener('settled', beginRecording, { once: true });
setTimeout(beginRecording, RECORDING_WAIT_MS);
ptz.addEventListener('mode', () => void board.alone?.leaveZoom());
setInterval(showPtz, LOOK_MS);
saved.addEventListener('renamed', draw);
arrangement.addEventListener('change', draw);
draw();
arrangement.start();
poller.start();
