// @ts-check
/** The filters of the events page, their place in the address, and the calendar with the number of events of each day. */
import { icon, setText } from '../components/dom.js';
import { RecordingCalendar } from '../components/recording-calendar.js';
import { LOCAL_CLOCK } from '../lib/display-clock.js';
import { isFiltered, noFilter, otherZone, queryOf, readEventFilter, writeEventFilter } from '../lib/event-filter.js';
import { KIND_GROUPS, kindIcon, kindWords } from '../lib/event-kinds.js';
import { visibleChannels } from '../lib/channels.js';
import { counted } from '../lib/format.js';
import { ApiError } from '../lib/http.js';
import { searchAddress } from '../lib/search-range.js';
import { byId } from './page.js';

/** @typedef {import('../lib/event-filter.js').EventFilter} EventFilter @typedef {import('../lib/api.js').Camera} Camera */

const WIDE = '(min-width: 901px)';

const cameraField = byId('filter-camera', HTMLSelectElement);
const channelField = byId('filter-channel', HTMLSelectElement);
const severityField = byId('filter-severity', HTMLSelectElement);
const seenField = byId('filter-seen', HTMLSelectElement);
const fromField = byId('filter-from', HTMLInputElement);
const untilField = byId('filter-until', HTMLInputElement);
const calendar = byId('calendar', RecordingCalendar);

/** Emits 'filter' when the user has changed a filter. */
export class EventFilters extends EventTarget {
  #api;
  #events;
  #filter = readEventFilter(window.location.search);
  /** Channels of the chosen camera. @type {{cameraId: number, options: {channel: number, name: string}[]}|null} */
  #channels = null;
  /** The place whose zones are listed. */
  #zonesOf = '';
  /** Zones to choose from. @type {string[]} */
  #zones = [];
  /** Number of the newest request for counts: an older answer is dropped. */
  #counting = 0;

  /** @param {import('../lib/api.js').Api} api @param {import('../lib/events-api.js').EventsApi} events */
  constructor(api, events) {
    super();
    this.#api = api;
    this.#events = events;
    fillKinds();
    this.#handleForm();
    nameZone();
    const wide = matchMedia(WIDE);
    const fold = () => (byId('filters', HTMLDetailsElement).open = wide.matches);
    wide.addEventListener('change', fold);
    fold();
    this.#draw();
  }

  /** @returns {EventFilter} */
  get filter() {
    return this.#filter;
  }

  /** The cameras to choose from. @param {Camera[]} cameras */
  set cameras(cameras) {
    const options = cameras.map((camera) => new Option(camera.name || camera.host, String(camera.id)));
    cameraField.replaceChildren(new Option('All cameras', ''), ...options);
    this.#draw();
    void this.#learnChannels();
    void this.#learnZones();
  }

  clear() {
    this.#set(noFilter());
  }

  /** Search for words. @param {string} words */
  search(words) {
    this.#set({ ...this.#filter, words });
  }

  /** Count the events of the calendar's month again. */
  async count() {
    const counting = ++this.#counting;
    const { month } = calendar;
    const span = { startMs: LOCAL_CLOCK.momentOf(month.startMs), endMs: LOCAL_CLOCK.momentOf(month.endMs) };
    try {
      const days = await this.#events.days({ ...queryOf(this.#filter), ...span });
      if (counting !== this.#counting) return;
      calendar.counts = new Map(days.filter(({ count }) => count > 0).map((day) => [day.day, day]));
    } catch (error) {
      // The list shows the problem; the calendar stays as it is.
      if (!(error instanceof ApiError)) throw error;
    }
  }

  #handleForm() {
    const form = byId('filter', HTMLFormElement);
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('change', (event) => {
      const cameraId = Number(cameraField.value) || null;
      const isOther = event.target === cameraField;
      this.#set({
        ...this.#filter,
        cameraId,
        channel: isOther || !cameraId ? null : Number(channelField.value) || null,
        kinds: chosenKinds(),
        severity: severityField.value === 'alert' || severityField.value === 'notice' ? severityField.value : null,
        isSeen: seenField.value ? seenField.value === 'yes' : null,
        from: fromField.value.slice(0, 5),
        until: untilField.value.slice(0, 5),
        zones: zoneBoxes()
          .filter(({ checked }) => checked)
          .map(({ value }) => value),
      });
    });
    // Each of these buttons hides itself, so the focus goes on.
    for (const [id, next] of [
      ['filter-clear', 'filter-camera'],
      ['none-clear', 'list-title'],
      ['day-clear', 'list-title'],
    ]) {
      byId(id ?? '', HTMLElement).addEventListener('click', () => {
        if (id === 'day-clear') this.#set({ ...this.#filter, day: null });
        else this.clear();
        byId(next ?? '', HTMLElement).focus({ preventScroll: true });
      });
    }
    calendar.addEventListener('calendar-day', (event) => {
      const day = new Date(/** @type {CustomEvent<number>} */ (event).detail).toISOString().slice(0, 10);
      this.#set({ ...this.#filter, day: day === this.#filter.day ? null : day });
    });
    calendar.addEventListener('calendar-month', () => {
      calendar.counts = new Map();
      void this.count();
    });
    window.addEventListener('popstate', () => {
      this.#filter = readEventFilter(window.location.search);
      this.#changed();
    });
  }

  /** @param {EventFilter} filter */
  #set(filter) {
    this.#filter = filter;
    window.history.replaceState(null, '', window.location.pathname + writeEventFilter(filter));
    this.#changed();
  }

  #changed() {
    this.#draw();
    void this.#learnChannels();
    void this.#learnZones();
    void this.count();
    this.dispatchEvent(new Event('filter'));
  }

  async #learnChannels() {
    const { cameraId } = this.#filter;
    if (cameraId === null || this.#channels?.cameraId === cameraId) return;
    try {
      const channels = visibleChannels(await this.#api.channels(cameraId));
      this.#channels = { cameraId, options: channels.map(({ channel, name }) => ({ channel, name: name || `Channel ${channel}` })) };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return; // Without the channels the filter of the camera still works.
    }
    if (cameraId === this.#filter.cameraId) this.#draw();
  }

  /** Learn the zones with events of the chosen camera or channel. */
  async #learnZones() {
    const { cameraId, channel } = this.#filter;
    const key = `${cameraId}.${channel}`;
    if (key === this.#zonesOf) return;
    this.#zonesOf = key;
    try {
      const zones = await this.#events.zones({ cameraId, channel });
      if (key !== this.#zonesOf) return;
      this.#zones = [...new Set(zones.map(({ zone }) => zone))];
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#zonesOf = '';
      return; // The zones of the address still work.
    }
    this.#draw();
  }

  #drawZones() {
    const chosen = this.#filter.zones;
    const names = [...new Set([...this.#zones, ...chosen])].sort((one, other) => one.localeCompare(other));
    byId('zones', HTMLElement).hidden = !names.length;
    setText(byId('zones-text', HTMLElement), listText(chosen));
    const boxes = zoneBoxes();
    if (boxes.map(({ value }) => value).join('\n') !== names.join('\n')) {
      byId('zones-list', HTMLElement).replaceChildren(...names.map((name) => checkBox(name, name)));
    }
    for (const box of zoneBoxes()) box.checked = chosen.includes(box.value);
  }

  #draw() {
    const filter = this.#filter;
    cameraField.value = String(filter.cameraId ?? '');
    const known = this.#channels?.cameraId === filter.cameraId ? this.#channels.options : [];
    const isListed = known.some(({ channel }) => channel === filter.channel);
    const unlisted = filter.channel !== null && !isListed ? [{ channel: filter.channel, name: `Channel ${filter.channel}` }] : [];
    const options = [...known, ...unlisted].map(({ channel, name }) => new Option(name, String(channel)));
    channelField.replaceChildren(new Option('All channels', ''), ...options);
    channelField.value = String(filter.channel ?? '');
    byId('filter-channel-field', HTMLElement).hidden = filter.cameraId === null || options.length + Number(filter.channel !== null) < 2;
    severityField.value = filter.severity ?? '';
    seenField.value = filter.isSeen === null ? '' : filter.isSeen ? 'yes' : 'no';
    fromField.value = filter.from;
    untilField.value = filter.until;
    for (const box of kindBoxes()) box.checked = filter.kinds.includes(box.value);
    setText(byId('kinds-text', HTMLElement), listText(filter.kinds.map(kindWords)));
    this.#drawZones();
    const motion = byId('filter-motion', HTMLAnchorElement);
    motion.hidden = filter.cameraId === null || filter.channel === null;
    motion.href = `${document.body.dataset.motionPage ?? ''}${filter.cameraId}/${filter.channel}`;
    const search = byId('filter-search', HTMLAnchorElement);
    search.hidden = motion.hidden;
    const { startMs, endMs } = queryOf(filter);
    const range = filter.day === null ? {} : { fromMs: startMs ?? null, toMs: endMs ?? null };
    search.href = searchAddress(document.body.dataset.searchPage ?? '', { cameraId: filter.cameraId, channel: filter.channel, ...range });
    const count = countOf(filter);
    byId('filter-clear', HTMLElement).hidden = !isFiltered(filter);
    setText(byId('filters-count', HTMLElement), count ? `${counted(count, 'filter')} on` : '');
    calendar.chosen = filter.day === null ? null : (queryOf(filter).startMs ?? null);
    this.#drawDay();
  }

  #drawDay() {
    const { day } = this.#filter;
    byId('day', HTMLElement).hidden = day === null;
    if (day === null) return;
    const date = new Date(day).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
    setText(byId('day-text', HTMLElement), `Only ${date}.`);
  }
}

/** Name the server's time zone where its hours and days are not the browser's. */
function nameZone() {
  const zone = otherZone(document.body.dataset.zone ?? '');
  byId('hours-zone', HTMLElement).hidden = byId('calendar-zone', HTMLElement).hidden = !zone;
  setText(byId('hours-zone', HTMLElement), `By the server’s time zone: ${zone}`);
  setText(byId('calendar-zone', HTMLElement), `The numbers count days by the server’s time zone: ${zone}`);
}

function fillKinds() {
  byId('kinds-list', HTMLElement).replaceChildren(
    ...KIND_GROUPS.map(({ name, kinds }) => {
      const group = document.createElement('fieldset');
      const legend = document.createElement('legend');
      legend.textContent = name;
      group.append(legend, ...kinds.map(kindBox));
      return group;
    }),
  );
}

/** @param {string} kind */
function kindBox(kind) {
  const label = checkBox(kind, kindWords(kind));
  label.lastElementChild?.before(icon(kindIcon(kind)));
  return label;
}

/** @param {string} value @param {string} words */
function checkBox(value, words) {
  const label = document.createElement('label');
  label.className = 'check';
  const box = document.createElement('input');
  box.type = 'checkbox';
  box.value = value;
  const text = document.createElement('span');
  text.textContent = words;
  label.append(box, text);
  return label;
}

/** @returns {HTMLInputElement[]} */
function zoneBoxes() {
  return [...byId('zones-list', HTMLElement).querySelectorAll('input')];
}

/** @returns {HTMLInputElement[]} */
function kindBoxes() {
  return [...byId('kinds-list', HTMLElement).querySelectorAll('input')];
}

function chosenKinds() {
  return kindBoxes()
    .filter(({ checked }) => checked)
    .map(({ value }) => value);
}

/** @param {string[]} names of what is chosen */
function listText(names) {
  if (!names.length) return 'all';
  return names.length > 2 ? `${names.length} chosen` : names.join(', ');
}

/** @param {EventFilter} filter */
function countOf({ cameraId, kinds, severity, isSeen, day, from, until, zones }) {
  return [cameraId !== null, kinds.length, severity, isSeen !== null, day, from || until, zones.length].filter(Boolean).length;
}
