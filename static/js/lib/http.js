// @ts-check
/** JSON over fetch: adds the CSRF token to requests, turns error responses into ApiErrors. */

import { ServerClock } from './server-clock.js';

/** @typedef {{code: string, detail: string}} Problem */

/** A request that failed. `code` is for programs, `message` for users. */
export class ApiError extends Error {
  /**
   * @param {string} code
   * @param {string} detail
   * @param {{status?: number, errors?: {field: string, message: string}[], retryAfterS?: number|null,
   *   cameraId?: number|null, usedBy?: string[], freeInS?: number|null}} [more] `freeInS`: of `ptz_in_use`
   */
  constructor(code, detail, more = {}) {
    super(detail);
    this.name = 'ApiError';
    this.code = code;
    this.status = more.status ?? 0;
    this.errors = more.errors ?? [];
    this.retryAfterS = more.retryAfterS ?? null;
    this.cameraId = more.cameraId ?? null;
    this.usedBy = more.usedBy ?? [];
    this.freeInS = more.freeInS ?? null;
  }
}

/** @param {unknown} error @returns {Problem} */
export function problemOf(error) {
  if (error instanceof ApiError) return { code: error.code, detail: error.message };
  return { code: 'internal_error', detail: error instanceof Error ? error.message : String(error) };
}

/**
 * @typedef {{fetch?: typeof fetch, clock?: ServerClock, csrf?: string, onLoginNeeded?: () => void}} HttpOptions
 *   `csrf`: the page's token; `onLoginNeeded`: called when the login has ended
 */

export class JsonHttp {
  #fetch;
  #csrf;
  #onLoginNeeded;
  /** The server's clock, estimated from the Date headers of its responses. */
  clock;

  /** @param {HttpOptions} [options] */
  constructor(options = {}) {
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.clock = options.clock ?? new ServerClock();
    this.#csrf = options.csrf ?? '';
    this.#onLoginNeeded = options.onLoginNeeded ?? (() => {});
  }

  /**
   * @param {string} method
   * @param {string} url
   * @param {unknown} [body]
   * @param {{timeoutMs?: number, signal?: AbortSignal, keepalive?: boolean}} [how]
   * @returns {Promise<any>}
   */
  async json(method, url, body, how = {}) {
    const answer = await this.send(method, url, body, how);
    if (answer.status === 204) return null;
    try {
      return await answer.json();
    } catch {
      throw new ApiError('internal_error', 'The server sent an invalid answer.', { status: answer.status });
    }
  }

  /**
   * @param {string} method
   * @param {string} url
   * @param {unknown} body
   * @param {{timeoutMs?: number, signal?: AbortSignal, keepalive?: boolean, range?: string}} how `range`: of the bytes
   */
  async send(method, url, body, { timeoutMs = 15_000, signal, keepalive = false, range }) {
    const limit = AbortSignal.timeout(timeoutMs);
    /** @type {RequestInit} */
    const init = { method, cache: 'no-store', keepalive, signal: signal ? AbortSignal.any([signal, limit]) : limit };
    /** @type {Record<string, string>} */
    const headers = {};
    if (range) headers['Range'] = range;
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      headers['Content-Type'] = 'application/json';
    }
    if (this.#csrf && method !== 'GET') headers['X-CSRF-Token'] = this.#csrf;
    if (Object.keys(headers).length) init.headers = headers;
    const sentMs = Date.now();
    /** @type {Response} */
    let answer;
    try {
      answer = await this.#fetch(url, init);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError('server_unreachable', 'The server does not answer.');
    }
    this.clock.observe(answer.headers.get('Date'), sentMs, Date.now());
    if (answer.ok) return answer;
    const error = await errorOf(answer);
    if (error.code === 'login_needed') this.#onLoginNeeded();
    throw error;
  }
}

/** @param {Response} answer */
async function errorOf(answer) {
  /** @type {Record<string, any>} */
  let body = {};
  try {
    body = await answer.json();
  } catch {
    // The body is no JSON, so it is not from the app but, for example, a proxy's page. Only the status is known.
  }
  const retry = Number(answer.headers.get('Retry-After'));
  return new ApiError(
    String(body.code ?? (answer.status === 404 ? 'not_found' : 'internal_error')),
    String(body.detail ?? body.title ?? `The server answered ${answer.status}.`),
    {
      status: answer.status,
      errors: Array.isArray(body.errors) ? body.errors : [],
      retryAfterS: Number.isFinite(retry) && retry > 0 ? retry : null,
      cameraId: typeof body.camera_id === 'number' ? body.camera_id : null,
      usedBy: Array.isArray(body.used_by) ? body.used_by : [],
      freeInS: typeof body.free_in_s === 'number' ? body.free_in_s : null,
    },
  );
}
