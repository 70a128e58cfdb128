// @ts-check
/** The words for an empty list of events, and for admins the state of each device. */
import { setText } from '../components/dom.js';
import { listeningText } from '../lib/event-device.js';
import { isFiltered } from '../lib/event-filter.js';
import { ApiError, problemOf } from '../lib/http.js';
import { byId, may, showToast } from './page.js';

/**
 * @typedef {import('../lib/api.js').Camera} Camera
 * @typedef {{isEmpty: boolean, filter: import('../lib/event-filter.js').EventFilter, cameras: Camera[]|null,
 *   eventsApi: import('../lib/events-api.js').EventsApi}} Emptiness
 */

/** More devices than this are not asked about their events. */
const MOST_DEVICES = 12;

/** What the list of devices shows: it is asked once while the list of events stays empty. */
let shownKey = '';

/** @param {Emptiness} emptiness */
export function showNone({ isEmpty, filter, cameras, eventsApi }) {
  const box = byId('none', HTMLElement);
  const filtered = isFiltered(filter);
  box.hidden = !isEmpty || (!cameras && !filtered);
  if (box.hidden) {
    shownKey = '';
    return;
  }
  byId('none-clear', HTMLElement).hidden = !filtered;
  const isAllSeen = filter.isSeen === false && !isFiltered({ ...filter, isSeen: null });
  setText(
    byId('none-title', HTMLElement),
    isAllSeen ? 'You have seen all events' : filtered ? 'No event matches the filters' : 'No events yet',
  );
  setText(byId('none-text', HTMLElement), isAllSeen ? 'New events appear here as soon as they happen.' : textOf(filtered, cameras ?? []));
  const asked = may('manage') && !filtered && cameras ? cameras.filter(({ onvif }) => onvif !== false).slice(0, MOST_DEVICES) : [];
  const key = asked.map(({ id }) => id).join();
  if (key === shownKey) return;
  shownKey = key;
  byId('none-devices', HTMLElement).replaceChildren(...asked.map((camera) => deviceLine(camera, eventsApi)));
}

/** @param {boolean} filtered @param {Camera[]} cameras */
function textOf(filtered, cameras) {
  if (filtered) return 'Choose other filters or another day, or clear them.';
  if (!cameras.length) return 'Add a camera first. Its events then appear here.';
  if (!cameras.some(({ onvif }) => onvif !== false)) return 'Your cameras were added without ONVIF, so they cannot report events.';
  return 'Motion, people, alarm inputs and other events of the cameras appear here as soon as they happen.';
}

/** @param {Camera} camera @param {import('../lib/events-api.js').EventsApi} eventsApi */
function deviceLine(camera, eventsApi) {
  const line = document.createElement('li');
  const name = document.createElement('strong');
  name.textContent = camera.name || camera.host;
  const state = document.createElement('span');
  state.textContent = 'Asking about its events';
  const link = document.createElement('a');
  link.href = `${document.body.dataset.eventsPage ?? ''}?device=${camera.id}`;
  link.textContent = 'What this device tells';
  line.append(name, state, link);
  void fill();
  return line;

  async function fill() {
    try {
      const [wanted, found] = await Promise.all([eventsApi.isWanted(camera.id), eventsApi.topics(camera.id)]);
      state.textContent = listeningText(wanted, found);
      if (!wanted) link.before(switchOn());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      state.textContent = problemOf(error).detail;
    }
  }

  function switchOn() {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'button small';
    button.textContent = 'Switch on';
    button.setAttribute('aria-label', `Switch the events of ${name.textContent} on`);
    button.addEventListener('click', async () => {
      try {
        await eventsApi.setWanted(camera.id, true);
        if (button === document.activeElement) link.focus();
        button.remove();
        state.textContent = 'Events are switched on.';
      } catch (error) {
        showToast(problemOf(error).detail, 'bad');
      }
    });
    return button;
  }
}
