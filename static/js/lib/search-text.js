// @ts-check
/** Words for users about searches in a part of the picture: questions, states, costs, results. */
import { LOCAL_CLOCK } from './display-clock.js';
import { counted, duration, exactDuration, fileSize, shareText } from './format.js';
import { hasMessage, messageOf } from './messages.js';

/**
 * @typedef {import('./searches-api.js').Search} Search @typedef {import('./searches-api.js').SearchResult} SearchResult
 * @typedef {import('./display-clock.js').DisplayClock} DisplayClock
 * @typedef {{title: string, text: string, tone: 'good'|'busy'|'bad'|''}} Words
 */

/** Name and explanation of each question. @type {Record<Search['kind'], [string, string]>} */
export const KINDS = {
  moved: ['Something moved here', 'Finds each time when a person, a car or a thing moved in the area: who was at the gate?'],
  changed: [
    'Something changed for good here',
    'Finds the moment from which the area stays different: when did the bicycle vanish? People who only pass by do not count. It is quick even over days.',
  ],
};

/** @type {Record<'device'|'server', string>} */
export const SOURCES = { device: 'The recordings of the recorder', server: 'The recordings of this server' };

/** Explanations of problems of a search, by their codes. lib/messages.js has those of device errors. @type {Record<string, string>} */
const PROBLEMS = {
  nothing_recorded: 'Choose another range: the recordings page shows the recorded times.',
  not_listed: 'The recorder has not listed all its recordings of this range yet. Search again in a minute to see the rest.',
  nobody_looks: 'The server ended this search, because no page looked at it for a minute. Its results are below.',
  app_ended: 'The app was restarted while this search ran. Search again.',
  camera_changed: 'The camera was changed or removed while this search ran.',
  camera_moved: 'Another server connects this camera now. Search again.',
  internal_error: 'A fault of the app ended this search. The log of the app has the reason.',
};

const STRONG = 0.66;
const WEAK = 0.33;

/** True while the server works on a search, or waits for its user. @param {Pick<Search, 'state'>} search */
export function isUnfinished({ state }) {
  return state === 'estimating' || state === 'running' || state === 'waiting';
}

/** Return the state of a search as a title and a sentence. @param {Search} search @returns {Words} */
export function stateWords(search) {
  const found = foundText(search);
  switch (search.state) {
    case 'estimating':
      if (search.waits_for === 'turn') return { title: 'Waits for its turn', text: TURN, tone: 'busy' };
      return {
        title: 'Reads the known recordings',
        text: 'The server looks up the recordings and the events of this range.',
        tone: 'busy',
      };
    case 'running':
      if (search.waits_for === 'turn') return { title: 'Waits for its turn', text: TURN, tone: 'busy' };
      if (search.waits_for === 'recorder') return { title: 'Waits for the recorder', text: recorderText(search), tone: 'busy' };
      return { title: 'Searching', text: found, tone: 'busy' };
    case 'waiting':
      return { title: 'The quick search is done', text: `${found} ${estimateText(search)}`, tone: '' };
    case 'cancelled':
      return { title: 'Ended early', text: sentences(problemText(search.problem), found, lookedText(search)), tone: '' };
    case 'failed':
      return {
        title: 'The search has failed',
        text: sentences(problemText(search.problem), search.results.length ? found : ''),
        tone: 'bad',
      };
    default:
      return doneWords(search, found);
  }
}

const TURN = 'Another search runs. This one begins as soon as that one has ended.';

/** @param {Search} search */
function recorderText({ problem }) {
  const reason = problem && hasMessage(problem.code) ? `${messageOf(problem.code).title}.` : (problem?.detail ?? '');
  const isTaken = !problem || problem.code === 'replay_limit' || problem.code === 'camera_busy';
  return isTaken
    ? 'A user plays recordings of this recorder, and users come first. The search goes on when the recorder has a free place.'
    : sentences(reason, 'The search goes on when the recorder answers again.');
}

/** @param {Search} search @param {string} found @returns {Words} */
function doneWords(search, found) {
  const { problem, results } = search;
  if (problem?.code === 'nothing_recorded') return { title: 'Nothing is recorded in this range', text: problemText(problem), tone: 'bad' };
  const about = problem ? problemText(problem) : '';
  const tone = problem ? 'bad' : results.length ? 'good' : '';
  if (results.length) return { title: 'Done', text: sentences(found, lookedText(search), about), tone };
  const title = search.kind === 'moved' ? 'Nothing moved here' : 'Nothing changed for good here';
  return { title, text: sentences(emptyText(search), about), tone };
}

/** @param {Search} search */
function emptyText(search) {
  const looked = lookedText(search);
  if (search.kind === 'changed') return sentences(looked, 'A thing that was back before the end of the range does not count.');
  return sentences(looked, search.is_small ? 'A larger area, or a longer range, may help.' : '');
}

/** Return the number of results as a sentence. @param {Pick<Search, 'results'|'kind'|'state'>} search */
function foundText({ results, kind, state }) {
  const so = isUnfinished({ state }) ? ' so far' : '';
  if (!results.length) return `Nothing found${so}.`;
  return kind === 'moved' ? `${counted(results.length, 'movement')}${so}.` : `${counted(results.length, 'lasting change')}${so}.`;
}

/** Return which part of the recorded time the server has looked at. @param {Pick<Search, 'progress'|'recorded_s'|'kind'>} search */
export function lookedText({ progress, recorded_s: recorded, kind }) {
  const share = progress ?? 0;
  if (!recorded) return '';
  const all = exactDuration(Math.round(recorded));
  if (share >= 0.9995 && kind === 'changed')
    return `The server compared pictures from the begin to the end of the ${all} that are recorded.`;
  if (share >= 0.9995) return `The server looked at all ${all} that are recorded.`;
  return `The server looked at ${shareText(share)} of the ${all} that are recorded.`;
}

/** Return the cost so far. @param {Pick<Search, 'key_frames'|'bytes'>} search */
export function costText({ key_frames: count, bytes }) {
  if (!count) return '';
  const pictures = counted(count, 'picture');
  return bytes ? `${pictures}, ${fileSize(bytes)} from the recorder` : pictures;
}

/** Return the cost of the exhaustive step as sentences. @param {Pick<Search, 'estimate'>} search */
export function estimateText({ estimate }) {
  if (!estimate) return 'The server can also look at the rest, picture by picture.';
  const { key_frames: count, bytes, seconds } = estimate;
  const size = bytes ? `${fileSize(bytes)} from the recorder` : 'nothing from the recorder';
  return `To look at the rest takes about ${roughDuration(seconds ?? 0)}: ${counted(count, 'picture')}, ${size}.`;
}

/** @param {number} seconds */
function roughDuration(seconds) {
  return seconds < 1 ? '1 s' : duration(seconds < 10 ? Math.ceil(seconds) : seconds).replace('.0 s', ' s');
}

/** Return a problem as sentences. @param {{code: string, detail: string}|null} problem */
export function problemText(problem) {
  if (!problem) return '';
  if (Object.hasOwn(PROBLEMS, problem.code)) return PROBLEMS[problem.code] ?? '';
  if (hasMessage(problem.code)) return sentences(`${messageOf(problem.code).title}.`, messageOf(problem.code).advice);
  return problem.detail;
}

/** True if only installed packages would help. @param {Search} search */
export function needsPackages({ problem }) {
  return problem?.code === 'vision_missing';
}

/** Return a result's time: `14:03:20 to 14:03:52`, with the days where the search covers several. @param {SearchResult} result @param {boolean} isWithinDay @param {DisplayClock} [clock] */
export function resultTime({ start_time: start, end_time: end }, isWithinDay, clock = LOCAL_CLOCK) {
  const [startMs, endMs] = [Date.parse(start), Date.parse(end)];
  const from = isWithinDay ? clock.timeOf(startMs) : clock.stamp(startMs);
  if (endMs - startMs < 1000) return from;
  const isSameDay = clock.stamp(startMs).slice(0, 10) === clock.stamp(endMs).slice(0, 10);
  return `${from} to ${isSameDay ? clock.timeOf(endMs) : clock.stamp(endMs)}`;
}

/** Return how strong each result is beside the strongest one, 0 to 1. @param {readonly SearchResult[]} results @returns {(result: SearchResult) => number} */
export function strengthIn(results) {
  const best = Math.max(...results.map(({ score }) => score ?? 0));
  return ({ score }) => (best > 0 ? (score ?? 0) / best : 0);
}

/** Return the length of a result, and how strong it is. @param {SearchResult} result @param {Search['kind']} kind @param {number} share of the strongest result's score */
export function resultFacts({ start_time: start, end_time: end }, kind, share) {
  const seconds = (Date.parse(end) - Date.parse(start)) / 1000;
  const strength = share >= STRONG ? 'strong' : share >= WEAK ? 'medium' : 'weak';
  if (kind === 'changed') return seconds >= 1 ? `within ${exactDuration(Math.round(seconds))}, ${strength}` : strength;
  return seconds >= 1 ? `${exactDuration(Math.round(seconds))}, ${strength}` : strength;
}

/** Return the range of a search: `2026-11-22 14:00 to 15:00`. @param {Pick<Search, 'start_time'|'end_time'>} search @param {DisplayClock} [clock] */
export function rangeText({ start_time: start, end_time: end }, clock = LOCAL_CLOCK) {
  const [from, to] = [start, end].map((text) => clock.stamp(Date.parse(text)).slice(0, 16));
  const isSameDay = from?.slice(0, 10) === to?.slice(0, 10);
  return `${from} to ${isSameDay ? to?.slice(11) : to}`;
}

/** Return a state for the list of earlier searches. @param {Search} search */
export function shortState(search) {
  const { state, results } = search;
  if (state === 'waiting') return 'waits for your decision';
  if (isUnfinished(search)) return 'runs';
  if (state === 'failed') return 'failed';
  const count = results.length ? counted(results.length, 'result') : 'no result';
  return state === 'cancelled' ? `ended early, ${count}` : count;
}

/** True if a search covers one day of the clock. @param {Pick<Search, 'start_time'|'end_time'>} search @param {DisplayClock} [clock] */
export function isOneDay({ start_time: start, end_time: end }, clock = LOCAL_CLOCK) {
  const [from, to] = [Date.parse(start), Date.parse(end) - 1].map((ms) => clock.stamp(ms).slice(0, 10));
  return from === to;
}

/** @param {readonly SearchResult[]} results @param {'strength'|'time'} order @returns {SearchResult[]} the strongest, or the newest, first */
export function inOrder(results, order) {
  const byTime = (/** @type {SearchResult} */ a, /** @type {SearchResult} */ b) => Date.parse(b.start_time) - Date.parse(a.start_time);
  return [...results].sort((a, b) => (order === 'time' ? byTime(a, b) : (b.score ?? 0) - (a.score ?? 0) || byTime(a, b)));
}

/** Return the recorded part of a range, for the form. @param {number} recordedMs @param {number} wholeMs */
export function recordedText(recordedMs, wholeMs) {
  if (recordedMs < 1000) return 'Nothing is recorded in this range.';
  if (wholeMs - recordedMs < 60_000) return 'All of this range is recorded.';
  return `${exactDuration(Math.round(recordedMs / 60_000) * 60 || 60)} of this range are recorded.`;
}

/** @param {...string} parts */
function sentences(...parts) {
  return parts.filter(Boolean).join(' ');
}
