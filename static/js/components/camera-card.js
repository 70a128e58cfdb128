// @ts-check
import { cameraStatusText } from '../lib/camera-status.js';
import { clockNote, counted } from '../lib/format.js';
import { messageOf } from '../lib/messages.js';
import { cloneTemplate, emit, part, setAttribute, setText } from './dom.js';
import { SnapshotImage } from './snapshot-image.js';

/** @typedef {import('../lib/api.js').Camera} Camera */

/**
 * Problems that the user can solve here: the words of the button, and the dialog that it opens.
 *
 * @type {Record<string, {text: string, opens: 'edit'|'health'}>}
 */
const FIXES = {
  camera_auth_failed: { text: 'Change it', opens: 'edit' },
  readable_login_needed: { text: 'Allow it', opens: 'edit' },
  stream_not_found: { text: 'Change it', opens: 'edit' },
  certificate_changed: { text: 'Compare the certificates', opens: 'health' },
};

/** The observed attributes of a card. */
const ATTRIBUTES = [
  'name',
  'status',
  'host',
  'device',
  'channels',
  'clock-offset',
  'problem',
  'detail',
  'pretend',
  'href',
  'busy',
  'note',
  'recordings',
];

/**
 * One camera in the list; `updateCard()` sets its attributes. Emits 'camera-refresh', 'camera-record',
 * 'camera-health', 'camera-edit' and 'camera-delete' with the camera's id.
 */
export class CameraCard extends HTMLElement {
  static observedAttributes = ATTRIBUTES;
  #built = false;

  connectedCallback() {
    if (!this.#built) {
      this.#built = true;
      this.append(cloneTemplate('camera-card'));
      part(this, 'fix', HTMLButtonElement).addEventListener('click', () => {
        const { opens = 'edit' } = FIXES[this.getAttribute('problem') ?? ''] ?? {};
        emit(this, `camera-${opens}`, Number(this.getAttribute('camera-id')));
      });
      for (const action of ['refresh', 'record', 'health', 'edit', 'delete']) {
        part(this, action, HTMLButtonElement).addEventListener('click', () => {
          emit(this, `camera-${action}`, Number(this.getAttribute('camera-id')));
        });
      }
    }
    this.#render();
  }

  attributeChangedCallback() {
    if (this.#built) this.#render();
  }

  get snapshot() {
    return part(this, 'picture', SnapshotImage);
  }

  /** The recording on the server, in words; null if no channel has a rule. @param {{text: string, tone: string}|null} recording */
  set recording(recording) {
    const words = part(this, 'recording', HTMLElement);
    words.hidden = recording === null;
    setText(words, recording?.text ?? '');
    words.dataset.tone = recording?.tone ?? '';
  }

  /** @param {string} text */
  set age(text) {
    setText(part(this, 'age', HTMLElement), text);
  }

  #render() {
    const name = this.getAttribute('name') ?? '';
    const status = cameraStatusText(this.getAttribute('status') ?? '', this.getAttribute('problem'));
    const pill = part(this, 'status', HTMLElement);
    setText(pill, status.text);
    setAttribute(pill, 'data-tone', status.tone);

    const link = part(this, 'name', HTMLAnchorElement);
    setText(link, name);
    for (const target of [link, part(this, 'view', HTMLAnchorElement), part(this, 'picture-link', HTMLAnchorElement)]) {
      setAttribute(target, 'href', this.getAttribute('href'));
    }
    setAttribute(part(this, 'view', HTMLElement), 'aria-label', `View ${name}`);
    const recordings = part(this, 'recordings', HTMLAnchorElement);
    recordings.hidden = !this.hasAttribute('recordings');
    setAttribute(recordings, 'href', this.getAttribute('recordings'));
    setAttribute(recordings, 'aria-label', `Recordings of ${name}`);
    for (const [action, label] of [
      ['refresh', 'Refresh'],
      ['record', 'Record on the server:'],
      ['health', 'Health card of'],
      ['edit', 'Edit'],
      ['delete', 'Delete'],
    ]) {
      setAttribute(part(this, /** @type {string} */ (action), HTMLElement), 'aria-label', `${label} ${name}`);
    }
    setText(part(this, 'device', HTMLElement), this.getAttribute('device') ?? '');
    setText(part(this, 'facts', HTMLElement), this.#facts());

    const problem = part(this, 'problem', HTMLElement);
    const code = this.getAttribute('problem');
    problem.hidden = !code;
    setText(part(this, 'problem-text', HTMLElement), code ? this.getAttribute('detail') || messageOf(code).title : '');
    const fix = FIXES[code ?? ''];
    part(this, 'fix', HTMLElement).hidden = !fix;
    setText(part(this, 'fix', HTMLElement), fix?.text ?? '');
    const note = part(this, 'note', HTMLElement);
    setText(note, this.getAttribute('note') ?? '');
    note.hidden = !note.textContent;
    const refresh = part(this, 'refresh', HTMLButtonElement);
    refresh.disabled = this.hasAttribute('busy');
    refresh.classList.toggle('turning', this.hasAttribute('busy'));
  }

  #facts() {
    const channels = Number(this.getAttribute('channels') ?? 0);
    const offset = this.getAttribute('clock-offset');
    return [
      channels ? counted(channels, 'channel') : '',
      this.getAttribute('host') ?? '',
      offset === null ? '' : clockNote(Number(offset)),
      this.hasAttribute('pretend') ? 'Pretend recorder' : '',
    ]
      .filter(Boolean)
      .join(' · ');
  }
}

/**
 * Set a card's attributes from the server's camera. Equal values cause no change.
 *
 * @param {CameraCard} card
 * @param {Camera} camera
 * @param {{href: string, recordings: string, twinName: string|null}} also `twinName`: another camera that seems to be
 *   the same device
 */
export function updateCard(card, camera, { href, recordings, twinName }) {
  const device = camera.onvif === false ? 'RTSP stream, without ONVIF' : [camera.manufacturer, camera.model].filter(Boolean).join(' ');
  const values = {
    'camera-id': camera.id,
    name: camera.name || camera.host,
    status: camera.status,
    host: camera.port && camera.port !== 80 ? `${camera.host}:${camera.port}` : camera.host,
    device,
    channels: camera.channels,
    'clock-offset': camera.clock_offset_s,
    problem: camera.error?.code,
    detail: camera.error?.detail,
    pretend: camera.pretend ?? false,
    note: twinName === null ? null : `The same device as ${twinName}, by its serial number.`,
    href,
    recordings: camera.services.some((service) => service === 'search' || service === 'recording') ? recordings : null,
  };
  for (const [name, value] of Object.entries(values)) setAttribute(card, name, value);
}

customElements.define('camera-card', CameraCard);
