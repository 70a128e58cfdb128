// @ts-check
/**
 * State of the recordings page in its address: `?channel=3&t=2026-11-22T02:13:00.000Z&from=...&to=...`. `in` and `out`
 * mark a range to export. `way=hls` plays over HLS even if the socket works, as on the viewer page.
 */

/**
 * @typedef {{channel: number|null, atMs: number|null, fromMs: number|null, toMs: number|null,
 *   marked: import('./timeline-scale.js').Span|null, transport: 'hls'|null}} RecordingsState
 */

export const AGO_MS = 30_000;
/** Recorders write with a delay: the present moment can only be played this much later. */
export const MOMENT_MS = 5000;

/** True if the device has a recording service. @param {{services: readonly string[]}|null} camera */
export function isRecorder(camera) {
  return camera?.services.some((name) => name === 'search' || name === 'recording') ?? false;
}

/** @param {string} search @returns {RecordingsState} invalid values of the address count as absent */
export function readRecordingsState(search) {
  const query = new URLSearchParams(search);
  const channel = /^[1-9]\d{0,3}$/.test(query.get('channel') ?? '') ? Number(query.get('channel')) : null;
  const fromMs = momentOf(query.get('from'));
  const toMs = momentOf(query.get('to'));
  const isWindow = fromMs !== null && toMs !== null && fromMs < toMs;
  const startMs = momentOf(query.get('in'));
  const endMs = momentOf(query.get('out'));
  return {
    channel,
    atMs: momentOf(query.get('t')),
    fromMs: isWindow ? fromMs : null,
    toMs: isWindow ? toMs : null,
    marked: startMs !== null && endMs !== null && startMs < endMs ? { startMs, endMs } : null,
    transport: query.get('way') === 'hls' ? 'hls' : null,
  };
}

/** @param {Omit<RecordingsState, 'transport'|'marked'> & Partial<RecordingsState>} state @returns {string} '' or `?...` */
export function writeRecordingsState({ channel, atMs, fromMs, toMs, marked = null, transport = null }) {
  const query = new URLSearchParams();
  if (channel !== null) query.set('channel', String(channel));
  for (const [name, ms] of /** @type {const} */ ([
    ['t', atMs],
    ['from', fromMs],
    ['to', toMs],
    ['in', marked?.startMs ?? null],
    ['out', marked?.endMs ?? null],
  ])) {
    if (ms !== null) query.set(name, new Date(Math.round(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z'));
  }
  if (transport) query.set('way', transport);
  const text = query.toString().replaceAll('%3A', ':');
  return text ? `?${text}` : '';
}

/** @param {string|null} text */
function momentOf(text) {
  if (!text || !/^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.test(text)) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}
