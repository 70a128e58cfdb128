// @ts-check
/** Texts about a running stream, and the text of its badge. */
import { bitrate, codecName, counted, duration, frameRate, resolution } from './format.js';

/** A delay over this does not count as live, in seconds. */
export const LATE_S = 12;

/**
 * @param {import('./stream-phase.js').Phase} phase
 * @param {{paused: boolean, behindS: number|null, stalledS: number, shown: boolean}} player `shown`: it has shown a
 *   frame
 * @returns {{text: string, tone: 'live'|'late'|'paused'|'stalled'|'off'}} text '': no badge
 */
export function badgeOf(phase, { paused, behindS, stalledS, shown }) {
  if (phase === 'idle' || phase === 'ended' || phase === 'failed') return { text: '', tone: 'off' };
  if (paused) return { text: behindS === null ? 'PAUSED' : `PAUSED −${duration(behindS)}`, tone: 'paused' };
  if (phase === 'playing') {
    if (behindS !== null && behindS > LATE_S) return { text: `LATE −${duration(behindS)}`, tone: 'late' };
    return { text: 'LIVE', tone: 'live' };
  }
  if (shown && (phase === 'stalled' || phase === 'reconnecting' || phase === 'offline')) {
    return { text: stalledS >= 1 ? `STOPPED ${Math.round(stalledS)} s` : 'STOPPED', tone: 'stalled' };
  }
  return { text: '', tone: 'off' };
}

/** Return the badge of a small picture that replaces the stream. @param {number|null} behindS its age; null until the first one is there */
export function stillBadge(behindS) {
  return {
    text: behindS === null ? 'LOADING A PICTURE' : `PICTURE −${duration(behindS).replace(/\.\d s$/, ' s')}`,
    tone: /** @type {const} */ ('late'),
  };
}

/**
 * Return what the page says about frames that came incomplete; '' for nothing.
 *
 * @param {import('./api.js').Stream|null} stream
 * @returns {{notice: string, count: string}} `notice`: while the stream is damaged; `count`: of the whole session
 */
export function damageOf(stream) {
  const dropped = stream?.frames_dropped ?? 0;
  const count = dropped ? counted(dropped, 'frame') : '';
  if (!stream?.damage) return { notice: '', count };
  return { notice: `The picture is damaged: ${stream.damage}. ${count} left out since the stream started.`, count };
}

/**
 * @param {import('./api.js').Stream|null} stream
 * @param {{behindS: number|null, transport?: 'socket'|'hls', isAudioRefused?: boolean}} player
 * @returns {Record<string, string>} '–' for unknown values
 */
export function streamFacts(stream, { behindS, transport = 'socket', isAudioRefused = false }) {
  const none = '–';
  if (!stream) {
    return Object.fromEntries(
      ['resolution', 'codec', 'audio', 'bitrate', 'behind', 'viewers', 'restarts', 'uptime'].map((name) => [name, none]),
    );
  }
  const { source_codec: sourceCodec } = stream;
  const isSmaller = sourceCodec === stream.video?.codec;
  const source = stream.transcoding && sourceCodec && !isSmaller ? `${codecName(sourceCodec)} → ` : '';
  const how = isSmaller ? ' (made smaller)' : ' (converted)';
  const known = stream.video !== null;
  return {
    resolution: [resolution(stream.video), frameRate(stream.video?.fps)].filter(Boolean).join(', ') || none,
    codec: known ? `${source}${codecName(stream.video?.codec)}${stream.transcoding ? how : ''}` : none,
    audio: audioFact(stream, { isAudioRefused }) || (known ? 'None' : none),
    bitrate: bitrate(stream.bitrate_kbps) || none,
    behind:
      behindS === null ? none : `${behindS < 1 ? `${behindS.toFixed(2)} s` : duration(behindS)}${transport === 'hls' ? ' (HLS)' : ''}`,
    viewers: counted(stream.viewers, 'viewer').replace(/ viewers?$/, ''),
    restarts: String(stream.restarts),
    uptime: stream.uptime_s === null ? none : duration(stream.uptime_s),
  };
}

/**
 * @param {import('./api.js').Stream} stream
 * @param {{isAudioRefused: boolean}} player
 * @returns {string} '' without audio
 */
function audioFact({ audio, audio_left_out: leftOut }, { isAudioRefused }) {
  if (leftOut) return `Left out: ${leftOut}`;
  if (isAudioRefused) return 'Left out: this browser cannot decode it';
  return audio ? codecName(audio.codec) : '';
}
