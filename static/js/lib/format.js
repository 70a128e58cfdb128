// @ts-check
/** Numbers and times as text for users. */

import { LOCAL_CLOCK } from './display-clock.js';

/** @param {number|null|undefined} kbps @returns {string} `4.1 Mbit/s`, `640 kbit/s`, or '' */
export function bitrate(kbps) {
  if (!kbps || kbps < 0) return '';
  if (kbps < 1000) return `${Math.round(kbps)} kbit/s`;
  return `${(kbps / 1000).toFixed(1)} Mbit/s`;
}

/** @type {Record<string, string>} */
const CODECS = {
  h264: 'H.264',
  hevc: 'H.265',
  mjpeg: 'MJPEG',
  mpeg4: 'MPEG-4 part 2',
  vvc: 'H.266',
  h263: 'H.263',
  aac: 'AAC',
  pcm_alaw: 'G.711 A-law',
  pcm_mulaw: 'G.711 µ-law',
  adpcm_g722: 'G.722',
  g726: 'G.726',
  opus: 'Opus',
  pcm_s16be: 'PCM',
  video: 'Video',
  audio: 'Sound',
  metadata: 'Metadata',
};

/** @param {string|null|undefined} codec with FFmpeg's name */
export function codecName(codec) {
  if (!codec) return '';
  return CODECS[codec] ?? codec.toUpperCase();
}

/** @param {{width?: number|null, height?: number|null}|null|undefined} video @returns {string} `1920 × 1080` or '' */
export function resolution(video) {
  return video?.width && video.height ? `${video.width} × ${video.height}` : '';
}

/** @param {number|null|undefined} fps as measured @returns {string} `25 fps` or '' */
export function frameRate(fps) {
  return fps ? `${fps < 5 ? Number(fps.toFixed(1)) : Math.round(fps)} fps` : '';
}

/** @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/** @param {number} seconds @returns {string} `2.4 s`, `48 s`, `3 min`, `2 h`, `5 days` */
export function duration(seconds) {
  const s = Math.max(0, seconds);
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 90 * 60) return `${Math.round(s / 60)} min`;
  if (s < 36 * 3600) return `${Math.round(s / 3600)} h`;
  return counted(Math.round(s / 86_400), 'day');
}

/** @param {number} thenMs @param {number} nowMs @returns {string} `just now`, `2 min ago` */
export function ago(thenMs, nowMs) {
  const s = (nowMs - thenMs) / 1000;
  return s < 10 ? 'just now' : `${duration(s)} ago`;
}

/** @param {number|null|undefined} offsetS device time minus server time @returns {string} '' below 5 seconds */
export function clockNote(offsetS) {
  if (offsetS === null || offsetS === undefined || Math.abs(offsetS) < 5) return '';
  return `Clock ${duration(Math.abs(offsetS))} ${offsetS > 0 ? 'ahead' : 'behind'}`;
}

/** @param {Date} moment @returns {string} local time, `2026-11-23 14:05:09`, with its zone in a repeated hour */
export function localStamp(moment) {
  return LOCAL_CLOCK.stamp(moment.getTime());
}

/**
 * Return the file name of a saved snapshot: camera, channel and time, without characters that file systems forbid.
 *
 * @param {string[]} names
 * @param {Date} moment
 * @param {import('./display-clock.js').DisplayClock} [clock]
 */
export function snapshotFileName(names, moment, clock = LOCAL_CLOCK) {
  const clean = names
    // eslint-disable-next-line no-control-regex -- removes control characters
    .map((name) => name.replace(/[\u0000-\u001f\u007f<>:"/\\|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g, ' '))
    .map((name) =>
      name
        .replace(/\s+/g, ' ')
        .replace(/^[\s.]+|[\s.]+$/g, '')
        .slice(0, 60)
        .trim(),
    )
    .filter(Boolean);
  return `${[...clean, clock.stamp(moment.getTime()).replaceAll(':', '-')].join(' ')}.jpg`;
}

/** @param {number} bytes @returns {string} `512 B`, `41 kB`, `66 MB`, `1.2 GB` */
export function fileSize(bytes) {
  if (bytes < 1000) return `${Math.max(0, Math.round(bytes))} B`;
  const steps = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes / 1000;
  let step = 0;
  while (value >= 999.5 && step < steps.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${value < 9.95 && step > 0 ? value.toFixed(1) : Math.round(value)} ${steps[step]}`;
}

/** @param {number} seconds @returns {string} exactly: `11.24 s`, `2 min 11 s`, `1 h 2 min` */
export function exactDuration(seconds) {
  const s = Math.max(0, seconds);
  if (s < 60) return `${Number(s.toFixed(2))} s`;
  const whole = Math.round(s);
  const parts = [
    [Math.floor(whole / 3600), 'h'],
    [Math.floor((whole % 3600) / 60), 'min'],
    [whole % 60, 's'],
  ];
  return parts
    .filter(([count]) => count)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** @param {number} share 0 to 1 @returns {string} `0.3 %`, `12 %` */
export function shareText(share) {
  return share < 0.1 ? `${Math.round(share * 1000) / 10} %` : `${Math.round(share * 100)} %`;
}
