// @ts-check
/** The stage of the viewer: the session, its picture, what lies over it, and the buttons below it. */
import { LivePlayer } from '../components/live-player.js';
import { STILL_AFTER_MS, SnapshotImage } from '../components/snapshot-image.js';
import { StageOverlay } from '../components/stage-overlay.js';
import { ZoomView } from '../components/zoom-view.js';
import { snapshotFileName } from '../lib/format.js';
import { hasMediaSource, playsFragments } from '../components/fragment-source.js';
import { LiveSession } from '../lib/live-session.js';
import { LiveSocket } from '../lib/live-socket.js';
import { LiveTransport } from '../lib/live-transport.js';
import { SocketSession } from '../lib/socket-session.js';
import { badgeOf, streamFacts } from '../lib/stream-facts.js';
import { Attention, wireRest } from './attention.js';
import { byId, liveUrl, remember, remembered, saveFile, say, toLogin } from './page.js';


/**
 * Tells
 *   'wanted'  somebody pressed Play while nothing was asked for
 *   'ended'   the stream was ended, by us or by others
 *   'asleep'  nobody has looked at the tab for a while: the page should let go of the stream
 *   'awake'   somebody looks again
 *   'codec'   as LiveTransport's
 *   'settled' the live picture moves, or none is to be expected
 */
export class ViewerStage extends EventTarget {
  #api;
  #socket;
  #session;
  #stage = byId('stage', HTMLElement);
  #player = byId('player', LivePlayer);
  #overlay = byId('overlay', StageOverlay);
  #still = byId('still', SnapshotImage);
  #zoom = byId('zoom', ZoomView);
  #shownStill = '';
  /** Whether the overlay may offer the sub stream; the page knows. */
  subPossible = false;
  /** Why there is no channel to play at all. @type {import('../lib/api.js').Problem|null} */
  #deviceProblem = null;
  #deviceBusy = false;
  /** What a snapshot is named after. @type {string[]} */
  names = [];

  /** @param {import('../lib/api.js').Api} api */
  constructor(api) {
    super();
    this.#api = api;
    this.#socket = hasMediaSource() ? new LiveSocket({ url: liveUrl(), onLoginEnded: toLogin }) : null;
    this.#session = new LiveTransport({
      socketSession: this.#socket && new SocketSession(this.#socket, { plays: playsFragments }),
      hlsSession: new LiveSession(api),
    });
    this.#player.toggleAttribute('muted', remembered('sound') !== 'on');
    this.#wireSession();
    this.#wirePage();
    for (const [id, work] of /** @type {[string, () => void][]} */ ([
      ['play', () => this.togglePlay()],
      ['stop', () => this.stop()],
      ['mute', () => this.toggleSound()],
      ['snapshot', () => this.saveSnapshot()],
      ['fullscreen', () => void this.toggleFullscreen()],
      ['zoom-in', () => this.zoomBy(1.4)],
      ['zoom-out', () => this.zoomBy(1 / 1.4)],
      ['badge', () => this.toLive()],
    ])) {
      byId(id, HTMLElement).addEventListener('click', work);
    }
    setInterval(() => this.#showClock(), 500);
    this.#show();
  }

  /** @param {import('../lib/api.js').Problem|null} problem */
  set deviceProblem(problem) {
    this.#deviceProblem = problem;
    this.#show();
  }

  /** @param {boolean} busy the device is being asked for its channels */
  set deviceBusy(busy) {
    this.#deviceBusy = busy;
    this.#show();
  }

  get isWanted() {
    return this.#session.isWanted;
  }

  /**
   * @param {import('../lib/live-transport.js').Wish} source
   * @param {{sameChannel?: boolean}} [how] another quality of what is shown already keeps the picture, frozen
   */
  play(source, { sameChannel = false } = {}) {
    this.#player.removeAttribute('src');
    if (!sameChannel) {
      this.#zoom.reset();
      this.#player.detachLive();
      this.#player.forget();
      this.#showStill(source.cameraId, source.profileToken);
      this.#session.leave();
    }
    this.#session.play({ ...source, sound: !this.#player.hasAttribute('muted') });
    if (this.#session.view.way === 'socket') this.#player.prepareLive();
  }

  stop() {
    this.#session.stop();
    this.#zoom.reset();
    this.dispatchEvent(new Event('ended'));
  }

  retry() {
    this.#session.retry();
  }

  togglePlay() {
    if (!this.#session.isWanted) this.dispatchEvent(new Event('wanted'));
    else if (this.#session.view.phase === 'failed') this.#session.retry();
    else if (this.#player.isPaused) this.#resume();
    else if (this.#player.hasPicture) this.#player.pause();
    this.#show();
  }

  #resume() {
    if (this.#session.isResting) this.#player.detachLive(); // its last picture stays until the present one is there
    this.#player.resume();
    this.#session.resume();
  }

  toggleSound() {
    if (byId('mute', HTMLButtonElement).disabled) return;
    const sounding = this.#player.hasAttribute('muted');
    this.#player.toggleAttribute('muted', !sounding);
    remember('sound', sounding ? 'on' : 'off');
    this.#session.hear(sounding);
  }

  toLive() {
    if (this.#player.isPaused) this.#resume();
    else this.#player.toLive();
    this.#show();
  }

  /** When the picture on screen was taken; now, where there is none. */
  get pictureMs() {
    return (this.#player.pictureDate ?? new Date(this.#nowMs())).getTime();
  }

  /** @param {number} factor */
  zoomBy(factor) {
    this.#zoom.zoomBy(factor);
  }

  /** @returns {boolean} whether there was something to leave */
  leaveZoom() {
    const zoomed = this.#zoom.scale > 1;
    this.#zoom.reset();
    return zoomed;
  }

  saveSnapshot() {
    const canvas = this.#player.capture();
    if (!canvas) return;
    const name = snapshotFileName(this.names, this.#player.pictureDate ?? new Date(this.#nowMs()));
    canvas.toBlob((blob) => blob && saveFile(blob, name), 'image/jpeg', 0.95);
  }

  async toggleFullscreen() {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else if (this.#stage.requestFullscreen) await this.#stage.requestFullscreen();
      // iPhones know full screen for a video only.
      else /** @type {any} */ (this.#player.video).webkitEnterFullscreen?.();
    } catch {
      say('The browser does not allow full screen here.', 'bad');
    }
  }

  #wireSession() {
    const session = this.#session;
    const player = this.#player;
    session.addEventListener('open', () => this.#open());
    session.addEventListener('change', () => this.#show());
    session.addEventListener('codec', (event) => {
      const { detail } = /** @type {CustomEvent} */ (event);
      if (!this.dispatchEvent(new CustomEvent('codec', { cancelable: true, detail }))) event.preventDefault();
    });
    player.addEventListener('player-shows', (event) => /** @type {CustomEvent} */ (event).detail !== 'before' && session.playerShows());
    player.addEventListener('player-stands', (event) => session.playerStands(/** @type {CustomEvent<number>} */ (event).detail));
    player.addEventListener('player-rests', () => this.#session.rest());
    player.addEventListener('player-restart', () => session.playerBroke());
    player.addEventListener('player-failed', (event) => session.playerFailed(/** @type {CustomEvent} */ (event).detail));
    player.addEventListener('player-sound', (event) => {
      if (/** @type {CustomEvent<string>} */ (event).detail === 'blocked') {
        player.setAttribute('muted', '');
        say('The browser allows sound only after a click. Press M or the loudspeaker.');
      }
      this.#showSound();
    });
    this.#overlay.addEventListener('overlay-play', () => this.togglePlay());
    this.#zoom.addEventListener('zoom-tap', () => void this.toggleFullscreen());
    this.#zoom.addEventListener('zoom-changed', (event) => {
      const scale = /** @type {CustomEvent<number>} */ (event).detail;
      const chip = byId('zoom-level', HTMLElement);
      chip.hidden = scale === 1;
      chip.textContent = `${scale.toFixed(1)}×`;
    });
  }

  #wirePage() {
    const attention = new Attention({ isHeard: () => !this.#player.hasAttribute('muted') });
    attention.addEventListener('asleep', () => this.dispatchEvent(new Event('asleep')));
    attention.addEventListener('awake', () => this.#wake());
    attention.addEventListener('leaving', () => {
      this.#session.leave();
      this.#socket?.close();
      this.dispatchEvent(new Event('asleep'));
    });
    document.addEventListener('fullscreenchange', () => {
      const full = document.fullscreenElement === this.#stage;
      this.#stage.dataset.full = String(full);
      byId('fullscreen', HTMLElement).setAttribute('aria-label', full ? 'Leave full screen' : 'Full screen');
    });
    wireRest(this.#stage);
  }

  #wake() {
    this.dispatchEvent(new Event('awake'));
    this.#session.wake();
    this.#player.wake();
  }

  #open() {
    const { playlistUrl, way } = this.#session.view;
    if (way === 'socket') {
      this.#session.sink = this.#player.attachLive();
      return;
    }
    if (!playlistUrl) return;
    this.#player.detachLive();
    if (this.#player.getAttribute('src') === playlistUrl) this.#player.reload();
    else this.#player.setAttribute('src', playlistUrl);
  }

  /** The last known picture of the channel, until its live one is there. @param {number} cameraId @param {string} profileToken */
  #showStill(cameraId, profileToken) {
    this.#shownStill = profileToken;
    this.#still.clear();
    const isWanted = () => this.#shownStill === profileToken && !this.#player.hasPicture;
    setTimeout(async () => {
      if (!isWanted()) return;
      try {
        const { blob, takenAt } = await this.#api.snapshot(cameraId, { profileToken, cached: true });
        if (isWanted()) void this.#still.show(blob, takenAt);
      } catch {
        // There is none yet: the stage stays dark until the live picture comes.
      }
    }, STILL_AFTER_MS);
  }

  #show() {
    const view = this.#viewNow();
    const gone = view.phase === 'idle' || view.phase === 'ended' || view.phase === 'failed';
    if (gone) {
      if (this.#player.hasAttribute('src')) this.#player.removeAttribute('src');
      this.#player.detachLive();
    }
    if (view.phase === 'playing') {
      this.#shownStill = '';
      this.#still.clear();
    }
    if (view.phase === 'playing' || (gone && view.phase !== 'idle')) this.dispatchEvent(new Event('settled'));
    const paused = this.#player.isPaused && !gone;
    const running = this.#session.isWanted && !paused && view.phase !== 'failed';
    const playable = this.names.length > 0;
    this.#overlay.tell(view, { paused, playable, subPossible: this.subPossible });
    byId('play', HTMLButtonElement).disabled = !playable;
    Object.assign(this.#stage.dataset, { phase: view.phase, paused: String(paused), running: String(running) });
    byId('play', HTMLElement).setAttribute('aria-label', running ? 'Pause' : 'Play');
    byId('stop', HTMLButtonElement).disabled = !this.#session.isWanted;
    this.#showSound();
    this.#showClock();
    if (view.phase === 'ended') this.dispatchEvent(new Event('ended'));
  }

  /** The session's view; while no channel is known, the device's instead. */
  #viewNow() {
    const { view } = this.#session;
    if (this.#session.isWanted) return view;
    if (this.#deviceProblem) return { ...view, phase: /** @type {const} */ ('failed'), problem: this.#deviceProblem };
    if (this.#deviceBusy) return { ...view, phase: /** @type {const} */ ('connecting') };
    return view;
  }

  #showClock() {
    const { view } = this.#session;
    const player = this.#player;
    const date = player.pictureDate;
    const behindS = date ? Math.max(0, (this.#nowMs() - date.getTime()) / 1000) : null;
    const badge = byId('badge', HTMLElement);
    const { text, tone } = badgeOf(view.phase, { ...view, paused: player.isPaused, behindS });
    badge.hidden = !text;
    badge.dataset.state = tone;
    setText(byId('badge-text', HTMLElement), text);
    const time = byId('picture-time', HTMLTimeElement);
    const shown = date !== null && player.hasPicture;
    setText(time, shown ? date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' }) : '');
    if (shown) time.dateTime = date.toISOString();
    byId('snapshot', HTMLButtonElement).disabled = !player.hasPicture;
    const { way } = view;
    const facts = streamFacts(view.stream, { behindS: view.phase === 'playing' || player.isPaused ? behindS : null, way });
    byId('facts', HTMLElement).dataset.way = way;
    byId('way', HTMLElement).hidden = !view.wayReason;
    setText(byId('way-reason', HTMLElement), view.wayReason);
    for (const place of byId('facts', HTMLElement).querySelectorAll('[data-fact]')) {
      setText(place, facts[/** @type {HTMLElement} */ (place).dataset.fact ?? ''] ?? '');
    }
  }

  /** The server's clock: over the socket it is known to the millisecond. */
  #nowMs() {
    return this.#socket?.isUp && this.#socket.clock.isKnown ? this.#socket.clock.nowMs() : this.#api.clock.nowMs();
  }

  #showSound() {
    const muted = this.#player.hasAttribute('muted');
    const { stream } = this.#session.view;
    const silent = stream !== null && stream.status === 'running' && stream.audio === null;
    const button = byId('mute', HTMLButtonElement);
    button.disabled = !this.#session.isWanted || silent;
    this.#stage.dataset.muted = String(muted || silent);
    button.setAttribute('aria-label', silent ? 'This channel has no sound' : muted ? 'Sound on' : 'Sound off');
    button.dataset.tip = silent ? 'No sound on this channel' : 'Sound  M';
  }
}

/** @param {Element} place @param {string} text */
function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
