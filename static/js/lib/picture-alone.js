// @ts-check
/**
 * Takes the audio out of fragmented MP4, for a browser that cannot decode it: the boxes of its track become free space
 * (ISO/IEC 14496-12, 8.1.2). Their sizes stay, so every offset stays right, and the samples in `mdat` are ignored.
 */
import { nameAt, viewOf, whole, within } from './mp4-boxes.js';

/** 'free' */
const FREE = 0x66726565;

/** @typedef {import('./mp4-boxes.js').Box} Box */

export class AudioRemover {
  /** Ids of the audio tracks in the init sections. @type {Set<number>} */
  #ids = new Set();

  /** Remove the audio from an init section or from fragments, in place. @param {Uint8Array} bytes */
  remove(bytes) {
    const view = viewOf(bytes);
    const file = whole(view);
    const free = (/** @type {Box} */ box) => view.setUint32(box.start + 4, FREE);
    for (const track of within(view, file, 'moov', 'trak')) {
      const [head] = within(view, track, 'tkhd');
      const [handler] = within(view, track, 'mdia', 'hdlr');
      if (!head || !handler || nameAt(view, handler.from + 8) !== 'soun') continue;
      this.#ids.add(view.getUint32(head.from + (view.getUint8(head.from) ? 20 : 12)));
      free(track);
    }
    for (const extend of within(view, file, 'moov', 'mvex', 'trex')) {
      if (this.#ids.has(view.getUint32(extend.from + 4))) free(extend);
    }
    for (const part of within(view, file, 'moof', 'traf')) {
      const [head] = within(view, part, 'tfhd');
      if (head && this.#ids.has(view.getUint32(head.from + 4))) free(part);
    }
  }
}

/** Return the codecs of the picture. @param {string} codecs RFC 6381, e.g. `avc1.64001f,mp4a.40.2` */
export function pictureCodecs(codecs) {
  return codecs
    .split(',')
    .filter((codec) => /^\s*(avc|hvc|hev|av01|vp0|mp4v)/i.test(codec))
    .join(',');
}

/**
 * @typedef {import('hls.js').Loader<import('hls.js').FragmentLoaderContext>} Loader
 * @typedef {import('hls.js').HlsConfig} HlsConfig
 */

/**
 * Return an `fLoader` for hls.js: the loader of hls.js, which here removes the audio from its segments.
 *
 * @returns {NonNullable<HlsConfig['fLoader']>}
 */
export function pictureAloneLoader() {
  const remover = new AudioRemover();
  /** @param {HlsConfig} config @returns {Loader} */
  function PictureAloneLoader(config) {
    const loader = /** @type {Loader} */ (/** @type {unknown} */ (new config.loader(config)));
    const load = loader.load.bind(loader);
    loader.load = (context, limits, callbacks) =>
      load(context, limits, {
        ...callbacks,
        onSuccess: (response, ...more) => {
          if (response.data instanceof ArrayBuffer) remover.remove(new Uint8Array(response.data));
          callbacks.onSuccess(response, ...more);
        },
      });
    return loader;
  }
  return /** @type {any} */ (PictureAloneLoader);
}
