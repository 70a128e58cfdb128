// @ts-check
import { problemOf } from '../lib/api.js';
import { cameraStatusText } from '../lib/camera-status.js';
import { clockNote, codecName, frameRate, resolution } from '../lib/format.js';
import { messageOf } from '../lib/messages.js';
import { AppDialog } from './app-dialog.js';
import { copied, emit, part, setText } from './dom.js';

/**
 * @typedef {import('../lib/api.js').Channel} Channel @typedef {import('../lib/api.js').Profile} Profile
 * @typedef {{text: string, tone?: string, number?: boolean, sub?: string, href?: string, label?: string}} Cell
 */

/**
 * The dialog with the facts about a device and the results of its checks. Its text can be copied. Emits
 * 'certificate-accept' with `{id, sha256}` when the user accepts the changed certificate of a device.
 */
export class HealthCard extends AppDialog {
  #text = '';
  /** @type {import('../lib/api.js').Camera|null} */
  #camera = null;

  /** @override @param {AbortSignal} signal */
  wire(signal) {
    part(this, 'copy', HTMLButtonElement).addEventListener('click', () => void this.#copy(), { signal });
    part(this, 'accept', HTMLButtonElement).addEventListener('click', () => this.#accept(), { signal });
  }

  /** @param {string} name */
  openFor(name) {
    setText(part(this, 'title', HTMLElement), `Health card: ${name}`);
    this.#busy(true);
    for (const hidden of ['error', 'certificate-note', 'checks-frame', 'channels-frame']) part(this, hidden, HTMLElement).hidden = true;
    part(this, 'facts', HTMLElement).replaceChildren();
    part(this, 'copy', HTMLButtonElement).disabled = true;
    this.#camera = null;
    part(this, 'accept', HTMLButtonElement).hidden = true;
    part(this, 'events', HTMLAnchorElement).hidden = true;
    this.show();
  }

  /** @param {unknown} error */
  failed(error) {
    this.#busy(false);
    const element = part(this, 'error', HTMLElement);
    setText(element, problemOf(error).detail);
    element.hidden = false;
  }

  /** @param {Record<string, any>} card the answer of GET /api/cameras/<id>/health */
  fill(card) {
    this.#busy(false);
    part(this, 'error', HTMLElement).hidden = true;
    this.#text = String(card.text ?? '');
    part(this, 'copy', HTMLButtonElement).disabled = !this.#text;
    this.#facts(card);
    this.#camera = card.camera;
    const isChanged = Boolean(card.camera.certificate?.changed);
    part(this, 'accept', HTMLButtonElement).hidden = !isChanged;
    const events = part(this, 'events', HTMLAnchorElement);
    events.href = `${document.body.dataset.eventsPage ?? ''}?device=${card.camera.id}`;
    events.hidden = card.camera.onvif === false;
    part(this, 'certificate-note', HTMLElement).hidden = !isChanged;
    this.#table('checks', card.checks ?? [], (check) => [
      check.name,
      { text: check.detail ? `${check.outcome}: ${check.detail}` : check.outcome, tone: toneOf(check.outcome) },
      { text: check.took_ms === null || check.took_ms === undefined ? '' : `${check.took_ms} ms`, number: true },
    ]);
    this.#table('channels', card.channels ?? [], (/** @type {Channel} */ channel) => [
      { text: `${channel.channel} ${channel.name}`, sub: channel.problem ? messageOf(channel.problem.code).title : '' },
      formatOf(channel, 'main'),
      formatOf(channel, 'sub'),
      {
        text: 'Zones',
        href: `${document.body.dataset.motionPage ?? ''}${card.camera.id}/${channel.channel}`,
        label: `Motion of ${channel.name}`,
      },
    ]);
  }

  /** @param {Record<string, any>} card */
  #facts(card) {
    const camera = card.camera;
    const isChanged = Boolean(camera.certificate?.changed);
    const certificates = [
      ['Certificate', certificateText(camera.certificate)],
      ['New certificate', isChanged ? fingerprint(camera.certificate.new_sha256) : ''],
    ];
    const facts = [
      ...(isChanged ? certificates : []), // to be compared, so without scrolling
      ['Address', camera.address || (camera.port ? `${camera.host}:${camera.port}` : camera.host)],
      ['Added by', camera.onvif === false ? 'RTSP stream, without ONVIF' : ''],
      ['State', stateText(camera)],
      ['Server', card.node === null ? 'None at the moment' : card.node],
      ['Device', [camera.manufacturer, camera.model].filter(Boolean).join(' ')],
      ['Firmware', camera.firmware],
      ['Serial number', card.serial],
      ['Services', (camera.services ?? []).join(', ')],
      ...(isChanged ? [] : certificates),
      ['Readable password', camera.readable_password ? 'Allowed' : ''],
      ['Clock', camera.clock_offset_s === null ? '' : clockNote(camera.clock_offset_s) || 'Right'],
      ['Last seen', camera.last_seen_at ? new Date(camera.last_seen_at).toLocaleString() : ''],
      ['Next try', card.next_try_at ? new Date(card.next_try_at).toLocaleString() : ''],
    ];
    part(this, 'facts', HTMLElement).replaceChildren(
      ...facts
        .filter(([, value]) => value)
        .map(([name, value]) => {
          const row = document.createElement('div');
          const term = document.createElement('dt');
          const text = document.createElement('dd');
          term.textContent = String(name);
          // A fingerprint breaks between its bytes.
          for (const piece of isFingerprint(value) ? String(value).split(/(?<=:)/) : [String(value)]) {
            text.append(piece, document.createElement('wbr'));
          }
          row.append(term, text);
          return row;
        }),
    );
  }

  /**
   * @template T
   * @param {string} name
   * @param {T[]} items
   * @param {(item: T) => (string|Cell)[]} cellsOf
   */
  #table(name, items, cellsOf) {
    part(this, `${name}-frame`, HTMLElement).hidden = items.length === 0;
    part(this, name, HTMLElement).replaceChildren(
      ...items.map((item) => {
        const row = document.createElement('tr');
        for (const cell of cellsOf(item)) {
          const box = document.createElement('td');
          const { text, tone, number, sub, href, label } = typeof cell === 'string' ? { text: cell } : cell;
          if (href) box.append(linkTo(href, text, label ?? text));
          else box.textContent = text;
          if (tone) box.dataset.tone = tone;
          if (number) box.className = 'number';
          if (sub) {
            const line = document.createElement('span');
            line.className = 'cell-sub';
            line.textContent = sub;
            box.append(line);
          }
          row.append(box);
        }
        return row;
      }),
    );
  }

  #accept() {
    const sha256 = this.#camera?.certificate?.new_sha256;
    if (!this.#camera || !sha256) return;
    this.#busy(true);
    emit(this, 'certificate-accept', { id: this.#camera.id, sha256 });
  }

  /** @param {boolean} isBusy true while the server works for this card; the certificate is accepted only once */
  #busy(isBusy) {
    part(this, 'busy', HTMLElement).hidden = !isBusy;
    part(this, 'accept', HTMLButtonElement).disabled = isBusy;
  }

  async #copy() {
    const label = part(this, 'copy-text', HTMLElement);
    setText(label, (await copied(this.#text)) ? 'Copied' : 'Could not copy');
    setTimeout(() => setText(label, 'Copy as text'), 2000);
  }
}

/** @param {import('../lib/api-types.js').Certificate|null|undefined} certificate */
function certificateText(certificate) {
  if (!certificate) return '';
  const { port, sha256, pinned_at: since } = certificate;
  return `${fingerprint(sha256)}, at port ${port} since ${new Date(since).toLocaleString()}`;
}

/** @param {import('../lib/api.js').Camera} camera */
function stateText({ status, error }) {
  const { text } = cameraStatusText(status, error?.code);
  // The note above the facts explains a changed certificate.
  return error && error.code !== 'certificate_changed' ? `${text} (${error.detail})` : text;
}

/** @param {unknown} value */
function isFingerprint(value) {
  return /^([0-9A-F]{2}:){31}/.test(String(value));
}

/** @param {string} sha256 @returns {string} as browsers and devices print it */
function fingerprint(sha256) {
  return (sha256.match(/../g) ?? []).join(':').toUpperCase();
}

/** @param {string} href @param {string} text @param {string} label */
function linkTo(href, text, label) {
  const link = document.createElement('a');
  link.href = href;
  link.textContent = text;
  link.setAttribute('aria-label', `${text}: ${label}`);
  return link;
}

/** @param {string} outcome */
function toneOf(outcome) {
  if (/^(ok|good|found|yes)/i.test(outcome)) return 'good';
  return /fail|refus|error|timeout|unreach|bad/i.test(outcome) ? 'bad' : '';
}

/** @param {Channel} channel @param {'main'|'sub'} role */
function formatOf(channel, role) {
  const profile = channel.profiles.find((/** @type {Profile} */ item) => item.role === role);
  if (!profile) return '';
  const video = profile.video;
  const gop = video?.gop ? `GOP ${video.gop}` : '';
  const parts = [codecName(video?.codec), resolution(video), frameRate(video?.fps), gop, codecName(profile.audio?.codec)];
  return parts.filter(Boolean).join(', ');
}

customElements.define('health-card', HealthCard);
