// @ts-check
/** Requests of the pages for users, logins and API tokens. Shapes are those of /api/openapi.json. */
import { JsonHttp } from './http.js';

/**
 * @typedef {import('./api-types.js').User} User
 * @typedef {User['role']} Role
 * @typedef {import('./api-types.js').AllowedCamera} CameraLimit
 * @typedef {import('./api-types.js').LoginSession} LoginSession
 * @typedef {import('./api-types.js').Token} Token
 */

export class AccountsApi {
  #http;

  /** @param {import('./http.js').HttpOptions} [options] */
  constructor(options) {
    this.#http = new JsonHttp(options);
  }

  /** @param {string} name @param {string} password */
  logIn(name, password) {
    return this.#http.json('POST', '/api/session', { name, password });
  }

  /** @param {string} current @param {string} wanted @returns {Promise<import('./api-types.js').Session>} */
  changeOwnPassword(current, wanted) {
    return this.#http.json('PUT', '/api/session/password', { current_password: current, new_password: wanted });
  }

  /** @param {string} name @param {string} password */
  createFirst(name, password) {
    return this.#http.json('POST', '/api/setup', { name, password });
  }

  postpone() {
    return this.#http.json('POST', '/api/setup/postpone');
  }

  /** @returns {Promise<User[]>} */
  async users() {
    return (await this.#http.json('GET', '/api/users')).users;
  }

  /** @param {Record<string, unknown>} draft @returns {Promise<User>} */
  addUser(draft) {
    return this.#http.json('POST', '/api/users', draft);
  }

  /** @param {number} id @param {Record<string, unknown>} change @returns {Promise<User>} */
  changeUser(id, change) {
    return this.#http.json('PATCH', `/api/users/${id}`, change);
  }

  /** @param {number} id */
  removeUser(id) {
    return this.#http.json('DELETE', `/api/users/${id}`);
  }

  /** @returns {Promise<LoginSession[]>} */
  async sessions() {
    return (await this.#http.json('GET', '/api/sessions')).sessions;
  }

  /** @param {number} id */
  endSession(id) {
    return this.#http.json('DELETE', `/api/sessions/${id}`);
  }

  /** @returns {Promise<Token[]>} */
  async tokens() {
    return (await this.#http.json('GET', '/api/tokens')).tokens;
  }

  /** @param {Record<string, unknown>} draft @returns {Promise<import('./api-types.js').MadeToken>} */
  addToken(draft) {
    return this.#http.json('POST', '/api/tokens', draft);
  }

  /** @param {number} id */
  removeToken(id) {
    return this.#http.json('DELETE', `/api/tokens/${id}`);
  }
}
