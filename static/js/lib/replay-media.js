// @ts-check
/**
 * A replay session's media over the page's socket, run by run.
 *
 * Emits 'run' with a ReplayRun as soon as its first frame has arrived; 'segments' if this session only plays over HLS;
 * 'missed' if the page joined too late, so that the player has to seek again; 'refused' if the page cannot join;
 * 'audio-left-out' before media whose audio this browser cannot decode, and which plays without it.
 */

import { AudioRemover, pictureCodecs } from './picture-alone.js';

/**
 * @typedef {import('./live-socket.js').SocketInit} SocketInit
 * @typedef {import('./live-socket.js').SocketFragments} SocketFragments
 * @typedef {{init: (init: SocketInit, data: Uint8Array<ArrayBuffer>) => void, append: (fragments: SocketFragments) => void,
 *   end: () => void}} RunSink made by RunEngine.start()
 * @typedef {Pick<import('./live-sockets.js').PageSocket, 'watch'|'leave'|'want'>} Socket
 * @typedef {(sink: RunSink) => void} Delivery
 */

/** The smallest change of the wanted position that is sent. */
const MIN_CHANGE_S = 1;
/** The position is sent at least this often: the server takes a silent viewer for gone. */
const SEND_EVERY_MS = 5000;

/** One run. Media that arrives before `sink` is set is kept for it. */
export class ReplayRun {
  #want;
  #wantedS = 0;
  #sentMs = -Infinity;
  /** @type {Delivery[]} */
  #kept = [];
  /** @type {RunSink|null} */
  #sink = null;
  isEnded = false;
  /** True if the media has audio for this browser. */
  hasAudio = false;

  /**
   * @param {number} number
   * @param {number} startMs the recorder's time of the first frame
   * @param {(untilS: number) => void} want sends the wanted position
   */
  constructor(number, startMs, want) {
    this.number = number;
    this.startMs = startMs;
    this.#want = want;
  }

  /** The receiver of the media. @param {RunSink|null} sink */
  set sink(sink) {
    this.#sink = sink;
    if (sink) for (const deliver of this.#kept.splice(0)) deliver(sink);
  }

  /**
   * Ask for media up to a position. Called repeatedly.
   *
   * @param {number} untilS on the run's timeline
   * @param {number} [nowMs]
   */
  want(untilS, nowMs = performance.now()) {
    if (this.isEnded || (untilS < this.#wantedS + MIN_CHANGE_S && nowMs - this.#sentMs < SEND_EVERY_MS)) return;
    this.#wantedS = Math.max(untilS, this.#wantedS);
    this.#sentMs = nowMs;
    this.#want(this.#wantedS);
  }

  /** @param {Delivery} delivery */
  take(delivery) {
    if (this.#sink) delivery(this.#sink);
    else this.#kept.push(delivery);
  }
}

export class ReplayMedia extends EventTarget {
  #socket;
  #id;
  /** @type {ReplayRun|null} */
  #run = null;
  /** An init section without a frame so far. @type {{init: SocketInit, data: Uint8Array<ArrayBuffer>}|null} */
  #begun = null;
  #hasJoined = false;
  #isOver = false;
  #plays;
  /** Takes the audio out of the media; null: the audio stays. @type {AudioRemover|null} */
  #remover;

  /**
   * @param {Socket} socket
   * @param {import('./live-socket.js').ReplayWatchRequest} source
   * @param {{leavesAudioOut?: boolean, plays?: (codecs: string) => boolean}} [how]
   *   `leavesAudioOut`: this browser cannot decode the audio; `plays`: true if this browser plays the codecs
   */
  constructor(socket, source, { leavesAudioOut = false, plays = () => true } = {}) {
    super();
    this.#plays = plays;
    this.#remover = leavesAudioOut ? new AudioRemover() : null;
    this.#socket = socket;
    this.#id = socket.watch(source, {
      onInit: (init, data) => this.#init(init, data),
      onFragments: (fragments) => this.#append(fragments),
      onStream: () => {},
      onProblem: () => this.#emit(this.#hasJoined ? 'missed' : 'refused'),
      onLink: () => {},
      onMessage: (message) => this.#onMessage(message),
    });
  }

  /** True once the server has accepted this viewer. The socket joins again after a lost connection. */
  get hasJoined() {
    return this.#hasJoined;
  }

  /** True if the present run has arrived completely. */
  get isComplete() {
    return this.#run?.isEnded ?? false;
  }

  leave() {
    this.#isOver = true;
    this.#run = null;
    this.#socket.leave(this.#id);
  }

  /** Leave the audio out from the next init section on. */
  leaveAudioOut() {
    this.#remover ??= new AudioRemover();
  }

  /** @param {SocketInit} described @param {Uint8Array<ArrayBuffer>} data */
  #init(described, data) {
    const alone = pictureCodecs(described.codecs);
    if (!this.#remover && !this.#plays(described.codecs) && alone !== described.codecs && this.#plays(alone)) {
      this.leaveAudioOut();
      this.#emit('audio-left-out');
    }
    this.#remover?.remove(data);
    const init = this.#remover ? { ...described, codecs: alone, audio: null } : described;
    if (this.#run?.number === init.run) this.#run.take((sink) => sink.init(init, data));
    else this.#begun = { init, data };
  }

  /** @param {SocketFragments} fragments */
  #append(fragments) {
    this.#remover?.remove(fragments.data);
    const begun = this.#begun;
    if (begun && fragments.takenMs !== null) {
      this.#begun = null;
      const { run: number } = begun.init;
      const run = new ReplayRun(number, fragments.takenMs, (untilS) => this.#socket.want(this.#id, number, untilS));
      run.hasAudio = Boolean(begun.init.audio);
      run.take((sink) => sink.init(begun.init, begun.data));
      run.take((sink) => sink.append(fragments));
      this.#run = run;
      this.dispatchEvent(new CustomEvent('run', { detail: run }));
    } else this.#run?.take((sink) => sink.append(fragments));
  }

  /** @param {import('./live-socket.js').WatchMessage} message */
  #onMessage(message) {
    if (message.type === 'watching') {
      this.#hasJoined = true;
      if (message.from_start === false) this.#emit('missed');
    } else if (message.type === 'segments_only') this.#emit('segments');
    else if (message.type === 'end' && this.#run?.number === message.run) {
      this.#run.isEnded = true;
      this.#run.take((sink) => sink.end());
    }
  }

  /** @param {'missed'|'refused'|'segments'|'audio-left-out'} type */
  #emit(type) {
    if (!this.#isOver) this.dispatchEvent(new Event(type));
  }
}
