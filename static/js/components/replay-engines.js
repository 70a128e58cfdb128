// @ts-check
import { pictureAloneLoader } from '../lib/picture-alone.js';
import { HlsEngine, REPLAY_CONFIG } from './hls-engine.js';
import { RunEngine } from './run-engine.js';

/** @typedef {HlsEngine|RunEngine} ReplayEngine */

/**
 * Opens the engine of each load: a run from the socket, or a playlist. A browser that does not play the media gets the
 * picture without the audio first, then HLS instead of the socket.
 */
export class ReplayEngines {
  #session;
  #videoOf;
  #on;
  /** The engine of the latest load. @type {ReplayEngine|null} */
  current = null;

  /**
   * @param {import('../lib/replay-session.js').ReplaySession} session
   * @param {() => HTMLVideoElement} videoOf
   * @param {{onReady: () => void, onAgain: () => void, onFatal: (why: 'network'|'media'|'unsupported') => void}} on
   *   `onReady`: the video can play; `onAgain`: the media must be requested again
   */
  constructor(session, videoOf, on) {
    this.#session = session;
    this.#videoOf = videoOf;
    this.#on = on;
  }

  /** @param {import('../lib/replay-session.js').Load} load */
  open({ url, run }) {
    this.close();
    if (run) this.#openRun(run);
    else if (url) this.#openPlaylist(url);
  }

  close() {
    this.current?.close();
    this.current = null;
  }

  /** Handle an error of the `<video>` that no engine has reported. */
  videoFailed() {
    if (this.current instanceof HlsEngine) this.#leaveAudioOut();
  }

  /** @param {import('../lib/replay-media.js').ReplayRun} run */
  #openRun(run) {
    const engine = new RunEngine(this.#videoOf(), run, {
      onFatal: () => engine === this.current && this.#runFailed(run),
      onLost: () => engine === this.current && this.#on.onAgain(),
    });
    this.current = engine;
    engine.start();
    this.#on.onReady();
  }

  /** This browser does not play the run. @param {import('../lib/replay-media.js').ReplayRun} run */
  #runFailed(run) {
    if (this.#videoOf().error && run.hasAudio && this.#leaveAudioOut()) return;
    this.#session.isAudioLeftOut = false; // without the audio it failed, too
    this.#session.avoidSocket();
    this.#on.onAgain();
  }

  /** @param {string} url */
  #openPlaylist(url) {
    const { hls = '', hlsWorker = '' } = document.body.dataset;
    const withoutAudio = this.#session.isAudioLeftOut ? { fLoader: pictureAloneLoader() } : {};
    const engine = new HlsEngine(this.#videoOf(), {
      onFatal: (why) => engine === this.current && !(why === 'media' && this.#leaveAudioOut()) && this.#on.onFatal(why),
      config: { ...REPLAY_CONFIG, ...withoutAudio },
      keepsTimes: true,
    });
    this.current = engine;
    engine.load(url, { hlsAddress: hls, workerAddress: hlsWorker }).then(
      () => (engine === this.current ? this.#on.onReady() : undefined),
      () => (engine === this.current ? this.#on.onFatal('network') : undefined),
    );
  }

  /**
   * Play the picture alone, because the decoder of the audio may be the one that refuses the media. False if the audio
   * is left out already, or if the browser names the picture.
   */
  #leaveAudioOut() {
    if (this.#session.isAudioLeftOut || /video/i.test(this.#videoOf().error?.message ?? '')) return false;
    this.#session.isAudioLeftOut = true;
    this.#on.onAgain();
    return true;
  }
}
