// @ts-check
import { problemOf } from '../lib/api.js';
import { profileOf } from '../lib/channels.js';
import { snapshotFileName } from '../lib/format.js';
import { saveFile } from './page.js';

/**
 * Save a snapshot of a channel's main stream, which the device takes now. Return the problem if it takes none.
 *
 * @param {import('../lib/api.js').Api} api
 * @param {number} cameraId
 * @param {import('../lib/api.js').Channel} channel
 * @param {string[]} names for the file name
 * @returns {Promise<import('../lib/api.js').Problem|null>}
 */
export async function saveDeviceSnapshot(api, cameraId, channel, names) {
  const profile = profileOf(channel, 'main') ?? channel.profiles[0] ?? null;
  try {
    const { blob, takenAt } = await api.snapshot(cameraId, { profileToken: profile?.profile_token });
    saveFile(blob, snapshotFileName(names, takenAt ?? new Date()));
  } catch (error) {
    return problemOf(error);
  }
  return null;
}
