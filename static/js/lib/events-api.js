// @ts-check
/** Requests of the pages for logged events. Shapes are those of /api/openapi.json. */
import { JsonHttp } from './http.js';

/**
 * @typedef {{id: number, camera_id: number, camera_name: string, channel: number|null, channel_name: string, kind: string,
 *   topic: string, rule: string, source: string, severity: 'alert'|'notice', start_time: string, end_time: string|null,
 *   is_device_time: boolean, count: number, closed_why: string, score: number|null, label: string, box: number[]|null,
 *   zone: string, seen: boolean, picture_url: string|null}} LoggedEvent
 * @typedef {{events: LoggedEvent[], next_cursor: string|null, as_of: string}} EventPage
 * @typedef {{events: LoggedEvent[], as_of: string}} EventNews
 * @typedef {{day: string, count: number, alerts: number}} EventDay
 * @typedef {{topic: string, kind: string, count: number, last_time: string|null,
 *   last_message: {items: Record<string, string>, active: boolean|null}|null, is_listed: boolean}} DeviceTopic
 * @typedef {{listens: boolean, problem: import('./http.js').Problem|null, topics: DeviceTopic[], recent: any[]}} DeviceTopics
 * @typedef {{startMs?: number|null, endMs?: number|null, cameraId?: number|null, channel?: number|null, kinds?: string[],
 *   severity?: string|null, isSeen?: boolean|null, from?: string, until?: string}} EventQuery
 */

/** The server takes at most so many ids in a request. */
const MOST_IDS = 500;

export class EventsApi {
  #events;
  #cameras;
  #http;

  /** @param {{events: string, cameras: string}} addresses @param {import('./http.js').HttpOptions} [options] */
  constructor({ events, cameras }, options) {
    this.#events = events;
    this.#cameras = cameras;
    this.#http = new JsonHttp(options);
  }

  /**
   * Return matching events, the newest first.
   *
   * @param {EventQuery} what
   * @param {{limit?: number, cursor?: string|null, signal?: AbortSignal}} [how]
   * @returns {Promise<EventPage>}
   */
  list(what, { limit, cursor, signal } = {}) {
    const query = searchOf(what);
    if (what.severity) query.set('severity', what.severity);
    if (what.isSeen !== null && what.isSeen !== undefined) query.set('seen', String(what.isSeen));
    if (what.from) query.set('from_time_of_day', what.from);
    if (what.until) query.set('until_time_of_day', what.until);
    if (limit) query.set('limit', String(limit));
    if (cursor) query.set('cursor', cursor);
    return this.#http.json('GET', addressOf(this.#events, query), undefined, { signal });
  }

  /** Return the events that have begun or changed since an answer. @param {string} asOf of that answer @returns {Promise<EventNews>} */
  news(asOf) {
    return this.#http.json('GET', addressOf(`${this.#events}/news`, new URLSearchParams({ after: asOf })));
  }

  /** @param {number[]} ids @param {boolean} seen @param {{keepalive?: boolean}} [how] */
  async markSeen(ids, seen, how) {
    for (let at = 0; at < ids.length; at += MOST_IDS) {
      await this.#http.json('POST', `${this.#events}/seen`, { ids: ids.slice(at, at + MOST_IDS), seen }, how);
    }
  }

  /** Count the events of each day. @param {EventQuery} what @returns {Promise<EventDay[]>} */
  async days(what) {
    return (await this.#http.json('GET', addressOf(`${this.#events}/days`, searchOf(what)))).days;
  }

  /** Return what a device tells. @param {number} cameraId @returns {Promise<DeviceTopics>} */
  topics(cameraId) {
    return this.#http.json('GET', `${this.#cameras}/${cameraId}/events/topics`);
  }

  /** @param {number} cameraId @returns {Promise<boolean>} true if the user wants the events of this camera */
  async isWanted(cameraId) {
    return (await this.#http.json('GET', `${this.#cameras}/${cameraId}/events`)).listens_wanted;
  }

  /** @param {number} cameraId @param {boolean} wanted */
  async setWanted(cameraId, wanted) {
    await this.#http.json('PUT', `${this.#cameras}/${cameraId}/events`, { listens_wanted: wanted });
  }
}

/** @param {EventQuery} what */
function searchOf({ startMs, endMs, cameraId, channel, kinds = [] }) {
  const query = new URLSearchParams();
  if (startMs !== null && startMs !== undefined) query.set('start_time', new Date(startMs).toISOString());
  if (endMs !== null && endMs !== undefined) query.set('end_time', new Date(endMs).toISOString());
  if (cameraId) query.set('camera_id', String(cameraId));
  if (cameraId && channel) query.set('channel', String(channel));
  for (const kind of kinds) query.append('kind', kind);
  return query;
}

/** @param {string} url @param {URLSearchParams} query */
function addressOf(url, query) {
  const text = query.toString();
  return text ? `${url}?${text}` : url;
}
