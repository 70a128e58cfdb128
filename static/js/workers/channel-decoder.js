// @ts-check
/**
 * Decodes one channel of H.264 with WebCodecs and passes the frames to its renderer, in a worker.
 *
 * The rules of its queue are in lib/decode-queue.js. It keeps the samples since the last key frame: while it rests
 * (the tab is hidden) it decodes nothing, and then begins with these. While it is held (the user has paused) it decodes and shows nothing.
 */
import { DecodeQueue } from '../lib/decode-queue.js';
import { samplesOf } from '../lib/fragment-samples.js';
import { GroupOfFrames } from '../lib/group-of-frames.js';
import { ShownFrames } from '../lib/shown-frames.js';

/**
 * @typedef {import('../lib/fragment-samples.js').AvcTrack} AvcTrack
 * @typedef {import('../lib/fragment-samples.js').VideoSample} VideoSample
 * @typedef {import('../lib/engine-choice.js').MseReason} MseReason
 * @typedef {{onFrame: (frame: VideoFrame) => void, onFailed: (reason: MseReason, detail: string) => void}} Outcome
 *   `onFrame`: takes a frame that is to be shown
 */

const MOST_QUEUED = 3;

export class ChannelDecoder {
  #outcome;
  /** @type {AvcTrack|null} */
  #track = null;
  /** @type {VideoDecoder|null} */
  #decoder = null;
  #queue = new DecodeQueue();
  #shown = new ShownFrames();
  #group = new GroupOfFrames();
  #isResting = false;
  #isHeld = false;
  #hasFailed = false;
  #hasDecoded = false;

  /** @param {Outcome} outcome */
  constructor(outcome) {
    this.#outcome = outcome;
  }

  /** Take the parameter sets of the samples that follow, which begin with a key frame. @param {AvcTrack} track */
  init(track) {
    const isSame = this.#track !== null && isEqual(this.#track.description, track.description);
    this.#track = track;
    this.#queue.awaitKey();
    this.#group.clear();
    if (!isSame && this.#decoder?.state === 'configured') this.#configure(this.#decoder);
  }

  /** @param {Uint8Array<ArrayBuffer>} fragments */
  take(fragments) {
    if (!this.#track || this.#hasFailed) return;
    const samples = samplesOf(fragments, this.#track);
    if (!samples) {
      this.#queue.awaitKey();
      this.#group.clear();
    }
    for (const sample of samples ?? []) {
      this.#group.add(sample);
      if (!this.#isResting) this.#decode(sample);
    }
  }

  /** @param {boolean} isHeld */
  setHeld(isHeld) {
    this.#isHeld = isHeld;
  }

  /** @param {boolean} isResting */
  setResting(isResting) {
    if (this.#isResting === isResting) return;
    this.#isResting = isResting;
    this.#queue.awaitKey();
    this.#queue.excuse();
    if (isResting) this.#drop();
    else for (const sample of this.#group.samples) this.#decode(sample);
  }

  close() {
    this.#hasFailed = true;
    this.#drop();
    this.#group.clear();
  }

  /** @param {VideoSample} sample */
  #decode(sample) {
    if (this.#hasFailed) return;
    const nowMs = performance.now();
    const step = this.#queue.next(sample, this.#decoder?.decodeQueueSize ?? 0, nowMs);
    const reason = this.#queue.giveUp(nowMs);
    if (reason) {
      this.#fail(reason, '');
      return;
    }
    if (step === 'skip') return;
    if (step === 'begin' && !sample.isIdr) {
      this.#fail('no_idr', '');
      return;
    }
    const decoder = step === 'begin' ? this.#begin() : this.#decoder;
    const { timeUs: timestamp, isIdr, data } = sample;
    if (decoder?.state !== 'configured') return;
    this.#shown.decoding(timestamp);
    this.#try(() => decoder.decode(new EncodedVideoChunk({ type: isIdr ? 'key' : 'delta', timestamp, data })));
  }

  /** Return a decoder that may begin at a key frame. */
  #begin() {
    if (this.#decoder && this.#decoder.decodeQueueSize > MOST_QUEUED) this.#drop();
    if (this.#decoder?.state === 'configured') return this.#decoder;
    const decoder = new VideoDecoder({
      output: (frame) => this.#took(frame, decoder),
      error: (error) => decoder === this.#decoder && this.#failed(error),
    });
    this.#decoder = decoder;
    this.#configure(decoder);
    return decoder;
  }

  /** @param {VideoDecoder} decoder */
  #configure(decoder) {
    const track = this.#track;
    if (!track) return;
    const { codec, description } = track;
    this.#try(() => decoder.configure({ codec, description, optimizeForLatency: true }));
  }

  /** @param {VideoFrame} frame @param {VideoDecoder} decoder */
  #took(frame, decoder) {
    this.#hasDecoded = true;
    const isShown = decoder === this.#decoder && this.#shown.isShown(frame.timestamp, performance.now());
    if (isShown && !this.#isHeld && !this.#isResting) this.#outcome.onFrame(frame);
    else frame.close();
  }

  /** Drop the decoder and its queue. */
  #drop() {
    const decoder = this.#decoder;
    this.#decoder = null;
    this.#shown.reset();
    if (decoder && decoder.state !== 'closed') decoder.close();
  }

  /** @param {() => void} work that throws if the decoder does not take a configuration or a sample */
  #try(work) {
    try {
      work();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The decoder has failed: go on at the next key frame. @param {unknown} error */
  #failed(error) {
    if (this.#hasFailed) return;
    this.#drop();
    if (error instanceof DOMException && error.name === 'NotSupportedError' && !this.#hasDecoded) {
      this.#fail('unsupported', error.message);
      return;
    }
    this.#queue.failed(performance.now());
    const reason = this.#queue.giveUp(performance.now());
    if (reason) this.#fail(reason, String(error));
  }

  /** @param {MseReason} reason @param {string} detail */
  #fail(reason, detail) {
    this.close();
    this.#outcome.onFailed(reason, detail);
  }
}

/** @param {Uint8Array} one @param {Uint8Array} other */
function isEqual(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
