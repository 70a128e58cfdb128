// @ts-check
import { showsMainAt } from '../lib/quality-rungs.js';
import { limitText, rungText } from '../lib/quality-text.js';
import { damageOf } from '../lib/stream-facts.js';
import { tileBadge, tileMessage, tileQuality } from '../lib/tile-facts.js';
import { ChannelPlayer } from './channel-player.js';
import { ChannelStills } from './channel-stills.js';
import { cloneTemplate, emit, part, setAttribute, setText } from './dom.js';
import { LivePlayer } from './live-player.js';
import { SnapshotImage } from './snapshot-image.js';
import { ZoomView } from './zoom-view.js';

/**
 * @typedef {import('../lib/tile-facts.js').TileContent} TileContent
 * @typedef {import('../lib/tile-facts.js').TileQuality} TileQuality
 * @typedef {Pick<import('./channel-player.js').ChannelPlayerOptions, 'socket'|'api'|'snapshots'|'decodes'> &
 *   {decoder: 'webcodecs'|'mse', stills: import('../lib/still-queue.js').StillQueue}} TileOptions
 * @typedef {import('../lib/quality-control.js').Limit} Limit
 * @typedef {import('../lib/quality-ladder.js').Rung} Rung
 * @typedef {import('../lib/quality-ladder.js').RungName} RungName
 * @typedef {{content: TileContent|null, quality: TileQuality, isActive: boolean, isLarge: boolean, isAlone: boolean,
 *   isAudible: boolean, rung: RungName|null}} TileRequest
 *   `isAlone`: the tile fills the page, so that its picture can be zoomed and paused; `rung`: of the quality ladder; null
 *   if the size alone decides
 */

/** Phases before the first picture. */
const OPENING = new Set(['connecting', 'video', 'key_frame', 'buffering']);

let madeCount = 0;

/**
 * One channel of the wall, live. The page sets `options` first, then calls `setRequest()` whenever the request changes,
 * and `tick()` twice a second. Emits 'tile-audio-blocked' if the browser requires a click before it plays audio.
 */
export class LiveTile extends HTMLElement {
  /** Id for the quality ladder. A wall may show a channel twice, in tiles of different sizes. */
  ladderId = `tile-${(madeCount += 1)}`;
  #recordingText = '';
  /** @type {TileOptions|null} */
  options = null;
  /** @type {ChannelPlayer|null} */
  #channelPlayer = null;
  /** @type {ChannelStills|null} */
  #stills = null;
  /** @type {TileRequest} */
  #request = { content: null, quality: 'auto', isActive: false, isLarge: false, isAlone: false, isAudible: false, rung: null };
  /** Why this tile does not play its best rung. @type {Limit|null} */
  #limit = null;
  #shownChannel = '';
  #nowMs = Date.now();
  /** @type {AbortController|null} */
  #wires = null;

  connectedCallback() {
    if (!this.firstElementChild) this.append(cloneTemplate('live-tile'));
    if (!this.options) throw new Error('A tile needs its options before it is put on the page.');
    const { decoder, stills: queue, ...options } = this.options;
    const livePlayer = part(this, 'player', LivePlayer);
    livePlayer.setAttribute('decoder', decoder);
    const image = part(this, 'still', SnapshotImage);
    const player = new ChannelPlayer({ ...options, player: livePlayer, snapshot: image });
    const stills = new ChannelStills({ player, image, api: options.api, queue });
    this.#channelPlayer = player;
    this.#stills = stills;
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    for (const one of [player, stills]) one.addEventListener('change', () => this.#draw(), { signal });
    player.addEventListener('audio-blocked', () => emit(this, 'tile-audio-blocked'), { signal });
    this.addEventListener('zoom-changed', (event) => this.#zoomed(/** @type {CustomEvent<number>} */ (event).detail), { signal });
    this.#applyRequest();
  }

  disconnectedCallback() {
    this.#wires?.abort();
    this.#stills?.close();
    this.#channelPlayer?.close();
    this.#channelPlayer = this.#stills = null;
  }

  /** @param {TileRequest} request @param {{isLinkThin?: boolean}} [how] see ChannelPlayer.setRequest() */
  setRequest(request, how) {
    const before = this.#request;
    this.#request = request;
    // The user has changed the tile, so try the refused main stream again.
    if (before.isLarge !== request.isLarge || before.quality !== request.quality) this.#channelPlayer?.forgetRefusal();
    if (before.quality !== request.quality) this.#channelPlayer?.forgetCodecs();
    this.#applyRequest(how);
  }

  /** Play another rung of the quality ladder. @param {RungName} rung @param {{endsOld?: boolean, isTry?: boolean}} [how] */
  setRung(rung, how) {
    this.#request = { ...this.#request, rung };
    this.#stills?.setRung(rung, how);
  }

  /** True if a better rung is being tried that has shown no frame yet. */
  get isStarting() {
    return this.#stills?.isStarting ?? false;
  }

  /** True if the last try ended with a problem: the rung before it plays again. */
  get hasFailedTry() {
    return this.#stills?.hasFailedTry ?? false;
  }

  /** @param {Limit|null} limit */
  set limit(limit) {
    if (JSON.stringify(limit) === JSON.stringify(this.#limit)) return;
    this.#limit = limit;
    this.#draw();
  }

  /**
   * Return the rungs between which the quality ladder may choose, best first; empty if it may not. A small tile has no
   * main stream if the channel has a sub stream, and no small video, of which the server encodes few.
   *
   * @param {Pick<TileRequest, 'content'|'isAlone'|'isLarge'>} request
   * @returns {readonly Rung[]}
   */
  rungsAt({ content, isAlone, isLarge }) {
    const rungs = this.#rungsAtSize({ content, isAlone });
    if (isLarge) return rungs;
    const hasSub = rungs.some(({ name }) => name === 'sub');
    return rungs.filter(({ name }) => name !== 'phone' && (name !== 'main' || !hasSub));
  }

  /** True if the main stream looks better at this tile's size. @param {Pick<TileRequest, 'content'|'isAlone'|'isLarge'>} request */
  showsMain(request) {
    const widthPx = request.isAlone ? Infinity : this.clientWidth * window.devicePixelRatio;
    const { channel = null } = request.content ?? {};
    return request.isLarge || (channel !== null && showsMainAt(channel, widthPx));
  }

  /** @param {Pick<TileRequest, 'content'|'isAlone'>} request @returns {readonly Rung[]} */
  #rungsAtSize({ content, isAlone }) {
    if (!content?.channel || !this.#channelPlayer) return [];
    const request = { cameraId: content.tile.cameraId, number: content.tile.channel, channel: content.channel };
    return this.#channelPlayer.rungsAt(request, isAlone ? Infinity : this.clientWidth * window.devicePixelRatio);
  }

  /** The pinned quality; null if the channel does not have it. @param {Pick<TileRequest, 'content'|'quality'>} request @returns {RungName|null} */
  pinAt({ content, quality }) {
    if (quality === 'auto' || !content || !this.#channelPlayer) return null;
    const rung = quality === 'saver' ? 'keys' : quality;
    return this.#channelPlayer.pinAt({ cameraId: content.tile.cameraId, channel: content.channel }, rung);
  }

  /** The recording on the server, in words; null if the channel has no rule. @param {{text: string, tone: string}|null} recording */
  set recording(recording) {
    if (this.#recordingText === (recording?.text ?? '')) return;
    const mark = part(this, 'rec', HTMLElement);
    mark.hidden = recording === null;
    mark.dataset.tone = recording?.tone ?? '';
    setAttribute(mark, 'title', recording?.text);
    this.#recordingText = recording?.text ?? '';
    this.#drawBadge();
  }

  /** Update the badge. The delay is measured with the server's clock. @param {number} serverMs */
  tick(serverMs) {
    this.#nowMs = serverMs;
    this.#drawBadge();
  }

  get content() {
    return this.#request.content;
  }

  get hasFrame() {
    return this.#channelPlayer?.hasFrame ?? false;
  }

  /** True with a live frame or a still on screen. */
  get hasPicture() {
    return this.hasFrame || (this.#stills?.isShown ?? false);
  }

  /** Time of the frame on screen; null without a frame. */
  get frameMs() {
    return this.#channelPlayer?.frameDate?.getTime() ?? null;
  }

  /** True if this channel has audio; null while unknown. */
  get hasAudio() {
    return this.#channelPlayer?.hasAudio ?? null;
  }

  /** The stream that plays, and the reasons if it is not the requested one; null for a removed tile. */
  get nowPlaying() {
    const playing = this.#channelPlayer?.nowPlaying;
    return playing ? { ...playing, limit: this.#limit, rungText: this.#keysText(), spacingS: this.#spacingS } : null;
  }

  /** False while a first picture is to be expected soon. */
  get isSettled() {
    const { content, isActive } = this.#request;
    if (content?.missing) return content.missing.code !== 'tile_asking';
    return !content || !isActive || !OPENING.has(this.#channelPlayer?.view.phase ?? 'idle');
  }

  get isAlone() {
    return this.#request.isAlone;
  }

  get isPaused() {
    return this.#channelPlayer?.isPaused ?? false;
  }

  get isZoomed() {
    return this.#zoom.scale > 1;
  }

  /** @param {number} factor */
  zoomBy(factor) {
    if (this.isAlone) this.#zoom.zoomBy(factor);
  }

  /** @returns {boolean} true if the picture was zoomed */
  leaveZoom() {
    const { isZoomed } = this;
    this.#zoom.reset();
    return isZoomed;
  }

  togglePlay() {
    this.#channelPlayer?.togglePlay({ canPause: this.isAlone });
  }

  /** Try a failed stream again, the main stream included. */
  retry() {
    this.#channelPlayer?.retry();
  }

  /** Continue after a sleep or a loss of network. */
  wake() {
    this.#channelPlayer?.wake();
  }

  /** Return the frame on screen, in the stream's resolution; null without a frame. */
  async capture() {
    return (await this.#channelPlayer?.capture()) ?? null;
  }

  get #zoom() {
    return part(this, 'zoom', ZoomView);
  }

  /** @param {{isLinkThin?: boolean}} [how] */
  #applyRequest(how) {
    const player = this.#channelPlayer;
    if (!player) return;
    const { content, quality, isActive, isLarge, isAlone, isAudible, rung } = this.#request;
    const shown = content ? `${content.tile.cameraId}.${content.tile.channel}` : '';
    if (this.#shownChannel !== shown) this.#zoom.reset();
    this.#shownChannel = shown;
    setAttribute(this.#zoom, 'fixed', !isAlone);
    if (!isAlone) player.setPaused(false);
    this.#stills?.setRequest(
      content && {
        cameraId: content.tile.cameraId,
        number: content.tile.channel,
        channel: content.channel,
        quality: tileQuality(quality, isLarge),
        rung,
        isActive,
        isAudible,
        fallsBack: true,
      },
      how,
    );
  }

  /** @param {number} scale */
  #zoomed(scale) {
    const level = part(this, 'zoom-level', HTMLElement);
    level.hidden = scale === 1;
    setText(level, `${scale.toFixed(1)}×`);
  }

  // ── Display ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #draw() {
    const { content, isActive, isAudible } = this.#request;
    const player = this.#channelPlayer;
    if (!player) return;
    const { view } = player;
    const showsStills = this.#stills?.isShown ?? false;
    const { title, reason, busy, tone } =
      content && !showsStills ? tileMessage(content, view, { isActive }) : { title: '', reason: '', busy: false, tone: '' };
    setAttribute(this, 'data-stills', showsStills);
    Object.assign(this.dataset, { phase: content ? (showsStills ? 'stills' : view.phase) : 'empty', tone });
    setAttribute(this, 'data-resting', content !== null && !player.isStarted && !showsStills && !content.missing);
    part(this, 'empty', HTMLElement).hidden = content !== null;
    part(this, 'message', HTMLElement).hidden = !title;
    part(this, 'spinner', HTMLElement).hidden = !busy;
    part(this, 'icon', HTMLElement).hidden = busy;
    setText(part(this, 'title', HTMLElement), title);
    setText(part(this, 'reason', HTMLElement), reason);
    setAttribute(part(this, 'message', HTMLElement), 'title', reason);
    const [cameraName, channelName] = namesOf(content);
    setText(part(this, 'camera', HTMLElement), cameraName === channelName ? '' : cameraName);
    setText(part(this, 'channel', HTMLElement), channelName);
    part(this, 'sound', HTMLElement).hidden = !isAudible;
    part(this, 'play', HTMLElement).hidden = !player.isPaused;
    setText(part(this, 'quality', HTMLElement), this.#isPlaying ? this.#qualityText(player) : '');
    this.#drawDamage();
    this.#drawBadge();
  }

  /** The quality, unless it is the usual one of this tile. @param {ChannelPlayer} player */
  #qualityText({ chosenProfile }) {
    if (this.#limit) return rungText(this.#limit.rung, this.#spacingS);
    return this.#keysText() || (chosenProfile?.quality === 'main' ? rungText('main') : '');
  }

  /** True if the tile shows a stream, or stills instead. */
  get #isPlaying() {
    return (this.#channelPlayer?.isStarted || this.#stills?.isShown) ?? false;
  }

  /** Usual time between two key frames or stills; 0 for a moving picture. */
  get #spacingS() {
    return (this.#stills?.isShown ? this.#stills.spacingS : this.#channelPlayer?.spacingS) ?? 0;
  }

  /** The quality of a tile whose user has chosen key frames alone; '' for other tiles. */
  #keysText() {
    const player = this.#channelPlayer;
    return player?.isStarted && this.#request.rung === 'keys' && !this.#limit ? rungText('keys', player.spacingS, player.lacksAudio) : '';
  }

  #drawDamage() {
    const { notice } = damageOf(this.#channelPlayer?.isStarted ? this.#channelPlayer.view.stream : null);
    const mark = part(this, 'damage', HTMLElement);
    mark.hidden = !notice;
    setAttribute(mark, 'title', notice || null);
    setText(part(this, 'damage-text', HTMLElement), notice);
  }

  #drawBadge() {
    const player = this.#channelPlayer;
    if (!player) return;
    const { stalledS, isPaused } = player;
    const isActive = this.#isPlaying;
    const spacingS = this.#spacingS;
    const stillS = this.#stills?.behindS(this.#nowMs) ?? null;
    const behindS = stillS ?? player.behindS(this.#nowMs);
    const view = stillS === null ? player.view : { ...player.view, phase: /** @type {const} */ ('playing') };
    const isWaiting = this.#stills?.isOn && stillS === null;
    const { text, tone, label } = isWaiting
      ? { text: 'Loading', tone: 'late', label: 'Loading a picture' }
      : tileBadge(view, { behindS, stalledS, isActive, isPaused, spacingS });
    if (isActive) setText(part(this, 'quality', HTMLElement), this.#qualityText(player));
    const badge = part(this, 'badge', HTMLElement);
    setText(badge, text);
    badge.hidden = !text;
    setText(part(this, 'way', HTMLElement), text && player.nowPlaying.transport === 'hls' ? 'HLS' : '');
    setAttribute(this, 'data-frozen', tone === 'frozen');
    badge.dataset.tone = tone;
    const message = part(this, 'title', HTMLElement).textContent;
    const damage = part(this, 'damage', HTMLElement).hidden ? '' : 'The picture is damaged';
    const name = nameOf(this.#request.content) || 'Empty';
    const limit = isActive ? limitText(this.#limit, spacingS, player.lacksAudio) || this.#keysText() : '';
    setAttribute(
      this,
      'aria-label',
      [name, message || (stillS === null ? label : `Picture from ${text} ago`), limit, damage, this.#recordingText]
        .filter(Boolean)
        .join(', '),
    );
  }
}

/** @param {TileContent|null} content @returns {string} names of camera and channel; '' for an empty place */
export function nameOf(content) {
  const [cameraName, channelName] = namesOf(content);
  return cameraName === channelName ? cameraName : `${cameraName} · ${channelName}`;
}

/** @param {TileContent|null} content @returns {[string, string]} names of the camera and the channel */
function namesOf(content) {
  if (!content) return ['', ''];
  const { camera, channel, tile } = content;
  return [camera ? camera.name || camera.host : `Camera ${tile.cameraId}`, channel?.name ?? `Channel ${tile.channel}`];
}

customElements.define('live-tile', LiveTile);
