// @ts-check
/** Steps from event to event of the visible player's channel. */
import { ApiError } from '../lib/api.js';
import { placeAt } from '../lib/coverage.js';
import { EventFinder } from '../lib/event-finder.js';
import { topicName } from '../lib/marks.js';
import { messageOf } from '../lib/messages.js';
import { pageClock } from './recordings-clock.js';

const BEFORE_EVENT_MS = 2000; // an event is played from this long before it
const SAME_EVENT_MS = 500;

export class EventSteps {
  #api;
  #playing;
  /** @type {EventFinder|null} */
  #finder = null;
  /** Time of the event that was played last. @type {number|null} */
  #playedMs = null;

  /** @param {import('../lib/api.js').Api} api @param {import('./recordings-playing.js').RecordingsPlaying} playing */
  constructor(api, playing) {
    this.#api = api;
    this.#playing = playing;
  }

  /** @param {number} cameraId */
  set cameraId(cameraId) {
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
      const { event, endMs, why } = await this.#finder.find(row, this.#startMs(atMs ?? Date.now(), direction), direction, signal);
      if (signal.aborted) return;
      if (!event) {
        playing.showNote(endOfSearch(why, direction, pageClock.stamp(endMs)), player);
        return;
      }
      this.#playedMs = event.atMs;
      const isBefore = placeAt(row, event.atMs - BEFORE_EVENT_MS, Date.now()).outcome !== 'later';
      const prefix = `${topicName(event.topic)} at ${pageClock.stamp(event.atMs)}.`;
      await playing.play(row, isBefore ? event.atMs - BEFORE_EVENT_MS : event.atMs, { player, prefix });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!signal.aborted) playing.showNote(messageOf(error.code).title, player);
    }
  }

  /**
   * Return the time to search from: near the event that was played last, the time of that event.
   *
   * @param {number} atMs
   * @param {1|-1} direction
   */
  #startMs(atMs, direction) {
    const playedMs = this.#playedMs;
    if (playedMs !== null && Math.abs(atMs - playedMs) <= BEFORE_EVENT_MS + SAME_EVENT_MS) return playedMs;
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
