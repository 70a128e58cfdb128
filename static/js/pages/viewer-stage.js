// @ts-check
/** The stage of the viewer page: the session, the player, the overlay, and the buttons below them. */
import { LivePlayer } from '../components/live-player.js';
import { SNAPSHOT_AFTER_MS, SnapshotImage } from '../components/snapshot-image.js';
import { StageOverlay } from '../components/stage-overlay.js';
import { ZoomView } from '../components/zoom-view.js';
import { snapshotFileName } from '../lib/format.js';
import { hasMediaSource, playsFragments } from '../components/fragment-source.js';
import { HlsSession } from '../lib/hls-session.js';
import { LiveSocket } from '../lib/live-socket.js';
import { LiveTransport } from '../lib/live-transport.js';
import { SocketSession } from '../lib/socket-session.js';
import { badgeOf, streamFacts } from '../lib/stream-facts.js';
import { Attention, hideBarsAtRest } from './attention.js';
import { byId, liveUrl, openedSocket, remember, remembered, saveFile, showToast, toLogin } from './page.js';


/**
 * Emits
 *   'wanted'  the user pressed Play and no channel is requested
 *   'ended'   the stream was stopped, by this user or by another one
 *   'asleep'  the tab has been hidden for a while: the page should leave the stream
 *   'awake'   the tab is visible again
 *   'codec'   see LiveTransport
 *   'settled' the live picture moves, or none is to be expected
 */
export class ViewerStage extends EventTarget {
  #api;
  #socket;
  #session;
  #stage = byId('stage', HTMLElement);
  #player = byId('player', LivePlayer);
  #overlay = byId('overlay', StageOverlay);
  #snapshot = byId('still', SnapshotImage);
  #zoom = byId('zoom', ZoomView);
  #snapshotOf = '';
  /** True if the overlay may offer the sub stream; the page sets it. */
  subPossible = false;
  /** The reason if there is no channel to play. @type {import('../lib/api.js').Problem|null} */
  #deviceProblem = null;
  #deviceBusy = false;
  /** Names for the file name of a snapshot. @type {string[]} */
  names = [];

  /** @param {import('../lib/api.js').Api} api */
  constructor(api) {
    super();
    this.#api = api;
    this.#socket = hasMediaSource() ? new LiveSocket({ url: liveUrl(), onLoginEnded: toLogin, opened: openedSocket() }) : null;
    this.#session = new LiveTransport({
      socketSession: this.#socket && new SocketSession(this.#socket, { plays: playsFragments }),
      hlsSession: new HlsSession(api),
    });
    this.#player.toggleAttribute('muted', remembered('sound') !== 'on');
    this.#wireSession();
    this.#wirePage();
    for (const [id, work] of /** @type {[string, () => void][]} */ ([
      ['play', () => this.togglePlay()],
      ['stop', () => this.stop()],
      ['mute', () => this.toggleAudio()],
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

  /** True while the server reads the channels from the device. @param {boolean} busy */
  set deviceBusy(busy) {
    this.#deviceBusy = busy;
    this.#show();
  }

  get isWanted() {
    return this.#session.isWanted;
  }

  /**
   * @param {import('../lib/live-transport.js').PlayRequest} request
   * @param {{sameChannel?: boolean}} [how] `sameChannel`: the old picture stays until the first frame of the new stream
   */
  play(request, { sameChannel = false } = {}) {
    this.#player.removeAttribute('src');
    if (!sameChannel) {
      this.#zoom.reset();
      this.#player.detachLive();
      this.#player.forget();
      this.#showSnapshot(request.cameraId, request.profileToken);
      this.#session.leave();
    }
    this.#session.play({ ...request, audio: !this.#player.hasAttribute('muted') });
    if (this.#session.view.transport === 'socket') this.#player.prepareLive();
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
    else if (this.#player.hasFrame) this.#player.pause();
    this.#show();
  }

  #resume() {
    if (this.#session.isSuspended) this.#player.detachLive(); // the last frame stays until the next one
    this.#player.resume();
    this.#session.resume();
  }

  toggleAudio() {
    if (byId('mute', HTMLButtonElement).disabled) return;
    const audible = this.#player.hasAttribute('muted');
    this.#player.toggleAttribute('muted', !audible);
    remember('sound', audible ? 'on' : 'off');
    this.#session.setAudio(audible);
  }

  toLive() {
    if (this.#player.isPaused) this.#resume();
    else this.#player.toLive();
    this.#show();
  }

  /** Time of the frame on screen; without a frame, now. */
  get frameMs() {
    return (this.#player.frameDate ?? new Date(this.#nowMs())).getTime();
  }

  /** @param {number} factor */
  zoomBy(factor) {
    this.#zoom.zoomBy(factor);
  }

  /** @returns {boolean} true if the picture was zoomed */
  leaveZoom() {
    const zoomed = this.#zoom.scale > 1;
    this.#zoom.reset();
    return zoomed;
  }

  saveSnapshot() {
    const canvas = this.#player.capture();
    if (!canvas) return;
    const name = snapshotFileName(this.names, this.#player.frameDate ?? new Date(this.#nowMs()));
    canvas.toBlob((blob) => blob && saveFile(blob, name), 'image/jpeg', 0.95);
  }

  async toggleFullscreen() {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else if (this.#stage.requestFullscreen) await this.#stage.requestFullscreen();
      // On iPhones only a video can be full screen.
      else /** @type {any} */ (this.#player.video).webkitEnterFullscreen?.();
    } catch {
      showToast('The browser does not allow full screen here.', 'bad');
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
    player.addEventListener('player-plays', (event) => /** @type {CustomEvent} */ (event).detail !== 'before' && session.playerPlays());
    player.addEventListener('player-stalls', (event) => session.playerStalls(/** @type {CustomEvent<number>} */ (event).detail));
    player.addEventListener('player-idle', () => this.#session.suspend());
    player.addEventListener('player-restart', () => session.playerBroke());
    player.addEventListener('player-failed', (event) => session.playerFailed(/** @type {CustomEvent} */ (event).detail));
    player.addEventListener('player-audio', (event) => {
      if (/** @type {CustomEvent<string>} */ (event).detail === 'blocked') {
        player.setAttribute('muted', '');
        showToast('The browser allows sound only after a click. Press M or the loudspeaker.');
      }
      this.#showAudio();
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
    const attention = new Attention({ isAudible: () => !this.#player.hasAttribute('muted') });
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
    hideBarsAtRest(this.#stage);
  }

  #wake() {
    this.dispatchEvent(new Event('awake'));
    this.#session.wake();
    this.#player.wake();
  }

  #open() {
    const { playlistUrl, transport } = this.#session.view;
    if (transport === 'socket') {
      this.#session.sink = this.#player.attachLive();
      return;
    }
    if (!playlistUrl) return;
    this.#player.detachLive();
    if (this.#player.getAttribute('src') === playlistUrl) this.#player.reload();
    else this.#player.setAttribute('src', playlistUrl);
  }

  /** Show a snapshot until the first live frame. @param {number} cameraId @param {string} profileToken */
  #showSnapshot(cameraId, profileToken) {
    this.#snapshotOf = profileToken;
    this.#snapshot.clear();
    const isWanted = () => this.#snapshotOf === profileToken && !this.#player.hasFrame;
    setTimeout(async () => {
      if (!isWanted()) return;
      try {
        const { blob, takenAt } = await this.#api.snapshot(cameraId, { profileToken, cached: true });
        if (isWanted()) void this.#snapshot.show(blob, takenAt);
      } catch {
        // The server has no snapshot yet: the stage stays dark until the first live frame.
      }
    }, SNAPSHOT_AFTER_MS);
  }

  #show() {
    const view = this.#viewNow();
    const gone = view.phase === 'idle' || view.phase === 'ended' || view.phase === 'failed';
    if (gone) {
      if (this.#player.hasAttribute('src')) this.#player.removeAttribute('src');
      this.#player.detachLive();
    }
    if (view.phase === 'playing') {
      this.#snapshotOf = '';
      this.#snapshot.clear();
    }
    if (view.phase === 'playing' || (gone && view.phase !== 'idle')) this.dispatchEvent(new Event('settled'));
    const paused = this.#player.isPaused && !gone;
    const running = this.#session.isWanted && !paused && view.phase !== 'failed';
    const playable = this.names.length > 0;
    this.#overlay.update(view, { paused, playable, subPossible: this.subPossible });
    byId('play', HTMLButtonElement).disabled = !playable;
    Object.assign(this.#stage.dataset, { phase: view.phase, paused: String(paused), running: String(running) });
    byId('play', HTMLElement).setAttribute('aria-label', running ? 'Pause' : 'Play');
    byId('stop', HTMLButtonElement).disabled = !this.#session.isWanted;
    this.#showAudio();
    this.#showClock();
    if (view.phase === 'ended') this.dispatchEvent(new Event('ended'));
  }

  /** Return the session's view; without a channel, a view of the device's state. */
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
    const date = player.frameDate;
    const behindS = date ? Math.max(0, (this.#nowMs() - date.getTime()) / 1000) : null;
    const badge = byId('badge', HTMLElement);
    const { text, tone } = badgeOf(view.phase, { ...view, paused: player.isPaused, behindS });
    badge.hidden = !text;
    badge.dataset.state = tone;
    setText(byId('badge-text', HTMLElement), text);
    const time = byId('picture-time', HTMLTimeElement);
    const shown = date !== null && player.hasFrame;
    setText(time, shown ? date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' }) : '');
    if (shown) time.dateTime = date.toISOString();
    byId('snapshot', HTMLButtonElement).disabled = !player.hasFrame;
    const { transport } = view;
    const facts = streamFacts(view.stream, { behindS: view.phase === 'playing' || player.isPaused ? behindS : null, transport });
    byId('facts', HTMLElement).dataset.way = transport;
    byId('way', HTMLElement).hidden = !view.transportReason;
    setText(byId('way-reason', HTMLElement), view.transportReason);
    for (const place of byId('facts', HTMLElement).querySelectorAll('[data-fact]')) {
      setText(place, facts[/** @type {HTMLElement} */ (place).dataset.fact ?? ''] ?? '');
    }
  }

  /** Return the server's time; the socket's clock is exact to milliseconds. */
  #nowMs() {
    return this.#socket?.isUp && this.#socket.clock.isKnown ? this.#socket.clock.nowMs() : this.#api.clock.nowMs();
  }

  #showAudio() {
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
