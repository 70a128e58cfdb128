// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cameraStatusText } from '../../static/js/lib/camera-status.js';

test('a device that waits for the user is not offline', () => {
  assert.deepEqual(cameraStatusText('online', null), { text: 'Online', tone: 'good' });
  assert.deepEqual(cameraStatusText('auth_failed', 'camera_auth_failed'), { text: 'Wrong password', tone: 'bad' });
  assert.deepEqual(cameraStatusText('auth_failed', 'readable_login_needed'), { text: 'Needs permission', tone: 'bad' });
  assert.deepEqual(cameraStatusText('offline', 'certificate_changed'), { text: 'New certificate', tone: 'bad' });
  assert.deepEqual(cameraStatusText('offline', 'camera_unreachable'), { text: 'Offline', tone: 'bad' });
});

test('a device that answers without a picture is not simply online', () => {
  assert.deepEqual(cameraStatusText('online', 'stream_not_found'), { text: 'Wrong address', tone: 'bad' });
  assert.deepEqual(cameraStatusText('online', 'camera_no_signal'), { text: 'No signal', tone: 'bad' });
});

test('a state of another version of the app counts as connecting', () => {
  assert.deepEqual(cameraStatusText('toString', 'toString'), { text: 'Connecting', tone: 'busy' });
});
