// @ts-check
/**
 * A replay session's pictures over the page's socket, run by run.
 *
 * Tells 'run' with a ReplayRun as soon as its first picture is there; 'segments' when this session has to be watched by its
 * playlist; 'missed' when it was joined too late, so that only a seek brings pictures; 'refused' when it cannot be joined.
 */

/**
 * @typedef {import('./live-socket.js').LiveInit} LiveInit
 * @typedef {import('./live-socket.js').LiveFragments} LiveFragments
 * @typedef {{init: (init: LiveInit, data: Uint8Array<ArrayBuffer>) => void, append: (fragments: LiveFragments) => void, end: () => void}} Sink
 * @typedef {Pick<import('./live-socket.js').LiveSocket, 'watch'|'leave'|'want'>} Socket
 * @typedef {(sink: Sink) => void} Delivery
 */

/** A change of what is wanted that is worth a message. */
const WORTH_S = 1;
/** And as often in any case: who says nothing for long is taken for gone. */
const SAID_EVERY_MS = 5000;

/** One run. What has come before somebody takes it is kept for them. */
export class ReplayRun {
  #want;
  #wantedS = 0;
  #saidMs = -Infinity;
  /** @type {Delivery[]} */
  #kept = [];
  /** @type {Sink|null} */
  #sink = null;
  isEnded = false;

  /** @param {number} number @param {number} startMs when its first picture was taken @param {(untilS: number) => void} want */
  constructor(number, startMs, want) {
    this.number = number;
    this.startMs = startMs;
    this.#want = want;
  }

  /** Who takes it from now on. @param {Sink|null} sink */
  set sink(sink) {
    this.#sink = sink;
    if (sink) for (const deliver of this.#kept.splice(0)) deliver(sink);
  }

  /** Up to where it is wanted; to be said again and again. @param {number} untilS by its time line @param {number} [nowMs] */
  want(untilS, nowMs = performance.now()) {
    if (this.isEnded || (untilS < this.#wantedS + WORTH_S && nowMs - this.#saidMs < SAID_EVERY_MS)) return;
    this.#wantedS = Math.max(untilS, this.#wantedS);
    this.#saidMs = nowMs;
    this.#want(this.#wantedS);
  }

  /** @param {Delivery} delivery */
  take(delivery) {
    if (this.#sink) delivery(this.#sink);
    else this.#kept.push(delivery);
  }
}

export class ReplayFeed extends EventTarget {
  #socket;
  #id;
  /** @type {ReplayRun|null} */
  #run = null;
  /** An init section whose first picture is awaited. @type {{init: LiveInit, data: Uint8Array<ArrayBuffer>}|null} */
  #begun = null;
  #hasJoined = false;
  #isOver = false;

  /** @param {Socket} socket @param {import('./live-socket.js').ReplaySource} source */
  constructor(socket, source) {
    super();
    this.#socket = socket;
    this.#id = socket.watch(source, {
      onInit: (init, data) => this.#init(init, data),
      onFragments: (fragments) => this.#append(fragments),
      onStream: () => {},
      onProblem: () => this.#told(this.#hasJoined ? 'missed' : 'refused'),
      onLink: () => {},
      onTold: (told) => this.#hear(told),
    });
  }

  /** Whether the server has taken it in; a connection that breaks after that comes back. */
  get hasJoined() {
    return this.#hasJoined;
  }

  /** Whether the present run is here to its end. */
  get isComplete() {
    return this.#run?.isEnded ?? false;
  }

  leave() {
    this.#isOver = true;
    this.#run = null;
    this.#socket.leave(this.#id);
  }

  /** @param {LiveInit} init @param {Uint8Array<ArrayBuffer>} data */
  #init(init, data) {
    if (this.#run?.number === init.run) this.#run.take((sink) => sink.init(init, data));
    else this.#begun = { init, data };
  }

  /** @param {LiveFragments} fragments */
  #append(fragments) {
    const begun = this.#begun;
    if (begun && fragments.takenMs !== null) {
      this.#begun = null;
      const { run: number } = begun.init;
      const run = new ReplayRun(number, fragments.takenMs, (untilS) => this.#socket.want(this.#id, number, untilS));
      run.take((sink) => sink.init(begun.init, begun.data));
      run.take((sink) => sink.append(fragments));
      this.#run = run;
      this.dispatchEvent(new CustomEvent('run', { detail: run }));
    } else this.#run?.take((sink) => sink.append(fragments));
  }

  /** @param {import('./live-socket.js').Told} told */
  #hear(told) {
    if (told.type === 'watching') {
      this.#hasJoined = true;
      if (told.from_start === false) this.#told('missed');
    } else if (told.type === 'segments_only') this.#told('segments');
    else if (this.#run?.number === told.run) {
      this.#run.isEnded = true;
      this.#run.take((sink) => sink.end());
    }
  }

  /** @param {'missed'|'refused'|'segments'} what */
  #told(what) {
    if (!this.#isOver) this.dispatchEvent(new Event(what));
  }
}
