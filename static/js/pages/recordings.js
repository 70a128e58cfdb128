// @ts-check
/** The recordings page: the timeline, the calendar, the search, and the player. */
import { AppDialog } from '../components/app-dialog.js';
import { hasMediaSource } from '../components/fragment-source.js';
import { RecordingCalendar } from '../components/recording-calendar.js';
import { RecordingTimeline } from '../components/recording-timeline.js';
import { ReplayPlayer } from '../components/replay-player.js';
import { TimeField } from '../components/time-field.js';
import { part } from '../components/dom.js';
import { ApiError, problemOf } from '../lib/api.js';
import { daysOf, isPlayable, placeAt, rowName, tokenAt } from '../lib/coverage.js';
import { CoverageLoader } from '../lib/coverage-loader.js';
import { EventFinder } from '../lib/event-finder.js';
import { duration } from '../lib/format.js';
import { topicName } from '../lib/marks.js';
import { LiveSocket } from '../lib/live-socket.js';
import { messageOf } from '../lib/messages.js';
import { dayOf } from '../lib/ranges.js';
import { PlaceFinder } from '../lib/place-finder.js';
import { readRecordingsState, writeRecordingsState } from '../lib/recordings-state.js';
import { Scrubber } from '../lib/scrubber.js';
import { byId, liveUrl, pageApi, remember, remembered, showToast, toLogin } from './page.js';
import { pageClock } from './recordings-clock.js';
import { showIndexing, showRecordingsProblem } from './recordings-problem.js';
import { RecordingsSearch, lineName } from './recordings-search.js';
import { showSummary } from './recordings-summary.js';

/**
 * @typedef {import('../lib/api.js').Camera} Camera @typedef {import('../lib/coverage.js').Row} Row
 * @typedef {{on: ReplayPlayer, row: Row|null}} Screen
 */

const DAY_MS = 86_400_000;
const BEFORE_EVENT_MS = 2000; // an event is played from this long before it

const api = pageApi();
const timeline = byId('timeline', RecordingTimeline);
const calendar = byId('calendar', RecordingCalendar);
const player = byId('player', ReplayPlayer);
const modal = byId('modal-player', ReplayPlayer);
const playDialog = byId('play-dialog', AppDialog);
const goto = byId('goto-field', TimeField);
const keysDialog = byId('keys-dialog', AppDialog);
const search = new RecordingsSearch(api);
const state = readRecordingsState(window.location.search);

/** @type {Camera|null} */
let camera = null;
/** @type {CoverageLoader|null} */
let loader = null;
/** @type {PlaceFinder|null} */
let places = null;
/** Set while a place to play is searched. @type {AbortController|null} */
let asking = null;
/** @type {EventFinder|null} */
let events = null;
/** Set while an event is searched. @type {AbortController|null} */
let finding = null;
/** Time of the event that was played last. @type {number|null} */
let reachedMs = null;
/** The row of the modal player. @type {Row|null} */
let modalRow = null;
/** @type {number|null} */
let markInMs = null;
/** @type {Scrubber<{row: Row, atMs: number}>} */
const scrubber = new Scrubber(({ row, atMs }) => {
  asking?.abort();
  asking = null;
  if (camera) player.go({ cameraId: camera.id, recordingToken: tokenAt(row, atMs, places?.held), channel: row.channel, atMs });
});
/** The rows of the calendar's month. @type {Row[]} */
let monthRows = [];

const socket = hasMediaSource() && state.transport !== 'hls' ? new LiveSocket({ url: liveUrl(), onLoginEnded: toLogin }) : null;
player.connect(api, socket);
modal.connect(api, socket);
window.addEventListener('online', () => socket?.wake());

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
  select.addEventListener('change', () => {
    remember('recordings-camera', select.value);
    window.location.assign(`${document.body.dataset.recordings ?? ''}${select.value}`);
  });
  if (camera) openCamera(camera);
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
  places = new PlaceFinder(api, chosen.id);
  events = new EventFinder(api, chosen.id);
  loader = new CoverageLoader(api, chosen.id, timeline.view);
  loader.addEventListener('rows', (event) => showRows(/** @type {CustomEvent<Row[]>} */ (event).detail));
  loader.addEventListener(
    'events',
    (event) => (byId('events-note', HTMLElement).hidden = /** @type {CustomEvent<boolean>} */ (event).detail),
  );
  loader.addEventListener('days', (event) => {
    monthRows = /** @type {CustomEvent<Row[]>} */ (event).detail;
    calendar.days = daysOf(monthRows, pageClock.clock);
  });
  loader.addEventListener('indexing', (event) => showCoverageState(/** @type {CustomEvent} */ (event).detail));
  loader.addEventListener('failed', (event) => showProblem(/** @type {CustomEvent} */ (event).detail));
  loader.showMonth(monthSpan());
  loader.start();
  void askSummary(chosen);
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
    pageClock.zoneS = summary.zone_s;
    if (places) places.held = summary.recordings;
    if (events && summary.data_from) events.sinceMs = Date.parse(summary.data_from);
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
  if (!isFirst) return;
  timeline.chooseChannel(state.channel ?? rows[0]?.channel ?? null);
  if (state.atMs !== null) void play(timeline.row, state.atMs);
}

pageClock.addEventListener('clock', () => {
  for (const one of [timeline, player, modal, calendar, goto]) one.clock = pageClock.clock;
  calendar.chosen = state.atMs;
  calendar.days = daysOf(monthRows, pageClock.clock);
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

// ── Playing ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Return the visible player and its row. @returns {Screen} */
function visiblePlayer() {
  return playDialog.dialog.open ? { on: modal, row: modalRow } : { on: player, row: timeline.row };
}

/**
 * @param {Row|null} row
 * @param {number} wantedMs
 * @param {{on?: ReplayPlayer, also?: string}} [how] `on`: the player; `also`: text before the player's note
 */
async function play(row, wantedMs, { on = player, also = '' } = {}) {
  if (!row || !camera || !places) return;
  finding?.abort();
  asking?.abort();
  const aborter = new AbortController();
  asking = aborter;
  showNote('', on);
  if (on === player) {
    timeline.atMs = wantedMs;
    timeline.toNeedle();
  }
  const place = await placeOf({ row, on }, wantedMs, aborter.signal);
  if (aborter.signal.aborted) return;
  asking = null;
  showNote(`${also} ${noteOf(place.outcome, wantedMs, place.atMs)}`.trim(), on);
  on.names = [camera.name || camera.host, row.name].filter(Boolean);
  part(on, 'channel', HTMLElement).textContent = rowName(row);
  on.go({ cameraId: camera.id, recordingToken: place.recordingToken, channel: row.channel, atMs: place.atMs });
  if (on !== player) return;
  timeline.atMs = place.atMs;
  calendar.chosen = place.atMs;
  updateState(row.channel, place.atMs);
}

/**
 * Return the place to play for a moment. Waits for the recorder if the row does not know.
 *
 * @param {{row: Row, on: ReplayPlayer}} screen
 * @param {number} atMs
 * @param {AbortSignal} signal
 */
async function placeOf({ row, on }, atMs, signal) {
  const { held } = /** @type {PlaceFinder} */ (places);
  const place = placeAt(row, atMs, Date.now());
  if (place.outcome !== 'ask') return { ...place, outcome: place.outcome, recordingToken: tokenAt(row, place.atMs, held) };
  showNote(`Asking the recorder about its recordings at ${pageClock.stamp(place.atMs)}`, on);
  try {
    return await /** @type {PlaceFinder} */ (places).find(row, atMs, signal);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { outcome: /** @type {const} */ ('unknown'), atMs, recordingToken: tokenAt(row, atMs, held) };
  }
}

/**
 * @param {import('../lib/place-finder.js').FoundPlace['outcome']} outcome
 * @param {number} wantedMs
 * @param {number} atMs start of playing
 */
function noteOf(outcome, wantedMs, atMs) {
  const wanted = pageClock.stamp(wantedMs);
  if (outcome === 'later') return `Nothing was recorded at ${wanted}; playing goes on at ${pageClock.stamp(atMs)}.`;
  if (outcome === 'nothing') return `Nothing was recorded at ${wanted}.`;
  return outcome === 'unknown' ? `The recorder has not reported yet if it recorded at ${wanted}. Trying to play it.` : '';
}

/** Show a text below a player. @param {string} text @param {ReplayPlayer} on */
function showNote(text, on) {
  byId(on === modal ? 'modal-note' : 'gap-note', HTMLElement).textContent = text;
}

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

player.addEventListener('replay-time', (event) => {
  if (!asking) timeline.atMs = /** @type {CustomEvent<number>} */ (event).detail;
  // While the frozen frame of the last place is visible, the new one is not.
  if (part(player, 'frozen', HTMLCanvasElement).hidden) scrubber.shown();
});
player.addEventListener('replay-phase', (event) => {
  const phase = /** @type {CustomEvent<string>} */ (event).detail;
  if (phase === 'problem' || phase === 'broken') scrubber.shown();
  if ((phase === 'playing' || phase === 'paused') && player.atMs !== null && !asking) updateState(state.channel, player.atMs);
});
player.addEventListener('replay-wanted', () => {
  const row = timeline.row;
  const last = row?.spans.findLast(isPlayable);
  const atMs = timeline.atMs ?? (last ? Math.max(last.startMs, last.endMs - 600_000) : null);
  if (row && atMs !== null) void play(row, atMs);
  else showToast('No recordings are known here', 'bad');
});
for (const one of [player, modal]) {
  one.addEventListener('replay-gap', (event) => {
    const { fromMs, toMs } = /** @type {CustomEvent<{fromMs: number, toMs: number}>} */ (event).detail;
    showNote(
      `Skipped ${duration((toMs - fromMs) / 1000)} without a recording, from ${pageClock.stamp(fromMs)} to ${pageClock.stamp(toMs)}.`,
      one,
    );
  });
  one.chooseSpeed(Number(remembered('replay-speed') ?? 1));
  one.addEventListener('replay-speed', (event) => remember('replay-speed', String(/** @type {CustomEvent} */ (event).detail)));
}

timeline.addEventListener('timeline-seek', (event) => {
  scrubber.end();
  const { row, atMs } = /** @type {CustomEvent<{row: Row, atMs: number}>} */ (event).detail;
  void play(row, atMs);
});
timeline.addEventListener('timeline-scrub', (event) => {
  const target = /** @type {CustomEvent<{row: Row|null, atMs: number}|null>} */ (event).detail;
  if (!target) scrubber.end();
  else if (target.row && placeAt(target.row, target.atMs, Date.now()).outcome === 'plays')
    scrubber.to({ row: target.row, atMs: target.atMs });
});
timeline.addEventListener('timeline-follow', () => (byId('to-playhead', HTMLElement).hidden = timeline.follows));
timeline.addEventListener('timeline-view', (event) => loader?.show(/** @type {CustomEvent} */ (event).detail));
timeline.addEventListener('timeline-row', (event) => {
  const row = /** @type {CustomEvent<Row>} */ (event).detail;
  if (player.isOpen && player.atMs !== null) void play(row, player.atMs);
});
calendar.addEventListener('calendar-day', (event) => {
  const span = dayOf(/** @type {CustomEvent<number>} */ (event).detail, pageClock.clock);
  calendar.chosen = span.startMs;
  timeline.view = { startMs: span.startMs, endMs: span.endMs };
  search.window = { startMs: span.startMs, endMs: Math.min(span.endMs, Date.now()) };
});
calendar.addEventListener('calendar-month', () => loader?.showMonth(monthSpan()));
byId('goto', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  const { atMs } = goto;
  if (atMs !== null) {
    timeline.view = { startMs: atMs - DAY_MS / 2, endMs: atMs + DAY_MS / 2 };
    void play(timeline.row, Math.min(atMs, Date.now()));
  }
});
search.addEventListener('window', (event) => {
  const span = /** @type {CustomEvent<import('../lib/timeline-scale.js').Span>} */ (event).detail;
  const more = (span.endMs - span.startMs) * 0.02;
  timeline.view = { startMs: span.startMs - more, endMs: span.endMs + more };
});
search.addEventListener('play', (event) => {
  const line = /** @type {CustomEvent} */ (event).detail;
  if (!camera) return;
  player.close();
  modalRow =
    timeline.rows.find((row) => (line.channel === null ? row.recordingToken === line.recordingToken : row.channel === line.channel)) ??
    null;
  showNote('', modal);
  modal.names = [camera.name || camera.host, line.name].filter(Boolean);
  part(modal, 'channel', HTMLElement).textContent = lineName(line);
  byId('play-title', HTMLElement).textContent = `${lineName(line)}, from ${pageClock.stamp(line.startMs)}`;
  playDialog.show();
  modal.go({ cameraId: camera.id, recordingToken: line.recordingToken, channel: line.channel, atMs: line.startMs });
});
playDialog.addEventListener('dialog-closed', () => {
  finding?.abort();
  asking?.abort();
  asking = null;
  modal.close();
});

// ── Buttons and keys ───────────────────────────────────────────────────────────────────────────────────────────────

/** @param {1|-1} direction */
async function toEvent(direction) {
  const { on, row } = visiblePlayer();
  if (!row || !events) return;
  finding?.abort();
  const aborter = new AbortController();
  finding = aborter;
  const atMs = (on === modal ? modal.atMs : timeline.atMs) ?? Date.now();
  const isOnOne = reachedMs !== null && Math.abs(atMs - reachedMs) <= BEFORE_EVENT_MS + 500;
  const fromMs = isOnOne && reachedMs !== null ? reachedMs : direction > 0 ? atMs : atMs - BEFORE_EVENT_MS;
  showNote(direction > 0 ? 'Searching for the next event' : 'Searching for the previous event', on);
  try {
    const { event, endMs, why } = await events.find(row, fromMs, direction, aborter.signal);
    if (aborter.signal.aborted) return;
    if (!event) {
      showNote(endOfSearch(why, direction, pageClock.stamp(endMs)), on);
      return;
    }
    reachedMs = event.atMs;
    const isBefore = placeAt(row, event.atMs - BEFORE_EVENT_MS, Date.now()).outcome !== 'later';
    const also = `${topicName(event.topic)} at ${pageClock.stamp(event.atMs)}.`;
    await play(row, isBefore ? event.atMs - BEFORE_EVENT_MS : event.atMs, { on, also });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (!aborter.signal.aborted) showNote(messageOf(error.code).title, on);
  }
}

/**
 * @param {import('../lib/event-finder.js').Search['why']} why
 * @param {1|-1} direction
 * @param {string} end of the searched time
 */
function endOfSearch(why, direction, end) {
  if (why === 'silent') return 'This recorder reports no events.';
  const none = direction > 0 ? `No later event is known up to ${end}` : `No earlier event is known back to ${end}`;
  if (why === 'stopped') return `${none}. Asking the recorder was stopped before it got further.`;
  return why === 'bound' ? `${none}. The recorder is slow: search again in a while.` : `${none}.`;
}

/** @param {'in'|'out'} which */
function setMark(which) {
  const { on } = visiblePlayer();
  const atMs = on === modal ? modal.atMs : (player.atMs ?? timeline.atMs);
  if (atMs === null) return;
  if (which === 'in') markInMs = atMs;
  const startMs = markInMs ?? atMs - 60_000;
  const endMs = which === 'out' ? atMs : Math.max(search.window?.endMs ?? 0, startMs + 60_000);
  if (endMs <= startMs) {
    showToast('The end must be later than the start', 'bad');
    return;
  }
  timeline.marked = { startMs, endMs };
  search.window = { startMs, endMs };
  showToast(which === 'in' ? `Begins at ${pageClock.stamp(startMs)}` : `Ends at ${pageClock.stamp(endMs)}`);
}

/** Keys of the visible player. @type {Record<string, () => void>} */
const KEYS = {
  ' ': () => visiblePlayer().on.togglePlay(),
  k: () => visiblePlayer().on.togglePlay(),
  j: () => visiblePlayer().on.skip(-10_000),
  l: () => visiblePlayer().on.skip(10_000),
  ',': () => visiblePlayer().on.step(-1),
  '.': () => visiblePlayer().on.step(1),
  '<': () => visiblePlayer().on.changeSpeed(-1),
  '>': () => visiblePlayer().on.changeSpeed(1),
  f: () => void visiblePlayer().on.toggleFullscreen(),
  m: () => visiblePlayer().on.toggleAudio(),
  s: () => visiblePlayer().on.saveSnapshot(),
  n: () => void toEvent(1),
  p: () => void toEvent(-1),
  '[': () => setMark('in'),
  ']': () => setMark('out'),
  '?': () => keysDialog.show(),
};

/** Keys of the timeline, which an open dialog hides. @type {Record<string, () => void>} */
const TIMELINE_KEYS = {
  '+': () => timeline.zoomBy(1.5),
  '=': () => timeline.zoomBy(1.5),
  '-': () => timeline.zoomBy(1 / 1.5),
  h: () => timeline.toNeedle(),
};

document.addEventListener('keydown', (event) => {
  const target = event.target instanceof Element ? event.target : null;
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  if (keysDialog.dialog.open || target?.closest('input:not([type=checkbox]), textarea, select')) return;
  if (event.key === ' ' && target?.closest('button, a, input, summary')) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const keys = playDialog.dialog.open ? KEYS : { ...KEYS, ...TIMELINE_KEYS };
  if (!Object.hasOwn(keys, key)) return;
  event.preventDefault();
  keys[key]?.();
});

for (const [id, work] of /** @type {[string, () => void][]} */ ([
  ['event-before', () => void toEvent(-1)],
  ['event-after', () => void toEvent(1)],
  ['zoom-in', () => timeline.zoomBy(1.5)],
  ['zoom-out', () => timeline.zoomBy(1 / 1.5)],
  ['to-playhead', () => timeline.toNeedle()],
  ['keys', () => keysDialog.show()],
  ['indexing-stop', () => void index('stop')],
  ['indexing-resume', () => void index('resume')],
  ['problem-retry', () => void index('resume')],
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

// A hidden page sends no requests for the recorder.
document.addEventListener('visibilitychange', () => (document.hidden ? loader?.stop() : loader?.start()));

void begin();
