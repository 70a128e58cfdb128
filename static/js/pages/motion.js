// @ts-check
/**
 * The motion page of a channel: zones on the picture, sensitivity, and who looks for motion.
 *
 *   motion.js         loads and saves the settings (lib/motion-draft.js), shows who reports motion
 *   motion-zones.js   the list of zones; components/zone-editor.js draws them on the picture
 *   motion-seen.js    the picture, and what the detector sees
 */
import { AppDialog } from '../components/app-dialog.js';
import { copied, setAttribute, setText } from '../components/dom.js';
import { ZoneEditor } from '../components/zone-editor.js';
import { ago } from '../lib/format.js';
import { ApiError, problemOf } from '../lib/http.js';
import { MotionApi, choiceOf } from '../lib/motion-api.js';
import { MotionDraft } from '../lib/motion-draft.js';
import { MODES, SENSITIVITIES, childText, errorTexts, toldWords } from '../lib/motion-text.js';
import { Poller } from '../lib/poller.js';
import { searchAddress } from '../lib/search-range.js';
import { SeenPicture } from './motion-seen.js';
import { ZoneRows } from './motion-zones.js';
import { byId, httpOptions, may, pageApi, pageData, showToast } from './page.js';
import { watchAlerts } from './server-recording.js';

/** @typedef {import('../lib/motion-api.js').MotionSettings} MotionSettings */

const POLL_MS = 5000;

const { cameraId: cameraText = '', channel: channelText = '', cameras: camerasUrl = '', motion: motionUrl = '' } = document.body.dataset;
const [cameraId, channel] = [Number(cameraText), Number(channelText)];
const api = pageApi();
const motion = new MotionApi({ cameras: camerasUrl, motion: motionUrl }, httpOptions());
const draft = new MotionDraft();
draft.isReadOnly = true; // until the settings are here
const editor = byId('editor', ZoneEditor);
const rows = new ZoneRows(draft, editor);
const seen = new SeenPicture({ api, motion, cameraId, channel }, editor);
const save = byId('save', HTMLButtonElement);
const cancel = byId('cancel', HTMLButtonElement);
/** @type {MotionSettings|null} */
let settings = null;

// ── Loading ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const loading = new Poller(async () => {
  try {
    show(await motion.settings(cameraId, channel));
    showProblem('');
  } catch (error) {
    showProblem(problemOf(error).detail);
    if (!settings) failLoading();
    throw error;
  }
  void showChild();
  return POLL_MS;
});

/** @param {MotionSettings} answer */
function show(answer) {
  const isFirst = settings === null;
  const stored = choiceOf(answer);
  // Another user may have changed the settings. A draft that this user has changed stays.
  if (isFirst) draft.isReadOnly = !may('manage');
  if (isFirst || (!draft.isChanged && JSON.stringify(stored) !== JSON.stringify(draft.choice))) draft.load(stored);
  settings = answer;
  byId('motion', HTMLElement).setAttribute('aria-busy', 'false');
  showTold(answer);
  seen.isWatched = answer.state.told_by === 'server';
  if (isFirst) {
    rows.draw();
    drawAll();
    void seen.load();
  }
}

/** The settings cannot be loaded: without them the page must not offer to change any. */
function failLoading() {
  if (byId('told', HTMLElement).dataset.tone === 'bad') return;
  setText(byId('told-title', HTMLElement), 'The settings cannot be loaded');
  byId('told', HTMLElement).dataset.tone = 'bad';
  void seen.load();
}

/** @param {MotionSettings} answer */
function showTold(answer) {
  const words = toldWords(answer);
  byId('told', HTMLElement).dataset.tone = words.tone;
  setText(byId('told-title', HTMLElement), words.title);
  setText(byId('told-status', HTMLElement), words.title);
  setText(byId('told-text', HTMLElement), words.text);
  const { watched_at: watched, told_by: toldBy } = answer.state;
  const line = byId('told-watched', HTMLElement);
  line.hidden = !watched || toldBy !== 'server';
  setText(line, watched ? `Last picture ${ago(Date.parse(watched), Date.now())}` : '');
  byId('install', HTMLElement).hidden = answer.is_available;
  setText(byId('install-command', HTMLElement), answer.install_command);
}

/** Show the cost of the detector. The page works without this line. */
async function showChild() {
  const line = byId('child', HTMLElement);
  const text = await motion.overview().then(childText, () => '');
  line.hidden = !text;
  setText(line, text);
}

/** @param {string} detail */
function showProblem(detail) {
  byId('problem', HTMLElement).hidden = !detail;
  setText(byId('problem-text', HTMLElement), detail);
}

// ── Drawing ────────────────────────────────────────────────────────────────────────────────────────────────────────────

draft.addEventListener('change', drawAll);

function drawAll() {
  const { isChanged, isReadOnly } = draft;
  const isReady = settings !== null;
  seen.zones = draft.zones;
  // A disabled button would lose the focus.
  setAttribute(byId('undo', HTMLElement), 'aria-disabled', draft.canUndo ? null : 'true');
  setAttribute(byId('redo', HTMLElement), 'aria-disabled', draft.canRedo ? null : 'true');
  for (const button of document.querySelectorAll('[data-add]')) {
    if (button instanceof HTMLButtonElement && !isReady) button.disabled = true;
  }
  const isBusy = save.classList.contains('busy');
  for (const button of [save, cancel]) setAttribute(button, 'aria-disabled', isReady && isChanged && !isBusy ? null : 'true');
  setText(byId('changed', HTMLElement), isChanged ? 'Not saved yet' : '');
  byId('told-on', HTMLElement).hidden = !isReady || isReadOnly || draft.mode !== 'off';
  byId('save-bar', HTMLElement).toggleAttribute('data-changed', isChanged);
  byId('picture-hint', HTMLElement).hidden = isReadOnly || !isReady;
  for (const [name, value] of Object.entries({ mode: draft.mode, sensitivity: draft.sensitivity })) {
    byId(name, HTMLFieldSetElement).disabled = isReadOnly || !isReady;
    for (const radio of byId(`${name}-list`, HTMLElement).querySelectorAll('input')) radio.checked = radio.value === value;
  }
}

/**
 * @param {'mode'|'sensitivity'} name
 * @param {Record<string, readonly (string|number)[]>} words by value: name and explanation
 */
function fillChoices(name, words) {
  const list = byId(`${name}-list`, HTMLElement);
  list.replaceChildren(
    ...Object.entries(words).map(([value, [title = '', text = '']]) => {
      const label = document.createElement('label');
      const radio = document.createElement('input');
      Object.assign(radio, { type: 'radio', name, value });
      const box = document.createElement('span');
      const strong = document.createElement('strong');
      strong.textContent = String(title);
      const hint = document.createElement('span');
      hint.className = 'hint';
      hint.textContent = String(text);
      box.append(strong, hint);
      label.append(radio, box);
      return label;
    }),
  );
  list.addEventListener('change', (event) => {
    if (event.target instanceof HTMLInputElement) draft.set({ [name]: event.target.value });
  });
}

// ── Saving ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function store() {
  if (save.ariaDisabled === 'true' || rows.check() !== null) return;
  const choice = draft.choice;
  const error = byId('zones-error', HTMLElement);
  error.hidden = true;
  save.classList.add('busy');
  drawAll();
  try {
    const answer = await motion.save(cameraId, channel, choice);
    draft.saved(choice);
    if (!draft.isChanged) draft.load(choiceOf(answer));
    show(answer);
    showToast('The settings of motion are saved.');
    loading.soon();
  } catch (failure) {
    if (!(failure instanceof ApiError)) throw failure;
    setText(error, errorTexts(failure, choice.zones));
    error.hidden = false;
    error.scrollIntoView({ block: 'nearest' });
  } finally {
    save.classList.remove('busy');
    drawAll();
  }
}

byId('form', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  void store();
});
cancel.addEventListener('click', () => {
  if (cancel.ariaDisabled === 'true') return;
  draft.reset();
  byId('zones-error', HTMLElement).hidden = true;
  byId('note', HTMLElement).textContent = 'The changes are undone.';
  rows.focus();
});
window.addEventListener('beforeunload', (event) => {
  if (draft.isChanged && !document.body.dataset.leaving) event.preventDefault();
});

// ── Events of the page ─────────────────────────────────────────────────────────────────────────────────────────────────

for (const button of document.querySelectorAll('[data-add]')) {
  button.addEventListener('click', () => {
    const kind = /** @type {import('../lib/motion-draft.js').ZoneKind} */ (/** @type {HTMLElement} */ (button).dataset.add);
    if (draft.add(kind) !== null) editor.focusPoint();
  });
}
byId('told-on', HTMLElement).addEventListener('click', () => {
  draft.set({ mode: 'auto' });
  const radio = byId('mode-list', HTMLElement).querySelector('input:checked');
  if (radio instanceof HTMLInputElement) radio.focus(); // the button has hidden itself
});
byId('undo', HTMLElement).addEventListener('click', () => draft.undo());
byId('redo', HTMLElement).addEventListener('click', () => draft.redo());
editor.addEventListener('zone-leave', () => rows.focus());
editor.addEventListener('zone-note', (event) => setText(byId('note', HTMLElement), /** @type {CustomEvent<string>} */ (event).detail));
const keysDialog = byId('keys-dialog', AppDialog);
byId('keys', HTMLElement).addEventListener('click', () => keysDialog.show());
document.addEventListener('keydown', (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const isTyping = target?.closest('input[type="text"], textarea, select') ?? null;
  if (event.defaultPrevented || event.altKey || document.querySelector('dialog[open]')) return;
  const key = event.key.toLowerCase();
  const isCommand = event.ctrlKey || event.metaKey;
  if (isTyping) return;
  if (isCommand && key === 'z' && !event.shiftKey) draft.undo();
  else if (isCommand && (key === 'y' || (key === 'z' && event.shiftKey))) draft.redo();
  else if (!isCommand && key === '?') keysDialog.show();
  else return;
  event.preventDefault();
});
byId('install-copy', HTMLElement).addEventListener('click', async () => {
  const done = await copied(byId('install-command', HTMLElement).textContent ?? '');
  setText(byId('install-copy-text', HTMLElement), done ? 'Copied' : 'Could not copy');
});
byId('problem-retry', HTMLElement).addEventListener('click', () => loading.soon());
document.addEventListener('visibilitychange', () => (document.hidden ? loading.stop() : loading.start()));

const { camera, channels } = pageData();
const name = channels.find((/** @type {{channel: number}} */ item) => item.channel === channel)?.name || `Channel ${channel}`;
const cameraName = camera.name || camera.host;
setText(byId('picture-title', HTMLElement), name === cameraName ? name : `${cameraName}: ${name}`);
document.title = `Motion: ${name} · ONVIF Web Viewer`;
byId('events-link', HTMLAnchorElement).href = `${document.body.dataset.eventsPage ?? ''}?camera=${cameraId}&channel=${channel}`;
byId('search-link', HTMLAnchorElement).href = searchAddress(document.body.dataset.searchPage ?? '', { cameraId, channel });
fillChoices('sensitivity', SENSITIVITIES);
fillChoices('mode', MODES);
editor.draft = draft;
rows.draw();
drawAll();
loading.start();
watchAlerts();
