// @ts-check
/** Texts of the error codes for users: the problem, and advice. */

/**
 * @typedef {'edit_camera'|'retry'|'use_sub'|'open_cameras'|'compare_certificates'} Action
 * @typedef {{title: string, advice: string, tone: 'warn'|'bad'|'quiet', actions: Action[]}} Message
 */

/** @type {Record<string, Message>} */
const MESSAGES = {
  camera_unreachable: {
    title: 'The device does not answer',
    advice: 'Check that it has power and is on the network, and that its address is still the same.',
    tone: 'bad',
    actions: ['retry', 'edit_camera'],
  },
  camera_no_answer: {
    title: 'The device leaves a request without an answer',
    advice:
      'It is on the network and answers other requests. Restarting it or updating its firmware may help. Its health card names the request.',
    tone: 'bad',
    actions: ['retry'],
  },
  certificate_changed: {
    title: 'The device shows another certificate',
    advice: 'The app sends it nothing until you accept the new certificate on its health card. Compare the fingerprints there.',
    tone: 'bad',
    actions: ['compare_certificates', 'retry'],
  },
  readable_login_needed: {
    title: 'The device accepts only a readable password',
    advice: 'Everyone on the network could read it. Allow that in the settings of this camera, or use its https address.',
    tone: 'bad',
    actions: ['edit_camera'],
  },
  camera_auth_failed: {
    title: 'Wrong user name or password',
    advice: 'The app does not try again by itself, so that the device does not lock the account.',
    tone: 'bad',
    actions: ['edit_camera', 'retry'],
  },
  camera_no_signal: {
    title: 'No signal',
    advice: 'The recorder has this channel, but no video arrives. Check the camera behind it and its cable.',
    tone: 'warn',
    actions: ['retry'],
  },
  camera_busy: {
    title: 'Refused by the recorder: too many sessions',
    advice: 'Close other viewers or recordings of this device.',
    tone: 'warn',
    actions: ['retry', 'use_sub'],
  },
  archive_unreadable: {
    title: 'The disk with this recording cannot be read',
    advice: 'Check that the disk for recordings on the server is there. The page Storage shows its state.',
    tone: 'bad',
    actions: ['retry'],
  },
  camera_unsupported: {
    title: 'Not supported by this device',
    advice: 'Its stream or the service behind it cannot be used.',
    tone: 'warn',
    actions: ['use_sub', 'retry'],
  },
  camera_bad_answer: {
    title: 'The device sent an invalid answer',
    advice: 'Restarting the device or updating its firmware may help. Its health card lists the checks.',
    tone: 'bad',
    actions: ['retry'],
  },
  stream_not_found: {
    title: 'No stream at this address',
    advice: 'Check the path of the stream address: the manual of the camera names it.',
    tone: 'bad',
    actions: ['edit_camera', 'retry'],
  },
  stream_stalled: {
    title: 'The picture has stopped',
    advice: 'No new video arrives. The picture continues by itself as soon as video arrives.',
    tone: 'warn',
    actions: ['retry'],
  },
  no_key_frame: {
    title: 'No key frame yet',
    advice: 'The device sends video, but no picture to begin with. A shorter interval of key frames (I-frames) in its settings helps.',
    tone: 'warn',
    actions: ['retry', 'use_sub'],
  },
  busy: {
    title: 'The server is busy',
    advice: 'The page tries again in a moment.',
    tone: 'warn',
    actions: ['retry'],
  },
  join_limit: {
    title: 'Many streams start at the same time',
    advice: 'The page tries again in a moment.',
    tone: 'warn',
    actions: ['retry'],
  },
  stream_limit: {
    title: 'Too many streams',
    advice: 'Close other pages that show live video, then try again.',
    tone: 'warn',
    actions: ['retry'],
  },
  replay_limit: {
    title: 'This recorder cannot play more recordings at the same time',
    advice: 'Other users are watching its recordings. Try again later, or watch the same recording as they do.',
    tone: 'warn',
    actions: ['retry'],
  },
  no_recording: {
    title: 'Nothing is recorded at this time or after it',
    advice: 'Choose an earlier time.',
    tone: 'quiet',
    actions: [],
  },
  not_ready: {
    title: 'The recorder is slow',
    advice: 'It has not sent a picture yet.',
    tone: 'quiet',
    actions: ['retry'],
  },
  search_timeout: {
    title: 'The recorder takes too long to list its recordings',
    advice: 'You can still play the times that are known.',
    tone: 'warn',
    actions: ['retry'],
  },
  transcode_limit: {
    title: 'Too many conversions',
    advice: 'Converting H.265 takes a lot of computing power, so only a few conversions can run at the same time.',
    tone: 'warn',
    actions: ['use_sub', 'retry'],
  },
  storage_full: {
    title: 'The disk is full',
    advice: 'Live video needs some free space for its segments. It continues by itself when there is space again.',
    tone: 'bad',
    actions: ['retry'],
  },
  ffmpeg_missing: {
    title: 'ffmpeg was not found',
    advice: 'Install it, or set its path in the FFMPEG setting, and start the app again.',
    tone: 'bad',
    actions: ['retry'],
  },
  crash_loop: {
    title: 'The stream fails repeatedly',
    advice: 'The app tries again after a pause. Until then, the sub stream may work.',
    tone: 'bad',
    actions: ['retry', 'use_sub'],
  },
  not_found: {
    title: 'This channel no longer exists',
    advice: 'Its stream was removed from the device or from this app.',
    tone: 'bad',
    actions: ['open_cameras'],
  },
  stream_ended: {
    title: 'This playback was stopped',
    advice: 'Another user has stopped it, or the app was restarted.',
    tone: 'warn',
    actions: ['retry'],
  },
  server_unreachable: {
    title: 'The server does not answer',
    advice: 'It may be restarting, or the network is gone. The picture comes back by itself.',
    tone: 'bad',
    actions: ['retry'],
  },
  cannot_play: {
    title: 'This browser cannot play the stream',
    advice: 'The sub stream is usually H.264, which every browser plays.',
    tone: 'warn',
    actions: ['use_sub', 'retry'],
  },
  already_added: {
    title: 'Already in the list',
    advice: '',
    tone: 'warn',
    actions: [],
  },
};

/** @type {Message} */
const UNKNOWN = {
  title: 'Something went wrong',
  advice: 'The app tries again by itself.',
  tone: 'bad',
  actions: ['retry'],
};

/** @param {string} code @returns {Message} */
export function messageOf(code) {
  return Object.hasOwn(MESSAGES, code) ? /** @type {Message} */ (MESSAGES[code]) : UNKNOWN;
}

/** True if the code has a message of its own. @param {string} code */
export function hasMessage(code) {
  return Object.hasOwn(MESSAGES, code);
}

/** Codes whose message is complete: the server's detail would repeat it. */
const COMPLETE = new Set([
  'replay_limit',
  'no_recording',
  'certificate_changed',
  'camera_no_signal',
  'camera_busy',
  'stream_not_found',
  'stream_limit',
  'stream_ended',
  'server_unreachable',
  'storage_full',
]);

/** @param {string} code */
export function isComplete(code) {
  return COMPLETE.has(code);
}

/** @type {Record<string, string>} */
const SHORT = {
  camera_unreachable: 'No answer',
  camera_auth_failed: 'Wrong password',
  certificate_changed: 'New certificate',
  camera_no_signal: 'No signal',
  camera_busy: 'Too many sessions',
  archive_unreadable: 'Disk missing',
  camera_unsupported: 'Not supported',
  camera_bad_answer: 'Broken answer',
  no_key_frame: 'No key frame',
  stream_not_found: 'Wrong address',
  stream_stalled: 'Picture stopped',
  not_found: 'Missing',
};

/** Return a problem in two words, for a small tile. @param {string} code */
export function shortMessageOf(code) {
  return Object.hasOwn(SHORT, code) ? SHORT[code] : 'Problem';
}
