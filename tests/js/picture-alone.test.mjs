// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameTimesOf, videoTrackOf } from '../../static/js/lib/frame-times.js';
import { AudioRemover, pictureAloneLoader, pictureCodecs } from '../../static/js/lib/picture-alone.js';

/** @param {string} type @param {...(number[])} content */
function box(type, ...content) {
  const inside = content.flat();
  return [...u32(8 + inside.length), ...[...type].map((letter) => letter.charCodeAt(0)), ...inside];
}

/** @param {number} value */
function u32(value) {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** @param {number} id @param {'vide'|'soun'} kind */
function track(id, kind) {
  const handler = [...kind].map((letter) => letter.charCodeAt(0));
  return box(
    'trak',
    box('tkhd', u32(0), u32(0), u32(0), u32(id)),
    box('mdia', box('mdhd', u32(0), u32(0), u32(0), u32(1000)), box('hdlr', u32(0), u32(0), handler)),
  );
}

/** @param {number} id */
function fragment(id) {
  const run = box('trun', u32(0), u32(2));
  return box('traf', box('tfhd', u32(8), u32(id), u32(40)), box('tfdt', u32(0), u32(500)), run);
}

const trex = (/** @type {number} */ id) => box('trex', u32(0), u32(id), u32(1), u32(40), u32(0), u32(0));
const init = () => Uint8Array.from([box('ftyp'), box('moov', track(1, 'vide'), track(2, 'soun'), box('mvex', trex(1), trex(2)))].flat());
const media = () => Uint8Array.from([box('moof', box('mfhd', u32(0), u32(7)), fragment(1), fragment(2)), box('mdat', [1, 2, 3])].flat());

/** @param {Uint8Array} bytes @param {string} type */
function count(bytes, type) {
  return new TextDecoder('latin1').decode(bytes).split(type).length - 1;
}

test('the audio becomes free space, and the picture stays where it is', () => {
  const remover = new AudioRemover();
  const [first, second] = [init(), media()];
  const sizes = [first.length, second.length];
  remover.remove(first);
  remover.remove(second);
  assert.deepEqual([first.length, second.length], sizes);
  assert.deepEqual([count(first, 'trak'), count(first, 'trex'), count(first, 'soun'), count(first, 'free')], [1, 1, 1, 2]);
  assert.deepEqual([count(second, 'traf'), count(second, 'free')], [1, 1]);
  const shown = videoTrackOf(first);
  assert.equal(shown?.id, 1);
  assert.deepEqual(frameTimesOf(second, /** @type {any} */ (shown)), [0.5, 0.54]);
});

test('media without audio and broken media stay as they are', () => {
  const remover = new AudioRemover();
  const picture = Uint8Array.from(box('moov', track(1, 'vide')));
  const cut = media().slice(0, 30);
  for (const bytes of [picture, cut, new Uint8Array(3)]) {
    const before = [...bytes];
    remover.remove(bytes);
    assert.deepEqual([...bytes], before);
  }
});

test('the codecs of the picture are those without the audio', () => {
  assert.equal(pictureCodecs('avc1.64001f,mp4a.40.2'), 'avc1.64001f');
  assert.equal(pictureCodecs('hvc1.1.6.L120.90,flac'), 'hvc1.1.6.L120.90');
  assert.equal(pictureCodecs('avc1.64001f'), 'avc1.64001f');
});

test('hls.js gets what its own loader has loaded, without the audio', () => {
  /** @type {any} */
  let callbacks;
  class Own {
    stats = { loaded: 1 };
    /** @param {any} _context @param {any} _limits @param {any} given */
    load(_context, _limits, given) {
      callbacks = given;
    }
  }
  const Loader = /** @type {any} */ (pictureAloneLoader());
  const loader = new Loader({ loader: Own });
  /** @type {any[]} */
  const taken = [];
  const failed = () => {};
  loader.load({}, {}, { onSuccess: (/** @type {any[]} */ ...all) => taken.push(all), onError: failed });
  assert.equal(loader.stats.loaded, 1);
  assert.equal(callbacks.onError, failed);
  for (const bytes of [init(), media()]) callbacks.onSuccess({ data: bytes.buffer }, 'stats');
  assert.deepEqual(
    taken.map(([{ data }, stats]) => [count(new Uint8Array(data), 'free'), stats]),
    [
      [2, 'stats'],
      [1, 'stats'],
    ],
  );
});

/** Return a packet of a transport stream that begins a section. @param {number} pid @param {number[]} section */
function packet(pid, section) {
  const head = [0x47, 0x40 | (pid >> 8), pid & 255, 0x30, 3, 0, 0xff, 0xff, 0];
  return [...head, ...section, ...Array(188 - head.length - section.length).fill(0xff)];
}

/** @param {number} table @param {number[]} content */
function section(table, content) {
  return [table, 0xb0, content.length + 9, 0, 1, 0xc1, 0, 0, ...content, 1, 2, 3, 4];
}

/** @param {...number} types */
const programMap = (...types) => [0xe1, 0, 0xf0, 2, 9, 0, ...types.flatMap((type, at) => [type, 0xe1, at, 0xf0, 1, 7])];

test('the program map of a transport stream names the picture only', () => {
  const before = Uint8Array.from([
    ...packet(0, section(0, [0, 0, 0xe0, 0x10, 0, 1, 0xf0, 0])),
    ...packet(0x1000, section(2, programMap(0x1b, 0x0f, 0x06))),
    ...packet(0x100, section(2, programMap(0x0f))),
  ]);
  const after = before.slice();
  new AudioRemover().remove(after);
  const expected = Uint8Array.from([
    ...packet(0, section(0, [0, 0, 0xe0, 0x10, 0, 1, 0xf0, 0])),
    ...packet(0x1000, section(2, programMap(0x1b, 0x05, 0x05))),
    ...packet(0x100, section(2, programMap(0x0f))),
  ]);
  assert.deepEqual(after, expected);
});

test('a broken transport stream stays as it is', () => {
  for (const bytes of [packet(0, section(0, [0, 1])), packet(0, [0, 0xbf, 0xff]), [0x47, 0x40, 0, 0x30, 255, ...Array(183).fill(0)]]) {
    const broken = Uint8Array.from([...bytes, ...packet(0x1000, [2, 0xbf, 0xff, 0, 1, 0xc1, 0, 0, 0xe1, 0, 0xff, 0xff])]);
    const after = broken.slice();
    new AudioRemover().remove(after);
    assert.deepEqual(after, broken);
  }
});
