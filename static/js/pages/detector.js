// @ts-check
/** The page of the detector of objects: its state, the models, and a trial of a model on a picture. */
import { cloneTemplate, part, setText } from '../components/dom.js';
import {
  MOST_PICTURE_BYTES,
  boxPlace,
  eventOf,
  modelFacts,
  serverText,
  stateWords,
  trialFacts,
  trialSize,
  watchedWords,
} from '../lib/detector-text.js';
import { JsonHttp, problemOf } from '../lib/http.js';
import { MotionApi } from '../lib/motion-api.js';
import { byId, httpOptions, pageApi, showToast } from './page.js';
import { pagePoller } from './page-poller.js';
import { watchAlerts } from './server-recording.js';

/** @typedef {import('../lib/detector-types.js').Detector} Detector @typedef {import('../lib/detector-types.js').ModelTrial} ModelTrial */

const POLL_MS = 10_000;
const QUALITIES = [0.85, 0.6, 0.4, 0.2];
const SVG = 'http://www.w3.org/2000/svg';

const { detector: url = '', cameras: camerasUrl = '', motion: motionUrl = '', motionPage = '' } = document.body.dataset;
const http = new JsonHttp(httpOptions());
const api = pageApi();
const trialModel = byId('trial-model', HTMLSelectElement);
const trialChannel = byId('trial-channel', HTMLSelectElement);
const trialFile = byId('trial-file', HTMLInputElement);
const trialText = byId('trial-text', HTMLElement);
const start = byId('trial-start', HTMLButtonElement);

const poller = pagePoller(async () => show(await http.json('GET', url)), POLL_MS);

/** @param {Detector} detector */
function show(detector) {
  const words = stateWords(detector);
  setText(byId('state-title', HTMLElement), words.title);
  setText(byId('state-text', HTMLElement), words.text);
  const server = byId('server-text', HTMLElement);
  setText(server, serverText(detector));
  server.hidden = !server.textContent;
  byId('install', HTMLElement).hidden = detector.is_installed && detector.models.length > 0;
  setText(byId('install-command', HTMLElement), detector.install_command);
  byId('models-none', HTMLElement).hidden = detector.models.length > 0;
  byId('trial-part', HTMLElement).hidden = !detector.models.length;
  byId('none', HTMLElement).hidden = !detector.model || detector.models.some(({ name }) => name === detector.model);
  showModels(detector);
  byId('detector', HTMLElement).setAttribute('aria-busy', 'false');
}

let shown = '';

/** @param {Detector} detector */
function showModels({ models, is_installed: isInstalled }) {
  const text = JSON.stringify(models);
  if (text === shown) return;
  shown = text;
  const focused = document.activeElement?.closest('[data-model]')?.getAttribute('data-model');
  /** @type {HTMLElement|null} */
  let again = null; // the button that has the focus, in its new row
  const rows = models.map((model) => {
    const row = cloneTemplate('detector-model');
    const item = part(row, 'row', HTMLElement);
    item.dataset.model = model.name;
    item.toggleAttribute('data-chosen', model.is_chosen);
    part(row, 'chosen', HTMLElement).hidden = !model.is_chosen;
    setText(part(row, 'name', HTMLElement), model.name);
    setText(part(row, 'facts', HTMLElement), modelFacts(model));
    const problem = part(row, 'problem', HTMLElement);
    problem.hidden = !model.problem;
    setText(problem, model.problem);
    const choose = part(row, 'choose', HTMLButtonElement);
    choose.hidden = Boolean(model.problem) && !model.is_chosen;
    setText(choose, model.is_chosen ? 'Stop using' : 'Use');
    choose.setAttribute('aria-label', `${choose.textContent} ${model.name}`);
    if (model.name === focused) again = choose;
    choose.addEventListener('click', () => void use(model.is_chosen ? null : model.name));
    return item;
  });
  byId('models', HTMLElement).replaceChildren(...rows);
  /** @type {HTMLElement|null} */ (again)?.focus();
  const before = trialModel.value;
  trialModel.replaceChildren(...models.map(({ name, is_chosen: isChosen }) => new Option(name, name, isChosen, isChosen)));
  if (models.some(({ name }) => name === before)) trialModel.value = before;
  start.disabled = !isInstalled || !models.length;
}

/** @param {string|null} model */
async function use(model) {
  try {
    show(await http.json('PUT', url, { model }));
    showToast(model ? `${model} recognizes objects from now on.` : 'Objects are not recognized any more.');
  } catch (error) {
    showToast(problemOf(error).detail, 'bad');
  }
}

async function loadChannels() {
  /** @type {Map<string, string>} */
  const names = new Map();
  for (const camera of await api.listCameras()) {
    const channels = await api.channels(camera.id).catch(() => []);
    for (const { channel, profiles, name } of channels) {
      const cameraName = camera.name || camera.host;
      const place = name === cameraName ? name : `${cameraName}: ${name}`;
      names.set(`${camera.id}/${channel}`, place);
      const token = profiles[0]?.profile_token;
      if (!token) continue;
      const option = new Option(place, String(camera.id));
      option.dataset.token = token;
      trialChannel.append(option);
    }
  }
  const { channels } = await new MotionApi({ cameras: camerasUrl, motion: motionUrl }, httpOptions()).overview();
  showWatched(channels, names);
}

/**
 * Show the channels in which objects are recognized, with links to their motion.
 *
 * @param {import('../lib/motion-api.js').MotionOverview['channels']} channels
 * @param {Map<string, string>} names by camera and channel
 */
function showWatched(channels, names) {
  const watched = channels.filter(({ told_by: toldBy }) => toldBy === 'server');
  setText(
    byId('watched-text', HTMLElement),
    watchedWords(
      watched.length,
      watched.some(({ node }) => node),
    ),
  );
  byId('watched-list', HTMLElement).replaceChildren(
    ...watched.map(({ camera_id: camera, channel }) => {
      const place = `${camera}/${channel}`;
      const link = document.createElement('a');
      link.href = `${motionPage}${place}`;
      link.textContent = names.get(place) ?? `Camera ${camera}, channel ${channel}`;
      const item = document.createElement('li');
      item.append(link);
      return item;
    }),
  );
  byId('watched', HTMLElement).hidden = false;
}

/** Return the wanted picture, or null if the user has chosen none. @returns {Promise<Blob|null>} */
async function wantedPicture() {
  const option = trialChannel.selectedOptions[0];
  const token = option?.dataset.token;
  if (option === undefined || token === undefined) return trialFile.files?.[0] ?? null;
  const { blob } = await api.snapshot(Number(option.value), { profileToken: token });
  return blob;
}

/** Return the picture as a JPEG that fits into a request. @param {Blob} picture @returns {Promise<Blob>} */
async function shrunk(picture) {
  const bitmap = await createImageBitmap(picture);
  const canvas = document.createElement('canvas');
  Object.assign(canvas, trialSize(bitmap.width, bitmap.height));
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  for (const quality of QUALITIES) {
    /** @type {Blob|null} */
    const jpeg = await new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', quality));
    if (jpeg && jpeg.size <= MOST_PICTURE_BYTES) return jpeg;
  }
  throw new Error('The picture is too large.');
}

/** @param {Blob} blob @returns {Promise<string>} */
async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

async function tryModel() {
  start.disabled = true;
  byId('result', HTMLElement).hidden = true;
  setText(trialText, 'The model looks at the picture');
  try {
    const wanted = await wantedPicture();
    if (!wanted) {
      setText(trialText, 'Choose a file, or a channel.');
      return;
    }
    const jpeg = await shrunk(wanted);
    const address = `${url}/models/${encodeURIComponent(trialModel.value)}/trial`;
    showResult(jpeg, await http.json('POST', address, { picture: await base64(jpeg) }, { timeoutMs: 90_000 }));
    setText(trialText, '');
  } catch (error) {
    const isPicture = error instanceof DOMException;
    setText(trialText, isPicture ? 'The browser cannot read this picture.' : problemOf(error).detail);
  } finally {
    start.disabled = false;
  }
}

let pictureUrl = '';

/** @param {Blob} jpeg @param {ModelTrial} trial */
function showResult(jpeg, trial) {
  URL.revokeObjectURL(pictureUrl);
  pictureUrl = URL.createObjectURL(jpeg);
  byId('result-picture', HTMLImageElement).src = pictureUrl;
  const boxes = trial.objects.map(({ box }) => {
    const rect = document.createElementNS(SVG, 'rect');
    for (const [name, value] of Object.entries(boxPlace(box))) rect.setAttribute(name, value);
    return rect;
  });
  byId('result-boxes', SVGElement).replaceChildren(...boxes);
  setText(byId('result-facts', HTMLElement), trialFacts(trial));
  const rows = trial.objects.map((one) => {
    const row = cloneTemplate('detector-object');
    setText(part(row, 'label', HTMLElement), one.label);
    setText(part(row, 'kind', HTMLElement), eventOf(one.kind));
    setText(part(row, 'score', HTMLElement), one.score.toFixed(2));
    setText(part(row, 'colours', HTMLElement), one.colours.join(', '));
    return row;
  });
  byId('result-rows', HTMLElement).replaceChildren(...rows);
  byId('result-table', HTMLElement).hidden = !rows.length;
  byId('result', HTMLElement).hidden = false;
}

byId('none', HTMLButtonElement).addEventListener('click', () => void use(null));
byId('trial', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  void tryModel();
});
trialChannel.addEventListener('change', () => {
  byId('trial-file-field', HTMLElement).hidden = trialChannel.selectedIndex > 0;
});
watchAlerts();
poller.start();
loadChannels().catch(() => {}); // a file can be tried all the same
