// @ts-check
/**
 * Parses the addresses that users paste: `192.168.1.108`, `nvr.local:8080`,
 * `http://192.168.1.108/onvif/device_service`, `rtsp://admin:secret@10.0.0.5:554/cam`, `[fe80::1]:80`.
 */

/**
 * @param {string} text
 * @returns {{host: string, port: number|null, username: string|null, password: string|null, address: string|null}|{error: string}}
 *   `address`: that of the device service, if the text has the scheme http or https
 */
export function parseCameraAddress(text) {
  const trimmed = text.trim();
  if (!trimmed) return { error: 'Type the address of the camera or recorder.' };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(trimmed)?.[1]?.toLowerCase() ?? null;
  if (scheme && !['http', 'https', 'rtsp', 'onvif'].includes(scheme)) return { error: `${scheme}:// is not a camera address.` };
  let rest = scheme ? trimmed.slice(trimmed.indexOf('://') + 3) : trimmed;
  const path = rest.slice((rest.split(/[/?#]/)[0] ?? '').length);
  rest = rest.split(/[/?#]/)[0] ?? '';
  let username = null;
  let password = null;
  const at = rest.lastIndexOf('@');
  if (at >= 0) {
    const [user = '', ...secret] = rest.slice(0, at).split(':');
    username = decoded(user);
    password = secret.length ? decoded(secret.join(':')) : null;
    rest = rest.slice(at + 1);
  }
  const bare = (rest.match(/:/g) ?? []).length > 1 && !rest.startsWith('[');
  const match = bare ? [rest, rest, ''] : /^(\[[^\]]+\]|[^:]+)(?::(.*))?$/.exec(rest);
  const host = match?.[1]?.replace(/^\[|\]$/g, '') ?? '';
  if (!host || /[\s@\\]/.test(host)) return { error: 'This is not an address. An example: 192.168.1.108' };
  const portText = match?.[2] ?? '';
  let port = null;
  if (portText) {
    port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
    if (port < 1 || port > 65535) return { error: `${portText} is not a port. Ports go from 1 to 65535.` };
  }
  // The port of an RTSP address is not that of ONVIF, which the server finds out.
  if (scheme === 'rtsp') port = null;
  return { host, port, username, password, address: serviceAddress(scheme, host, port, path) };
}

/** @param {string|null} scheme @param {string} host @param {number|null} port @param {string} path @returns {string|null} */
function serviceAddress(scheme, host, port, path) {
  const own = ['', '/', '/onvif/device_service', '/onvif/device_service/'].includes(path) ? '' : (path.split(/[?#]/)[0] ?? '');
  if (scheme !== 'https' && scheme !== 'http') return null;
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return `${scheme}://${bracketed}${port ? `:${port}` : ''}${own}`;
}

/** @param {string} text @returns {boolean} true if this is the address of a stream */
export function isStreamAddress(text) {
  return /^\s*rtsps?:\/\//i.test(text);
}

/**
 * Take the login out of a stream address. The server does the same with a password in its path or query.
 *
 * @param {string} text
 * @returns {{uri: string, host: string, port: number, username: string|null, password: string|null}|{error: string}}
 */
export function parseStreamAddress(text) {
  const [, scheme = '', rest = ''] = /^(rtsps?):\/\/(.+)$/i.exec(text.trim()) ?? [];
  if (!rest) return { error: 'This is not a stream address. An example: rtsp://192.168.1.108:554/stream1' };
  const end = rest.search(/[/?#]/);
  const place = end < 0 ? rest : rest.slice(0, end);
  const parsed = parseCameraAddress(place);
  if ('error' in parsed) return parsed;
  const uri = `${scheme.toLowerCase()}://${place.slice(place.lastIndexOf('@') + 1)}${end < 0 ? '' : rest.slice(end)}`;
  const port = parsed.port ?? (scheme.toLowerCase() === 'rtsps' ? 322 : 554);
  return { uri, host: parsed.host, port, username: parsed.username, password: parsed.password };
}

/**
 * True if the server keeps the stored password of a camera: it never sends it to another address.
 *
 * @param {Pick<import('./api.js').Camera, 'host'|'port'|'address'|'stream_uris'>} camera
 * @param {{address: string}|{streams: string[]}} typed `streams`: of a camera without ONVIF; '' for none
 */
export function keepsPassword(camera, typed) {
  if ('streams' in typed) {
    const { main = '', sub = null } = camera.stream_uris ?? {};
    const known = [main, sub ?? ''].map(placeOf);
    return typed.streams.every((text, at) => (at > 0 && !text.trim()) || known.includes(placeOf(text) ?? ''));
  }
  const parsed = parseCameraAddress(typed.address);
  if ('error' in parsed || parsed.host.toLowerCase() !== camera.host) return false;
  const scheme = parsed.address?.split(':')[0] ?? null;
  const isSameScheme = scheme === null || camera.address.startsWith(`${scheme}:`);
  const keepsPort = scheme === null || isWebPage(parsed.address ?? '');
  const port = parsed.port ?? (keepsPort ? camera.port : DEFAULT_PORTS[scheme]);
  return isSameScheme && port === camera.port;
}

/** True if this is `http://host`, whose ONVIF port the server finds. @param {string} address */
function isWebPage(address) {
  return /^http:\/\/(\[[^\]]*\]|[^:/]*)$/.test(address);
}

/**
 * Return the shortest text with the address of a camera that speaks ONVIF.
 *
 * @param {Pick<import('./api.js').Camera, 'host'|'port'|'address'>} camera
 */
export function shortAddress({ host, port, address }) {
  const [, authority] = /^http:\/\/([^/]*)$/.exec(address) ?? [];
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return authority ?? (address || (port ? `${bracketed}:${port}` : bracketed));
}

/** @type {Record<string, number>} */
const DEFAULT_PORTS = { http: 80, https: 443 };

/** @param {string} text a stream address @returns {string|null} its host and port */
function placeOf(text) {
  const parsed = parseStreamAddress(text);
  return 'error' in parsed ? null : `${parsed.host.toLowerCase()} ${parsed.port}`;
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
