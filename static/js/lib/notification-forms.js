// @ts-check
/** The bodies of requests for rules and sinks, from the fields of their forms. */
import { ApiError } from './http.js';
import { kindsText } from './notification-text.js';

const DAYS = 7;
/** @type {Record<string, number>} */
const PORTS = { 'email.tls': 465, 'email.starttls': 587, 'email.none': 25, 'mqtt.tls': 8883, 'mqtt.none': 1883 };

/**
 * Return the rule of a form. Throw ApiError with the field's name if a choice is missing.
 *
 * @param {FormData} data
 */
export function ruleBody(data) {
  const cameraId = Number(data.get('camera_id')) || null;
  const days = data.getAll('days').map(Number);
  const sinks = data.getAll('sinks').map(Number);
  if (!days.length) throw missing('days', 'choose at least one day');
  if (!sinks.length) throw missing('sinks', 'choose at least one');
  const rule = {
    severity: /** @type {'alert'|null} */ (textOf(data, 'severity') || null),
    kinds: /** @type {import('./event-types.js').EventKind[]} */ (data.getAll('kinds')),
    camera_id: cameraId,
    channel: cameraId === null ? null : Number(data.get('channel')) || null,
    zone: cameraId === null ? null : textOf(data, 'zone') || null,
    days: days.length === DAYS ? [] : days,
    from_time_of_day: textOf(data, 'from_time_of_day') || null,
    until_time_of_day: textOf(data, 'until_time_of_day') || null,
    time_zone: textOf(data, 'time_zone'),
    min_length_s: Number(data.get('min_length_s')),
    cool_down_s: Number(data.get('cool_down_s')),
    sinks,
  };
  return { name: textOf(data, 'name') || kindsText(rule), ...rule };
}

/**
 * Return the sink of a form. An empty password keeps a stored one, unless the user removes it.
 *
 * @param {FormData} data
 * @param {'email'|'webhook'|'mqtt'} kind
 */
export function sinkBody(data, kind) {
  /** @param {string} field */
  const text = (field) => textOf(data, `${kind}.${field}`);
  /** @param {string} field */
  const isOn = (field) => data.has(`${kind}.${field}`);
  /** @param {string} field */
  const secret = (field) => (data.has('no_secret') ? '' : String(data.get(`${kind}.${field}`) ?? '') || null);
  const port = Number(text('port'));
  const name = textOf(data, 'name');
  if (kind === 'webhook') {
    const webhook = { url: text('url'), secret: secret('secret'), with_picture: isOn('with_picture') };
    return { name: name || 'Webhook', webhook };
  }
  if (kind === 'mqtt') {
    const mqtt = {
      host: text('host'),
      port: port || usualPort(kind, isOn('is_tls') ? 'tls' : 'none'),
      is_tls: isOn('is_tls'),
      username: text('username'),
      password: secret('password'),
      base_topic: text('base_topic') || 'ovw',
      with_home_assistant: isOn('with_home_assistant'),
      with_pictures: isOn('with_pictures'),
    };
    return { name: name || 'MQTT', mqtt };
  }
  const security = text('security');
  const email = {
    host: text('host'),
    port: port || usualPort(kind, security),
    security,
    username: text('username'),
    password: secret('password'),
    sender: text('sender'),
    recipients: text('recipients')
      .split(/[\s,;]+/)
      .filter(Boolean),
  };
  return { name: name || 'E-mail', email };
}

/** Return the usual port of a server. @param {string} kind @param {string} security */
export function usualPort(kind, security) {
  return PORTS[`${kind}.${security}`] ?? 0;
}

/** True if the user has not chosen another port than a usual one. @param {number} port */
export function isUsualPort(port) {
  return !port || Object.values(PORTS).includes(port);
}

/** @param {FormData} data @param {string} name */
function textOf(data, name) {
  return String(data.get(name) ?? '').trim();
}

/** @param {string} field @param {string} message */
function missing(field, message) {
  return new ApiError('invalid_request', `${field}: ${message}`, { errors: [{ field, message }] });
}
