// @ts-check
/** The page's socket: one for a single server, otherwise one for each server that has a camera of the page. */
import { hasMediaSource } from '../components/fragment-appender.js';
import { LiveSocket } from '../lib/live-socket.js';
import { LiveSockets } from '../lib/live-sockets.js';
import { liveUrl, toLogin } from './page.js';

/**
 * Return the page's socket, or null if this browser has no MediaSource.
 *
 * @param {import('../lib/api.js').Api} api
 * @param {import('../lib/live-socket.js').OpenedSocket|null} [opened] the socket that boot.js has opened
 * @returns {import('../lib/live-sockets.js').PageSocket|null}
 */
export function pageSocket(api, opened = null) {
  if (!hasMediaSource()) return null;
  const options = { url: liveUrl(), onLoginEnded: toLogin, opened };
  if (!new URL(options.url).searchParams.has('place')) return new LiveSocket(options);
  return new LiveSockets({ ...options, findCameras: () => api.listCameras() });
}
