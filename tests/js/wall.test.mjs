// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wallActionOf } from '../../static/js/lib/keys.js';
import { isRecorder } from '../../static/js/lib/recordings-state.js';
import { choiceFor, contentOf, playingNote, tileBadge, tileMessage, tileQuality } from '../../static/js/lib/tile-facts.js';
import {
  LAYOUTS,
  cellsOf,
  columnsOf,
  fitted,
  isLarge,
  layoutFor,
  nextPlace,
  neighbourOf,
  placed,
  swapped,
} from '../../static/js/lib/wall-layout.js';
import { areSameTiles, defaultTiles, readWallState, visibleTiles, withQuality, writeWallState } from '../../static/js/lib/wall-state.js';
import { WallsApi } from '../../static/js/lib/walls-api.js';
import { videoOf } from './video.mjs';

/**
 * @typedef {import('../../static/js/lib/api.js').Camera} Camera
 * @typedef {import('../../static/js/lib/api.js').Channel} Channel
 */

const NOTHING = { layout: null, tiles: null, full: null, wallId: null, quality: null };

/** @param {number} number @param {Partial<Channel>} [more] @param {string} [mainCodec] @returns {Channel} */
function channel(number, more = {}, mainCodec = 'h264') {
  return {
    channel: number,
    name: `Door ${number}`,
    video_source_token: `v${number}`,
    hidden: false,
    position: number,
    problem: null,
    profiles: [
      { profile_token: `main${number}`, name: '', role: 'main', video: videoOf(mainCodec), audio: null },
      { profile_token: `sub${number}`, name: '', role: 'sub', video: videoOf('h264'), audio: null },
    ],
    ...more,
  };
}

/** @param {number} id @param {Partial<Camera>} [more] @returns {Camera} */
function camera(id, more = {}) {
  return /** @type {Camera} */ ({
    id,
    name: `Recorder ${id}`,
    host: 'h',
    status: 'online',
    error: null,
    services: [],
    channels: 2,
    ...more,
  });
}

/** @typedef {import('../../static/js/lib/tile-facts.js').TileView} TileView */
/** @param {Partial<TileView>} more */
function view(more = {}) {
  return /** @type {TileView} */ ({
    transport: 'socket',
    transportReason: '',
    phase: 'playing',
    problem: null,
    usedBy: [],
    stream: null,
    playlistUrl: null,
    run: 1,
    retryAtMs: null,
    stalledS: 0,
    shown: true,
    ...more,
  });
}

// ── The address ────────────────────────────────────────────────────────────────────────────────────────────────────

test('the state is read from the address and written to it', () => {
  const search = '?layout=9&tiles=1.1,1.2,-,2.5&full=4';
  const state = readWallState(search);
  assert.deepEqual(state, {
    layout: 9,
    tiles: [{ cameraId: 1, channel: 1 }, { cameraId: 1, channel: 2 }, null, { cameraId: 2, channel: 5 }],
    full: 3,
    wallId: null,
    quality: null,
  });
  assert.equal(writeWallState(state), search);
  assert.deepEqual(readWallState('?wall=7'), { ...NOTHING, wallId: 7 });
  assert.equal(writeWallState(NOTHING), '');
  assert.deepEqual(readWallState(''), NOTHING);
});

test('the quality of the whole wall stands in the address', () => {
  const state = readWallState('?layout=4&tiles=1.1.saver,1.2&quality=saver');
  assert.equal(state.quality, 'saver');
  assert.equal(writeWallState(state), '?layout=4&tiles=1.1.saver,1.2&quality=saver');
  assert.equal(readWallState('?quality=best').quality, null);
});

test('a tile without a choice of its own has that of the whole wall', () => {
  const tile = { cameraId: 1, channel: 1 };
  assert.equal(choiceFor(tile, 'saver', true), 'saver');
  assert.equal(choiceFor({ ...tile, quality: 'main' }, 'saver', false), 'main');
  assert.equal(choiceFor(tile, 'main', true), 'main');
  assert.equal(choiceFor(tile, 'main', false), 'sub', 'the main stream looks the same there');
  assert.equal(choiceFor(null, 'auto', false), 'auto');
  assert.equal(tileQuality('saver', true), 'sub');
});

test('a chosen quality is part of the tile in the address', () => {
  const search = '?layout=4&tiles=1.1.main,1.2,-,2.5.sub';
  const state = readWallState(search);
  assert.deepEqual(state.tiles, [
    { cameraId: 1, channel: 1, quality: 'main' },
    { cameraId: 1, channel: 2 },
    null,
    { cameraId: 2, channel: 5, quality: 'sub' },
  ]);
  assert.equal(writeWallState(state), search);
  const tile = { cameraId: 1, channel: 1 };
  assert.deepEqual(withQuality(withQuality(tile, 'main'), 'sub'), { ...tile, quality: 'sub' });
  assert.deepEqual(withQuality({ ...tile, quality: 'sub' }, 'auto'), tile);
});

test('a missing layout is the smallest one for the tiles', () => {
  assert.equal(readWallState('?tiles=1.1,1.2').layout, 4);
  assert.equal(readWallState(`?tiles=${Array.from({ length: 12 }, (_, at) => `1.${at + 1}`)}`).layout, 16);
  assert.equal(readWallState('?layout=4').tiles, null);
});

test('surplus tiles and empty places at the end are left out', () => {
  assert.equal(readWallState('?layout=1&tiles=1.1,1.2').tiles?.length, 1);
  assert.equal(writeWallState({ ...NOTHING, layout: 4, tiles: [{ cameraId: 1, channel: 2 }, null, null, null] }), '?layout=4&tiles=1.2');
  assert.deepEqual(readWallState(writeWallState({ ...NOTHING, layout: 4, tiles: [null, null] })), { ...NOTHING, layout: 4, tiles: [null] });
});

test('invalid values are ignored, and invalid tiles are empty', () => {
  for (const search of ['?layout=5', '?layout=04', '?layout=<b>', '?full=0', '?full=17', '?wall=-1', '?wall=1e3', '?layout=']) {
    assert.deepEqual(readWallState(search), NOTHING, search);
  }
  for (const odd of [
    '1',
    '1.',
    '.1',
    '0.1',
    '01.1',
    '1.0',
    '1.1.1',
    '１.1',
    '1.99999',
    '1.1.auto',
    '1.1.MAIN',
    '1.1.main.sub',
    '1.main',
    '<img src=x>',
    ' 1.1',
    '9999999999999999.1',
  ]) {
    assert.deepEqual(readWallState(`?layout=4&tiles=${encodeURIComponent(odd)},1.1`).tiles, [null, { cameraId: 1, channel: 1 }], odd);
  }
  assert.equal(readWallState(`?tiles=${'1.1,'.repeat(1000)}`).tiles?.length, 16);
});

test('the default wall shows up to sixteen visible channels in order', () => {
  const hidden = channel(2, { hidden: true });
  const moved = channel(3, { position: 0 });
  assert.deepEqual(
    defaultTiles([
      { id: 1, channels: [channel(1), hidden, moved] },
      { id: 2, channels: [channel(1)] },
    ]),
    [
      { cameraId: 1, channel: 3 },
      { cameraId: 1, channel: 1 },
      { cameraId: 2, channel: 1 },
    ],
  );
  const many = [{ id: 1, channels: [...Array.from({ length: 40 }, (_, at) => channel(at + 1)), hidden] }];
  assert.equal(defaultTiles(many).length, 16);
  assert.equal(visibleTiles(many).length, 40);
});

test('empty places at the end do not matter in comparisons', () => {
  const one = { cameraId: 1, channel: 1 };
  assert.equal(areSameTiles([one, null], [{ ...one }]), true);
  assert.equal(areSameTiles([one], [null, one]), false);
  assert.equal(areSameTiles([one], [{ cameraId: 1, channel: 2 }]), false);
  assert.equal(areSameTiles([one], [{ ...one, quality: 'main' }]), false);
});

// ── Layouts ────────────────────────────────────────────────────────────────────────────────────────────────────────

test('each layout fills its square without gaps and overlaps', () => {
  for (const layout of LAYOUTS) {
    const cells = cellsOf(layout);
    assert.equal(cells.length, layout);
    const covered = cells.flatMap(({ column, row, span }) =>
      Array.from({ length: span * span }, (_, at) => `${column + (at % span)},${row + Math.floor(at / span)}`),
    );
    assert.equal(new Set(covered).size, covered.length);
    assert.equal(covered.length, columnsOf(layout) ** 2);
    assert.ok(cells.every(({ column, row, span }) => Math.max(column, row) + span - 1 <= columnsOf(layout)));
  }
});

test('layoutFor returns the smallest layout for the tiles', () => {
  assert.deepEqual([0, 1, 2, 4, 5, 6, 7, 9, 10, 16, 99].map(layoutFor), [1, 1, 4, 4, 6, 6, 9, 9, 16, 16, 16]);
});

test('arrows go to the neighbour, also across the large tile', () => {
  assert.equal(neighbourOf(16, 5, 'left'), 4);
  assert.equal(neighbourOf(16, 5, 'down'), 9);
  assert.equal(neighbourOf(16, 3, 'right'), 3);
  assert.equal(neighbourOf(16, 0, 'up'), 0);
  assert.equal(neighbourOf(6, 0, 'right'), 1);
  assert.equal(neighbourOf(6, 0, 'down'), 3);
  assert.equal(neighbourOf(6, 2, 'left'), 0);
  assert.equal(neighbourOf(6, 4, 'up'), 0);
  for (const direction of /** @type {const} */ (['left', 'right', 'up', 'down'])) assert.equal(neighbourOf(1, 0, direction), 0);
});

test('tiles are swapped, placed and fitted', () => {
  assert.deepEqual(swapped(['a', 'b', null], 0, 2), [null, 'b', 'a']);
  assert.deepEqual(swapped(['a'], 0, 3), [null, null, null, 'a']);
  assert.deepEqual(placed(['a'], 2, 'c'), ['a', null, 'c']);
  assert.deepEqual(placed(['a', 'b'], 0, null), [null, 'b']);
  assert.deepEqual(fitted(['a', 'b', 'c', 'd', 'e'], 4), ['a', 'b', 'c', 'd']);
  assert.deepEqual(fitted(['a'], 4), ['a', null, null, null]);
});

test('the next channel goes to the next empty place, or to the next one', () => {
  assert.equal(nextPlace([{}, {}, null, {}], 0), 2);
  assert.equal(nextPlace([null, {}, {}, {}], 3), 0);
  assert.equal(nextPlace([{}, {}, {}, {}], 3), 0);
});

// ── The stream of a tile ───────────────────────────────────────────────────────────────────────────────────────────

test('the size of a tile or the user chooses the quality', () => {
  const cases = /** @type {const} */ ([
    ['auto', false],
    ['auto', true],
    ['main', false],
    ['sub', true],
  ]);
  assert.deepEqual(
    cases.map(([quality, isBig]) => tileQuality(quality, isBig)),
    ['sub', 'main', 'main', 'sub'],
  );
  assert.equal(isLarge(1, 0) && isLarge(6, 0), true);
  assert.equal(isLarge(6, 1) || isLarge(4, 0), false);
});

// ── The texts of a tile ────────────────────────────────────────────────────────────────────────────────────────────

test('a tile without a channel shows the reason', () => {
  const tile = { cameraId: 1, channel: 3 };
  const known = [{ camera: camera(1), channels: [channel(1)] }];
  assert.equal(contentOf({ cameraId: 2, channel: 1 }, known).missing?.code, 'tile_unknown');
  assert.match(contentOf(tile, known).missing?.detail ?? '', /Recorder 1 has no channel 3/);
  assert.equal(contentOf({ ...tile, channel: 1 }, known).missing, null);
  assert.equal(contentOf(tile, [{ camera: camera(1), channels: null }]).missing?.code, 'tile_asking');
  const away = camera(1, { status: 'offline', error: { code: 'camera_unreachable', detail: 'no route' } });
  assert.equal(contentOf(tile, [{ camera: away, channels: [] }]).missing?.code, 'camera_unreachable');
  const said = tileMessage(contentOf(tile, known), view({ phase: 'idle' }), { isActive: true });
  assert.deepEqual([said.title, said.busy], ['Nothing to show', false]);
});

test('a wait has a spinner, and a problem has its reason', () => {
  const content = contentOf({ cameraId: 1, channel: 1 }, [{ camera: camera(1), channels: [channel(1)] }]);
  const how = { isActive: true };
  assert.deepEqual(tileMessage(content, view(), how).title, '');
  assert.deepEqual(tileMessage(content, view({ phase: 'connecting', shown: false }), { isActive: false }).title, '');
  assert.equal(tileMessage(content, view({ phase: 'connecting' }), how).busy, true);
  assert.equal(tileMessage(content, view({ phase: 'key_frame' }), how).title, 'Waiting for a key frame');
  const failed = tileMessage(content, view({ phase: 'failed', problem: { code: 'camera_busy', detail: '' } }), how);
  assert.deepEqual([failed.title, failed.busy, failed.tone], ['Refused by the recorder: too many sessions', false, 'warn']);
  const error = { code: 'stream_stalled', detail: 'The device has stopped sending video.' };
  const stream = /** @type {import('../../static/js/lib/api.js').Stream} */ ({ status: 'stalled', error });
  assert.equal(tileMessage(content, view({ phase: 'stalled', stream }), how).title, 'The picture has stopped');
  const dead = { ...content, channel: channel(1, { problem: { code: 'camera_no_signal', detail: 'x' } }) };
  const waiting = tileMessage(dead, view({ phase: 'connecting' }), how);
  assert.deepEqual([waiting.title, waiting.busy], ['No signal', false]);
  assert.match(waiting.reason, /tries again/);
  // The server itself is away, so the channel's problem is not the reason.
  assert.equal(tileMessage(dead, view({ phase: 'offline' }), how).title, 'The server does not answer');
});

test('the badge shows the delay or how long the picture stands still', () => {
  const moving = { behindS: 0.26, stalledS: 0.1, isActive: true, isPaused: false };
  assert.deepEqual(tileBadge(view(), moving), { text: '0.3 s', tone: 'live', label: 'Live, 0.3 s behind' });
  assert.equal(tileBadge(view(), { ...moving, behindS: 14 }).tone, 'late');
  assert.equal(tileBadge(view(), { ...moving, behindS: 1.9 }).tone, 'live');
  assert.equal(tileBadge(view(), { ...moving, behindS: 2.4 }).tone, 'late');
  assert.equal(tileBadge(view(), { ...moving, stalledS: 2.4 }).tone, 'live');
  assert.deepEqual(tileBadge(view({ phase: 'stalled' }), { ...moving, stalledS: 3.4 }), {
    text: 'Stopped 3 s',
    tone: 'frozen',
    label: 'The picture has stood still for 3 s',
  });
  assert.equal(tileBadge(view({ phase: 'offline' }), { ...moving, stalledS: 75 }).text, 'Stopped 75 s');
  assert.equal(tileBadge(view({ phase: 'connecting' }), { behindS: null, stalledS: null, isActive: true, isPaused: false }).text, '');
  assert.equal(tileBadge(view(), { ...moving, stalledS: 99, isActive: false }).text, '');
});

test('the badge shows a paused picture as paused', () => {
  const paused = { behindS: 12.4, stalledS: 12, isActive: true, isPaused: true };
  assert.deepEqual(tileBadge(view(), paused), { text: 'Paused −12 s', tone: 'paused', label: 'Paused, 12 s behind' });
  assert.deepEqual(tileBadge(view(), { ...paused, behindS: null }), { text: 'Paused', tone: 'paused', label: 'Paused' });
  assert.equal(tileBadge(view(), { ...paused, isActive: false }).text, '');
});

test('a delay of some seconds is late over the socket, live over HLS', () => {
  const hls = view({ transport: 'hls', transportReason: 'no WebSocket could be opened' });
  const moving = { behindS: 8, stalledS: 0.1, isActive: true, isPaused: false };
  assert.equal(tileBadge(view(), moving).tone, 'late');
  assert.deepEqual(tileBadge(hls, moving), { text: '8.0 s', tone: 'live', label: 'Live over HLS, 8.0 s behind' });
  assert.equal(tileBadge(hls, { ...moving, behindS: 14 }).tone, 'late');
});

test('the menu’s note has the stream and the reasons for it', () => {
  const playing = /** @type {Parameters<typeof playingNote>[0]} */ ({
    quality: 'sub',
    isFallback: false,
    converting: false,
    refusedCodec: null,
    refusal: null,
    transport: 'socket',
    transportReason: '',
    engineReason: null,
  });
  assert.equal(playingNote(playing), 'Now: sub');
  assert.equal(playingNote({ ...playing, engineReason: 'audio' }), 'Now: sub. By MediaSource, a little behind: sound is on');
  assert.equal(playingNote({ ...playing, rungText: '1 picture / 2 s' }), 'Now: 1 picture / 2 s');
  assert.equal(playingNote({ ...playing, quality: null }), '');
  const fallback = { ...playing, isFallback: true, refusedCodec: 'mjpeg' };
  assert.equal(playingNote(fallback), 'Main stream: MJPEG, which this browser cannot play');
  assert.equal(
    playingNote({ ...playing, refusal: { code: 'camera_busy', detail: '' } }),
    'Main stream: Refused by the recorder: too many sessions',
  );
  const hls = { transport: /** @type {const} */ ('hls'), transportReason: 'no WebSocket could be opened' };
  assert.equal(playingNote({ ...playing, ...hls }), 'Now: sub. Over HLS, some seconds behind: no WebSocket could be opened');
  const converted = {
    ...playing,
    quality: /** @type {const} */ ('main'),
    converting: true,
    ...hls,
    transportReason: 'the picture is converted',
  };
  assert.equal(playingNote(converted), 'Converted to H.264 for this browser. Over HLS, some seconds behind: the picture is converted');
});

// ── Keys, recordings, saved walls ──────────────────────────────────────────────────────────────────────────────────

test('the wall has its own keys, and the browser keeps its keys', () => {
  assert.equal(wallActionOf({ key: 'Enter' }), 'full');
  assert.equal(wallActionOf({ key: 'L' }), 'picker');
  assert.deepEqual(
    [' ', 'K', '+', '=', '-', 'z'].map((key) => wallActionOf({ key })),
    ['toggle', 'toggle', 'zoom_in', 'zoom_in', 'zoom_out', 'zoom_reset'],
  );
  assert.equal(wallActionOf({ key: 'l', ctrlKey: true }), null);
  assert.equal(wallActionOf({ key: 'constructor' }), null);
});

test('a recorder is recognized by its services', () => {
  assert.equal(isRecorder({ services: ['media', 'search'] }), true);
  assert.equal(isRecorder({ services: ['media'] }), false);
  assert.equal(isRecorder(null), false);
});

test('walls are sent and read with the server’s field names', async () => {
  /** @type {any[]} */
  const asked = [];
  const stored = [{ camera_id: 1, channel: 2, quality: null }, { camera_id: 1, channel: 3, quality: 'sub' }, null, null];
  const wall = { id: 1, name: 'Gates', layout: 4, tiles: stored, everybodys: false, may_change: true };
  const api = new WallsApi('/api/walls', {
    fetch: async (url, init) => {
      asked.push([init?.method, url, init?.body ? JSON.parse(String(init.body)) : null]);
      return new Response(JSON.stringify(init?.method === 'GET' && url === '/api/walls' ? { walls: [wall] } : wall), { status: 200 });
    },
  });
  const [kept] = await api.walls();
  const tiles = [{ cameraId: 1, channel: 2 }, { cameraId: 1, channel: 3, quality: /** @type {const} */ ('sub') }, null, null];
  assert.deepEqual(kept, { id: 1, name: 'Gates', layout: 4, tiles, everybodys: false, mayChange: true });
  await api.add({ name: 'Gates', layout: 4, tiles });
  await api.change(1, { name: 'Doors' });
  assert.deepEqual(asked.slice(1), [
    ['POST', '/api/walls', { name: 'Gates', layout: 4, tiles: [{ camera_id: 1, channel: 2 }, stored[1], null, null] }],
    ['PATCH', '/api/walls/1', { name: 'Doors' }],
  ]);
});
