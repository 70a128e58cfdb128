// @ts-check
/** For admins: the topics of one device, the last message of each topic, and a test that lists the next messages. */
import { cloneTemplate, part, setText } from '../components/dom.js';
import { LOCAL_CLOCK } from '../lib/display-clock.js';
import { DeviceTest, leftOutText, listeningText, messageItems, messageState } from '../lib/event-device.js';
import { eventName, kindIcon } from '../lib/event-kinds.js';
import { ago } from '../lib/format.js';
import { problemOf } from '../lib/http.js';
import { Poller } from '../lib/poller.js';
import { byId, showToast } from './page.js';

/** @typedef {import('../lib/events-api.js').DeviceTopic} DeviceTopic @typedef {import('../lib/events-api.js').DeviceMessage} DeviceMessage */

const POLL_MS = 5000;
const TEST_POLL_MS = 1500;

export class DevicePanel {
  #api;
  #events;
  #cameraId;
  #wanted = byId('device-wanted', HTMLInputElement);
  #testButton = byId('device-test', HTMLButtonElement);
  /** @type {DeviceMessage[]} */
  #recent = [];
  /** @type {DeviceTest|null} */
  #test = null;
  #poller = new Poller(() => this.#read());

  /**
   * @param {import('../lib/api.js').Api} api
   * @param {import('../lib/events-api.js').EventsApi} events
   * @param {number} cameraId
   */
  constructor(api, events, cameraId) {
    this.#api = api;
    this.#events = events;
    this.#cameraId = cameraId;
    this.#testButton.disabled = true;
    byId('device-events', HTMLAnchorElement).href = `${document.body.dataset.eventsPage ?? ''}?camera=${cameraId}`;
    this.#wanted.addEventListener('change', () => void this.#switch());
    this.#testButton.addEventListener('click', () => this.#begin());
    byId('problem-retry', HTMLElement).addEventListener('click', () => this.#poller.soon());
    document.addEventListener('visibilitychange', () => (document.hidden ? this.#poller.stop() : this.#poller.start()));
  }

  start() {
    byId('device', HTMLElement).hidden = false;
    setText(byId('device-state', HTMLElement), 'Asking the device about its events');
    void this.#name();
    this.#poller.start();
  }

  async #name() {
    try {
      const camera = await this.#api.getCamera(this.#cameraId);
      const name = camera.name || camera.host;
      setText(byId('device-title', HTMLElement), `What ${name} tells`);
      document.title = `What ${name} tells · ONVIF Web Viewer`;
    } catch {
      // The request for the topics shows the problem.
    }
  }

  async #read() {
    try {
      const [wanted, told] = await Promise.all([this.#events.isWanted(this.#cameraId), this.#events.topics(this.#cameraId)]);
      this.#showProblem('');
      this.#wanted.disabled = false;
      this.#wanted.checked = wanted;
      const state = byId('device-state', HTMLElement);
      setText(state, listeningText(wanted, told));
      state.dataset.tone = wanted && told.problem ? 'bad' : '';
      this.#showTopics(told.topics);
      const leftOut = byId('device-left-out', HTMLElement);
      setText(leftOut, leftOutText(told));
      leftOut.hidden = !leftOut.textContent;
      this.#recent = told.recent;
      this.#test?.take(told.recent);
      this.#showTest(told.listens);
    } catch (error) {
      this.#showProblem(problemOf(error).detail);
      throw error;
    }
    return this.#test ? TEST_POLL_MS : POLL_MS;
  }

  async #switch() {
    const wanted = this.#wanted.checked;
    this.#wanted.disabled = true;
    try {
      await this.#events.setWanted(this.#cameraId, wanted);
    } catch (error) {
      showToast(problemOf(error).detail, 'bad');
      this.#wanted.checked = !wanted;
    }
    this.#wanted.disabled = false;
    this.#poller.soon();
  }

  #begin() {
    this.#test = new DeviceTest(this.#recent, Date.now());
    byId('device-messages', HTMLElement).replaceChildren();
    this.#poller.soon();
  }

  /** @param {boolean} listens */
  #showTest(listens) {
    const test = this.#test;
    const nowMs = Date.now();
    if (test?.isOver(nowMs)) this.#test = null;
    this.#testButton.disabled = !listens || this.#test !== null;
    if (!test) return;
    setText(byId('device-test-state', HTMLElement), test.stateText(nowMs));
    const { messages } = test;
    const list = byId('device-messages', HTMLElement);
    if (list.childElementCount !== messages.length) list.replaceChildren(...messages.map(messageLine));
  }

  /** @param {DeviceTopic[]} topics */
  #showTopics(topics) {
    byId('device-topics-frame', HTMLElement).hidden = !topics.length;
    byId('device-topics', HTMLElement).replaceChildren(...topics.map((topic) => topicRow(topic)));
  }

  /** @param {string} detail */
  #showProblem(detail) {
    byId('problem', HTMLElement).hidden = !detail;
    setText(byId('problem-text', HTMLElement), detail);
  }
}

/** @param {DeviceTopic} topic */
function topicRow(topic) {
  const row = cloneTemplate('event-topic');
  const { last_message: message, last_time: last } = topic;
  part(row, 'icon', SVGElement).setAttribute('href', `#icon-${kindIcon(topic.kind)}`);
  setText(part(row, 'kind', HTMLElement), eventName(topic));
  setText(part(row, 'topic', HTMLElement), topic.topic);
  part(row, 'unlisted', HTMLElement).hidden = topic.is_listed;
  setText(part(row, 'count', HTMLElement), String(topic.count));
  setText(part(row, 'last', HTMLElement), last ? ago(Date.parse(last), Date.now()) : 'never');
  if (message) {
    const items = document.createElement('code');
    items.textContent = messageItems(message);
    part(row, 'message', HTMLElement).append(`${messageState(message)} `, items);
  }
  return row;
}

/** @param {DeviceMessage} message */
function messageLine(message) {
  const line = cloneTemplate('event-message');
  const channel = message.channel === null ? '' : `, channel ${message.channel}`;
  setText(part(line, 'time', HTMLElement), LOCAL_CLOCK.timeOf(Date.parse(message.time)));
  setText(part(line, 'kind', HTMLElement), `${eventName(message)}${channel}`);
  setText(part(line, 'state', HTMLElement), messageState(message));
  setText(part(line, 'items', HTMLElement), `${message.topic} ${messageItems(message)}`);
  return line;
}
