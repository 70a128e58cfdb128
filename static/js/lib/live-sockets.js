// @ts-check
/**
 * The sockets of a page where several servers share the cameras: one LiveSocket for each place (`/live?place=..`). It has
 * the methods of a LiveSocket, so that players do not notice which server sends their media.
 *
 * A watch follows its camera: after `moved`, or while its server does not answer, the page asks for the cameras' places
 * again, and the watch begins anew at the new place.
 */
import { LiveSocket } from './live-socket.js';

/**
 * @typedef {import('./live-socket.js').LiveWatchRequest} LiveWatchRequest
 * @typedef {import('./live-socket.js').ReplayWatchRequest} ReplayWatchRequest
 * @typedef {import('./live-socket.js').SocketListener} SocketListener
 * @typedef {import('./link-monitor.js').LinkState} LinkState
 * @typedef {LiveSocket|LiveSockets} PageSocket
 * @typedef {readonly {id: number, place?: string|null}[]} Placed
 * @typedef {{source: LiveWatchRequest|ReplayWatchRequest, listener: SocketListener, place: string|null}} Watch
 *   `place`: null while no server has the camera
 */

const ASK_FIRST_MS = 100;
const ASK_AGAIN_MS = 1000;
const MAX_ID = 65_535;

export class LiveSockets {
  #options;
  #findCameras;
  #home;
  /** @type {Map<string, LiveSocket>} */
  #sockets = new Map();
  /** @type {Map<number, string|null>} */
  #places = new Map();
  /** @type {Map<number, Watch>} */
  #watches = new Map();
  #lastId = 0;
  /** @type {ReturnType<typeof setTimeout>|null} */
  #asking = null;
  #isClosed = false;
  link = { stateAt: (/** @type {number} */ nowMs) => this.#linkState(nowMs), isThin: (/** @type {number} */ nowMs) => this.#isThin(nowMs) };

  /**
   * @param {import('./live-socket.js').SocketOptions & {findCameras: () => Promise<Placed>}} options
   *   `url`: with the place of the page's first socket; `findCameras`: asks the server for the places of the cameras
   */
  constructor({ findCameras, ...options }) {
    this.#options = options;
    this.#findCameras = findCameras;
    this.#home = new URL(options.url).searchParams.get('place') ?? '';
    this.#sockets.set(this.#home, new LiveSocket(options));
  }

  /** True if any socket is open. */
  get isUp() {
    return this.#all.some((socket) => socket.isUp);
  }

  /** The clock of the page's first socket, otherwise of any that knows it. */
  get clock() {
    return (this.#all.find(({ clock }) => clock.isKnown) ?? this.at()).clock;
  }

  /** Return the socket for a camera. @param {number} [cameraId] */
  at(cameraId) {
    return this.#socketAt(this.#placeOf(cameraId) ?? this.#home);
  }

  /** Take over the places of these cameras. @param {Placed} cameras */
  notePlaces(cameras) {
    for (const { id, place = '' } of cameras) this.#places.set(id, place);
    for (const [id, watch] of [...this.#watches]) this.#follow(id, watch);
    for (const [place, socket] of [...this.#sockets]) {
      if (place === this.#home || [...this.#watches.values()].some((watch) => watch.place === place)) continue;
      socket.close();
      this.#sockets.delete(place);
    }
  }

  /**
   * @param {LiveWatchRequest|ReplayWatchRequest} source
   * @param {SocketListener} listener
   * @param {{insteadOf?: number}} [how]
   * @returns {number} as LiveSocket.watch()
   */
  watch(source, listener, { insteadOf } = {}) {
    this.#lastId = (this.#lastId % MAX_ID) + 1;
    while (this.#watches.has(this.#lastId)) this.#lastId = (this.#lastId % MAX_ID) + 1;
    const id = this.#lastId;
    /** @type {Watch} */
    const watch = { source, listener, place: this.#placeOf(cameraOf(source)) };
    const old = insteadOf === undefined ? undefined : this.#watches.get(insteadOf);
    const isTogether = old !== undefined && old.place === watch.place;
    if (old && !isTogether) this.leave(/** @type {number} */ (insteadOf));
    else if (insteadOf !== undefined) this.#watches.delete(insteadOf);
    this.#watches.set(id, watch);
    if (watch.place === null) this.#askSoon();
    else this.#begin(id, watch, watch.place, isTogether ? { insteadOf } : {});
    return id;
  }

  /** @param {number} id */
  leave(id) {
    const watch = this.#watches.get(id);
    this.#watches.delete(id);
    if (watch && watch.place !== null) this.#sockets.get(watch.place)?.leave(id);
  }

  /** @param {number} id @param {number} run @param {number} untilS as LiveSocket.want() */
  want(id, run, untilS) {
    const place = this.#watches.get(id)?.place ?? null;
    if (place !== null) this.#sockets.get(place)?.want(id, run, untilS);
  }

  wake() {
    for (const socket of this.#all) socket.wake();
  }

  close() {
    this.#isClosed = true;
    if (this.#asking !== null) clearTimeout(this.#asking);
    this.#watches.clear();
    for (const socket of this.#all) socket.close();
  }

  get #all() {
    return [...this.#sockets.values()];
  }

  /** The place of a camera; that of the first socket until it is known; null if no server has it. @param {number} [cameraId] */
  #placeOf(cameraId) {
    const place = cameraId === undefined ? undefined : this.#places.get(cameraId);
    return place === undefined ? this.#home : place;
  }

  /** @param {string} place */
  #socketAt(place) {
    const found = this.#sockets.get(place);
    if (found) return found;
    const url = new URL(this.#options.url);
    url.searchParams.set('place', place);
    const made = new LiveSocket({ ...this.#options, url: url.href, opened: null });
    this.#sockets.set(place, made);
    return made;
  }

  /** @param {number} id @param {Watch} watch @param {string} place @param {{insteadOf?: number}} how */
  #begin(id, watch, place, how) {
    const { listener } = watch;
    const heard = {
      ...listener,
      onLink: (/** @type {boolean} */ isUp) => {
        listener.onLink(isUp);
        if (!isUp) this.#askSoon();
      },
      onMoved: () => this.#moved(id, watch),
    };
    this.#socketAt(place).watch(watch.source, heard, { ...how, id });
  }

  /** The server has ended the watch, because it has the camera no more. @param {number} id @param {Watch} watch */
  #moved(id, watch) {
    if (this.#watches.get(id) !== watch || watch.place === null) return;
    this.#sockets.get(watch.place)?.leave(id);
    watch.place = null;
    watch.listener.onLink(false);
    this.#askSoon();
  }

  /** Begin the watch at the present place of its camera. @param {number} id @param {Watch} watch */
  #follow(id, watch) {
    const place = this.#placeOf(cameraOf(watch.source));
    if (place === null || place === watch.place) return;
    if (watch.place !== null) {
      const before = this.#sockets.get(watch.place);
      before?.leave(id);
      if (before?.isUp) watch.listener.onLink(false);
    }
    watch.place = place;
    const { isUp } = this.#socketAt(place);
    this.#begin(id, watch, place, {});
    if (isUp) watch.listener.onLink(true); // a socket that opens later reports it itself
  }

  /** Ask for the places until every watch has an open socket. */
  #askSoon(delayMs = ASK_FIRST_MS) {
    if (this.#asking !== null || this.#isClosed) return;
    this.#asking = setTimeout(() => void this.#ask(), delayMs);
  }

  async #ask() {
    try {
      if (this.#isSearching) this.notePlaces(await this.#findCameras());
    } catch {
      // No server answers at the moment.
    }
    this.#asking = null;
    if (this.#isSearching) this.#askSoon(ASK_AGAIN_MS);
  }

  /** True if a watch has no open socket. */
  get #isSearching() {
    return [...this.#watches.values()].some(({ place }) => place === null || !this.#sockets.get(place)?.isUp);
  }

  /** The links of the sockets that have watches, as one: the slowest one decides if media is late. @param {number} nowMs @returns {LinkState} */
  #linkState(nowMs) {
    const used = new Set([...this.#watches.values()].map(({ place }) => place));
    const states = [...this.#sockets].filter(([place]) => used.has(place)).map(([, { link }]) => link.stateAt(nowMs));
    if (states.length < 2) return states[0] ?? this.at().link.stateAt(nowMs);
    const rates = states.map(({ kbps }) => kbps).filter((kbps) => kbps !== null);
    return {
      isLate: states.some(({ isLate }) => isLate),
      calmMs: Math.min(...states.map(({ calmMs }) => calmMs)),
      kbps: rates.length ? rates.reduce((sum, kbps) => sum + kbps, 0) : null,
      burstKbps: largest(states.map(({ burstKbps }) => burstKbps)),
      bestBurstKbps: largest(states.map(({ bestBurstKbps }) => bestBurstKbps)),
      measuredMs: Math.max(...states.map(({ measuredMs = 0 }) => measuredMs)),
      ...(states.some(({ isServerBusy }) => isServerBusy) && { isServerBusy: true }),
    };
  }

  /** @param {number} nowMs */
  #isThin(nowMs) {
    return this.#all.some(({ link }) => link.isThin(nowMs));
  }
}

/** @param {(number|null|undefined)[]} values */
function largest(values) {
  const known = values.filter((value) => typeof value === 'number');
  return known.length ? Math.max(...known) : null;
}

/** Return the camera of a watch; that of a replay is in its id. @param {LiveWatchRequest|ReplayWatchRequest} source */
function cameraOf(source) {
  if ('cameraId' in source) return source.cameraId;
  const [, id] = /^replay(\d+)_/.exec(source.streamId) ?? [];
  return id === undefined ? undefined : Number(id);
}
