// @ts-check
/**
 * Parses the addresses that users paste: `192.168.1.108`, `nvr.local:8080`,
 * `http://192.168.1.108/onvif/device_service`, `rtsp://admin:secret@10.0.0.5:554/cam`, `[fe80::1]:80`.
 */

/**
 * @param {string} text
 * @returns {{host: string, port: number|null, username: string|null, password: string|null}|{error: string}}
 */
export function parseCameraAddress(text) {
  const trimmed = text.trim();
  if (!trimmed) return { error: 'Type the address of the camera or recorder.' };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(trimmed)?.[1]?.toLowerCase() ?? null;
  if (scheme && !['http', 'https', 'rtsp', 'onvif'].includes(scheme)) return { error: `${scheme}:// is not a camera address.` };
  let rest = scheme ? trimmed.slice(trimmed.indexOf('://') + 3) : trimmed;
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
  return { host, port, username, password };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
