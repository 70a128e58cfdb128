// @ts-check
/**
 * The page that searches in a part of the picture: when did something move here, when did this change for good?
 *
 *   search.js            the drawn area (lib/search-area.js), and the button Search
 *   search-form.js       camera, channel, range, question
 *   search-picture.js    the picture to draw on; components/zone-editor.js draws the area
 *   search-job.js        the running search: progress, results; asks the server once a second
 *   search-earlier.js    the searches of the last day
 */
import { copied, setAttribute, setText } from '../components/dom.js';
import { ZoneEditor } from '../components/zone-editor.js';
import { ApiError, problemOf } from '../lib/http.js';
import { SearchArea } from '../lib/search-area.js';
import { readSearchState, searchAddress } from '../lib/search-range.js';
import { SearchesApi } from '../lib/searches-api.js';
import { byId, httpOptions, pageApi, pageData } from './page.js';
import { EarlierSearches } from './search-earlier.js';
import { SearchForm } from './search-form.js';
import { SearchJob } from './search-job.js';
import { SearchPicture } from './search-picture.js';
import { watchAlerts } from './server-recording.js';

/** @typedef {import('../lib/searches-api.js').Search} Search */

const { searches: searchesUrl = '', cameras: camerasUrl = '', searchPage = '' } = document.body.dataset;
const places = /** @type {import('./search-form.js').Place[]} */ (pageData());
const api = pageApi();
const searches = new SearchesApi({ searches: searchesUrl, cameras: camerasUrl }, httpOptions());
const area = new SearchArea();
const editor = byId('editor', ZoneEditor);
const go = byId('go', HTMLButtonElement);
const form = new SearchForm(api, places);
const picture = new SearchPicture(api, searches, editor);
const job = new SearchJob(searches);
const earlier = new EarlierSearches(searches, form);

// ── The area ───────────────────────────────────────────────────────────────────────────────────────────────────────────

area.addEventListener('change', drawArea);

function drawArea() {
  const { box, isBox, points } = area;
  setAttribute(editor, 'moves-edges', isBox);
  setAttribute(editor, 'draws-by-touch', points === null);
  byId('shape-box', HTMLElement).ariaPressed = String(isBox);
  byId('shape-outline', HTMLElement).ariaPressed = String(!isBox);
  byId('area-clear', HTMLButtonElement).disabled = points === null;
  byId('area-hint', HTMLElement).hidden = points !== null;
  byId('outline-hint', HTMLElement).hidden = isBox;
  byId('box-fields', HTMLElement).hidden = !isBox || points === null;
  if (points) showError('area-error', '');
  for (const field of boxFields()) {
    field.disabled = box === null;
    const value = box ? box[/** @type {keyof typeof box} */ (field.dataset.box)] : null;
    const text = value === null ? '' : String(Math.round(value * 1000) / 10);
    // The user's own number stays while it is being typed.
    if (document.activeElement !== field && field.value !== text) field.value = text;
  }
}

/** @returns {HTMLInputElement[]} */
function boxFields() {
  return [.../** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll('[data-box]'))];
}

for (const field of boxFields()) {
  field.addEventListener('input', () => {
    if (field.value !== '' && field.validity.valid) area.setBox({ [field.dataset.box ?? '']: Number(field.value) / 100 });
  });
  field.addEventListener('blur', () => setTimeout(drawArea));
}

for (const [id, isBox] of /** @type {const} */ ([
  ['shape-box', true],
  ['shape-outline', false],
])) {
  byId(id, HTMLElement).addEventListener('click', () => {
    area.isBox = isBox;
    if (area.points) return;
    area.add('watch');
    area.isBox = isBox;
    editor.focusPoint();
  });
}
byId('area-clear', HTMLElement).addEventListener('click', () => {
  area.remove();
  byId('shape-box', HTMLElement).focus();
});
editor.addEventListener('zone-leave', () =>
  (area.isBox && area.points ? byId('box-x', HTMLElement) : byId('shape-box', HTMLElement)).focus(),
);
editor.addEventListener('zone-note', (event) => setText(byId('note', HTMLElement), /** @type {CustomEvent<string>} */ (event).detail));

// ── The search ─────────────────────────────────────────────────────────────────────────────────────────────────────────

byId('form', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  void begin();
});

async function begin() {
  if (go.ariaDisabled === 'true') return;
  const question = form.question();
  const { points } = area;
  showError('area-error', points ? '' : 'Draw an area on the picture first.');
  showError('form-error', '');
  if (!points) {
    byId('shape-box', HTMLElement).focus();
    byId('area-error', HTMLElement).scrollIntoView({ block: 'nearest' });
    return;
  }
  if (!question) return;
  setBusy(true);
  try {
    await job.leave();
    open(await searches.begin({ ...question, points }));
    byId('job-title', HTMLElement).focus();
    byId('job', HTMLElement).scrollIntoView({ block: 'start' });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const fields = error.errors.map(({ field, message }) => `${field}: ${message}`).join(' ');
    showError('form-error', fields || problemOf(error).detail);
  } finally {
    setBusy(false);
  }
}

/** @param {boolean} isBusy */
function setBusy(isBusy) {
  go.classList.toggle('busy', isBusy);
  setAttribute(go, 'aria-disabled', isBusy ? 'true' : null);
}

/** Show a search, and repeat asking for it until it has ended. @param {Search} search */
function open(search) {
  window.history.replaceState(null, '', searchAddress(searchPage, { searchId: search.id }));
  job.show(search, form.channelText(search.camera_id, search.channel));
  earlier.chosenId = search.id;
  void earlier.load();
}

/** Show an earlier search, with its question in the form. @param {Search} search */
function reopen(search) {
  form.take(search);
  area.load(search.points.map(([x = 0, y = 0]) => ({ x, y })));
  open(search);
}

earlier.addEventListener('open', (event) => {
  reopen(/** @type {CustomEvent<Search>} */ (event).detail);
  byId('job-title', HTMLElement).focus();
});
earlier.addEventListener('list', (event) => {
  const list = /** @type {CustomEvent<import('../lib/searches-api.js').SearchList>} */ (event).detail;
  byId('install', HTMLElement).hidden = list.can_compare;
  setText(byId('install-command', HTMLElement), list.install_command);
});
earlier.addEventListener('problem', (event) => showProblem(/** @type {CustomEvent<string>} */ (event).detail));
job.addEventListener('state', () => void earlier.load());
picture.addEventListener('shape', () => job.setTallness(picture.tallness));

// ── Events of the page ─────────────────────────────────────────────────────────────────────────────────────────────────

form.addEventListener('channel', () => {
  picture.place = form.place;
  setText(byId('area-title', HTMLElement), form.placeText || 'Where');
  area.remove();
});
form.addEventListener('recorded', () => (picture.recordedMs = form.recordedMs));
byId('install-copy', HTMLElement).addEventListener('click', async () => {
  const done = await copied(byId('install-command', HTMLElement).textContent ?? '');
  setText(byId('install-copy-text', HTMLElement), done ? 'Copied' : 'Could not copy');
});
byId('problem-retry', HTMLElement).addEventListener('click', () => void start());

/** @param {string} id @param {string} text */
function showError(id, text) {
  const line = byId(id, HTMLElement);
  setText(line, text);
  line.hidden = !text;
}

/** @param {string} detail */
function showProblem(detail) {
  byId('problem', HTMLElement).hidden = !detail;
  setText(byId('problem-text', HTMLElement), detail);
}

/** Load the earlier searches, and open the one that the address names. */
async function start() {
  await earlier.load();
  const { searchId } = readSearchState(window.location.search);
  if (!searchId) return;
  try {
    reopen(await searches.get(searchId));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    showProblem(error.status === 404 ? 'This search is gone: searches are kept for a day.' : problemOf(error).detail);
  }
}

byId('empty', HTMLElement).hidden = places.length > 0;
byId('search-page', HTMLElement).hidden = !places.length;
editor.draft = area;
drawArea();
if (places.length) {
  const state = readSearchState(window.location.search);
  picture.seenMs = state.atMs;
  form.begin(state);
  void start();
}
watchAlerts();
