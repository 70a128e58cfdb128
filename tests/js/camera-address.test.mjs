// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isStreamAddress,
  keepsPassword,
  parseCameraAddress,
  parseStreamAddress,
  shortAddress,
} from '../../static/js/lib/camera-address.js';

/** @type {[string, {host: string, port: number|null, username?: string, password?: string, address?: string}][]} */
const GOOD = [
  ['192.168.1.108', { host: '192.168.1.108', port: null }],
  [' nvr.local:8080 ', { host: 'nvr.local', port: 8080 }],
  ['http://10.0.0.5/onvif/device_service', { host: '10.0.0.5', port: null, address: 'http://10.0.0.5' }],
  ['http://10.0.0.5:8080', { host: '10.0.0.5', port: 8080, address: 'http://10.0.0.5:8080' }],
  ['onvif://10.0.0.5:8080/x', { host: '10.0.0.5', port: 8080 }],
  ['https://10.0.0.5:8443/x?y#z', { host: '10.0.0.5', port: 8443, address: 'https://10.0.0.5:8443/x' }],
  ['https://nvr.local', { host: 'nvr.local', port: null, address: 'https://nvr.local' }],
  ['https://[fd00::8]/onvif/device_service', { host: 'fd00::8', port: null, address: 'https://[fd00::8]' }],
  ['http://10.0.0.5:8080/onvif/devices', { host: '10.0.0.5', port: 8080, address: 'http://10.0.0.5:8080/onvif/devices' }],
  ['rtsp://admin:p%40ss:word@10.0.0.5:554/cam/realmonitor', { host: '10.0.0.5', port: null, username: 'admin', password: 'p@ss:word' }],
  ['[fe80::1]:8000', { host: 'fe80::1', port: 8000 }],
  ['fe80::1', { host: 'fe80::1', port: null }],
  ['admin@nvr', { host: 'nvr', port: null, username: 'admin' }],
];

for (const [text, expected] of GOOD) {
  test(`${text.trim()} is understood`, () => {
    const found = parseCameraAddress(text);
    assert.ok(!('error' in found));
    assert.deepEqual(found, { username: null, password: null, address: null, ...expected });
  });
}

for (const text of ['', '   ', 'file:///etc/passwd', '10.0.0.5:0', '10.0.0.5:65536', '10.0.0.5:80a', 'two words', 'http://', ':80']) {
  test(`"${text}" is refused with a reason`, () => {
    const found = parseCameraAddress(text);
    assert.ok('error' in found && found.error.length > 10);
  });
}

/** @type {[string, {uri: string, host: string, port: number, username?: string, password?: string}][]} */
const STREAMS = [
  ['rtsp://10.0.0.5/cam', { uri: 'rtsp://10.0.0.5/cam', host: '10.0.0.5', port: 554 }],
  [' RTSPS://nvr:7441/AbC?enableSrtp ', { uri: 'rtsps://nvr:7441/AbC?enableSrtp', host: 'nvr', port: 7441 }],
  ['rtsps://nvr/a', { uri: 'rtsps://nvr/a', host: 'nvr', port: 322 }],
  [
    'rtsp://admin:p%40ss@[fd00::8]:8554/a',
    { uri: 'rtsp://[fd00::8]:8554/a', host: 'fd00::8', port: 8554, username: 'admin', password: 'p@ss' },
  ],
];

for (const [text, expected] of STREAMS) {
  test(`the login is taken out of ${text.trim()}`, () => {
    assert.ok(isStreamAddress(text));
    assert.deepEqual(parseStreamAddress(text), { username: null, password: null, ...expected });
  });
}

for (const text of ['', '10.0.0.5', 'http://10.0.0.5/', 'rtsp://', 'rtsp:///a', 'rtsp://10.0.0.5:0/a']) {
  test(`"${text}" is no stream address`, () => {
    const found = parseStreamAddress(text);
    assert.ok('error' in found && found.error.length > 10);
  });
}

/** @type {[string, string, boolean][]} */
const STORED = [
  ['http://10.0.0.5:8000/onvif/device_service', '10.0.0.5', true],
  ['http://10.0.0.5:8000/onvif/device_service', '10.0.0.5:8000', true],
  ['http://10.0.0.5:8000/onvif/device_service', '10.0.0.5:80', false],
  ['http://10.0.0.5:8000/onvif/device_service', '10.0.0.6', false],
  ['http://10.0.0.5:8000/onvif/device_service', 'https://10.0.0.5:8000', false],
  ['http://10.0.0.5:8000/onvif/device_service', 'http://10.0.0.5', true],
  ['http://10.0.0.5:8000/onvif/device_service', 'http://10.0.0.5/own', false],
  ['http://10.0.0.5:8000/onvif/device_service', '10.0.0.5:99999', false],
  ['https://10.0.0.5:8443/onvif/device_service', '10.0.0.5', true],
  ['https://10.0.0.5:8443/onvif/device_service', 'https://10.0.0.5:8443', true],
  ['https://10.0.0.5:8443/onvif/device_service', 'https://10.0.0.5', false],
  ['https://10.0.0.5:8443/onvif/device_service', 'http://10.0.0.5:8443/own', false],
  ['https://10.0.0.5:8443/onvif/device_service', 'http://10.0.0.5:8443', false],
  ['https://10.0.0.5:8443/onvif/device_service', 'http://10.0.0.5', false],
];

for (const [address, typed, expected] of STORED) {
  test(`the password of ${address} is ${expected ? 'kept' : 'typed again'} at ${typed}`, () => {
    const port = Number(new URL(address).port);
    const camera = { host: '10.0.0.5', port, address, stream_uris: null };
    assert.equal(keepsPassword(camera, { address: typed }), expected);
  });
}

test('the password of a camera without ONVIF goes to its known places only', () => {
  const streams = { main: 'rtsp://10.0.0.5/main', sub: 'rtsp://10.0.0.5:8554/sub' };
  const camera = { host: '10.0.0.5', port: 554, address: '', stream_uris: streams };
  const keeps = (/** @type {string[]} */ ...typed) => keepsPassword(camera, { streams: typed });
  assert.ok(keeps('rtsp://10.0.0.5/other', ''));
  assert.ok(keeps('rtsp://10.0.0.5:554/main', 'rtsp://10.0.0.5:8554/sub'));
  assert.ok(!keeps('rtsp://10.0.0.6/main', ''));
  assert.ok(!keeps('rtsp://10.0.0.5/main', 'rtsp://10.0.0.6/sub'), 'another place of the sub stream');
  assert.ok(!keeps('', ''));
});

/** @type {[string, string][]} */
const SHORT = [
  ['http://10.0.0.5:8000', '10.0.0.5:8000'],
  ['http://10.0.0.5', '10.0.0.5'],
  ['http://[fd00::8]:80', '[fd00::8]:80'],
  ['http://10.0.0.5:8000/own', 'http://10.0.0.5:8000/own'],
  ['https://10.0.0.5:443', 'https://10.0.0.5:443'],
];

for (const [address, expected] of SHORT) {
  test(`the form shows ${address} as ${expected}`, () => {
    assert.equal(shortAddress({ host: '10.0.0.5', port: 8000, address }), expected);
  });
}
