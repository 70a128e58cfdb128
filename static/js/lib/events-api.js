// @ts-check
/** Requests of the pages for logged events. Shapes are those of /api/openapi.json. */
import { JsonHttp } from './http.js';

/**
 * @typedef {import('./event-types.js').Event} LoggedEvent
 * @typedef {import('./event-types.js').SimilarEvent} SimilarEvent
 * @typedef {import('./event-types.js').EventList} EventPage
 * @typedef {import('./event-types.js').EventZone} EventZone
 * @typedef {import('./event-types.js').UnderstoodWords} UnderstoodWords
 * @typedef {import('./event-types.js').EventNews} EventNews
 * @typedef {import('./event-types.js').EventDay} EventDay
 * @typedef {import('./event-types.js').EventTopic} DeviceTopic
 * @typedef {import('./event-types.js').EventTopics} DeviceTopics
 * @typedef {import('./event-types.js').EventMessage} DeviceMessage
 * @typedef {{startMs?: number|null, endMs?: number|null, cameraId?: number|null, channel?: number|null, kinds?: string[],
 *   severity?: string|null, isSeen?: boolean|null, from?: string, until?: string, zones?: string[], words?: string,
 *   isJoined?: boolean}} EventQuery `isJoined`: without motion for which a more precise event stands
 */

/** The server takes at most so many ids in a request. */
const MOST_IDS = 500;
const MOST_SIMILAR = 24;

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
    if (limit) query.set('limit', String(limit));
    if (cursor) query.set('cursor', cursor);
    return this.#http.json('GET', addressOf(this.#events, query), undefined, { signal });
  }

  /** @param {number} id @returns {Promise<LoggedEvent>} */
  get(id) {
    return this.#http.json('GET', `${this.#events}/${id}`);
  }

  /**
   * Return the matching events that have begun or changed since an answer.
   *
   * @param {EventQuery} what
   * @param {string} asOf of that answer
   * @param {AbortSignal} [signal]
   * @returns {Promise<EventNews>}
   */
  news(what, asOf, signal) {
    const query = searchOf(what);
    query.set('after', asOf);
    return this.#http.json('GET', addressOf(`${this.#events}/news`, query), undefined, { signal });
  }

  /** @param {number[]} ids @param {boolean} seen @param {{keepalive?: boolean}} [how] */
  async markSeen(ids, seen, how) {
    for (let at = 0; at < ids.length; at += MOST_IDS) {
      await this.#http.json('POST', `${this.#events}/seen`, { ids: ids.slice(at, at + MOST_IDS), seen }, how);
    }
  }

  /** Return a picture; null if it is still being made. @param {string} url of an event @returns {Promise<Blob|null>} */
  async picture(url) {
    const answer = await this.#http.send('GET', url, undefined, {});
    return answer.status === 202 ? null : answer.blob();
  }

  /** Count the events of each day. @param {EventQuery} what @returns {Promise<EventDay[]>} */
  async days(what) {
    return (await this.#http.json('GET', addressOf(`${this.#events}/days`, searchOf(what)))).days;
  }

  /** Return the zones with events. @param {EventQuery} what @returns {Promise<EventZone[]>} */
  async zones(what) {
    return (await this.#http.json('GET', addressOf(`${this.#events}/zones`, searchOf(what)))).zones;
  }

  /** Return the events whose pictures are most like that of another one. @param {number} id @param {AbortSignal} [signal] @returns {Promise<SimilarEvent[]>} */
  async similar(id, signal) {
    return (await this.#http.json('GET', `${this.#events}/${id}/similar?limit=${MOST_SIMILAR}`, undefined, { signal })).events;
  }

  /** Return what a device tells. @param {number} cameraId @returns {Promise<DeviceTopics>} */
  topics(cameraId) {
    return this.#http.json('GET', `${this.#cameras}/${cameraId}/events/topics`, undefined, { timeoutMs: 60_000 });
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
function searchOf({ startMs, endMs, cameraId, channel, kinds = [], severity, isSeen, from, until, zones = [], words, isJoined }) {
  const query = new URLSearchParams();
  if (startMs !== null && startMs !== undefined) query.set('start_time', new Date(startMs).toISOString());
  if (endMs !== null && endMs !== undefined) query.set('end_time', new Date(endMs).toISOString());
  if (cameraId) query.set('camera_id', String(cameraId));
  if (cameraId && channel) query.set('channel', String(channel));
  for (const kind of kinds) query.append('kind', kind);
  if (severity) query.set('severity', severity);
  if (isSeen !== null && isSeen !== undefined) query.set('seen', isSeen ? '1' : '0');
  if (from) query.set('from_time_of_day', from);
  if (until) query.set('until_time_of_day', until);
  for (const zone of zones) query.append('zone', zone);
  if (words) query.set('words', words);
  if (isJoined) query.set('joined', '1');
  return query;
}

/** @param {string} url @param {URLSearchParams} query */
function addressOf(url, query) {
  const text = query.toString();
  return text ? `${url}?${text}` : url;
}
