// @ts-check
/**
 * The viewer page: one camera's channels, live, with the overview, the edit mode and the keys.
 *
 * From the page to the picture:
 *   viewer.js                      the chosen channel and quality, in the address
 *   viewer-address.js                     copies an address for another player
 *   viewer-camera.js, viewer-quality.js   the camera's status; the choice of quality
 *   viewer-keys.js, viewer-editing.js   the keys; the edit mode
 *   viewer-stage.js                the player's buttons, clock and messages
 *   ptz-control.js                 the camera controls, for channels that move
 *   components/channel-player.js   the media profile (lib/profile-choice.js), pause, fallback, the first snapshot
 *   lib/live-transport.js          socket or HLS; the media comes
 *     over the socket              lib/socket-session.js -> lib/live-socket.js -> one engine of live-engines.js:
 *                                  webcodecs-engine.js -> workers/live-decoder.js -> <video>, or
 *                                  mse-engine.js -> fragment-appender.js -> <video>
 *     over HLS                     lib/hls-session.js -> components/hls-engine.js -> hls.js -> <video>
 *   components/live-player.js      <live-player>: the <video> and its engine; reports if the picture moves
 */
import { ChannelGrid } from '../components/channel-grid.js';
import { SnapshotLoader } from '../components/snapshot-loader.js';
import { StageOverlay } from '../components/stage-overlay.js';
import { problemOf } from '../lib/api.js';
import { inOrder, neighbour, profileOf, visibleChannels } from '../lib/channels.js';
import { counted } from '../lib/format.js';
import { Poller } from '../lib/poller.js';
import { AGO_MS, MOMENT_MS, isRecorder, writeRecordingsState } from '../lib/recordings-state.js';
import { qualityChoice, readViewerState, writeViewerState } from '../lib/viewer-state.js';
import { byId, lazyModule, may, pageApi, pageData, rememberQuality, rememberedQuality, showToast } from './page.js';
import { PtzControl } from './ptz-control.js';
import { watchAlerts } from './server-recording.js';
import { offerAddress } from './viewer-address.js';
import { drawCamera, drawDeleted, drawProblem, healthAddress } from './viewer-camera.js';
import { ChannelEditing } from './viewer-editing.js';
import { handleKeys } from './viewer-keys.js';
import { drawQuality } from './viewer-quality.js';
import { ViewerRecording } from './viewer-recording.js';
import { ViewerStage } from './viewer-stage.js';

/** @typedef {import('../lib/api.js').Camera} Camera @typedef {import('../lib/api.js').Channel} Channel */

const POLL_BUSY_MS = 1000;
const POLL_MS = 15_000;
/**
 * How fresh the snapshots of the tiles are kept, by the rest of the page.
 *
 * @type {Record<'live'|'overview'|'nothing', import('../components/snapshot-loader.js').Pace>}
 */
const TILE_PACES = {
  live: { refreshMs: 300_000, settleMs: 60_000 },
  overview: { refreshMs: 20_000 },
  nothing: { refreshMs: 60_000 },
};
const NO_CHANNELS = 'The device lists no channels. It may still be starting; otherwise it needs a media profile in its own settings.';
/** The list of channels waits until the first frames are decoded, its snapshots until these are shown; at most so long. */
const LIST_WAIT_MS = 500;
const STILLS_WAIT_MS = 3000;
/** The states of recordings and the alerts wait for the first picture, at most so long. */
const RECORDING_WAIT_MS = 10_000;

const cameraId = Number(document.body.dataset.cameraId);
const api = pageApi();
const stage = new ViewerStage(api);
const snapshots = new SnapshotLoader(api, { ...TILE_PACES.nothing, isLinkThin: () => stage.isLinkThin });

const grid = byId('channels', ChannelGrid);
const dialogs = lazyModule(() => import('./viewer-dialogs.js'));
const editing = new ChannelEditing(api, cameraId, dialogs);
const form = byId('camera-form', HTMLElement);
const ptz = new PtzControl(api, byId('ptz', HTMLButtonElement), async (...texts) => {
  return (await dialogs.get())?.confirmDialog.ask(...texts) ?? false;
});

const recording = new ViewerRecording(cameraId);

offerAddress(api, cameraId, () => state.channel);

const state = readViewerState(window.location.search);
/** The first answers of the API, which stand in the page. @type {{camera: Camera, channels: Channel[]}|null} */
let firstAnswers = pageData();
/** @type {Camera|null} */
let camera = null;
/** @type {Channel[]} */
let channels = [];
let stopped = false;
let asleep = false;
/** The channel whose sub stream replaces its failing main stream. @type {number|null} */
let subAlone = null;

const livePicture = new Promise((resolve) => stage.addEventListener('settled', resolve, { once: true }));
// 'seeking' is the first sign of media: the player then seeks to the newest frame. While the browser decodes that, the
// main thread has little to do.
const firstMedia = new Promise((resolve) =>
  byId('player', HTMLElement).addEventListener('seeking', resolve, { capture: true, once: true }),
);
const listTurn = Promise.race([firstMedia, livePicture, pause(LIST_WAIT_MS)]);

grid.snapshots = snapshots;
grid.cameraId = cameraId;
snapshots.isHeld = state.view === 'single';
void Promise.race([livePicture, pause(STILLS_WAIT_MS)]).then(() => (snapshots.isHeld = false));
void Promise.race([livePicture, pause(RECORDING_WAIT_MS)]).then(() => {
  recording.start();
  watchAlerts();
});

// ── Loading the camera ─────────────────────────────────────────────────────────────────────────────────────────────

const poller = new Poller(async () => {
  try {
    if (firstAnswers) ({ camera, channels } = firstAnswers);
    else [camera, channels] = await Promise.all([api.getCamera(cameraId), api.channels(cameraId)]);
    firstAnswers = null;
  } catch (error) {
    if (problemOf(error).code !== 'not_found') throw error;
    drawDeleted();
    stage.stop();
    return POLL_MS;
  }
  updateStage();
  showCamera(camera);
  if (stage.isWanted) await listTurn; // the list's layout would delay the socket and the first frames
  showChannels();
  if (document.hidden) return POLL_MS * 4;
  return camera.status === 'connecting' || !channels.length ? POLL_BUSY_MS : POLL_MS;
});

/** @param {number} ms @returns {Promise<void>} */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** @param {Camera} now */
function showCamera(now) {
  drawCamera(now);
  grid.toggleAttribute('ask-device', now.status === 'online');
  const problem = now.status === 'online' ? null : now.error;
  stage.deviceProblem = channels.length ? null : problem;
  stage.deviceBusy = !channels.length && now.status === 'connecting';
  drawProblem(channels.length ? problem : null);
}

function showChannels() {
  const shown = visibleChannels(channels);
  grid.channels = shown;
  editing.channels = channels;
  const hidden = channels.length - shown.length;
  byId('channel-count', HTMLElement).textContent = channels.length ? String(shown.length) : '';
  byId('channel-actions', HTMLElement).hidden = !channels.length;
  const hint = byId('channel-hint', HTMLElement);
  if (!channels.length && camera?.status === 'connecting') hint.textContent = 'Reading the channels from the device';
  else if (!channels.length && camera?.status === 'online') hint.textContent = NO_CHANNELS;
  else if (!channels.length) hint.textContent = 'No channels are known yet.';
  else hint.textContent = hidden ? `${counted(hidden, 'channel')} hidden` : '';
}

// ── Choosing channel and stream ────────────────────────────────────────────────────────────────────────────────────

function currentChannel() {
  return channels.find((channel) => channel.channel === state.channel) ?? null;
}

function firstChannel() {
  const shown = visibleChannels(channels);
  return (shown.find((channel) => !channel.problem) ?? shown[0] ?? inOrder(channels)[0])?.channel ?? null;
}

/** Return the user's choice: for this channel, of the address, otherwise of this browser. */
function chosenQuality() {
  if (subAlone !== null && subAlone === state.channel) return 'sub';
  return state.quality ?? rememberedQuality();
}

/** Let the stage show the chosen channel, and play it unless the user has stopped it. */
function updateStage() {
  if (!channels.length) return;
  if (!currentChannel()) state.channel = firstChannel();
  const channel = currentChannel();
  if (!channel) return;
  stage.names = namesOf(channel);
  // First, because the server needs more time than the rest of the page.
  stage.setRequest({
    cameraId,
    number: channel.channel,
    channel,
    quality: chosenQuality(),
    convert: state.convert,
    transport: state.transport,
    isActive: state.view === 'single' && !stopped && !asleep,
  });
  grid.setAttribute('current', String(channel.channel));
  showNames(channel);
  showPtz();
  showQuality();
  snapshots.pace = TILE_PACES[state.view === 'grid' ? 'overview' : stage.isStarted ? 'live' : 'nothing'];
}

/** Offer the controls of a channel after its first live picture; they stay while the picture is interrupted. */
function showPtz() {
  const number = state.view === 'single' ? (currentChannel()?.channel ?? null) : null;
  if (number !== null && ptz.isShowing(cameraId, number)) return;
  const isLive = number !== null && stage.hasFrame;
  ptz.show(isLive ? { cameraId, number, place: byId('stage', HTMLElement), before: byId('overlay', HTMLElement) } : null);
}

/** @param {Channel} channel */
function showNames(channel) {
  showRecorded();
  recording.shown = camera && { camera, channel };
  byId('stage-channel', HTMLElement).textContent = `${channel.channel} · ${channel.name}`;
  document.title = `${channel.name} · ${cameraName()} · ONVIF Web Viewer`;
}

function cameraName() {
  return camera?.name || camera?.host || '';
}

/** Return the names for the file name of a snapshot. @param {Channel} channel */
function namesOf(channel) {
  const name = cameraName();
  return name === channel.name ? [name] : [name, channel.name];
}

/** Offer the recordings of this channel, of the device or of the server. */
function showRecorded() {
  byId('recorded', HTMLElement).hidden = !isRecorder(camera) && !recording.hasRule;
}

function showQuality() {
  const channel = currentChannel();
  if (channel) drawQuality(stage, channel, chosenQuality());
}

/** @param {Partial<import('../lib/viewer-state.js').ViewerState>} change @param {{push?: boolean}} [how] */
function updateState(change, { push = true } = {}) {
  Object.assign(state, change);
  const search = writeViewerState(state);
  updateStage();
  showView();
  if (search !== window.location.search) {
    const address = `${window.location.pathname}${search}`;
    if (push) window.history.pushState(null, '', address);
    else window.history.replaceState(null, '', address);
  }
}

/** @param {number|null} number */
function chooseChannel(number) {
  if (number === null) return;
  stopped = false;
  if (number !== subAlone) subAlone = null;
  updateState({ channel: number, view: 'single', convert: number === state.channel && state.convert });
}

/** @param {import('../lib/viewer-state.js').QualityChoice} quality */
function chooseQuality(quality) {
  const channel = currentChannel();
  if (!channel || ((quality === 'main' || quality === 'sub') && !profileOf(channel, quality))) return;
  stopped = false;
  stage.forgetCodecs();
  stage.forgetRefusal();
  subAlone = null;
  rememberQuality(quality);
  updateState({ channel: channel.channel, quality, convert: false }, { push: false });
  if (stage.chosenProfile?.isFallback && quality === 'main') byId('convert', HTMLElement).focus();
}

/** Play the sub stream of the present channel because its main stream fails; other channels keep the user's choice. */
function useSub() {
  stopped = false;
  subAlone = state.channel;
  stage.forgetCodecs();
  updateState({ convert: false }, { push: false });
}

// ── Overview and edit mode ─────────────────────────────────────────────────────────────────────────────────────────

function showView() {
  const overview = state.view === 'grid';
  byId('viewer', HTMLElement).dataset.view = state.view;
  byId('toggle-grid', HTMLElement).setAttribute('aria-pressed', String(overview));
  byId('toggle-grid-text', HTMLElement).textContent = overview ? 'Back to live' : 'Overview';
}

function toggleOverview() {
  if (document.fullscreenElement) void document.exitFullscreen();
  void editing.turn(false);
  updateState({ view: state.view === 'grid' ? 'single' : 'grid' });
}

async function showKeys() {
  (await dialogs.get())?.keysDialog.show();
}

editing.addEventListener('channels', (event) => {
  channels = /** @type {CustomEvent<Channel[]>} */ (event).detail;
  showChannels();
});
editing.addEventListener('sent', () => poller.soon());

// ── Keys, buttons, events ──────────────────────────────────────────────────────────────────────────────────────────

function escape() {
  if (stage.leaveZoom()) return;
  if (editing.isOn) void editing.turn(false);
  else if (state.view === 'grid') toggleOverview();
}

/** @type {Record<import('../lib/keys.js').KeyAction, () => void>} */
const ACTIONS = {
  toggle: () => stage.togglePlay(),
  fullscreen: () => void stage.toggleFullscreen(),
  mute: () => stage.toggleAudio(),
  snapshot: () => stage.saveSnapshot(),
  help: () => void showKeys(),
  escape,
  previous: () => chooseChannel(neighbour(channels, state.channel, -1)),
  next: () => chooseChannel(neighbour(channels, state.channel, 1)),
  grid: toggleOverview,
  live: () => stage.toLive(),
  quality: () => chooseQuality(stage.chosenProfile?.quality === 'main' ? 'sub' : 'main'),
  auto: () => chooseQuality('auto'),
  zoom_in: () => stage.zoomBy(1.4),
  zoom_out: () => stage.zoomBy(1 / 1.4),
  zoom_reset: () => void stage.leaveZoom(),
  recordings: () => openRecordings(MOMENT_MS),
  ago: () => openRecordings(AGO_MS),
  control: () => void ptz.toggle(),
};

/** Open this channel's recordings. @param {number} beforeMs time before the frame on screen */
function openRecordings(beforeMs) {
  if (byId('recorded', HTMLElement).hidden || !may('recordings')) return;
  const atMs = stage.frameMs - beforeMs;
  const query = writeRecordingsState({ channel: state.channel, atMs, fromMs: null, toMs: null });
  window.location.assign(`${document.body.dataset.recordings ?? ''}${cameraId}${query}`);
}

for (const [id, beforeMs] of /** @type {[string, number][]} */ ([
  ['ago', AGO_MS],
  ['moment', MOMENT_MS],
])) {
  byId(id, HTMLAnchorElement).addEventListener('click', (event) => {
    event.preventDefault();
    openRecordings(beforeMs);
  });
}

handleKeys(ACTIONS, {
  channelNumbers: () => visibleChannels(channels).map((channel) => channel.channel),
  chooseChannel,
});
byId('keys', HTMLElement).addEventListener('click', () => void showKeys());
byId('toggle-grid', HTMLElement).addEventListener('click', toggleOverview);
byId('edit-channels', HTMLElement).addEventListener('click', () => void editing.turn(!editing.isOn));
byId('convert', HTMLElement).addEventListener('click', () => {
  stopped = false;
  updateState({ channel: state.channel, quality: 'main', convert: true }, { push: false });
});
byId('quality', HTMLElement).addEventListener('click', (event) => {
  const quality = qualityChoice(event.target instanceof HTMLElement ? event.target.dataset.quality : null);
  if (quality) chooseQuality(quality);
});
grid.addEventListener('channel-chosen', (event) => chooseChannel(/** @type {CustomEvent<number>} */ (event).detail));
byId('overlay', StageOverlay).addEventListener('overlay-action', (event) => {
  const action = /** @type {CustomEvent<import('../lib/messages.js').Action>} */ (event).detail;
  if (action === 'retry' && stage.isWanted) stage.restart();
  else if (action === 'retry') void refreshCamera();
  else if (action === 'use_sub') useSub();
  else if (action === 'open_cameras') window.location.assign(document.body.dataset.home ?? '/');
  else if (action === 'compare_certificates') window.location.assign(healthAddress());
  else void editCamera();
});

async function editCamera() {
  const loaded = await dialogs.get();
  if (camera) loaded?.form.openToEdit(camera);
}

form.addEventListener('camera-submit', async (event) => {
  const submission = /** @type {CustomEvent<import('../components/camera-form.js').Submission>} */ (event).detail;
  try {
    await api.updateCamera(cameraId, submission.draft);
    dialogs.loaded?.form.answered(submission);
    poller.soon();
    stage.restart();
  } catch (error) {
    const isShown = dialogs.loaded?.form.answered(submission, error);
    if (!isShown) showToast(`The camera was not saved. ${problemOf(error).detail}`, 'bad');
  }
});

async function refreshCamera() {
  try {
    await api.refreshCamera(cameraId);
  } catch (error) {
    showToast(problemOf(error).detail, 'bad');
  }
  poller.soon();
}

stage.addEventListener('play-pressed', () => {
  stopped = false;
  updateStage();
});
stage.addEventListener('ended', () => {
  if (stopped) return;
  stopped = true;
  updateStage();
});
stage.addEventListener('profile', showQuality);
stage.addEventListener('settled', showPtz);
recording.addEventListener('changed', () => {
  showRecorded();
  grid.recorded = recording.recorded;
});
ptz.addEventListener('mode', () => void stage.leaveZoom());
stage.addEventListener('asleep', () => {
  asleep = true;
  updateStage();
});
stage.addEventListener('awake', () => {
  asleep = false;
  poller.soon();
  updateStage();
});
window.addEventListener('popstate', () => {
  Object.assign(state, readViewerState(window.location.search));
  stopped = false;
  showView();
  updateStage();
});

showView();
poller.start();
