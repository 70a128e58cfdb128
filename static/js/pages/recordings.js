// @ts-check
/**
 * The recordings page: the timeline, the calendar, the search, and the players.
 *
 * From the page to the picture:
 *   recordings.js                  chooses the recorder, loads its coverage (lib/coverage-loader.js), draws the timeline
 *   recordings-search.js, recordings-events.js, recordings-keys.js   choose a time: search results, events, keys
 *   recordings-range.js            the marked range: keys, handles, and the panel of recordings-export.js
 *   recordings-pictures.js         opens components/storyboard.js: the pictures of the timeline and the calendar
 *   recordings-playing.js          finds the recording of a time (lib/place-finder.js), and plays it in a player
 *   components/replay-player.js    <replay-player>: single steps, pause (lib/replay-state.js), with replay-picture.js,
 *                                  replay-controls.js and replay-display.js
 *   lib/replay-session.js          start and seek on the server; the media comes
 *     over the socket              lib/replay-media.js -> components/run-engine.js -> fragment-appender.js -> <video>
 *     over HLS                     components/hls-engine.js -> hls.js -> <video>
 */
import { AppDialog } from '../components/app-dialog.js';
import { RecordingCalendar } from '../components/recording-calendar.js';
import { RecordingTimeline } from '../components/recording-timeline.js';
import { TimeField } from '../components/time-field.js';
import { ApiError, problemOf } from '../lib/api.js';
import { daysOf } from '../lib/coverage.js';
import { CoverageLoader } from '../lib/coverage-loader.js';
import { EventsApi } from '../lib/events-api.js';
import { LoggedMarks } from '../lib/logged-marks.js';
import { dayOf } from '../lib/ranges.js';
import { readRecordingsState, writeRecordingsState } from '../lib/recordings-state.js';
import { searchAddress } from '../lib/search-range.js';
import { byId, httpOptions, pageApi, remember, remembered, showToast } from './page.js';
import { pageSocket } from './page-socket.js';
import { pageClock } from './recordings-clock.js';
import { EventSteps } from './recordings-events.js';
import { handleKeys } from './recordings-keys.js';
import { RecordingsPictures } from './recordings-pictures.js';
import { RecordingsPlaying } from './recordings-playing.js';
import { RecordingsRange } from './recordings-range.js';
import { showIndexing, showRecordingsProblem } from './recordings-problem.js';
import { RecordingsSearch } from './recordings-search.js';
import { RecordingsServer } from './recordings-server.js';
import { showSummary } from './recordings-summary.js';
import { watchAlerts } from './server-recording.js';

/**
 * @typedef {import('../lib/api.js').Camera} Camera @typedef {import('../lib/coverage.js').Row} Row
 * @typedef {import('../lib/timeline-scale.js').Span} Span
 */

const DAY_MS = 86_400_000;

const api = pageApi();
const timeline = byId('timeline', RecordingTimeline);
const calendar = byId('calendar', RecordingCalendar);
const goto = byId('goto-field', TimeField);
const keysDialog = byId('keys-dialog', AppDialog);
const search = new RecordingsSearch(api);
const state = readRecordingsState(window.location.search);
const socket = state.transport === 'hls' ? null : pageSocket(api);
const playing = new RecordingsPlaying(api, socket);
const { events: eventsUrl = '', cameras: camerasUrl = '' } = document.body.dataset;
const eventsApi = new EventsApi({ events: eventsUrl, cameras: camerasUrl }, httpOptions());
const eventSteps = new EventSteps(api, eventsApi, playing);
const range = new RecordingsRange(playing, search);
const pictures = new RecordingsPictures(playing, socket);
const server = new RecordingsServer(range.marks);

/** @type {Camera|null} */
let camera = null;
/** @type {CoverageLoader|null} */
let loader = null;
/** @type {LoggedMarks|null} */
let loggedMarks = null;
/** The rows of the calendar's month. @type {Row[]} */
let monthRows = [];
let isBeginning = false;
let hasSummary = false;

// ── Choosing the recorder ──────────────────────────────────────────────────────────────────────────────────────────

async function begin() {
  /** @type {Camera[]} */
  let cameras;
  try {
    cameras = await api.listCameras();
  } catch (error) {
    showProblem(problemOf(error));
    return;
  }
  showProblem(null);
  byId('empty', HTMLElement).hidden = cameras.length > 0;
  byId('recordings', HTMLElement).hidden = !cameras.length;
  if (!cameras.length) return;
  const select = byId('camera', HTMLSelectElement);
  select.replaceChildren(
    ...cameras.map((item) => {
      const option = document.createElement('option');
      option.value = String(item.id);
      option.textContent = item.name || item.host;
      return option;
    }),
  );
  const wanted = Number(document.body.dataset.cameraId || remembered('recordings-camera') || 0);
  const recorders = cameras.filter((item) => item.services.includes('search') || item.services.includes('recording'));
  camera = cameras.find((item) => item.id === wanted) ?? recorders[0] ?? cameras[0] ?? null;
  if (camera) openCamera(camera);
}

byId('camera', HTMLSelectElement).addEventListener('change', (event) => {
  const { value } = /** @type {HTMLSelectElement} */ (event.target);
  remember('recordings-camera', value);
  window.location.assign(`${document.body.dataset.recordings ?? ''}${value}`);
});

/** Load the list of cameras, unless that is under way. */
async function beginOnce() {
  if (isBeginning) return;
  isBeginning = true;
  await begin().finally(() => (isBeginning = false));
}

/** Load the list of cameras again if it is missing, otherwise let the server ask the recorder again. */
function retry() {
  if (!loader) void beginOnce();
  else void index('resume');
  if (camera && !hasSummary) void askSummary(camera);
}

/** @param {Camera} chosen */
function openCamera(chosen) {
  byId('camera', HTMLSelectElement).value = String(chosen.id);
  document.title = `${chosen.name || chosen.host} · Recordings · ONVIF Web Viewer`;
  const live = `${document.body.dataset.viewer ?? ''}${chosen.id}`;
  byId('to-live', HTMLAnchorElement).href = state.channel ? `${live}?channel=${state.channel}` : live;
  search.cameraId = chosen.id;
  const aroundMs = state.atMs ?? Date.now();
  const isOld = state.atMs !== null && Date.now() - state.atMs > DAY_MS / 2;
  timeline.view =
    state.fromMs !== null && state.toMs !== null
      ? { startMs: state.fromMs, endMs: state.toMs }
      : isOld
        ? { startMs: aroundMs - DAY_MS / 2, endMs: aroundMs + DAY_MS / 2 }
        : { startMs: Date.now() - DAY_MS * 0.97, endMs: Date.now() + DAY_MS * 0.03 };
  timeline.atMs = state.atMs;
  calendar.chosen = state.atMs;
  goto.atMs = state.atMs ?? Date.now() - 3_600_000;
  playing.camera = chosen;
  server.camera = chosen;
  eventSteps.cameraId = chosen.id;
  loader = new CoverageLoader(api, chosen.id, timeline.view);
  loader.addEventListener('rows', (event) => showRows(/** @type {CustomEvent<Row[]>} */ (event).detail));
  loader.addEventListener(
    'events',
    (event) => (byId('events-note', HTMLElement).hidden = /** @type {CustomEvent<boolean>} */ (event).detail),
  );
  loader.addEventListener('days', (event) => {
    monthRows = /** @type {CustomEvent<Row[]>} */ (event).detail;
    calendar.days = daysOf(monthRows, pageClock.clock);
    pictures.monthRows = monthRows;
  });
  loader.addEventListener('indexing', (event) => showCoverageState(/** @type {CustomEvent} */ (event).detail));
  loader.addEventListener('failed', (event) => showProblem(/** @type {CustomEvent} */ (event).detail));
  loader.setMonth(monthSpan());
  loader.start();
  const marks = new LoggedMarks(eventsApi, chosen.id);
  loggedMarks = marks;
  marks.addEventListener('marks', () => (timeline.logged = marks.byChannel));
  marks.view = timeline.view;
  marks.start();
  void askSummary(chosen);
  range.begin(chosen.id);
  if (state.marked) range.marks.setSpan(state.marked);
  state.marked = null;
}

function monthSpan() {
  const { clock } = pageClock;
  const startMs = clock.momentOf(calendar.month.startMs);
  return { startMs, endMs: Math.max(startMs + DAY_MS, Math.min(clock.momentOf(calendar.month.endMs), Date.now())) };
}

/** @param {Camera} chosen */
async function askSummary(chosen) {
  try {
    const summary = await api.recordingSummary(chosen.id);
    hasSummary = true;
    pageClock.zoneS = summary.zone_s;
    playing.recordings = summary.recordings;
    if (summary.data_from) eventSteps.sinceMs = Date.parse(summary.data_from);
    showSummary(summary);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // The request for the coverage shows the problem; the summary stays empty.
  }
}

// ── Showing the coverage ───────────────────────────────────────────────────────────────────────────────────────────

/** @param {Row[]} rows */
function showRows(rows) {
  const isFirst = !timeline.rows.length && rows.length > 0;
  timeline.rows = rows;
  search.rows = rows;
  pictures.update();
  if (!isFirst || !camera) return;
  timeline.chooseChannel(state.channel ?? rows[0]?.channel ?? null);
  if (state.atMs !== null) void playing.play(timeline.row, state.atMs);
  pictures.begin(camera.id, { isPlaying: state.atMs !== null });
}

pageClock.addEventListener('clock', () => {
  for (const element of [timeline, calendar, goto]) element.clock = pageClock.clock;
  calendar.chosen = state.atMs;
  calendar.days = daysOf(monthRows, pageClock.clock);
  pictures.update();
});

/** @param {import('../lib/api.js').Coverage} coverage */
function showCoverageState(coverage) {
  showProblem(coverage.error);
  showIndexing(coverage);
  pageClock.offsetS = coverage.clock_offset_s;
}

/** @param {import('../lib/api.js').Problem|null} problem */
function showProblem(problem) {
  showRecordingsProblem(problem, { camera, hasRows: timeline.rows.length > 0 });
}

// ── The time on screen, and the address ────────────────────────────────────────────────────────────────────────────

/** @param {number|null} channel @param {number} atMs */
function updateState(channel, atMs) {
  state.channel = channel;
  state.atMs = atMs;
  const isToday = timeline.view.endMs >= Date.now();
  state.fromMs = isToday ? null : Math.round(timeline.view.startMs);
  state.toMs = isToday ? null : Math.round(timeline.view.endMs);
  const path = `${document.body.dataset.recordings ?? ''}${camera?.id ?? ''}`;
  window.history.replaceState(null, '', `${path}${writeRecordingsState(state)}`);
  if (camera && channel) byId('to-live', HTMLAnchorElement).href = `${document.body.dataset.viewer ?? ''}${camera.id}?channel=${channel}`;
  goto.atMs = atMs;
}

// The link leads to a search of the shown channel, in the marked range or the shown time.
for (const type of ['pointerenter', 'focus']) {
  byId('to-search', HTMLElement).addEventListener(type, () => {
    const { startMs, endMs } = range.marks.span ?? timeline.view;
    const shown = endMs - startMs <= DAY_MS ? { fromMs: startMs, toMs: endMs } : {};
    const place = { cameraId: camera?.id ?? null, channel: timeline.row?.channel ?? state.channel, atMs: state.atMs };
    byId('to-search', HTMLAnchorElement).href = searchAddress(document.body.dataset.searchPage ?? '', { ...place, ...shown });
  });
}

playing.addEventListener('position', (event) => {
  const { row, atMs } = /** @type {CustomEvent<{row: Row|null, atMs: number}>} */ (event).detail;
  if (row) calendar.chosen = atMs;
  updateState(row ? row.channel : state.channel, atMs);
});

// ── Choosing a time ────────────────────────────────────────────────────────────────────────────────────────────────

timeline.addEventListener('timeline-follow', () => (byId('to-playhead', HTMLElement).hidden = timeline.follows));
timeline.addEventListener('timeline-view', (event) => {
  const { detail } = /** @type {CustomEvent<Span>} */ (event);
  loader?.setView(detail);
  if (loggedMarks) loggedMarks.view = detail;
});
calendar.addEventListener('calendar-day', (event) => {
  const span = dayOf(/** @type {CustomEvent<number>} */ (event).detail, pageClock.clock);
  calendar.chosen = span.startMs;
  timeline.view = { startMs: span.startMs, endMs: span.endMs };
  search.window = { startMs: span.startMs, endMs: Math.min(span.endMs, Date.now()) };
});
calendar.addEventListener('calendar-month', () => loader?.setMonth(monthSpan()));
byId('goto', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  const { atMs } = goto;
  if (atMs !== null) {
    timeline.view = { startMs: atMs - DAY_MS / 2, endMs: atMs + DAY_MS / 2 };
    void playing.play(timeline.row, Math.min(atMs, Date.now()));
  }
});
search.addEventListener('window', (event) => {
  const span = /** @type {CustomEvent<Span>} */ (event).detail;
  const more = (span.endMs - span.startMs) * 0.02;
  timeline.view = { startMs: span.startMs - more, endMs: span.endMs + more };
});
search.addEventListener('play', (event) => playing.playLine(/** @type {CustomEvent} */ (event).detail));

// ── Buttons and keys ───────────────────────────────────────────────────────────────────────────────────────────────

handleKeys(playing, eventSteps, range);
for (const [id, work] of /** @type {[string, () => void][]} */ ([
  ['event-before', () => void eventSteps.step(-1)],
  ['event-after', () => void eventSteps.step(1)],
  ['zoom-in', () => timeline.zoomBy(1.5)],
  ['zoom-out', () => timeline.zoomBy(1 / 1.5)],
  ['to-playhead', () => timeline.toNeedle()],
  ['keys', () => keysDialog.show()],
  ['indexing-stop', () => void index('stop')],
  ['indexing-resume', () => void index('resume')],
  ['problem-retry', retry],
])) {
  byId(id, HTMLElement).addEventListener('click', work);
}

/** @param {'stop'|'resume'} what */
async function index(what) {
  try {
    await loader?.indexing(what);
  } catch (error) {
    showToast(problemOf(error).detail, 'bad');
  }
}

window.addEventListener('online', () => {
  socket?.wake();
  if (!loader) void beginOnce();
});
// A hidden page sends no requests for the recorder.
document.addEventListener('visibilitychange', () => {
  for (const one of [loader, loggedMarks]) document.hidden ? one?.stop() : one?.start();
});

void beginOnce();
watchAlerts();
