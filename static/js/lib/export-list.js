// @ts-check
/** The list of exports: the texts and the actions of a row, filters, and the pause before the next request. */
import { gapReason, rangeText } from './export-text.js';
import { exactDuration } from './format.js';

/**
 * @typedef {import('./export-types.js').Export} Export
 * @typedef {import('./export-types.js').RangeOfExport} ExportRange
 * @typedef {'pause'|'resume'|'cancel'|'retry'|'keep'|'link'|'edit'|'delete'} ExportAction
 * @typedef {(cameraId: number, channel: number) => {camera: string, channel: string}} NamesOf
 * @typedef {{cameraId: number|null, text: string}} ExportFilter
 */

const POLL_MS = 1500;
const SHOWN_RANGES = 3;
const SHOWN_GAPS = 4;

/** @type {Record<Export['state'], ExportAction[]>} */
const ACTIONS = {
  queued: ['pause', 'cancel'],
  running: ['pause', 'cancel'],
  paused: ['resume', 'cancel'],
  done: ['keep', 'link'],
  failed: ['retry'],
  cancelled: ['retry'],
};

/** Return what a user can do with an export, in the order of its buttons. @param {Export} job @returns {ExportAction[]} */
export function actionsOf(job) {
  const mayRetry = (job.state === 'queued' || job.state === 'done') && job.error !== null;
  const isEnded = !isUnfinished(job);
  const hasUsableFiles = job.state === 'failed' && job.files.length > 0;
  return [
    ...(mayRetry ? /** @type {const} */ (['retry']) : []),
    ...ACTIONS[job.state],
    ...(hasUsableFiles ? /** @type {const} */ (['keep', 'link']) : []),
    'edit',
    ...(isEnded ? /** @type {const} */ (['delete']) : []),
  ];
}

/** @param {Export} job */
export function isUnfinished({ state }) {
  return state === 'queued' || state === 'running' || state === 'paused';
}

/** Return the pause before the next request for the list, in ms; null if nothing changes by itself. @param {Export[]} jobs */
export function pollPauseMs(jobs) {
  return jobs.some(({ state }) => state === 'queued' || state === 'running') ? POLL_MS : null;
}

/**
 * Return the title of an export: its name, otherwise its channels.
 *
 * @param {Export} job
 * @param {NamesOf} namesOf
 */
export function titleOf(job, namesOf) {
  return job.name || channelsText(job.ranges, namesOf);
}

/** @param {ExportRange[]} ranges @param {NamesOf} namesOf */
function channelsText(ranges, namesOf) {
  const names = [...new Set(ranges.map(({ camera_id: camera, channel }) => Object.values(namesOf(camera, channel)).join(', ')))];
  const [first = 'Export', ...others] = names;
  return others.length ? `${first} and ${others.length} more` : first;
}

/**
 * Return the ranges of an export as lines of text. Many ranges of equal times become one line.
 *
 * @param {Export} job
 * @param {NamesOf} namesOf
 * @param {import('./display-clock.js').DisplayClock} [clock]
 * @returns {string[]}
 */
export function rangeLines(job, namesOf, clock) {
  /** @type {Map<string, ExportRange[]>} */
  const byTime = new Map();
  for (const range of job.ranges) {
    const key = `${range.start_time} ${range.end_time}`;
    byTime.set(key, [...(byTime.get(key) ?? []), range]);
  }
  const lines = [...byTime.values()].map((ranges) => {
    const [{ start_time: start, end_time: end }] = /** @type {[ExportRange]} */ (ranges);
    const startMs = Date.parse(start);
    const endMs = Date.parse(end);
    return `${placesText(ranges, namesOf)} · ${rangeText(startMs, endMs, clock)} · ${exactDuration((endMs - startMs) / 1000)}`;
  });
  if (lines.length <= SHOWN_RANGES) return lines;
  return [...lines.slice(0, SHOWN_RANGES - 1), `and ${lines.length - SHOWN_RANGES + 1} more ranges`];
}

/**
 * Return the gaps of a finished export as lines of text, with their reasons.
 *
 * @param {Export} job
 * @param {NamesOf} namesOf
 * @param {import('./display-clock.js').DisplayClock} [clock]
 * @returns {string[]}
 */
export function gapLines(job, namesOf, clock) {
  const lines = job.ranges.flatMap((range) =>
    range.gaps.map(({ start_time: start, end_time: end, ...gap }) => {
      const place = job.ranges.length > 1 ? `${placesText([range], namesOf)} · ` : '';
      const why = gapReason(gap);
      return `Missing: ${place}${rangeText(Date.parse(start), Date.parse(end), clock)}${why ? `: ${why}` : ''}`;
    }),
  );
  if (lines.length <= SHOWN_GAPS) return lines;
  return [...lines.slice(0, SHOWN_GAPS - 1), `and ${lines.length - SHOWN_GAPS + 1} more gaps`];
}

/** Return `Garage: 1 Gate, 2 Yard; Town: 3 Door`. @param {ExportRange[]} ranges @param {NamesOf} namesOf */
function placesText(ranges, namesOf) {
  /** @type {Map<string, Set<string>>} */
  const channels = new Map();
  for (const { camera_id: cameraId, channel } of ranges) {
    const names = namesOf(cameraId, channel);
    channels.set(names.camera, (channels.get(names.camera) ?? new Set()).add(names.channel));
  }
  return [...channels].map(([camera, names]) => `${camera}: ${[...names].join(', ')}`).join('; ');
}

/**
 * Return the exports that a filter leaves. Each word of its text must be in the name, the notes, the owner, or the names
 * of cameras, channels and files.
 *
 * @param {Export[]} jobs
 * @param {ExportFilter} filter
 * @param {NamesOf} namesOf
 */
export function filtered(jobs, { cameraId, text }, namesOf) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return jobs.filter((job) => {
    if (cameraId !== null && !job.ranges.some((range) => range.camera_id === cameraId)) return false;
    const names = job.ranges.flatMap(({ camera_id: camera, channel }) => Object.values(namesOf(camera, channel)));
    const all = [job.name, job.notes, job.owner, ...names, ...job.files.map((file) => file.name)].join('\n').toLowerCase();
    return words.every((word) => all.includes(word));
  });
}

/** Return the ids of all cameras of the exports, each once. @param {Export[]} jobs */
export function cameraIdsOf(jobs) {
  return [...new Set(jobs.flatMap((job) => job.ranges.map((range) => range.camera_id)))].sort((one, other) => one - other);
}

/**
 * Return a text for screen readers about the exports that became ready or failed between two answers.
 *
 * @param {Export[]} before
 * @param {Export[]} now
 * @param {NamesOf} namesOf
 */
export function endedText(before, now, namesOf) {
  const ended = now.filter((job) => {
    const was = before.find((other) => other.id === job.id);
    return was && was.state !== job.state && (job.state === 'done' || job.state === 'failed');
  });
  return ended.map((job) => `${titleOf(job, namesOf)} ${job.state === 'done' ? 'is ready' : 'has failed'}.`).join(' ');
}
