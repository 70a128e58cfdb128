// @ts-check
/** The list of cameras and their states: adding, discovering, editing, deleting. */
import { CameraCard, updateCard } from '../components/camera-card.js';
import { CameraForm } from '../components/camera-form.js';
import { ConfirmDialog } from '../components/confirm-dialog.js';
import { DiscoverPanel, refusalText } from '../components/discover-panel.js';
import { HealthCard } from '../components/health-card.js';
import { SnapshotLoader } from '../components/snapshot-loader.js';
import { problemOf } from '../lib/api.js';
import { parseCameraAddress } from '../lib/camera-address.js';
import { ago, counted } from '../lib/format.js';
import { Poller } from '../lib/poller.js';
import { cameraRecordingText } from '../lib/recording-text.js';
import { isRecorder } from '../lib/recordings-state.js';
import { byId, may, pageApi, showToast } from './page.js';
import { ServerRecording, watchAlerts } from './server-recording.js';

/** @typedef {import('../lib/api.js').Camera} Camera */

const POLL_BUSY_MS = 1000;
const POLL_MS = 4000;
const SNAPSHOT_MS = 60_000;

const api = pageApi();
const snapshots = new SnapshotLoader(api, { refreshMs: SNAPSHOT_MS });
const list = byId('list', HTMLElement);
const form = byId('camera-form', CameraForm);
const discoverPanel = byId('discover-panel', DiscoverPanel);
const healthCard = byId('health-card', HealthCard);
const confirmDialog = byId('confirm', ConfirmDialog);
const recording = new ServerRecording();

/** @type {Map<number, {item: HTMLElement, card: CameraCard, camera: Camera}>} */
const cards = new Map();
/** Cameras that are being deleted. An earlier request's answer must not bring them back. @type {Set<number>} */
const leaving = new Set();

const poller = new Poller(async () => {
  try {
    const cameras = await api.listCameras();
    byId('offline', HTMLElement).hidden = true;
    show(cameras);
    openNamedHealthCard();
    const busy = cameras.some((camera) => camera.status === 'connecting');
    if (document.hidden) return POLL_MS * 5;
    return busy ? POLL_BUSY_MS : POLL_MS;
  } catch (error) {
    byId('offline', HTMLElement).hidden = false;
    throw error;
  }
});

/** @param {Camera[]} cameras */
function show(cameras) {
  const shown = cameras.filter((camera) => !leaving.has(camera.id));
  list.querySelectorAll('.camera-skeleton').forEach((skeleton) => skeleton.remove());
  list.setAttribute('aria-busy', 'false');
  const ids = new Set(shown.map((camera) => camera.id));
  for (const [id, { item, card }] of cards) {
    if (ids.has(id)) continue;
    snapshots.remove(card.snapshot);
    item.remove();
    cards.delete(id);
  }
  shown.forEach((camera, index) => {
    const entry = cards.get(camera.id) ?? makeCard(camera);
    entry.camera = camera;
    const twin = cameras.find((other) => other.id === camera.same_device_as);
    updateCard(entry.card, camera, {
      href: `${document.body.dataset.viewer}${camera.id}`,
      recordings: `${document.body.dataset.recordings}${camera.id}`,
      twinName: twin ? twin.name || twin.host : null,
    });
    showRecording(entry);
    if (list.children[index] !== entry.item) list.insertBefore(entry.item, list.children[index] ?? null);
    snapshots.set(entry.card.snapshot, {
      cameraId: camera.id,
      profileToken: null,
      askDevice: camera.status === 'online',
      onShown: () => showAge(entry.card),
    });
  });
  recording.watch(shown.map(({ id }) => id));
  byId('count', HTMLElement).textContent = shown.length ? String(shown.length) : '';
  byId('empty-for-others', HTMLElement).hidden = may('manage');
  byId('empty', HTMLElement).hidden = shown.length > 0;
  byId('head', HTMLElement).hidden = shown.length === 0;
  byId('head-actions', HTMLElement).hidden = shown.length === 0;
  list.hidden = shown.length === 0;
}

/** @param {Camera} camera */
function makeCard(camera) {
  const item = document.createElement('li');
  const card = new CameraCard();
  item.append(card);
  list.append(item);
  const entry = { item, card, camera };
  cards.set(camera.id, entry);
  return entry;
}

/** Show the recording on the server, and the link to its recordings. @param {{card: CameraCard, camera: Camera}} entry */
function showRecording({ card, camera }) {
  const words = cameraRecordingText(recording.ofCamera(camera.id));
  card.recording = words;
  if (words && !isRecorder(camera)) card.setAttribute('recordings', `${document.body.dataset.recordings}${camera.id}`);
}

recording.addEventListener('changed', (event) => {
  const entry = cards.get(/** @type {CustomEvent<number>} */ (event).detail);
  if (entry) showRecording(entry);
});

list.addEventListener('camera-record', (event) => {
  const camera = cameraOf(event);
  if (camera) void recording.openRule(camera, null);
});

/** @param {CameraCard} card */
function showAge(card) {
  const taken = card.snapshot.takenAt;
  const oldMs = taken ? Date.now() - taken.getTime() : 0;
  card.age = taken && oldMs > 2 * SNAPSHOT_MS ? `Picture from ${ago(taken.getTime(), Date.now())}` : '';
}

/** @param {Event} event */
function cameraOf(event) {
  return cards.get(/** @type {CustomEvent<number>} */ (event).detail)?.camera ?? null;
}

list.addEventListener('camera-edit', (event) => {
  const camera = cameraOf(event);
  if (camera) form.openToEdit(camera);
});

list.addEventListener('camera-refresh', async (event) => {
  const camera = cameraOf(event);
  const card = camera && cards.get(camera.id)?.card;
  if (!camera || !card) return;
  card.setAttribute('busy', '');
  try {
    await api.refreshCamera(camera.id);
  } catch (error) {
    showToast(problemOf(error).detail, 'bad');
  } finally {
    card.removeAttribute('busy');
    poller.soon();
  }
});

/** Number of the newest request for the health card: the answers to earlier ones are about another camera. */
let newestHealth = 0;

/** @param {() => ReturnType<typeof api.health>} request */
async function fillHealthCard(request) {
  newestHealth += 1;
  const number = newestHealth;
  try {
    const card = await request();
    if (number === newestHealth) healthCard.fill(card);
  } catch (error) {
    if (number === newestHealth) healthCard.failed(error);
  }
}

list.addEventListener('camera-health', (event) => {
  const camera = cameraOf(event);
  if (camera) openHealthCard(camera);
});

/** @param {Camera} camera */
function openHealthCard(camera) {
  healthCard.openFor(camera.name || camera.host);
  void fillHealthCard(() => api.health(camera.id));
}

/** Open the health card that the page's address names, as in `/cameras#camera-3-health`, once. */
function openNamedHealthCard() {
  const id = Number(/^#camera-(\d+)-health$/.exec(window.location.hash)?.[1]);
  const camera = cards.get(id)?.camera;
  if (!camera) return;
  window.history.replaceState(window.history.state, '', window.location.pathname + window.location.search);
  openHealthCard(camera);
}

healthCard.addEventListener('certificate-accept', async (event) => {
  const { id, sha256 } = /** @type {CustomEvent<{id: number, sha256: string}>} */ (event).detail;
  await fillHealthCard(async () => {
    await api.acceptCertificate(id, sha256);
    return api.health(id);
  });
  poller.soon();
});

list.addEventListener('camera-delete', async (event) => {
  const camera = cameraOf(event);
  if (!camera) return;
  const name = camera.name || camera.host;
  const what = camera.pretend
    ? 'The pretend recorder is switched off, and its recordings on this server are deleted. You can start it again later.'
    : 'Its streams end. Its address, its password and its recordings on this server are deleted, also those that are kept. The device itself is not changed.';
  if (!(await confirmDialog.ask(`Delete ${name}?`, what))) return;
  leaving.add(camera.id);
  show([...cards.values()].map((entry) => entry.camera));
  try {
    await api.deleteCamera(camera.id);
    showToast(`${name} was deleted.`);
  } catch (error) {
    showToast(`${name} was not deleted. ${problemOf(error).detail}`, 'bad');
  } finally {
    leaving.delete(camera.id);
    poller.soon();
  }
});

form.addEventListener('camera-submit', async (event) => {
  const submission = /** @type {CustomEvent<import('../components/camera-form.js').Submission>} */ (event).detail;
  const { id, draft } = submission;
  try {
    const camera = id === null ? await api.addCamera(draft) : await api.updateCamera(id, draft);
    form.answered(submission);
    showToast(id === null ? `${camera.name || camera.host} was added.` : 'Saved.');
    poller.soon();
  } catch (error) {
    if (!form.answered(submission, error)) showToast(`The camera was not saved. ${problemOf(error).detail}`, 'bad');
  }
});

discoverPanel.addEventListener('discover-search', async (event) => {
  const signal = /** @type {CustomEvent<AbortSignal>} */ (event).detail;
  try {
    const devices = await api.discover(signal);
    if (!signal.aborted) discoverPanel.found(devices);
  } catch (error) {
    if (!signal.aborted) discoverPanel.failed(error);
  }
});

discoverPanel.addEventListener('discover-by-address', () => form.openToAdd());

discoverPanel.addEventListener('discover-add', async (event) => {
  const asked = /** @type {CustomEvent<import('../components/discover-panel.js').DevicesToAdd>} */ (event).detail;
  const { devices, username, password, signal } = asked;
  const results = await Promise.allSettled(devices.map((device) => api.addCamera({ ...addressOf(device), username, password })));
  const refused = devices.flatMap((device, at) => {
    const result = results[at];
    return result?.status === 'rejected' ? [{ device, error: result.reason }] : [];
  });
  const added = devices.length - refused.length;
  if (added) showToast(`${counted(added, 'device')} added.`);
  if (signal.aborted) for (const each of refused) showToast(refusalText(each), 'bad');
  poller.soon();
  discoverPanel.added(asked, refused);
});

/** @param {import('../lib/api.js').FoundDevice} device @returns {{address: string}|{host: string, port: number}} */
function addressOf(device) {
  const parsed = parseCameraAddress(device.address);
  return 'address' in parsed && parsed.address ? { address: parsed.address } : { host: device.host, port: device.port };
}

async function addPretendRecorder() {
  const button = byId('empty-pretend', HTMLButtonElement);
  button.disabled = true;
  button.classList.add('busy');
  try {
    await api.addPretendRecorder();
    poller.soon();
  } catch (error) {
    showToast(problemOf(error).detail, 'bad');
  } finally {
    button.disabled = false;
    button.classList.remove('busy');
  }
}

byId('add', HTMLElement).addEventListener('click', () => form.openToAdd());
byId('empty-add', HTMLElement).addEventListener('click', () => form.openToAdd());
byId('discover', HTMLElement).addEventListener('click', () => discoverPanel.search());
byId('empty-discover', HTMLElement).addEventListener('click', () => discoverPanel.search());
byId('empty-pretend', HTMLElement).addEventListener('click', () => void addPretendRecorder());

setInterval(() => cards.forEach(({ card }) => showAge(card)), 15_000);
document.addEventListener('visibilitychange', () => document.hidden || poller.soon());
window.addEventListener('online', () => poller.soon());
window.addEventListener('hashchange', openNamedHealthCard);
watchAlerts();
poller.start();
