// @ts-check
/** Checks the files of an evidence package against its manifest, and the manifest against its signature. */
import { MANIFEST, findPackage, isIgnored } from './place.js';
import { sha256 } from './sha256.js';
import { isSignedBy, keyBytes } from './signature.js';

/** @typedef {import('./types.js').Manifest} Manifest */
/** @typedef {import('./types.js').ListedFile} ListedFile */
/** @typedef {import('./types.js').Finding} Finding */
/** @typedef {import('./types.js').Report} Report */

export const FORMAT = 'onvif-web-viewer evidence package';
const VERSION = 1;
const SIGNATURE = 'manifest.sig';
const SUMS = 'SHA256SUMS';
const MOST_MANIFEST_BYTES = 256_000_000;
/** Smaller ones would only fill the memory. */
const LEAST_PIECE_BYTES = 65_536;

export class PackageCheck {
  #allFiles;
  /** By their path in the package. @type {Map<string, Blob>} */
  #files = new Map();
  #subtle;
  #onProgress;
  #doneBytes = 0;
  /** @type {Finding[]} */
  #findings = [];
  /** @type {string[]} */
  #ignored = [];

  /**
   * @param {Map<string, Blob>} files by their path; the package may lie in a folder of them
   * @param {object} options
   * @param {SubtleCrypto|undefined} options.subtle
   * @param {(doneBytes: number, totalBytes: number) => void} [options.onProgress]
   */
  constructor(files, { subtle, onProgress = () => {} }) {
    this.#allFiles = files;
    this.#subtle = subtle;
    this.#onProgress = onProgress;
  }

  /** @returns {Promise<Report>} */
  async run() {
    const { folder, problems } = findPackage([...this.#allFiles.keys()]);
    if (problems.length > 0) return unchecked(problems);
    const own = [...this.#allFiles].filter(([path]) => path.startsWith(folder));
    this.#files = new Map(own.map(([path, content]) => [path.slice(folder.length), content]));
    if ((this.#files.get(MANIFEST)?.size ?? 0) > MOST_MANIFEST_BYTES) {
      const text = `It is too large: this page reads ${MOST_MANIFEST_BYTES.toLocaleString('en')} bytes at most.`;
      return unchecked([{ kind: 'manifest', path: MANIFEST, text }]);
    }
    const bytes = await this.#small(MANIFEST);
    const manifest = bytes && readManifest(bytes);
    if (!manifest) return unchecked([{ kind: 'manifest', path: MANIFEST, text: 'This is no manifest that this page can read.' }]);
    const { signature, fingerprint } = await this.#checkSignature(manifest, bytes);
    await this.#checkFiles(manifest);
    await this.#checkSums(manifest, bytes);
    const outside = [...this.#allFiles.keys()].filter((path) => !path.startsWith(folder));
    this.#addUnlisted('outside', outside, 'This file lies beside the package: it is not part of the package.');
    return { manifest, signature, fingerprint, findings: this.#findings, ignored: this.#ignored };
  }

  /** @param {Manifest} manifest @param {Uint8Array<ArrayBuffer>} bytes */
  async #checkSignature(manifest, bytes) {
    const signature = await this.#small(SIGNATURE);
    let key;
    try {
      key = keyBytes(manifest.installation.public_key);
    } catch {
      this.#add('signature', MANIFEST, 'It has no public key.');
      return { signature: /** @type {const} */ ('wrong'), fingerprint: '' };
    }
    const fingerprint = await this.#hash(key);
    const text = fingerprint.toUpperCase().replace(/(..)(?=.)/g, '$1:');
    if (!signature) {
      this.#add('missing', SIGNATURE, 'This file is missing.');
      return { signature: /** @type {const} */ ('wrong'), fingerprint: text };
    }
    if (!this.#subtle) return { signature: /** @type {const} */ ('not_checked'), fingerprint: text };
    if (await isSignedBy(this.#subtle, key, signature, bytes)) {
      return { signature: /** @type {const} */ ('good'), fingerprint: text };
    }
    this.#add('signature', SIGNATURE, 'The signature is wrong: the manifest or the signature was changed.');
    return { signature: /** @type {const} */ ('wrong'), fingerprint: text };
  }

  /** @param {Manifest} manifest */
  async #checkFiles(manifest) {
    const listed = new Set([...manifest.files.map((file) => file.path), MANIFEST, SIGNATURE, SUMS]);
    const added = [...this.#files.keys()].filter((path) => !listed.has(path));
    const total = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    const renamed = new Set();
    for (const file of manifest.files) {
      const content = this.#files.get(file.path);
      if (content) {
        await this.#checkPieces(file, content, manifest.piece_bytes, total);
      } else {
        const others = added.filter((path) => !renamed.has(path));
        const path = await this.#findRenamed(file, others, manifest.piece_bytes);
        if (path) renamed.add(path);
        this.#add(path ? 'renamed' : 'missing', file.path, path ? `This file was renamed to ${path}.` : 'This file is missing.');
      }
    }
    const others = added.filter((path) => !renamed.has(path));
    this.#addUnlisted('added', others, 'This file was added: it is not part of the package.');
  }

  /** @param {Finding['kind']} kind @param {string[]} paths @param {string} text */
  #addUnlisted(kind, paths, text) {
    for (const path of paths) {
      if (isIgnored(path)) this.#ignored.push(path);
      else this.#add(kind, path, text);
    }
  }

  /** @param {ListedFile} file @param {Blob} content @param {number} pieceBytes @param {number} total */
  async #checkPieces(file, content, pieceBytes, total) {
    if (content.size !== file.bytes) {
      this.#add('changed', file.path, `This file has ${content.size} bytes instead of ${file.bytes}.`);
    }
    for (const [index, piece] of file.pieces.entries()) {
      const start = index * pieceBytes;
      const wanted = Math.min(pieceBytes, file.bytes - start);
      if ((await this.#hashOf(content, start, start + wanted)) !== piece.sha256) {
        const place = `piece ${index + 1} of ${file.pieces.length}`;
        const span = piece.start_time && piece.end_time ? `, which shows ${spanText(piece.start_time, piece.end_time)}` : '';
        this.#add('changed', file.path, `This file was changed in ${place}${span}.`);
      }
      this.#doneBytes += wanted;
      this.#onProgress(this.#doneBytes, total);
    }
  }

  /** The added file with the content of a missing one. @param {ListedFile} file @param {string[]} added @param {number} pieceBytes */
  async #findRenamed(file, added, pieceBytes) {
    for (const path of added) {
      const content = /** @type {Blob} */ (this.#files.get(path));
      if (content.size === file.bytes && (await this.#isSame(file, content, pieceBytes))) return path;
    }
    return '';
  }

  /** @param {ListedFile} file @param {Blob} content @param {number} pieceBytes */
  async #isSame(file, content, pieceBytes) {
    for (const [index, piece] of file.pieces.entries()) {
      const start = index * pieceBytes;
      if ((await this.#hashOf(content, start, start + pieceBytes)) !== piece.sha256) return false;
    }
    return true;
  }

  /** @param {Manifest} manifest @param {Uint8Array<ArrayBuffer>} bytes */
  async #checkSums(manifest, bytes) {
    const sums = await this.#small(SUMS);
    const signature = await this.#small(SIGNATURE);
    if (!sums) {
      this.#add('missing', SUMS, 'This file is missing.');
      return;
    }
    /** @type {Map<string, string>} */
    const wanted = new Map(manifest.files.map((file) => [file.path, file.sha256]));
    wanted.set(MANIFEST, await this.#hash(bytes));
    if (signature) wanted.set(SIGNATURE, await this.#hash(signature));
    const wantedLines = [...wanted].map(([path, hash]) => `${hash}  ${path}`);
    const lines = new TextDecoder().decode(sums).split('\n');
    const found = lines.filter((line) => line && (signature || !line.endsWith(`  ${SIGNATURE}`)));
    if (found.sort().join('\n') !== wantedLines.sort().join('\n')) {
      this.#add('changed', SUMS, 'This file does not fit the other files.');
    }
  }

  /** @param {string} path */
  async #small(path) {
    const content = this.#files.get(path);
    if (!content) return null;
    return new Uint8Array(await content.slice(0, MOST_MANIFEST_BYTES).arrayBuffer());
  }

  /** @param {Blob} content @param {number} start @param {number} end */
  async #hashOf(content, start, end) {
    return this.#hash(new Uint8Array(await content.slice(start, end).arrayBuffer()));
  }

  /** @param {Uint8Array<ArrayBuffer>} data */
  async #hash(data) {
    if (!this.#subtle) return sha256(data);
    const digest = new Uint8Array(await this.#subtle.digest('SHA-256', data));
    return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  /** @param {Finding['kind']} kind @param {string} path @param {string} text */
  #add(kind, path, text) {
    this.#findings.push({ kind, path, text });
  }
}

/** @param {Finding[]} findings @returns {Report} */
function unchecked(findings) {
  return { manifest: null, signature: 'wrong', fingerprint: '', findings, ignored: [] };
}

/** @param {Uint8Array} bytes @returns {Manifest|null} */
function readManifest(bytes) {
  try {
    const manifest = JSON.parse(new TextDecoder().decode(bytes));
    return isManifest(manifest) ? manifest : null;
  } catch {
    return null;
  }
}

/** @param {any} it */
function isManifest(it) {
  return (
    it.format === FORMAT &&
    it.version === VERSION &&
    it.piece_bytes >= LEAST_PIECE_BYTES &&
    typeof it.exported_by === 'string' &&
    typeof it.made_at === 'string' &&
    typeof it.case.name === 'string' &&
    typeof it.installation.public_key === 'string' &&
    typeof it.installation.key_fingerprint === 'string' &&
    it.files.every(isListedFile)
  );
}

/** @param {any} it */
function isListedFile(it) {
  return (
    typeof it.path === 'string' &&
    Number.isSafeInteger(it.bytes) &&
    typeof it.sha256 === 'string' &&
    it.pieces.every((/** @type {any} */ piece) => typeof piece.sha256 === 'string')
  );
}

/** `2026-11-22 10:00:00 to 10:00:34 UTC` @param {string} start @param {string} end RFC 3339 in UTC */
export function spanText(start, end) {
  const [from, until] = [start, end].map((time) => time.replace('T', ' ').replace(/(\.\d+)?Z$/, ''));
  return `${from} to ${from.slice(0, 10) === until.slice(0, 10) ? until.slice(11) : until} UTC`;
}
