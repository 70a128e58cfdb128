// @ts-check
/** Steps from event to event of the visible player's channel: of the recorder's own list, and of the app's log. */
import { ApiError } from '../lib/api.js';
import { placeAt } from '../lib/coverage.js';
import { eventName } from '../lib/event-kinds.js';
import { EventFinder } from '../lib/event-finder.js';
import { findLogged } from '../lib/logged-marks.js';
import { topicName } from '../lib/marks.js';
import { messageOf } from '../lib/messages.js';
import { pageClock } from './recordings-clock.js';

const BEFORE_EVENT_MS = 2000; // an event is played from this long before it
const SAME_EVENT_MS = 500;
const SAME_IN_BOTH_MS = 2000; // the recorder's list and the log may have one event at so different times

/** @typedef {{atMs: number, name: string, isLogged: boolean}} SteppedTo */

export class EventSteps {
  #api;
  #eventsApi;
  #cameraId = 0;
  #playing;
  /** @type {EventFinder|null} */
  #finder = null;
  /** The event that was played last. @type {SteppedTo|null} */
  #played = null;

  /**
   * @param {import('../lib/api.js').Api} api
   * @param {import('../lib/events-api.js').EventsApi} eventsApi
   * @param {import('./recordings-playing.js').RecordingsPlaying} playing
   */
  constructor(api, eventsApi, playing) {
    this.#api = api;
    this.#eventsApi = eventsApi;
    this.#playing = playing;
  }

  /** @param {number} cameraId */
  set cameraId(cameraId) {
    this.#cameraId = cameraId;
    this.#finder = new EventFinder(this.#api, cameraId);
  }

  /** Start of the recorder's first recording. @param {number} sinceMs */
  set sinceMs(sinceMs) {
    if (this.#finder) this.#finder.sinceMs = sinceMs;
  }

  /** Play the next or the previous event. @param {1|-1} direction */
  async step(direction) {
    const playing = this.#playing;
    const { player, row, atMs } = playing.visible;
    if (!row || !this.#finder) return;
    const signal = playing.beginEventSearch();
    playing.showNote(direction > 0 ? 'Searching for the next event' : 'Searching for the previous event', player);
    try {
      const found = await this.#find(row, this.#startMs(atMs ?? Date.now(), direction), direction, signal);
      if (signal.aborted) return;
      if (!found.event) {
        playing.showNote(endOfSearch(found.why, direction, pageClock.stamp(found.endMs)), player);
        return;
      }
      const { event } = found;
      this.#played = event;
      const isBefore = placeAt(row, event.atMs - BEFORE_EVENT_MS, Date.now()).outcome !== 'later';
      const prefix = `${event.name} at ${pageClock.stamp(event.atMs)}.`;
      await playing.play(row, isBefore ? event.atMs - BEFORE_EVENT_MS : event.atMs, { player, prefix });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!signal.aborted) playing.showNote(messageOf(error.code).title, player);
    }
  }

  /**
   * Find the nearest event of both lists.
   *
   * @param {import('../lib/coverage.js').Row} row
   * @param {number} fromMs
   * @param {1|-1} direction
   * @param {AbortSignal} signal
   * @returns {Promise<{event: SteppedTo|null, endMs: number, why: import('../lib/event-finder.js').Search['why']}>}
   */
  async #find(row, fromMs, direction, signal) {
    const logged = await this.#findLogged(row, fromMs, direction, signal);
    const finder = /** @type {EventFinder} */ (this.#finder);
    const untilMs = logged ? logged.atMs : null;
    let search = await finder.find(row, fromMs, direction, signal, untilMs);
    const again = search.event;
    if (again && this.#isPlayed(again.atMs, topicName(again.topic), false)) {
      search = await finder.find(row, again.atMs, direction, signal, untilMs);
    }
    const { event, endMs, why } = search;
    const listed = event ? { atMs: event.atMs, name: topicName(event.topic), isLogged: false } : null;
    if (!listed || !logged) return { event: listed ?? logged, endMs, why };
    return { event: (logged.atMs - listed.atMs) * direction < 0 ? logged : listed, endMs, why };
  }

  /**
   * @param {import('../lib/coverage.js').Row} row
   * @param {number} fromMs
   * @param {1|-1} direction
   * @param {AbortSignal} signal
   * @returns {Promise<SteppedTo|null>}
   */
  async #findLogged({ channel }, fromMs, direction, signal) {
    if (channel === null) return null;
    const what = { cameraId: this.#cameraId, channel, atMs: fromMs, direction };
    const mark = await findLogged(
      this.#eventsApi,
      what,
      signal,
      (event) => !this.#isPlayed(Date.parse(event.start_time), eventName(event), true),
    );
    return mark && { atMs: mark.startMs, name: mark.name, isLogged: true };
  }

  /** True if the event was played as one of the other list. @param {number} atMs @param {string} name @param {boolean} isLogged */
  #isPlayed(atMs, name, isLogged) {
    const played = this.#played;
    return played !== null && played.isLogged !== isLogged && played.name === name && Math.abs(played.atMs - atMs) <= SAME_IN_BOTH_MS;
  }

  /**
   * Return the time to search from: near the event that was played last, the time of that event.
   *
   * @param {number} atMs
   * @param {1|-1} direction
   */
  #startMs(atMs, direction) {
    const playedMs = this.#played?.atMs;
    if (playedMs !== undefined && Math.abs(atMs - playedMs) <= BEFORE_EVENT_MS + SAME_EVENT_MS) return playedMs;
    return direction > 0 ? atMs : atMs - BEFORE_EVENT_MS;
  }
}

/**
 * @param {import('../lib/event-finder.js').Search['why']} why
 * @param {1|-1} direction
 * @param {string} end of the searched time
 */
function endOfSearch(why, direction, end) {
  if (why === 'silent') return 'This recorder reports no events.';
  const none = direction > 0 ? `No later event is known up to ${end}` : `No earlier event is known back to ${end}`;
  if (why === 'stopped') return `${none}. Asking the recorder was stopped before it got further.`;
  return why === 'bound' ? `${none}. The recorder is slow: search again in a while.` : `${none}.`;
}
