// @ts-check
import { acceptOf, asSeen, profileOf } from '../lib/channels.js';
import { LiveSession } from '../lib/live-session.js';
import { LiveTransport } from '../lib/live-transport.js';
import { SocketSession } from '../lib/socket-session.js';
import { givesWay, tileBadge, tileMessage, tilePlayback } from '../lib/tile-facts.js';
import { cloneTemplate, part, setAttribute, setText, tell } from './dom.js';
import { LivePlayer } from './live-player.js';
import { playsFragments } from './fragment-source.js';
import { STILL_AFTER_MS, SnapshotImage } from './snapshot-image.js';
import { ZoomView } from './zoom-view.js';

/**
 * @typedef {import('../lib/tile-facts.js').TileContent} TileContent
 * @typedef {import('../lib/tile-facts.js').TileQuality} TileQuality
 * @typedef {{socket: import('../lib/live-socket.js').LiveSocket|null, api: import('../lib/api.js').Api,
 *   stills: import('../lib/picture-queue.js').PictureQueue, decodes: readonly string[]}} TileParts
 * @typedef {{content: TileContent|null, quality: TileQuality, isActive: boolean, isLarge: boolean, isAlone: boolean, isSounding: boolean}} TileWish
 *   `isAlone`: nothing else is on the page, so that its picture can be zoomed and paused
 */

/**
 * One channel of the wall, live over the page's socket. `parts` first; then `show()` says what it is to be, as often as
 * that changes, and `tick()` twice a second what time it is. Tells 'tile-sound-blocked' where the browser wants a click.
 */
export class LiveTile extends HTMLElement {
  /** @type {TileParts|null} */
  parts = null;
  /** @type {LiveTransport|null} */
  #session = null;
  /** @type {TileWish} */
  #wish = { content: null, quality: 'auto', isActive: false, isLarge: false, isAlone: false, isSounding: false };
  /** @type {ReturnType<typeof tilePlayback>} */
  #playback = null;
  /** Why the main stream gave way here. @type {import('../lib/api.js').Problem|null} */
  #refusal = null;
  /** What its streams turned out to be that this browser does not play, by profile token. @type {Map<string, string>} */
  #seenCodecs = new Map();
  #channelKey = '';
  #playing = '';
  /** When the picture moved last; null before it did. @type {number|null} */
  #movedAtMs = null;
  #wantsStill = false;
  #isPaused = false;
  /** The picture that plays is not the one that another will take over from. */
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
      hlsSession: new LiveSession(api),
    });
    this.#session = session;
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    session.addEventListener('open', () => this.#open(), { signal });
    session.addEventListener('change', () => this.#changed(), { signal });
    session.addEventListener('codec', (event) => this.#learn(/** @type {CustomEvent} */ (event)), { signal });
    this.addEventListener('player-shows', (event) => this.#moved(/** @type {CustomEvent<string>} */ (event).detail), { signal });
    this.addEventListener('player-stands', (event) => session.playerStands(/** @type {CustomEvent<number>} */ (event).detail), { signal });
    this.addEventListener('zoom-changed', (event) => this.#zoomed(/** @type {CustomEvent<number>} */ (event).detail), { signal });
    this.addEventListener('player-rests', () => session.rest(), { signal });
    this.addEventListener('player-restart', () => session.playerBroke(), { signal });
    this.addEventListener('player-failed', (event) => session.playerFailed(/** @type {CustomEvent} */ (event).detail), { signal });
    this.addEventListener(
      'player-sound',
      (event) => /** @type {CustomEvent<string>} */ (event).detail === 'blocked' && tell(this, 'tile-sound-blocked'),
      { signal },
    );
    this.#follow();
  }

  disconnectedCallback() {
    this.#session?.leave();
    this.#session = null;
    this.#wires?.abort();
    this.#wantsStill = false;
  }

  /** @param {TileWish} wish */
  show(wish) {
    const before = this.#wish;
    this.#wish = wish;
    // Somebody asks anew: what was refused may be granted now.
    if (before.isLarge !== wish.isLarge || before.quality !== wish.quality) this.#refusal = null;
    if (before.quality !== wish.quality) this.#seenCodecs.clear();
    if (this.#session) this.#follow();
  }

  /** The server's clock and ours may differ: behind is told by the server's. @param {number} serverMs */
  tick(serverMs) {
    this.#nowMs = serverMs;
    this.#drawBadge();
  }

  get content() {
    return this.#wish.content;
  }

  get hasPicture() {
    return this.#player.hasPicture;
  }

  /** When the picture on screen was taken; null where there is none. */
  get pictureMs() {
    return this.#player.pictureDate?.getTime() ?? null;
  }

  /** Whether this channel has sound; null: not known yet. */
  get hasSound() {
    const view = this.#session?.view;
    if (view && 'hasSound' in view && view.hasSound !== null) return view.hasSound;
    return view?.stream?.status === 'running' ? view.stream.audio !== null : null;
  }

  /** What it plays, and why not what was asked for. */
  get playing() {
    const view = this.#session?.view;
    return {
      phase: view?.phase ?? 'idle',
      way: view && this.#playing ? view.way : /** @type {const} */ ('socket'),
      wayReason: view?.wayReason ?? '',
      quality: this.#playback?.quality ?? null,
      gaveWay: this.#playback?.gaveWay ?? false,
      converting: this.#playback?.converting ?? false,
      refusal: this.#refusal,
    };
  }

  get isAlone() {
    return this.#wish.isAlone;
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

  /** @returns {boolean} whether there was something to leave */
  leaveZoom() {
    const { isZoomed } = this;
    this.#zoom.reset();
    return isZoomed;
  }

  togglePlay() {
    const { phase } = this.playing;
    if (phase === 'failed' || phase === 'ended') this.retry();
    else if (this.#isPaused || (this.isAlone && this.hasPicture)) this.#pause(!this.#isPaused);
  }

  /** Tries again at once, the main stream included. */
  retry() {
    this.#refusal = null;
    const { phase } = this.#session?.view ?? {};
    if (phase === 'ended') this.#playing = '';
    else if (phase === 'failed') this.#session?.retry();
    this.#follow();
  }

  /** After a sleep, or a loss of network. */
  wake() {
    if (!this.#playing) return;
    this.#session?.wake();
    this.#player.wake();
    if (this.#movedAtMs !== null) this.#movedAtMs = Date.now();
  }

  /** What is on screen, in the resolution of the stream that plays; null before there is a picture. */
  capture() {
    return this.#player.capture();
  }

  get #player() {
    return part(this, 'player', LivePlayer);
  }

  get #zoom() {
    return part(this, 'zoom', ZoomView);
  }

  // ── Following what is asked for ──────────────────────────────────────────────────────────────────────────────────

  #follow() {
    const { content, quality, isActive, isLarge, isAlone, isSounding } = this.#wish;
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
    this.#player.toggleAttribute('muted', !isSounding);
    setAttribute(this.#zoom, 'fixed', !isAlone);
    if (this.#isPaused && !isAlone) this.#pause(false);
    if (wanted === this.#playing) {
      if (wanted) session.hear(isSounding);
    } else if (wanted && content && this.#playback) {
      if (!this.#playing) this.#begin(content);
      this.#playing = wanted;
      const accept = acceptOf(this.#playback, decodes);
      session.play({ cameraId: content.tile.cameraId, profileToken: this.#playback.profile.profile_token, accept, converting, sound: isSounding });
      if (session.view.way === 'socket') this.#player.prepareLive();
    } else {
      this.#rest();
    }
    this.#draw();
  }

  /** A stream is not what the device says: it is decided again what to play. @param {CustomEvent<{profileToken: string, codec: string}>} event */
  #learn(event) {
    event.preventDefault();
    this.#seenCodecs.set(event.detail.profileToken, event.detail.codec);
    this.#follow();
  }

  /** Another channel: nothing of the last one stays. */
  #clear() {
    this.#rest();
    this.#refusal = null;
    this.#zoom.reset();
    this.#seenCodecs.clear();
    this.#player.forget();
    part(this, 'still', SnapshotImage).clear();
  }

  /** The device gets its session back; the last picture stays. */
  #rest() {
    this.#playing = '';
    this.#movedAtMs = null;
    this.#wantsStill = false;
    this.#isPaused = false;
    this.#session?.leave();
    this.#player.removeAttribute('src');
    this.#player.detachLive();
  }

  /** The last known picture, until the live one is there. @param {TileContent} content */
  #begin({ tile, channel }) {
    const still = part(this, 'still', SnapshotImage);
    const profile = channel && (profileOf(channel, 'sub') ?? profileOf(channel, 'main'));
    // After a rest the last live picture stands there, which is newer.
    if (!profile || !this.parts || still.hasPicture || this.#player.isFrozen) return;
    const { api, stills } = this.parts;
    const key = this.#channelKey;
    this.#wantsStill = true;
    const isWanted = () => this.#wantsStill && key === this.#channelKey && !this.hasPicture;
    const ask = async () => {
      if (!isWanted()) return;
      // Rejects where there is none yet: then the tile stays dark until the live picture comes.
      const { blob, takenAt } = await api.snapshot(tile.cameraId, { profileToken: profile.profile_token, cached: true });
      if (isWanted()) await still.show(blob, takenAt);
      if (!this.#wantsStill) still.clear();
    };
    setTimeout(() => stills.add(`${key} ${profile.profile_token}`, ask), STILL_AFTER_MS);
  }

  #open() {
    const session = this.#session;
    if (!session) return;
    const { playlistUrl, way } = session.view;
    this.#isSettled = false;
    if (way === 'socket') session.sink = this.#player.attachLive();
    else if (playlistUrl) {
      this.#player.detachLive();
      if (this.#player.getAttribute('src') === playlistUrl) this.#player.reload();
      else this.#player.setAttribute('src', playlistUrl);
    }
  }

  #changed() {
    const session = this.#session;
    const channel = this.#wish.content?.channel;
    if (!session || !this.parts || !channel) return;
    const { phase, problem, stream } = session.view;
    // Refused for good, or while the server goes on trying.
    const why = problem ?? (stream?.status === 'reconnecting' ? stream.error : null);
    if (this.#playing && givesWay(channel, { quality: this.#playback?.quality ?? null, problem: why, decodes: this.parts.decodes })) {
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

  /** @param {string} which 'before': the picture that another will take over from */
  #moved(which) {
    this.#movedAtMs = Date.now();
    this.#wantsStill = false;
    part(this, 'still', SnapshotImage).clear();
    this.#isSettled = which !== 'before';
    if (!this.#isSettled) return;
    this.#session?.playerShows();
    if (this.#isPaused) this.#player.pause();
  }

  /** @param {boolean} isPaused */
  #pause(isPaused) {
    this.#isPaused = isPaused;
    if (!isPaused) {
      this.#movedAtMs = Date.now();
      if (this.#session?.isResting) this.#player.detachLive(); // its last picture stays until the present one is there
      this.#player.resume();
      this.#session?.resume();
    } else if (this.#isSettled) this.#player.pause(); // else as soon as the next picture has taken over
    this.#draw();
  }

  /** @param {number} scale */
  #zoomed(scale) {
    const level = part(this, 'zoom-level', HTMLElement);
    level.hidden = scale === 1;
    setText(level, `${scale.toFixed(1)}×`);
  }

  // ── Saying it ────────────────────────────────────────────────────────────────────────────────────────────────────

  #draw() {
    const { content, isActive, isSounding } = this.#wish;
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
    part(this, 'sound', HTMLElement).hidden = !isSounding;
    part(this, 'play', HTMLElement).hidden = !this.#isPaused;
    setText(part(this, 'quality', HTMLElement), this.#playing && this.#playback?.quality === 'main' ? 'Main' : '');
    this.#drawBadge();
  }

  #drawBadge() {
    const view = this.#session?.view;
    if (!view) return;
    const date = this.#player.pictureDate;
    const behindS = date ? Math.max(0, (this.#nowMs - date.getTime()) / 1000) : null;
    const stoodS = this.#movedAtMs === null ? null : (Date.now() - this.#movedAtMs) / 1000;
    const { text, tone, label } = tileBadge(view, { behindS, stoodS, isActive: this.#playing !== '', isPaused: this.#isPaused });
    const badge = part(this, 'badge', HTMLElement);
    setText(badge, text);
    badge.hidden = !text;
    setText(part(this, 'way', HTMLElement), text && this.playing.way === 'hls' ? 'HLS' : '');
    setAttribute(this, 'data-frozen', tone === 'frozen');
    badge.dataset.tone = tone;
    const message = part(this, 'title', HTMLElement).textContent;
    setAttribute(this, 'aria-label', [nameOf(this.#wish.content) || 'Empty', message || label].filter(Boolean).join(', '));
  }
}

/** @param {TileContent|null} content @returns {string} camera and channel; '' for an empty place */
export function nameOf(content) {
  const [cameraName, channelName] = namesOf(content);
  return cameraName === channelName ? cameraName : `${cameraName} · ${channelName}`;
}

/** @param {TileContent|null} content @returns {[string, string]} of the camera, of the channel */
function namesOf(content) {
  if (!content) return ['', ''];
  const { camera, channel, tile } = content;
  return [camera ? camera.name || camera.host : `Camera ${tile.cameraId}`, channel?.name ?? `Channel ${tile.channel}`];
}

customElements.define('live-tile', LiveTile);
