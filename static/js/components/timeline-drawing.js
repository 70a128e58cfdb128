// @ts-check
/** Draws the timeline. The states differ in shape and colour: solid, empty, hatched, dotted, outlined. */
import { rowName } from '../lib/coverage.js';
import { marksOf } from '../lib/marks.js';
import { fractionOf } from '../lib/timeline-scale.js';

/**
 * @typedef {import('../lib/coverage.js').Row} Row @typedef {import('../lib/timeline-scale.js').Span} Span
 * @typedef {Record<'recorded'|'device'|'unknown'|'not_asked'|'event'|'alert'|'line'|'ink'|'soft'|'needle'|'paper'|'chosen'|'mark',
 *   string>} Palette
 * @typedef {{width: number, height: number, labelWidth: number, rows: Row[], view: Span, current: number,
 *   logged: ReadonlyMap<number, import('../lib/logged-marks.js').LoggedMark[]>, atMs: number|null, nowMs: number, marked: import('../lib/range-marks.js').Marked, showsSource: boolean, ticks: import('../lib/timeline-scale.js').Tick[],
 *   palette: Palette, font: string}} Scene
 */

export const AXIS_HEIGHT = 30;
export const ROW_HEIGHT = 26;
const BAR_TOP = 5;
const BAR_HEIGHT = 12;
/** Recordings on the device are thin where the source is shown: colour alone would not tell it to everybody. */
const DEVICE_TOP = 8;
const DEVICE_HEIGHT = 6;
const EVENT_TOP = 18;
const EVENT_HEIGHT = 4;
/** Alerts are higher than other events: colour alone would not tell them to everybody. */
const ALERT_TOP = 15;
const ALERT_HEIGHT = 10;
const MOMENT_MS = 1000;

/** Return the present colours of the style sheet. @param {Element} host @returns {Palette} */
export function paletteOf(host) {
  const styles = getComputedStyle(host);
  const probe = (/** @type {string} */ name) => styles.getPropertyValue(`--timeline-${name}`).trim();
  return {
    recorded: probe('recorded'),
    device: probe('device'),
    unknown: probe('unknown'),
    not_asked: probe('not-asked'),
    event: probe('event'),
    alert: probe('alert'),
    line: probe('line'),
    ink: probe('ink'),
    soft: probe('soft'),
    needle: probe('needle'),
    paper: probe('paper'),
    chosen: probe('chosen'),
    mark: probe('mark'),
  };
}

/** @param {Row[]} rows @param {number} y from the canvas's top @returns {number|null} */
export function rowAt(rows, y) {
  const index = Math.floor((y - AXIS_HEIGHT) / ROW_HEIGHT);
  return index >= 0 && index < rows.length ? index : null;
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene */
export function drawTimeline(context, scene) {
  const { width, height, labelWidth, palette, rows } = scene;
  context.fillStyle = palette.paper;
  context.fillRect(0, 0, width, height);
  if (rows[scene.current]) {
    context.fillStyle = palette.chosen;
    context.fillRect(0, AXIS_HEIGHT + scene.current * ROW_HEIGHT, width, ROW_HEIGHT);
  }
  context.save();
  context.beginPath();
  context.rect(labelWidth, 0, width - labelWidth, height);
  context.clip();
  drawAxis(context, scene);
  rows.forEach((row, index) => drawRow(context, scene, row, AXIS_HEIGHT + index * ROW_HEIGHT));
  drawMarked(context, scene);
  drawNow(context, scene);
  drawNeedle(context, scene);
  context.restore();
  drawLabels(context, scene);
}

/** @param {Scene} scene @param {number} atMs */
function xOf(scene, atMs) {
  return scene.labelWidth + fractionOf(scene.view, atMs) * (scene.width - scene.labelWidth);
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene */
function drawAxis(context, scene) {
  const { palette } = scene;
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  let takenX = scene.labelWidth;
  for (const tick of scene.ticks) {
    const x = Math.round(xOf(scene, tick.atMs)) + 0.5;
    context.strokeStyle = palette.line;
    context.globalAlpha = tick.isMajor ? 1 : 0.6;
    context.beginPath();
    context.moveTo(x, tick.isMajor ? 0 : 18);
    context.lineTo(x, scene.height);
    context.stroke();
    context.globalAlpha = 1;
    context.font = `${tick.isMajor ? 650 : 450} 12px ${scene.font}`;
    context.fillStyle = tick.isMajor ? palette.ink : palette.soft;
    const textWidth = context.measureText(tick.label).width;
    // A label that the right edge would cut off goes to the left of its line, if there is space.
    const textX = x + 4 + textWidth > scene.width ? x - 4 - textWidth : x + 4;
    if (textX < takenX) continue;
    context.fillText(tick.label, textX, 11);
    takenX = textX + textWidth + 8;
  }
  context.strokeStyle = palette.line;
  context.beginPath();
  context.moveTo(scene.labelWidth, AXIS_HEIGHT - 0.5);
  context.lineTo(scene.width, AXIS_HEIGHT - 0.5);
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene @param {Row} row @param {number} top */
function drawRow(context, scene, row, top) {
  const { palette, view } = scene;
  context.strokeStyle = palette.line;
  context.beginPath();
  context.moveTo(scene.labelWidth, top + ROW_HEIGHT - 0.5);
  context.lineTo(scene.width, top + ROW_HEIGHT - 0.5);
  context.stroke();
  let asked = view.startMs;
  for (const span of row.spans) {
    if (span.endMs < view.startMs || span.startMs > view.endMs) continue;
    asked = Math.max(asked, span.endMs);
    const left = Math.max(scene.labelWidth - 2, xOf(scene, span.startMs));
    const right = Math.min(scene.width + 2, xOf(scene, span.endMs));
    if (span.state === 'recorded') {
      const isThin = scene.showsSource && span.source === 'device';
      context.fillStyle = isThin ? palette.device : palette.recorded;
      context.fillRect(left, top + (isThin ? DEVICE_TOP : BAR_TOP), Math.max(1, right - left), isThin ? DEVICE_HEIGHT : BAR_HEIGHT);
    } else if (span.state === 'unknown') hatch(context, palette.unknown, left, top, right - left);
    else if (span.state === 'not_asked') dots(context, palette.not_asked, left, top, right - left);
    else if (span.state === 'away') outline(context, palette.recorded, left, top, right - left);
  }
  const until = Math.min(view.endMs, scene.nowMs);
  if (!row.spans.length) dots(context, palette.not_asked, xOf(scene, view.startMs), top, xOf(scene, until) - xOf(scene, view.startMs));
  else if (asked < until) dots(context, palette.not_asked, xOf(scene, asked), top, xOf(scene, until) - xOf(scene, asked));
  drawEvents(context, scene, row, top);
}

/**
 * Draw the events of a row, alerts over the others; marks that touch become one.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {Row} row
 * @param {number} top
 */
function drawEvents(context, scene, row, top) {
  const logged = scene.logged.get(row.channel ?? 0) ?? [];
  const spanOf = (/** @type {import('../lib/logged-marks.js').LoggedMark} */ { startMs, endMs }) => ({
    startMs,
    endMs: Math.max(startMs + MOMENT_MS, endMs ?? scene.nowMs),
  });
  const notices = [...marksOf(row.events), ...logged.filter(({ isAlert }) => !isAlert).map(spanOf)];
  notices.sort((one, other) => one.startMs - other.startMs);
  const alerts = logged.filter(({ isAlert }) => isAlert).map(spanOf);
  context.fillStyle = scene.palette.event;
  drawMarks(context, scene, notices, { top: top + EVENT_TOP, height: EVENT_HEIGHT });
  context.fillStyle = scene.palette.alert;
  drawMarks(context, scene, alerts, { top: top + ALERT_TOP, height: ALERT_HEIGHT });
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {Span[]} marks in the order of their times
 * @param {{top: number, height: number}} place
 */
function drawMarks(context, scene, marks, { top, height }) {
  let drawnTo = -Infinity;
  for (const { startMs, endMs } of marks) {
    const left = Math.max(xOf(scene, startMs), drawnTo);
    const right = Math.max(xOf(scene, startMs) + 2, xOf(scene, endMs));
    if (right <= left || right < scene.labelWidth || left > scene.width) continue;
    context.fillRect(left, top, right - left, height);
    drawnTo = Math.max(right, drawnTo);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} colour
 * @param {number} left
 * @param {number} top
 * @param {number} width
 */
function hatch(context, colour, left, top, width) {
  if (width <= 0) return;
  context.save();
  context.beginPath();
  context.rect(left, top + BAR_TOP, width, BAR_HEIGHT);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.beginPath();
  const first = Math.floor((left - BAR_HEIGHT) / 7) * 7;
  for (let x = first; x < left + width; x += 7) {
    context.moveTo(x, top + BAR_TOP + BAR_HEIGHT);
    context.lineTo(x + BAR_HEIGHT, top + BAR_TOP);
  }
  context.stroke();
  context.strokeRect(left + 0.5, top + BAR_TOP + 0.5, width - 1, BAR_HEIGHT - 1);
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} colour
 * @param {number} left
 * @param {number} top
 * @param {number} width
 */
function dots(context, colour, left, top, width) {
  context.fillStyle = colour;
  const first = Math.ceil(left / 8) * 8;
  for (let x = first; x < left + width; x += 8) context.fillRect(x, top + BAR_TOP + BAR_HEIGHT / 2 - 1, 2, 2);
}

/**
 * Draw a frame with a line through its middle: recorded, but not to be had now.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {string} colour
 * @param {number} left
 * @param {number} top
 * @param {number} width
 */
function outline(context, colour, left, top, width) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.strokeRect(left + 0.5, top + BAR_TOP + 0.5, Math.max(1, width - 1), BAR_HEIGHT - 1);
  context.fillStyle = colour;
  context.fillRect(left, top + BAR_TOP + BAR_HEIGHT / 2 - 1, Math.max(1, width), 2);
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene */
function drawMarked(context, scene) {
  const { startMs, endMs } = scene.marked;
  context.fillStyle = scene.palette.mark;
  if (startMs !== null && endMs !== null && startMs < endMs) {
    context.globalAlpha = 0.18;
    context.fillRect(xOf(scene, startMs), 0, xOf(scene, endMs) - xOf(scene, startMs), scene.height);
    context.globalAlpha = 1;
  }
  for (const [atMs, inward] of /** @type {const} */ ([
    [startMs, 5],
    [endMs, -5],
  ])) {
    if (atMs === null) continue;
    const x = xOf(scene, atMs);
    context.fillRect(x - 1, 0, 2, scene.height);
    context.fillRect(Math.min(x, x + inward), scene.height - 2, 5, 2);
  }
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene */
function drawNow(context, scene) {
  const x = xOf(scene, scene.nowMs);
  if (x > scene.width) return;
  context.fillStyle = scene.palette.line;
  context.globalAlpha = 0.35;
  context.fillRect(x, AXIS_HEIGHT, scene.width - x, scene.height);
  context.globalAlpha = 1;
  context.strokeStyle = scene.palette.soft;
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(Math.round(x) + 0.5, 16);
  context.lineTo(Math.round(x) + 0.5, scene.height);
  context.stroke();
  context.setLineDash([]);
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene */
function drawNeedle(context, scene) {
  if (scene.atMs === null) return;
  const x = xOf(scene, scene.atMs);
  context.fillStyle = scene.palette.needle;
  context.fillRect(x - 1, 18, 2, scene.height - 18);
  context.beginPath();
  context.moveTo(x - 6, 18);
  context.lineTo(x + 6, 18);
  context.lineTo(x, 27);
  context.fill();
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene */
function drawLabels(context, scene) {
  const { labelWidth, palette } = scene;
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  scene.rows.forEach((row, index) => {
    const isChosen = index === scene.current;
    context.font = `${isChosen ? 650 : 450} 13px ${scene.font}`;
    context.fillStyle = isChosen ? palette.ink : palette.soft;
    context.fillText(fitted(context, rowName(row), labelWidth - 14), 6, AXIS_HEIGHT + index * ROW_HEIGHT + ROW_HEIGHT / 2);
  });
}

/** @param {CanvasRenderingContext2D} context @param {string} text @param {number} width */
function fitted(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let shorter = text;
  while (shorter && context.measureText(`${shorter}…`).width > width) shorter = shorter.slice(0, -1);
  return `${shorter.trimEnd()}…`;
}
