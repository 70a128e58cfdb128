// @ts-check
import { acceptOf, asSeen, profileOf } from '../lib/channels.js';
import { HlsSession } from '../lib/hls-session.js';
import { LiveTransport } from '../lib/live-transport.js';
import { SocketSession } from '../lib/socket-session.js';
import { shouldFallBack, tileBadge, tileMessage, tilePlayback } from '../lib/tile-facts.js';
import { cloneTemplate, emit, part, setAttribute, setText } from './dom.js';
import { LivePlayer } from './live-player.js';
import { playsFragments } from './fragment-source.js';
import { SNAPSHOT_AFTER_MS, SnapshotImage } from './snapshot-image.js';
import { ZoomView } from './zoom-view.js';

/**
 * @typedef {import('../lib/tile-facts.js').TileContent} TileContent
 * @typedef {import('../lib/tile-facts.js').TileQuality} TileQuality
 * @typedef {{socket: import('../lib/live-socket.js').LiveSocket|null, api: import('../lib/api.js').Api,
 *   snapshots: import('../lib/job-queue.js').JobQueue, decodes: readonly string[]}} TileParts
 * @typedef {{content: TileContent|null, quality: TileQuality, isActive: boolean, isLarge: boolean, isAlone: boolean,
 *   isAudible: boolean}} TileRequest
 *   `isAlone`: the tile fills the page, so that its picture can be zoomed and paused
 */

/**
 * One channel of the wall, live. The page sets `parts` first, then calls `show()` whenever the tile's request changes,
 * and `tick()` twice a second. Emits 'tile-audio-blocked' if the browser requires a click before it plays audio.
 */
export class LiveTile extends HTMLElement {
  /** @type {TileParts|null} */
  parts = null;
  /** @type {LiveTransport|null} */
  #session = null;
  /** @type {TileRequest} */
  #request = { content: null, quality: 'auto', isActive: false, isLarge: false, isAlone: false, isAudible: false };
  /** @type {ReturnType<typeof tilePlayback>} */
  #playback = null;
  /** Why the sub stream replaces the main stream. @type {import('../lib/api.js').Problem|null} */
  #refusal = null;
  /** Codecs of streams that this browser turned out not to play, by profile token. @type {Map<string, string>} */
  #seenCodecs = new Map();
  #channelKey = '';
  #playing = '';
  /** When the picture moved last; null if it never moved. @type {number|null} */
  #movedAtMs = null;
  #wantsSnapshot = false;
  #isPaused = false;
  /** True unless the old picture still plays, which the next one will replace. */
  #isSettled = false;
  #nowMs = Date.now();
  /** @type {AbortController|null} */
  #wires = null;

  connectedCallback() {
    if (!this.firstElementChild) this.append(cloneTemplate('live-tile'));
    if (!this.parts) throw new Error('A tile needs its parts before it is put on the page.');
    const { socket, api } = this.parts;
    const session = new LiveTransport({
      socketSession: socket && new SocketSession(socket, { plays: playsFragments }),
      hlsSession: new HlsSession(api),
    });
    this.#session = session;
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    session.addEventListener('open', () => this.#open(), { signal });
    session.addEventListener('change', () => this.#changed(), { signal });
    session.addEventListener('codec', (event) => this.#learn(/** @type {CustomEvent} */ (event)), { signal });
    this.addEventListener('player-plays', (event) => this.#moved(/** @type {CustomEvent<string>} */ (event).detail), { signal });
    this.addEventListener('player-stalls', (event) => session.playerStalls(/** @type {CustomEvent<number>} */ (event).detail), { signal });
    this.addEventListener('zoom-changed', (event) => this.#zoomed(/** @type {CustomEvent<number>} */ (event).detail), { signal });
    this.addEventListener('player-idle', () => session.suspend(), { signal });
    this.addEventListener('player-restart', () => session.playerBroke(), { signal });
    this.addEventListener('player-failed', (event) => session.playerFailed(/** @type {CustomEvent} */ (event).detail), { signal });
    this.addEventListener(
      'player-audio',
      (event) => /** @type {CustomEvent<string>} */ (event).detail === 'blocked' && emit(this, 'tile-audio-blocked'),
      { signal },
    );
    this.#follow();
  }

  disconnectedCallback() {
    this.#session?.leave();
    this.#session = null;
    this.#wires?.abort();
    this.#wantsSnapshot = false;
  }

  /** @param {TileRequest} request */
  show(request) {
    const before = this.#request;
    this.#request = request;
    // The user has changed the tile, so try the refused main stream again.
    if (before.isLarge !== request.isLarge || before.quality !== request.quality) this.#refusal = null;
    if (before.quality !== request.quality) this.#seenCodecs.clear();
    if (this.#session) this.#follow();
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
    return this.#player.hasFrame;
  }

  /** Time of the frame on screen; null without a frame. */
  get frameMs() {
    return this.#player.frameDate?.getTime() ?? null;
  }

  /** True if this channel has audio; null while unknown. */
  get hasAudio() {
    const view = this.#session?.view;
    if (view && 'hasAudio' in view && view.hasAudio !== null) return view.hasAudio;
    return view?.stream?.status === 'running' ? view.stream.audio !== null : null;
  }

  /** The stream that plays, and the reasons if it is not the requested one. */
  get playing() {
    const view = this.#session?.view;
    return {
      phase: view?.phase ?? 'idle',
      transport: view && this.#playing ? view.transport : /** @type {const} */ ('socket'),
      transportReason: view?.transportReason ?? '',
      quality: this.#playback?.quality ?? null,
      isFallback: this.#playback?.isFallback ?? false,
      converting: this.#playback?.converting ?? false,
      refusal: this.#refusal,
    };
  }

  get isAlone() {
    return this.#request.isAlone;
  }

  get isPaused() {
    return this.#isPaused;
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
    const { phase } = this.playing;
    if (phase === 'failed' || phase === 'ended') this.retry();
    else if (this.#isPaused || (this.isAlone && this.hasFrame)) this.#pause(!this.#isPaused);
  }

  /** Try again immediately, the main stream included. */
  retry() {
    this.#refusal = null;
    const { phase } = this.#session?.view ?? {};
    if (phase === 'ended') this.#playing = '';
    else if (phase === 'failed') this.#session?.retry();
    this.#follow();
  }

  /** Continue after a sleep or a loss of network. */
  wake() {
    if (!this.#playing) return;
    this.#session?.wake();
    this.#player.wake();
    if (this.#movedAtMs !== null) this.#movedAtMs = Date.now();
  }

  /** Return the frame on screen, in the stream's resolution; null without a frame. */
  capture() {
    return this.#player.capture();
  }

  get #player() {
    return part(this, 'player', LivePlayer);
  }

  get #zoom() {
    return part(this, 'zoom', ZoomView);
  }

  // ── Playing the request ──────────────────────────────────────────────────────────────────────────────────────────

  #follow() {
    const { content, quality, isActive, isLarge, isAlone, isAudible } = this.#request;
    const session = this.#session;
    if (!session || !this.parts) return;
    const { decodes } = this.parts;
    const channelKey = content ? `${content.tile.cameraId}.${content.tile.channel}` : '';
    if (channelKey !== this.#channelKey) {
      this.#channelKey = channelKey;
      this.#clear();
    }
    const channel = content?.channel ? asSeen(content.channel, this.#seenCodecs) : null;
    this.#playback = channel && tilePlayback(channel, { quality, isLarge, isRefused: this.#refusal !== null, decodes });
    const { profile, converting = false } = this.#playback ?? {};
    const wanted = isActive && profile ? `${profile.profile_token}${converting ? ' converted' : ''}` : '';
    this.#player.toggleAttribute('muted', !isAudible);
    setAttribute(this.#zoom, 'fixed', !isAlone);
    if (this.#isPaused && !isAlone) this.#pause(false);
    if (wanted === this.#playing) {
      if (wanted) session.setAudio(isAudible);
    } else if (wanted && content && this.#playback) {
      if (!this.#playing) this.#begin(content);
      this.#playing = wanted;
      const accept = acceptOf(this.#playback, decodes);
      session.play({ cameraId: content.tile.cameraId, profileToken: this.#playback.profile.profile_token, accept, converting, audio: isAudible });
      if (session.view.transport === 'socket') this.#player.prepareLive();
    } else {
      this.#leaveStream();
    }
    this.#draw();
  }

  /**
   * A stream's codec is not the one that the device reports: choose the profile again.
   *
   * @param {CustomEvent<{profileToken: string, codec: string}>} event
   */
  #learn(event) {
    event.preventDefault();
    this.#seenCodecs.set(event.detail.profileToken, event.detail.codec);
    this.#follow();
  }

  /** Forget everything about the previous channel. */
  #clear() {
    this.#leaveStream();
    this.#refusal = null;
    this.#zoom.reset();
    this.#seenCodecs.clear();
    this.#player.forget();
    part(this, 'still', SnapshotImage).clear();
  }

  /** Leave the stream; the last frame stays. */
  #leaveStream() {
    this.#playing = '';
    this.#movedAtMs = null;
    this.#wantsSnapshot = false;
    this.#isPaused = false;
    this.#session?.leave();
    this.#player.removeAttribute('src');
    this.#player.detachLive();
  }

  /** Show a snapshot until the first live frame. @param {TileContent} content */
  #begin({ tile, channel }) {
    const image = part(this, 'still', SnapshotImage);
    const profile = channel && (profileOf(channel, 'sub') ?? profileOf(channel, 'main'));
    // After another stream its last frame is on screen, which is newer.
    if (!profile || !this.parts || image.hasPicture || this.#player.isFrozen) return;
    const { api, snapshots } = this.parts;
    const key = this.#channelKey;
    this.#wantsSnapshot = true;
    const isWanted = () => this.#wantsSnapshot && key === this.#channelKey && !this.hasFrame;
    const ask = async () => {
      if (!isWanted()) return;
      // Rejects if the server has no snapshot: then the tile stays dark until the first live frame.
      const { blob, takenAt } = await api.snapshot(tile.cameraId, { profileToken: profile.profile_token, cached: true });
      if (isWanted()) await image.show(blob, takenAt);
      if (!this.#wantsSnapshot) image.clear();
    };
    setTimeout(() => snapshots.add(`${key} ${profile.profile_token}`, ask), SNAPSHOT_AFTER_MS);
  }

  #open() {
    const session = this.#session;
    if (!session) return;
    const { playlistUrl, transport } = session.view;
    this.#isSettled = false;
    if (transport === 'socket') session.sink = this.#player.attachLive();
    else if (playlistUrl) {
      this.#player.detachLive();
      if (this.#player.getAttribute('src') === playlistUrl) this.#player.reload();
      else this.#player.setAttribute('src', playlistUrl);
    }
  }

  #changed() {
    const session = this.#session;
    const channel = this.#request.content?.channel;
    if (!session || !this.parts || !channel) return;
    const { phase, problem, stream } = session.view;
    // The session has failed, or the server still tries.
    const why = problem ?? (stream?.status === 'reconnecting' ? stream.error : null);
    if (this.#playing && shouldFallBack(channel, { quality: this.#playback?.quality ?? null, problem: why, decodes: this.parts.decodes })) {
      this.#refusal = why;
      this.#follow();
      return;
    }
    if (phase === 'failed' || phase === 'ended') {
      this.#player.removeAttribute('src');
      this.#player.detachLive();
      this.#movedAtMs = null;
      this.#isPaused = false;
    }
    this.#draw();
  }

  /** @param {string} which 'before': the old picture, which the next one will replace */
  #moved(which) {
    this.#movedAtMs = Date.now();
    this.#wantsSnapshot = false;
    part(this, 'still', SnapshotImage).clear();
    this.#isSettled = which !== 'before';
    if (!this.#isSettled) return;
    this.#session?.playerPlays();
    if (this.#isPaused) this.#player.pause();
  }

  /** @param {boolean} isPaused */
  #pause(isPaused) {
    this.#isPaused = isPaused;
    if (!isPaused) {
      this.#movedAtMs = Date.now();
      if (this.#session?.isSuspended) this.#player.detachLive(); // the last frame stays until the next one
      this.#player.resume();
      this.#session?.resume();
    } else if (this.#isSettled) this.#player.pause(); // otherwise #moved() pauses the next picture
    this.#draw();
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
    const view = this.#session?.view;
    if (!view) return;
    const { title, reason, busy, tone } = content ? tileMessage(content, view, { isActive }) : { title: '', reason: '', busy: false, tone: '' };
    Object.assign(this.dataset, { phase: content ? view.phase : 'empty', tone });
    setAttribute(this, 'data-resting', content !== null && !this.#playing && !content.missing);
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
    part(this, 'play', HTMLElement).hidden = !this.#isPaused;
    setText(part(this, 'quality', HTMLElement), this.#playing && this.#playback?.quality === 'main' ? 'Main' : '');
    this.#drawBadge();
  }

  #drawBadge() {
    const view = this.#session?.view;
    if (!view) return;
    const date = this.#player.frameDate;
    const behindS = date ? Math.max(0, (this.#nowMs - date.getTime()) / 1000) : null;
    const stalledS = this.#movedAtMs === null ? null : (Date.now() - this.#movedAtMs) / 1000;
    const { text, tone, label } = tileBadge(view, { behindS, stalledS, isActive: this.#playing !== '', isPaused: this.#isPaused });
    const badge = part(this, 'badge', HTMLElement);
    setText(badge, text);
    badge.hidden = !text;
    setText(part(this, 'way', HTMLElement), text && this.playing.transport === 'hls' ? 'HLS' : '');
    setAttribute(this, 'data-frozen', tone === 'frozen');
    badge.dataset.tone = tone;
    const message = part(this, 'title', HTMLElement).textContent;
    setAttribute(this, 'aria-label', [nameOf(this.#request.content) || 'Empty', message || label].filter(Boolean).join(', '));
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
