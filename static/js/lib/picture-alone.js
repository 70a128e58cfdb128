// @ts-check
/**
 * Takes the audio out of media, for a browser that cannot decode it.
 *
 * - Fragmented MP4: the boxes of its track become free space (ISO/IEC 14496-12, 8.1.2). Their sizes stay, so every offset
 *   stays right, and the samples in `mdat` are ignored.
 * - MPEG transport streams: the program map names it as private data (ISO/IEC 13818-1, 2.4.4), which hls.js ignores. Its
 *   checksum is not renewed, because hls.js does not read it.
 */
import { nameAt, viewOf, whole, within } from './mp4-boxes.js';

/** 'free' */
const FREE = 0x66726565;

const SYNC_BYTE = 0x47;
const PACKET_BYTES = 188;
const CHECKSUM_BYTES = 4;
/** Stream types of MPEG-1, MPEG-2, MPEG-4, H.264 and H.265 (ISO/IEC 13818-1, table 2-34). */
const PICTURE_TYPES = new Set([0x01, 0x02, 0x10, 0x1b, 0x24]);
const PRIVATE_TYPE = 0x05;

/** @typedef {import('./mp4-boxes.js').Box} Box */

export class AudioRemover {
  /** Ids of the audio tracks in the init sections. @type {Set<number>} */
  #ids = new Set();

  /** Remove the audio from an init section, fragments or a transport stream, in place. @param {Uint8Array} bytes */
  remove(bytes) {
    if (bytes[0] === SYNC_BYTE) hideFromProgramMap(bytes);
    else this.#free(bytes);
  }

  /** @param {Uint8Array} bytes */
  #free(bytes) {
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

/** @param {Uint8Array} bytes a segment, which begins with its program tables */
function hideFromProgramMap(bytes) {
  const u16 = (/** @type {number} */ at) => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  let mapPid = 0;
  for (let at = 0; at + PACKET_BYTES <= bytes.length && bytes[at] === SYNC_BYTE; at += PACKET_BYTES) {
    const pid = u16(at + 1) & 0x1fff;
    const beginsSection = u16(at + 1) & 0x4000;
    if (!beginsSection || (pid !== 0 && pid !== mapPid)) continue;
    const payload = at + 4 + ((bytes[at + 3] ?? 0) & 0x20 ? 1 + (bytes[at + 4] ?? 0) : 0);
    const section = payload + 1 + (bytes[payload] ?? 0);
    const end = section + 3 + (u16(section + 1) & 0xfff) - CHECKSUM_BYTES;
    if (end > at + PACKET_BYTES) continue;
    if (pid === 0) {
      for (let entry = section + 8; entry + 4 <= end; entry += 4) if (u16(entry) !== 0) mapPid = u16(entry + 2) & 0x1fff;
    } else {
      const first = section + 12 + (u16(section + 10) & 0xfff);
      for (let entry = first; entry + 5 <= end; entry += 5 + (u16(entry + 3) & 0xfff)) {
        if (!PICTURE_TYPES.has(bytes[entry] ?? 0)) bytes[entry] = PRIVATE_TYPE;
      }
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
