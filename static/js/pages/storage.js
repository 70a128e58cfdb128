// @ts-check
/** The storage page: the disks, the recorded channels with what the disks will hold of them, and the kept parts. */
import { ConfirmDialog } from '../components/confirm-dialog.js';
import { cloneTemplate, part, setText } from '../components/dom.js';
import { fileSize } from '../lib/format.js';
import { problemOf } from '../lib/http.js';
import { shortTime } from '../lib/recording-text.js';
import { writeRecordingsState } from '../lib/recordings-state.js';
import {
  channelDays,
  keptUntil,
  rangeTimes,
  serversOf,
  silentText,
  volumeForecast,
  volumeParts,
  volumeSpace,
  volumeWords,
} from '../lib/storage-text.js';
import { byId, pageApi, showToast } from './page.js';
import { pagePoller } from './page-poller.js';
import { watchBackfills } from './storage-backfills.js';
import { showObjectStorage } from './storage-objects.js';
import { ServerRecording, recordingApi, watchAlerts } from './server-recording.js';

/**
 * @typedef {import('../lib/api.js').Camera} Camera @typedef {import('../lib/api.js').Channel} Channel
 * @typedef {import('../lib/recording-types.js').StorageVolume} StorageVolume
 * @typedef {import('../lib/recording-types.js').StorageChannel} StorageChannel
 * @typedef {import('../lib/recording-types.js').KeptRange} KeptRange
 */

const POLL_MS = 15_000;

const api = pageApi();
const recording = new ServerRecording();
const confirmDialog = byId('confirm', ConfirmDialog);
/** @type {Camera[]} */
let cameras = [];
/** The channels of a camera, by its id. @type {Map<number, Channel[]>} */
const channelsOf = new Map();

const poller = pagePoller(async () => {
  const [storage, kept, known] = await Promise.all([recordingApi.storage(), recordingApi.kept(), api.listCameras()]);
  cameras = known;
  for (const { camera_id: id, channel } of [...storage.channels, ...kept]) await learnChannels(id, channel);
  show(storage, kept);
}, POLL_MS);

/** Read the channels of a camera if this one is unknown. @param {number} cameraId @param {number} channel */
async function learnChannels(cameraId, channel) {
  if (channelsOf.get(cameraId)?.some((item) => item.channel === channel)) return;
  if (!cameras.length) cameras = await api.listCameras();
  if (!cameras.some(({ id }) => id === cameraId)) return;
  channelsOf.set(cameraId, await api.channels(cameraId).catch(() => []));
}

/** @param {number} cameraId @param {number} channel */
function nameOf(cameraId, channel) {
  const camera = cameras.find(({ id }) => id === cameraId);
  const cameraName = camera ? camera.name || camera.host : `Camera ${cameraId} (deleted)`;
  const name = channelsOf.get(cameraId)?.find((item) => item.channel === channel)?.name ?? `channel ${channel}`;
  return name === cameraName ? name : `${cameraName}: ${name}`;
}

/** @param {import('../lib/recording-types.js').Storage} storage @param {KeptRange[]} kept */
function show(storage, kept) {
  const isStorageBroken = showObjectStorage(storage.object_storage);
  const isBroken =
    isStorageBroken || storage.volumes.some(({ state }) => volumeWords(state).tone === 'bad') || storage.silent_nodes.length > 0;
  const isEmpty = !storage.channels.length && !kept.length && !isBroken;
  byId('empty', HTMLElement).hidden = !isEmpty;
  byId('storage', HTMLElement).hidden = isEmpty;
  byId('no-camera', HTMLElement).hidden = cameras.length > 0;
  showBegin(isEmpty);
  const servers = serversOf(storage);
  byId('volumes', HTMLElement).replaceChildren(...servers.map(serverPart));
  const silent = byId('silent', HTMLElement);
  setText(silent, silentText(storage.silent_nodes));
  silent.hidden = !silent.textContent;
  fillRows(
    'channels',
    storage.channels.map((entry) => channelRow(entry, servers.length + storage.silent_nodes.length > 1)),
  );
  byId('channels-frame', HTMLElement).hidden = !storage.channels.length;
  byId('no-channels', HTMLElement).hidden = storage.channels.length > 0;
  fillRows('kept', kept.map(keptRow));
  byId('kept-frame', HTMLElement).hidden = !kept.length;
  byId('no-kept', HTMLElement).hidden = kept.length > 0;
}

/** Replace the rows of a table, and keep the focus on its button. @param {string} id @param {DocumentFragment[]} rows */
function fillRows(id, rows) {
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.getAttribute('aria-label') : null;
  const body = byId(id, HTMLElement);
  const hadFocus = body.contains(document.activeElement);
  body.replaceChildren(...rows);
  if (!hadFocus || !focused) return;
  const again = body.querySelector(`[aria-label="${CSS.escape(focused)}"]`);
  if (again instanceof HTMLElement) again.focus();
}

/** Show the button that begins to record: in the middle of the empty page, otherwise above the table. @param {boolean} isEmpty */
function showBegin(isEmpty) {
  const place = byId(isEmpty ? 'begin-empty' : 'begin', HTMLElement);
  const select = byId('begin-camera', HTMLSelectElement);
  const open = byId('begin-open', HTMLElement);
  if (!place.contains(open)) place.append(select, open);
  open.hidden = !cameras.length;
  select.hidden = cameras.length < 2;
  const chosen = select.value;
  const names = cameras.map((camera) => camera.name || camera.host);
  if ([...select.options].map(({ text }) => text).join('\n') === names.join('\n')) return;
  select.replaceChildren(...cameras.map((camera, index) => new Option(names[index], String(camera.id))));
  if (cameras.some(({ id }) => String(id) === chosen)) select.value = chosen;
}

/** The disks of a server, below its name if it has one. @param {{name: string, volumes: StorageVolume[]}} server */
function serverPart({ name, volumes }) {
  const fragment = cloneTemplate('storage-server');
  const title = part(fragment, 'name', HTMLElement);
  setText(title, name);
  title.hidden = !name;
  const list = part(fragment, 'volumes', HTMLElement);
  list.setAttribute('aria-label', name ? `Disks of ${name}` : 'Disks');
  list.replaceChildren(...volumes.map(volumeItem));
  return fragment;
}

/** @param {StorageVolume} volume */
function volumeItem(volume) {
  const item = cloneTemplate('volume');
  const words = volumeWords(volume.state);
  part(item, 'volume', HTMLElement).dataset.tone = words.tone;
  setText(part(item, 'name', HTMLElement), volume.name);
  const state = part(item, 'state', HTMLElement);
  setText(state, words.text);
  state.dataset.tone = words.tone;
  const bar = part(item, 'bar', HTMLElement);
  bar.setAttribute('aria-label', volumeSpace(volume));
  bar.hidden = !volume.size_bytes;
  for (const [kind, bytes] of Object.entries(volumeParts(volume))) {
    const piece = bar.querySelector(`[data-kind="${kind}"]`);
    if (piece instanceof HTMLElement) piece.style.setProperty('--share', String(bytes / Math.max(1, volume.size_bytes ?? 0)));
  }
  setText(part(item, 'space', HTMLElement), volume.size_bytes ? volumeSpace(volume) : '');
  setText(part(item, 'forecast', HTMLElement), volumeForecast(volume, nameOf, Date.now()));
  const problem = part(item, 'problem', HTMLElement);
  setText(problem, volume.detail || words.advice);
  problem.hidden = words.tone === 'good' || !problem.textContent;
  return item;
}

/** @param {StorageChannel} entry @param {boolean} hasServers */
function channelRow(entry, hasServers) {
  const row = cloneTemplate('storage-channel');
  const name = nameOf(entry.camera_id, entry.channel);
  const { wanted, held, isShort } = channelDays(entry);
  const link = part(row, 'name', HTMLAnchorElement);
  setText(link, name);
  link.href = recordingsAddress(entry.camera_id, entry.channel, null);
  const server = part(row, 'server', HTMLElement);
  server.hidden = !hasServers;
  if (hasServers) setText(server, entry.node ? `on ${entry.node}` : 'on no server');
  setText(part(row, 'size', HTMLElement), fileSize(entry.bytes));
  setText(part(row, 'inflow', HTMLElement), entry.inflow_bytes_per_day ? fileSize(entry.inflow_bytes_per_day) : '');
  setText(part(row, 'oldest', HTMLElement), entry.oldest ? shortTime(Date.parse(entry.oldest), Date.now()) : '');
  setText(part(row, 'wanted', HTMLElement), wanted);
  const cell = part(row, 'held', HTMLElement);
  setText(cell, held);
  cell.toggleAttribute('data-short', isShort);
  const button = part(row, 'rule', HTMLButtonElement);
  button.setAttribute('aria-label', `Rule of ${name}${hasServers && entry.node ? ` on ${entry.node}` : ''}`);
  button.addEventListener('click', () => openRule(entry.camera_id, entry.channel));
  return row;
}

/** @param {KeptRange} kept */
function keptRow(kept) {
  const row = cloneTemplate('kept-range');
  const name = nameOf(kept.camera_id, kept.channel);
  const nowMs = Date.now();
  const times = rangeTimes(kept, nowMs);
  const link = part(row, 'name', HTMLAnchorElement);
  setText(link, name);
  link.href = recordingsAddress(kept.camera_id, kept.channel, Date.parse(kept.start_time));
  setText(part(row, 'times', HTMLElement), times);
  setText(part(row, 'reason', HTMLElement), kept.reason);
  setText(part(row, 'until', HTMLElement), keptUntil(kept, nowMs));
  setText(part(row, 'by', HTMLElement), kept.by);
  const button = part(row, 'remove', HTMLButtonElement);
  button.setAttribute('aria-label', `Do not keep ${name}, ${times}`);
  button.hidden = !kept.may_delete;
  button.addEventListener('click', async () => {
    const text = `${name}, ${times}: the server may delete it when it is older than the rule, or when the disk is full.`;
    if (!(await confirmDialog.ask('Keep this part no longer?', text, 'Do not keep'))) return;
    try {
      await recordingApi.unkeep(kept.id);
      showToast('This part is no longer kept.');
    } catch (error) {
      showToast(problemOf(error).detail, 'bad');
    }
    poller.soon();
  });
  return row;
}

/** @param {number} cameraId @param {number} channel @param {number|null} atMs */
function recordingsAddress(cameraId, channel, atMs) {
  const query = writeRecordingsState({ channel, atMs, fromMs: null, toMs: null });
  return `${document.body.dataset.recordings ?? ''}${cameraId}${query}`;
}

/** @param {number} cameraId @param {number|null} channel */
function openRule(cameraId, channel) {
  const camera = cameras.find(({ id }) => id === cameraId);
  if (camera) void recording.openRule(camera, channel);
  else showToast('This camera was deleted.', 'bad');
}

byId('begin-open', HTMLElement).addEventListener('click', () => {
  const id = Number(byId('begin-camera', HTMLSelectElement).value);
  if (id) openRule(id, null);
});
recording.addEventListener('changed', () => poller.soon());
const backfills = watchBackfills(nameOf, recordingsAddress, learnChannels);
document.addEventListener('visibilitychange', () => {
  for (const one of [poller, backfills]) document.hidden ? one.stop() : one.start();
});
watchAlerts();
poller.start();
backfills.start();
