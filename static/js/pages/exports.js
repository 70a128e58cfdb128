// @ts-check
/** The page of exports: the list with its progress, filters, downloads, and a player for finished files. */
import { AppDialog } from '../components/app-dialog.js';
import { ConfirmDialog } from '../components/confirm-dialog.js';
import { copied, setText } from '../components/dom.js';
import { ExportRow } from '../components/export-row.js';
import { clearErrors, onSubmit } from '../components/field-errors.js';
import { keyedRows } from '../components/keyed-rows.js';
import { lossText } from '../lib/case-text.js';
import { fileFacts, playerProblem, rangeText } from '../lib/export-text.js';
import { cameraIdsOf, endedText, filtered, pollPauseMs, titleOf } from '../lib/export-list.js';
import { ExportsApi } from '../lib/exports-api.js';
import { counted, fileSize } from '../lib/format.js';
import { ApiError, problemOf } from '../lib/http.js';
import { Poller } from '../lib/poller.js';
import { ExportNames } from './exports-names.js';
import { byId, httpOptions, lazyModule, may, pageApi, showToast, whenIdle } from './page.js';
import { watchAlerts } from './server-recording.js';

/**
 * @typedef {import('../lib/export-types.js').Export} Export
 * @typedef {import('../lib/export-types.js').FileOfExport} ExportFile
 * @typedef {import('../lib/export-list.js').ExportAction} ExportAction
 */

const api = new ExportsApi(document.body.dataset.exports ?? '', httpOptions());
const names = new ExportNames(pageApi());
const list = byId('list', HTMLElement);
const filterText = byId('filter-text', HTMLInputElement);
const filterCamera = byId('filter-camera', HTMLSelectElement);
const confirmDialog = byId('confirm', ConfirmDialog);
const watchDialog = byId('watch-dialog', AppDialog);
const video = byId('watch-video', HTMLVideoElement);
const editDialog = byId('edit-dialog', AppDialog);
const editForm = byId('edit-form', HTMLFormElement);

const evidence = lazyModule(async () => {
  const packages = new (await import('./exports-evidence.js')).EvidencePackages();
  packages.addEventListener('made', () => {
    selected.clear();
    draw();
    refresh();
  });
  packages.refresh();
  return packages;
});

/** @type {Export[]} */
let jobs = [];
/** Number of the newest change that this page has made: an answer to an older request would undo it on screen. */
let changes = 0;
let isLoaded = false;
/** The export of the address, which the page shows first. @type {number|null} */
let wantedId = idOfAddress();
/** Ids of the exports that the user has selected for an evidence package, also while the filter hides them. @type {Set<number>} */
const selected = new Set();
/** @type {Export|null} */
let edited = null;
/** True while the question before a deletion is prepared or open: a second press does not ask again. */
let isAsking = false;

// ── Loading ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Requests the list while something runs and the page is visible. */
const poller = new Poller(async () => {
  const before = changes;
  try {
    const answer = await api.list();
    showProblem('');
    if (before === changes) {
      const text = isLoaded ? endedText(jobs, answer.exports, names.of) : '';
      if (text) setText(byId('ended', HTMLElement), text);
      jobs = answer.exports;
      isLoaded = true;
      showSpace(answer);
      void names.load(cameraIdsOf(jobs)).then((isNew) => isNew && draw());
    }
  } catch (error) {
    showProblem(problemOf(error).detail);
    throw error;
  }
  draw();
  return pollPauseMs(jobs) ?? (before === changes ? null : 0);
});

/** Request the list now, and again while something runs. */
function refresh() {
  poller.start();
  poller.soon();
}

/** @param {string} text */
function showProblem(text) {
  byId('problem', HTMLElement).hidden = !text;
  setText(byId('problem-text', HTMLElement), text);
}

/** @param {import('../lib/export-types.js').ExportList} answer */
function showSpace({ used_bytes: used, limit_bytes: limit }) {
  setText(byId('space-text', HTMLElement), `${fileSize(used)} of ${fileSize(limit)} in use`);
  byId('space-bar', HTMLProgressElement).value = limit ? Math.min(1, used / limit) : 0;
}

// ── Drawing ────────────────────────────────────────────────────────────────────────────────────────────────────────

function draw() {
  if (!isLoaded) return;
  byId('empty', HTMLElement).hidden = jobs.length > 0;
  byId('exports', HTMLElement).hidden = !jobs.length;
  drawCameras();
  const shown = shownJobs();
  byId('none', HTMLElement).hidden = shown.length > 0;
  const hasOwner = may('manage') && jobs.some((job) => job.owner !== document.body.dataset.user);
  const selectable = selectedJobs();
  selected.clear();
  for (const { id } of selectable) selected.add(id);
  const rows = keyedRows(
    list,
    shown.map(({ id }) => id),
    'export-row',
    ExportRow,
  );
  const nowMs = Date.now();
  for (const [index, job] of shown.entries()) {
    rows[index]?.show(job, { namesOf: names.of, nowMs, hasOwner, isSelected: selected.has(job.id) });
  }
  drawSelection();
  showWanted();
}

/** Return the exports that the filter leaves. An export that the address names clears a filter that hides it. */
function shownJobs() {
  const shown = filtered(jobs, { cameraId: Number(filterCamera.value) || null, text: filterText.value }, names.of);
  const isWanted = (/** @type {Export} */ { id }) => id === wantedId;
  if (shown.some(isWanted) || !jobs.some(isWanted)) return shown;
  clearFilter();
  return jobs;
}

function clearFilter() {
  filterText.value = '';
  filterCamera.value = '';
}

function drawCameras() {
  const options = [{ value: '', text: 'All cameras' }, ...cameraIdsOf(jobs).map((id) => ({ value: String(id), text: names.camera(id) }))];
  const key = options.map(({ value, text }) => `${value} ${text}`).join('\n');
  if (key === [...filterCamera.options].map(({ value, text }) => `${value} ${text}`).join('\n')) return;
  const chosen = filterCamera.value;
  filterCamera.replaceChildren(...options.map(({ value, text }) => new Option(text, value)));
  filterCamera.value = options.some(({ value }) => value === chosen) ? chosen : '';
}

/** Return the id in `#export-12`; null for another address. */
function idOfAddress() {
  return Number(/^#export-(\d+)$/.exec(window.location.hash)?.[1]) || null;
}

window.addEventListener('hashchange', () => {
  wantedId = idOfAddress();
  draw();
});

/** Show the export that the address names, once. */
function showWanted() {
  if (wantedId === null) return;
  const row = list.querySelector(`[data-id="${wantedId}"]`);
  if (row instanceof HTMLElement) {
    for (const other of list.querySelectorAll('[data-wanted]')) other.removeAttribute('data-wanted');
    row.setAttribute('data-wanted', '');
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: 'center' });
  } else showToast('This export was deleted, or belongs to another user.', 'bad');
  wantedId = null;
}

// ── Changing ───────────────────────────────────────────────────────────────────────────────────────────────────────

list.addEventListener('export-action', (event) => {
  const { action, job } = /** @type {CustomEvent<{action: ExportAction, job: Export}>} */ (event).detail;
  void act(action, job)
    .catch((error) => showToast(problemOf(error).detail, 'bad'))
    .finally(() => {
      refresh();
      evidence.loaded?.refresh();
    });
});

/** @param {ExportAction} action @param {Export} job */
async function act(action, job) {
  if (action === 'edit') edit(job);
  else if (action === 'link') await copyLink(job);
  else if (action === 'delete') await remove(job);
  else if (action === 'keep') replace(await api.change(job.id, { kept: !job.kept }));
  else if (action !== 'cancel' || (await isSureToCancel(job))) replace(await api.move(job.id, action));
}

/** @param {Export} changed */
function replace(changed) {
  changes += 1;
  jobs = jobs.map((job) => (job.id === changed.id ? changed : job));
  draw();
}

/** @param {Export} job */
async function isSureToCancel(job) {
  if (!job.progress.done_s) return true;
  return confirmDialog.ask(
    `Cancel “${titleOf(job, names.of)}”?`,
    'What this run has read is deleted. Files of an earlier run stay.',
    'Cancel the export',
    'Keep it running',
  );
}

/** @param {Export} job */
async function isSureToDelete(job) {
  const packages = await evidence.get();
  if (!packages) return false;
  const texts = [job.files.length ? 'Its files are deleted.' : '', lossText(await packages.namesWith(job.id))];
  texts.push('The recording on the recorder stays.');
  return confirmDialog.ask(`Delete “${titleOf(job, names.of)}”?`, texts.filter(Boolean).join(' '));
}

/** @param {Export} job */
async function remove(job) {
  if (isAsking) return;
  isAsking = true;
  try {
    if (!(await isSureToDelete(job))) return;
  } finally {
    isAsking = false;
  }
  await api.remove(job.id);
  changes += 1;
  jobs = jobs.filter((other) => other.id !== job.id);
  draw();
}

/** @param {Export} job */
async function copyLink(job) {
  if (await copied(job.link)) showToast('Copied the link. Only the owner of the export and admins can open it.');
  else showToast(`The browser does not allow copying. The link is ${job.link}`, 'bad');
}

/** @param {Export} job */
function edit(job) {
  edited = job;
  clearErrors(editForm);
  byId('edit-name', HTMLInputElement).value = job.name;
  byId('edit-notes', HTMLTextAreaElement).value = job.notes;
  editDialog.show();
  byId('edit-name', HTMLInputElement).select();
}

onSubmit(editForm, async () => {
  if (!edited) return;
  const name = byId('edit-name', HTMLInputElement).value.trim();
  const notes = byId('edit-notes', HTMLTextAreaElement).value.trim();
  if (edited.name && !name) {
    const errors = [{ field: 'name', message: 'Enter a name.' }];
    throw new ApiError('invalid', 'Enter a name.', { errors });
  }
  replace(await api.change(edited.id, name ? { name, notes } : { notes }));
  editDialog.close();
});

// ── Evidence packages ──────────────────────────────────────────────────────────────────────────────────────────────

/** Return the finished exports that the user has selected. */
function selectedJobs() {
  return jobs.filter(({ id, state }) => state === 'done' && selected.has(id));
}

function drawSelection() {
  const { size } = selected;
  byId('selection', HTMLElement).hidden = !size;
  setText(byId('selection-text', HTMLElement), size ? `${counted(size, 'export')} selected` : '');
}

list.addEventListener('export-select', (event) => {
  const { job, isSelected } = /** @type {CustomEvent<{job: Export, isSelected: boolean}>} */ (event).detail;
  if (isSelected) selected.add(job.id);
  else selected.delete(job.id);
  drawSelection();
});
byId('selection-clear', HTMLElement).addEventListener('click', () => {
  const [first] = selectedJobs();
  selected.clear();
  draw();
  const row = list.querySelector(`[data-id="${first?.id}"]`);
  (row instanceof HTMLElement ? row : filterText).focus();
});
byId('selection-evidence', HTMLElement).addEventListener('click', async () => {
  const chosen = selectedJobs().map((job) => ({ id: job.id, title: titleOf(job, names.of) }));
  (await evidence.get())?.open(chosen);
});

// ── Playing ────────────────────────────────────────────────────────────────────────────────────────────────────────

list.addEventListener('export-play', (event) => {
  const { file, job } = /** @type {CustomEvent<{file: ExportFile, job: Export}>} */ (event).detail;
  setText(byId('watch-title', HTMLElement), titleOf(job, names.of));
  setText(byId('watch-facts', HTMLElement), `${rangeText(Date.parse(file.start_time), Date.parse(file.end_time))} · ${fileFacts(file)}`);
  const download = byId('watch-download', HTMLAnchorElement);
  download.href = file.url;
  download.setAttribute('download', file.name);
  byId('watch-problem', HTMLElement).hidden = true;
  video.hidden = false;
  video.src = file.url;
  watchDialog.show();
  video.play().catch(() => {}); // the browser may refuse to play sound by itself: the user presses Play
});
video.addEventListener('error', async () => {
  const address = video.getAttribute('src');
  if (!address) return;
  let problem = playerProblem(video.error?.code);
  try {
    await api.tryFile(address); // a player does not see why the server refuses a file
  } catch (error) {
    problem = problemOf(error).detail;
  }
  if (video.getAttribute('src') !== address) return;
  video.hidden = true;
  setText(byId('watch-problem-text', HTMLElement), problem);
  byId('watch-problem', HTMLElement).hidden = false;
});
watchDialog.addEventListener('dialog-closed', () => {
  // Ends the download: the server serves only a few at a time.
  video.removeAttribute('src');
  video.load();
});

// ── The page ───────────────────────────────────────────────────────────────────────────────────────────────────────

byId('filter', HTMLFormElement).addEventListener('submit', (event) => event.preventDefault());
for (const field of [filterText, filterCamera]) field.addEventListener('input', draw);
byId('filter-clear', HTMLElement).addEventListener('click', () => {
  clearFilter();
  draw();
  filterText.focus();
});
byId('problem-retry', HTMLElement).addEventListener('click', refresh);
document.addEventListener('visibilitychange', () => (document.hidden ? poller.stop() : refresh()));
refresh();
whenIdle(() => void evidence.prepare());
watchAlerts();
