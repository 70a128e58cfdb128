// @ts-check

/** @typedef {import('../../static/js/lib/api.js').Stream} Stream */

/** @param {Partial<Stream>} [more] @returns {Stream} */
export const stream = (more = {}) =>
  /** @type {Stream} */ ({
    stream_id: 'camera1_a',
    viewer_id: 'v1',
    status: 'starting',
    error: null,
    playlist_url: '/p',
    waiting_for: 'connecting',
    ...more,
  });

/** A server that gives the test's present answers. Only the network is faked. */
export class Server {
  /** @type {Partial<Stream>|Error} */
  onStart = {};
  /** @type {Partial<Stream>|Error} */
  onStatus = {};
  starts = 0;
  /** @type {{streamId: string, viewerId?: string|null, keepalive?: boolean}[]} */
  stops = [];

  async startStream() {
    this.starts += 1;
    if (this.onStart instanceof Error) throw this.onStart;
    return stream({ viewer_id: `v${this.starts}`, ...this.onStart });
  }

  async streamStatus() {
    if (this.onStatus instanceof Error) throw this.onStatus;
    return stream(this.onStatus);
  }

  /** @param {{streamId: string, viewerId?: string|null, keepalive?: boolean}} asked */
  async stopStream(asked) {
    this.stops.push(asked);
  }
}
