// @ts-check
/**
 * The times of thumbnails: for a strip as wide as the timeline, for a grid, for the pointer and for a day. The server
 * has thumbnails at fixed steps, so that all viewers share them. Times are ms since 1970.
 */

import { isMissing, isPlayable, spanAt } from './coverage.js';

/**
 * @typedef {import('./timeline-scale.js').Span} Span @typedef {import('./coverage.js').Row} Row
 * @typedef {{strideMs: number, stepS: number}} Stride `strideMs`: time between two thumbnails of a strip, a multiple of
 *   the server's step
 * @typedef {{atMs: number, stepS: number}} Place a time of a step's grid
 */

/** The server's steps, in seconds. Each time of a step is also one of all shorter steps. */
export const STEPS_S = [1, 10, 60, 600, 3600];

const DAY_S = 86_400;
/** From each stride to the next the factor is at most 2, so a thumbnail's share of the strip varies by that much. */
const STRIDES_S = [
  ...[1, 2, 3, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600],
  ...[7200, 10_800, 21_600, 43_200, DAY_S, 2 * DAY_S, 4 * DAY_S, 7 * DAY_S, 10 * DAY_S],
];

/** A grid holds at most so many thumbnails, and by default about so many. */
const MOST_IN_GRID = 720;
const USUAL_IN_GRID = 60;

/** Requested together if no more than so many steps lie between them: the server also makes those in between. */
const MERGED_STEPS = 3;

/** The pointer's thumbnail is exact to so many pixels. */
const HOVER_PX = 4;

const NOON_S = DAY_S / 2;

/** Return the stride whose thumbnails have at least their width. @param {number} msPerPx @param {number} leastPx @returns {Stride} */
export function strideFor(msPerPx, leastPx) {
  const longest = STRIDES_S.at(-1) ?? DAY_S;
  const strideS = STRIDES_S.find((seconds) => seconds * 1000 >= msPerPx * leastPx) ?? longest;
  return { strideMs: strideS * 1000, stepS: stepWithin(strideS) };
}

/** The longest step that is no longer than this. @param {number} seconds */
function stepWithin(seconds) {
  return STEPS_S.findLast((stepS) => stepS <= seconds) ?? 1;
}

/** Return the last time of a step at or before a moment. @param {number} atMs @param {number} stepMs */
function snapped(atMs, stepMs) {
  return Math.floor(atMs / stepMs) * stepMs;
}

/**
 * Return the times of a step whose thumbnails reach into a span.
 *
 * @param {Span} span
 * @param {number} stepMs
 * @returns {number[]} ascending
 */
export function timesIn({ startMs, endMs }, stepMs) {
  const first = snapped(startMs, stepMs);
  const count = Math.max(0, Math.ceil((endMs - first) / stepMs));
  return Array.from({ length: count }, (_, index) => first + index * stepMs);
}

/**
 * Return the spans to request for some times: one span for times that lie close together.
 *
 * @param {number[]} times in any order
 * @param {number} stepS
 * @returns {Span[]}
 */
export function requestsFor(times, stepS) {
  const stepMs = stepS * 1000;
  /** @type {Span[]} */
  const spans = [];
  for (const atMs of times.toSorted((a, b) => a - b)) {
    const last = spans.at(-1);
    if (last && atMs - last.endMs < MERGED_STEPS * stepMs) last.endMs = atMs + stepMs;
    else spans.push({ startMs: atMs, endMs: atMs + stepMs });
  }
  return spans;
}

/** Return the steps whose grid of a span is not too long. @param {Span} span @returns {number[]} the longest one always */
export function gridStepsFor(span) {
  const fitting = STEPS_S.filter((stepS) => gridCount(span, stepS) <= MOST_IN_GRID);
  return fitting.length ? fitting : STEPS_S.slice(-1);
}

/** Return the step of a grid for which the user chose none: the finest one with a moderate count. @param {Span} span */
export function usualGridStep(span) {
  return STEPS_S.find((stepS) => gridCount(span, stepS) <= USUAL_IN_GRID) ?? STEPS_S.at(-1) ?? 3600;
}

/** @param {Span} span @param {number} stepS */
function gridCount({ startMs, endMs }, stepS) {
  return (endMs - startMs) / (stepS * 1000);
}

/**
 * Return the thumbnail for a part of a row: the first one with a recording, of the longest step that has one. A recorder
 * that records motion only has nothing at most full hours. Null if the row knows that nothing was recorded.
 *
 * @param {Row} row
 * @param {number} atMs
 * @param {Stride} stride the part has this length
 * @returns {Place|null}
 */
export function placeIn(row, atMs, { strideMs, stepS }) {
  const endMs = atMs + strideMs;
  /** @type {Place|null} */
  let best = null;
  let knownToMs = atMs;
  for (const span of row.spans) {
    if (span.endMs <= atMs) continue;
    if (span.startMs >= endMs) break;
    knownToMs = span.endMs;
    if (isMissing(span)) continue;
    const place = firstPlaceIn(Math.max(span.startMs, atMs), Math.min(span.endMs, endMs), stepS);
    if (place?.stepS === stepS) return place;
    if (place && place.stepS > (best?.stepS ?? 0)) best = place;
  }
  return best ?? firstPlaceIn(knownToMs, endMs, stepS);
}

/** Return the first time in [startMs, endMs) of the longest step that has one. @param {number} startMs @param {number} endMs @param {number} longestS @returns {Place|null} */
function firstPlaceIn(startMs, endMs, longestS) {
  for (const stepS of STEPS_S.toReversed()) {
    const atMs = Math.ceil(startMs / (stepS * 1000)) * stepS * 1000;
    if (stepS <= longestS && atMs < endMs) return { atMs, stepS };
  }
  return null;
}

/**
 * Return the thumbnail for the pointer: the last one before it, in the same recording; null if nothing was recorded.
 *
 * @param {Row} row
 * @param {number} atMs
 * @param {number} msPerPx
 * @returns {Place|null}
 */
export function placeAtPointer(row, atMs, msPerPx) {
  const span = spanAt(row, atMs);
  if (span && isMissing(span)) return null;
  const longestS = stepWithin((msPerPx * HOVER_PX) / 1000);
  for (const stepS of STEPS_S.toReversed()) {
    const placeMs = snapped(atMs, stepS * 1000);
    if (stepS <= longestS && (!span || placeMs >= span.startMs)) return { atMs: placeMs, stepS };
  }
  return null;
}

/**
 * Return the time of a day's thumbnail: the recorded one nearest to noon, at the longest step with one; null if the row
 * has no recording on that day.
 *
 * @param {Row} row
 * @param {Span} day
 * @returns {Place|null}
 */
export function timeOfDay(row, day) {
  const noonMs = day.startMs + NOON_S * 1000;
  for (const stepS of [3600, 600, 60]) {
    const stepMs = stepS * 1000;
    /** @type {number|null} */
    let nearest = null;
    for (const span of row.spans) {
      const first = Math.ceil(Math.max(span.startMs, day.startMs) / stepMs) * stepMs;
      const last = snapped(Math.min(span.endMs, day.endMs) - 1, stepMs);
      if (!isPlayable(span) || last < first) continue;
      const atMs = Math.min(last, Math.max(first, snapped(noonMs, stepMs)));
      if (nearest === null || Math.abs(atMs - noonMs) < Math.abs(nearest - noonMs)) nearest = atMs;
    }
    if (nearest !== null) return { atMs: nearest, stepS };
  }
  return null;
}
