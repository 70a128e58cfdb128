// @ts-check
/** The stream and the texts of a tile on the wall. Pure decisions. */
import { MSE_REASONS } from './engine-choice.js';
import { codecName, duration } from './format.js';
import { isComplete, messageOf } from './messages.js';
import { limitText } from './quality-text.js';
import { PHASE_TEXT, STALL_SHOWN_S } from './stream-phase.js';
import { badgeOf, LATE_S } from './stream-facts.js';

/**
 * @typedef {import('./api.js').Camera} Camera
 * @typedef {import('./api.js').Channel} Channel
 * @typedef {import('./api.js').Problem} Problem
 * @typedef {import('./wall-state.js').Tile} Tile
 * @typedef {import('./viewer-state.js').QualityChoice} TileQuality
 * @typedef {{tile: Tile, camera: Camera|null, channel: Channel|null, missing: Problem|null}} TileContent
 *   `missing`: the reason if there is no channel to play
 * @typedef {import('./session-state.js').View & {transport: import('./live-transport.js').Transport,
 *   transportReason: string}} TileView
 *   `transportReason`: the reason for HLS
 */

/** Over the socket the picture is some tenths of a second behind. From this delay on it does not count as live. */
const SOCKET_LATE_S = 2;

/**
 * @param {Tile} tile
 * @param {readonly {camera: Camera, channels: Channel[]|null}[]} known `channels` null: not asked yet
 * @returns {TileContent}
 */
export function contentOf(tile, known) {
  const found = known.find(({ camera }) => camera.id === tile.cameraId);
  if (!found) {
    const detail = 'This camera does not exist, or you do not have permission to see it.';
    return { tile, camera: null, channel: null, missing: { code: 'tile_unknown', detail } };
  }
  const { camera, channels } = found;
  const channel = channels?.find((each) => each.channel === tile.channel) ?? null;
  if (channel) return { tile, camera, channel, missing: null };
  if (camera.error && camera.status !== 'online' && !channels?.length) return { tile, camera, channel, missing: camera.error };
  if (!channels?.length) return { tile, camera, channel, missing: { code: 'tile_asking', detail: '' } };
  const detail = `${camera.name || camera.host} has no channel ${tile.channel}, or you do not have permission to see it.`;
  return { tile, camera, channel, missing: { code: 'tile_unknown', detail } };
}

/**
 * Return the quality choice for a tile: the tile's own one, otherwise that of the whole wall. Main for the whole wall
 * does not count for tiles that show no more pixels than the sub stream has.
 *
 * @param {Tile|null} tile
 * @param {TileQuality} wallQuality
 * @param {boolean} showsMain true if the main stream looks better at the tile's size
 * @returns {TileQuality}
 */
export function choiceFor(tile, wallQuality, showsMain) {
  return tile?.quality ?? (wallQuality === 'main' && !showsMain ? 'sub' : wallQuality);
}

/**
 * Return the stream for a tile: the user's choice, otherwise the main stream for a large tile.
 *
 * @param {TileQuality} quality
 * @param {boolean} isLarge
 * @returns {'main'|'sub'}
 */
export function tileQuality(quality, isLarge) {
  if (quality === 'saver') return 'sub';
  if (quality !== 'auto') return quality;
  return isLarge ? 'main' : 'sub';
}

/**
 * Return the message over the picture, or in its place.
 *
 * @param {TileContent} content
 * @param {TileView} view
 * @param {{isActive: boolean}} how `isActive`: the tile should play now
 * @returns {{title: string, reason: string, busy: boolean, tone: 'warn'|'bad'|'quiet'|''}} `title` '': no message
 */
export function tileMessage({ channel, missing }, view, { isActive }) {
  const nothing = /** @type {const} */ ({ title: '', reason: '', busy: false, tone: '' });
  if (missing?.code === 'tile_asking') return { title: 'Connecting', reason: 'Asking the device for its channels', busy: true, tone: '' };
  if (missing?.code === 'tile_unknown') return { title: 'Nothing to show', reason: missing.detail, busy: false, tone: 'quiet' };
  if (missing) return problemMessage(missing, false);
  if (channel && !channel.profiles.length) return problemMessage(channel.problem ?? { code: 'camera_unsupported', detail: '' }, false);
  if (!isActive || view.phase === 'playing') return nothing;
  if (view.phase === 'failed' && view.problem) return problemMessage(view.problem, false);
  const { title, detail, busy } = PHASE_TEXT[view.phase];
  // The cause of the wait may be known: from the stream, or from the device's answer about this channel.
  const why = view.stream?.error ?? (view.phase === 'offline' || view.phase === 'ended' ? null : channel?.problem);
  if (!why) return { title, reason: detail, busy, tone: '' };
  return problemMessage(why, true);
}

/** @param {Problem} problem @param {boolean} isRetrying */
function problemMessage({ code, detail }, isRetrying) {
  const message = messageOf(code);
  const reason = isComplete(code) || !detail ? message.advice : detail;
  return {
    title: message.title,
    reason: isRetrying ? `${reason} The app tries again by itself.` : reason,
    busy: false,
    tone: message.tone,
  };
}

/**
 * Return the small text in a tile's corner.
 *
 * @param {TileView} view
 * @param {{behindS: number|null, stalledS: number|null, isActive: boolean, isPaused: boolean,
 *   spacingS?: number}} picture `stalledS`: how long the picture has stood still; null if there is no picture;
 *   `spacingS`: usual time between two frames if it is long
 * @returns {{text: string, tone: 'live'|'late'|'paused'|'frozen'|'off', label: string}} `label`: for screen readers
 */
export function tileBadge(view, { behindS, stalledS, isActive, isPaused, spacingS = 0 }) {
  if (!isActive) return { text: '', tone: 'off', label: stalledS === null ? '' : 'Not playing' };
  if (isPaused) {
    if (behindS === null) return { text: 'Paused', tone: 'paused', label: 'Paused' };
    const long = wholeSeconds(behindS);
    return { text: `Paused −${long}`, tone: 'paused', label: `Paused, ${long} behind` };
  }
  if (stalledS !== null && stalledS > STALL_SHOWN_S) {
    const long = wholeSeconds(stalledS);
    return { text: `Stopped ${long}`, tone: 'frozen', label: `The picture has stood still for ${long}` };
  }
  const { tone } = badgeOf(view.phase, { paused: false, behindS, stalledS: 0, shown: false });
  if (tone === 'off' || behindS === null) return { text: '', tone: 'off', label: '' };
  const text = behindS < 10 ? `${behindS.toFixed(1)} s` : duration(behindS);
  const isHls = view.transport === 'hls';
  return {
    text,
    tone: behindS - spacingS > (isHls ? LATE_S : SOCKET_LATE_S) ? 'late' : 'live',
    label: `Live${isHls ? ' over HLS' : ''}, ${text} behind`,
  };
}

/** @param {number} seconds */
function wholeSeconds(seconds) {
  return duration(seconds).replace(/\.\d s$/, ' s');
}

/**
 * Return the note about a tile's stream: its quality or why it is not the main stream, and why it plays over HLS or by
 * MediaSource.
 *
 * @param {{quality: string|null, rungText?: string, isFallback: boolean, converting: boolean, refusedCodec: string|null, refusal: Problem|null,
 *   transport: TileView['transport'], transportReason: string,
 *   limit?: import('./quality-control.js').Limit|null, spacingS?: number, engineReason: import('./engine-choice.js').MseReason|null}} playing
 *   `rungText`: a quality that is no whole stream; `spacingS`: time between two key frames or stills
 */
export function playingNote(playing) {
  const { quality, rungText, isFallback, converting, refusedCodec, refusal, transport, transportReason, engineReason, limit, spacingS } =
    playing;
  const what = refusal
    ? `Main stream: ${messageOf(refusal.code).title}`
    : isFallback
      ? `Main stream: ${codecName(refusedCodec)}, which this browser cannot play`
      : converting
        ? 'Converted to H.264 for this browser'
        : limit
          ? `Now: ${limitText(limit, spacingS)}`
          : quality && `Now: ${rungText || quality}`;
  const how =
    transport === 'hls'
      ? `Over HLS, some seconds behind: ${transportReason}`
      : engineReason && `By MediaSource, a little behind: ${MSE_REASONS[engineReason]}`;
  return [what, how].filter(Boolean).join('. ');
}
