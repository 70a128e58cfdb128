// @ts-check
/** The recorder's own summary of its recordings, and the list of sources with their tracks. */
import { codecName, clockNote, counted } from '../lib/format.js';
import { byId } from './page.js';
import { pageClock } from './recordings-clock.js';

/**
 * @typedef {import('../lib/api.js').RecordingSummary} Summary
 * @typedef {import('../lib/api.js').KnownRecording} KnownRecording
 */

const SERVICES = { search: 'ONVIF Recording Search', recording: 'ONVIF Recording Control', server: 'This server' };

/** @type {Summary|null} */
let shown = null;

/** @param {Summary} summary */
export function showSummary(summary) {
  shown = summary;
  const tracks = summary.recordings.reduce((count, item) => count + item.tracks.length, 0);
  fact('holds', `${counted(summary.number_recordings, 'recording')}, ${counted(tracks, 'track')}`);
  fact('from', summary.data_from ? pageClock.stamp(Date.parse(summary.data_from)) : 'not reported');
  fact('until', summary.data_until ? pageClock.stamp(Date.parse(summary.data_until)) : 'not reported');
  fact('clock', summary.clock_offset_s === null ? 'unknown' : clockNote(summary.clock_offset_s) || 'right');
  fact('service', SERVICES[/** @type {keyof typeof SERVICES} */ (summary.service)] ?? summary.service);
  byId('sources', HTMLElement).hidden = !summary.recordings.length;
  byId('sources-list', HTMLElement).replaceChildren(...summary.recordings.map(sourceOf));
}

pageClock.addEventListener('clock', () => shown && showSummary(shown));

/** @param {string} name @param {string} text */
function fact(name, text) {
  const element = document.querySelector(`[data-fact="${name}"]`);
  if (element) element.textContent = text;
}

/** @param {KnownRecording} recording */
function sourceOf({ channel, source, source_name: name, recording_token: token, tracks, earliest, latest }) {
  const item = document.createElement('li');
  const title = document.createElement('strong');
  title.textContent = [channel === null ? '' : String(channel), name].filter(Boolean).join(' ') || 'Recording';
  const lines = [
    [source === 'server' ? 'on this server' : 'on the recorder', token].join(', '),
    tracks.map(({ type, codec }) => [codecName(type), codecName(codec)].filter(Boolean).join(' ')).join(', ') || 'no tracks',
    `${earliest ? pageClock.stamp(Date.parse(earliest)) : 'not reported'} – ${latest ? pageClock.stamp(Date.parse(latest)) : 'now'}`,
  ].map((text) => {
    const line = document.createElement('span');
    line.textContent = text;
    return line;
  });
  item.append(title, ...lines);
  return item;
}
