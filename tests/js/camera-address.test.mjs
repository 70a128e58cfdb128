// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCameraAddress } from '../../static/js/lib/camera-address.js';

/** @type {[string, {host: string, port: number|null, username?: string, password?: string}][]} */
const GOOD = [
  ['192.168.1.108', { host: '192.168.1.108', port: null }],
  [' nvr.local:8080 ', { host: 'nvr.local', port: 8080 }],
  ['http://10.0.0.5/onvif/device_service', { host: '10.0.0.5', port: null }],
  ['https://10.0.0.5:8443/x?y#z', { host: '10.0.0.5', port: 8443 }],
  ['rtsp://admin:p%40ss:word@10.0.0.5:554/cam/realmonitor', { host: '10.0.0.5', port: null, username: 'admin', password: 'p@ss:word' }],
  ['[fe80::1]:8000', { host: 'fe80::1', port: 8000 }],
  ['fe80::1', { host: 'fe80::1', port: null }],
  ['admin@nvr', { host: 'nvr', port: null, username: 'admin' }],
];

for (const [text, expected] of GOOD) {
  test(`${text.trim()} is understood`, () => {
    const found = parseCameraAddress(text);
    assert.ok(!('error' in found));
    assert.deepEqual(found, { username: null, password: null, ...expected });
  });
}

for (const text of ['', '   ', 'file:///etc/passwd', '10.0.0.5:0', '10.0.0.5:65536', '10.0.0.5:80a', 'two words', 'http://', ':80']) {
  test(`"${text}" is refused with a reason`, () => {
    const found = parseCameraAddress(text);
    assert.ok('error' in found && found.error.length > 10);
  });
}
