// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../static/js/lib/http.js';
import { rectangleBetween } from '../../static/js/lib/motion-geometry.js';
import { childText, errorTexts, nameErrors, placeText, seenText, shapeText, toldWords } from '../../static/js/lib/motion-text.js';

const SQUARE = rectangleBetween({ x: 0.2, y: 0.2 }, { x: 0.6, y: 0.6 }) ?? [];
const GATE = { id: 3, name: 'Gate', kind: /** @type {const} */ ('watch'), points: SQUARE };
const STATE = { told_by: /** @type {const} */ ('server'), reason: null, is_restless: false, watched_at: null, key_frame_interval_s: 2 };
/** @type {import('../../static/js/lib/motion-types.js').ChannelMotion} */
const SETTINGS = { mode: 'auto', sensitivity: 'high', zones: [], state: STATE, is_available: true, install_command: 'make motion' };

test('the text says who reports motion and how often', () => {
  const words = toldWords(SETTINGS);
  assert.equal(words.title, 'This server watches the pictures');
  assert.match(words.text, /a picture every 2 seconds\./);
  assert.equal(toldWords({ ...SETTINGS, state: { ...STATE, told_by: 'device' } }).tone, 'good');
});

test('a server that cannot look says so where the camera reports motion', () => {
  const told = (/** @type {string|null} */ reason) =>
    toldWords({ ...SETTINGS, mode: 'key_frames', state: { ...STATE, told_by: 'device', reason } });
  assert.deepEqual([told('device_tells').tone, told('off').tone, told(null).text], ['good', 'good', '']);
  assert.deepEqual(
    [told('not_installed').tone, told('not_installed').text],
    ['busy', 'This server does not see the pictures. The detector is not installed on this server.'],
  );
});

test('a restless picture is named with advice', () => {
  const words = toldWords({ ...SETTINGS, state: { ...STATE, is_restless: true } });
  assert.match(words.title, /restless/);
  assert.equal(words.tone, 'busy');
});

test('the reason is in words where nobody reports motion', () => {
  const none = /** @type {const} */ ('none');
  const words = toldWords({ ...SETTINGS, is_available: false, state: { ...STATE, told_by: none } });
  assert.deepEqual([words.text, words.tone], ['The detector is not installed on this server.', 'bad']);
  assert.equal(toldWords({ ...SETTINGS, mode: 'off', state: { ...STATE, told_by: none } }).title, 'Motion is off');
});

test('a reason that the page does not know is left out', () => {
  for (const reason of ['quite_new', 'constructor']) {
    assert.doesNotMatch(toldWords({ ...SETTINGS, state: { ...STATE, reason } }).text, /undefined|function|quite_new/);
  }
});

test('rare key frames lead to the advice to look at every picture', () => {
  /** @type {import('../../static/js/lib/motion-types.js').ChannelMotion} */
  const rare = { ...SETTINGS, mode: 'key_frames', state: { ...STATE, key_frame_interval_s: 10 } };
  assert.match(toldWords(rare).text, /Every picture/);
  assert.doesNotMatch(toldWords({ ...rare, state: STATE }).text, /Every picture/);
});

test('the shape of a zone is told in points with its limits', () => {
  assert.equal(shapeText(GATE), '4 points');
  assert.match(shapeText({ ...GATE, points: SQUARE.slice(1) }), /the fewest possible/);
  const [a, b, c, d] = SQUARE;
  assert.ok(a && b && c && d);
  assert.match(shapeText({ ...GATE, points: [a, c, b, d] }), /cross/);
  assert.equal(placeText({ x: 0.304, y: 1 }), '30 % from the left, 100 % from the top');
});

test('what the detector sees is told with the zones that it concerns', () => {
  assert.equal(seenText(null, []), 'The detector has seen no picture yet.');
  assert.equal(seenText({ share: 0, blobs: [] }, [GATE]), 'Nothing moves.');
  assert.equal(seenText({ share: 0.0034, blobs: [{ zones: [3] }, {}] }, [GATE]), '2 things move in Gate: 0.3 % of the picture.');
});

test('each zone needs a name of its own', () => {
  const zones = [GATE, { ...GATE, id: 4, name: ' gate' }, { ...GATE, id: 5, name: ' ' }];
  assert.deepEqual([...nameErrors(zones).keys()], [4, 5]);
});

test('the cost of the detector is told only while it runs', () => {
  /** @type {import('../../static/js/lib/motion-types.js').MotionChild} */
  const child = { state: 'running', cpu_share: 0.049, memory_bytes: 143_000_000, pictures_per_s: 8, skips: false };
  /** @type {import('../../static/js/lib/motion-types.js').MotionChannel} */
  const channel = { node: '', camera_id: 1, channel: 1, told_by: 'server', reason: null, is_restless: false, hits_today: 0 };
  /** @type {import('../../static/js/lib/motion-types.js').Motion} */
  const overview = { node: '', is_available: true, install_command: 'make motion', child, channels: [channel], silent_nodes: [] };
  assert.match(childText(overview), /watches 1 channel with 4\.9 % of one processor core and 143 MB of memory\./);
  assert.match(childText({ ...overview, channels: [channel, { ...channel, node: 'north' }] }), /watches 1 channel with/);
  assert.equal(childText({ ...overview, child: { ...child, state: 'off' } }), '');
  assert.equal(childText({ ...overview, child: { ...child, cpu_share: 0, memory_bytes: 0 } }), 'The detector watches 1 channel.');
});

test('errors of a refused save name their zones', () => {
  const error = new ApiError('invalid_request', 'Some fields are invalid.', {
    status: 422,
    errors: [{ field: 'zones.0.points', message: 'needs at least 3 points' }],
  });
  assert.equal(errorTexts(error, [GATE]), 'Gate: needs at least 3 points.');
  assert.equal(
    errorTexts(new ApiError('forbidden', 'You do not have permission to do this.'), [GATE]),
    'You do not have permission to do this.',
  );
});
