// @ts-check
/** The place of a package among the chosen files. The command `evidence.verify` has the same rules (evidence/place.py). */

/** @typedef {import('./types.js').Finding} Finding */

export const MANIFEST = 'manifest.json';
const ADDED_BY_FILE_MANAGERS = /^([^]*\/)?(\.DS_Store|Thumbs\.db|desktop\.ini|\._[^/]*)$/i;

/**
 * Return the folder of the only package, with its last slash; `problems` if there is none, or several.
 * @param {string[]} paths of all chosen files
 * @returns {{folder: string, problems: Finding[]}}
 */
export function findPackage(paths) {
  const manifests = paths.filter((path) => path === MANIFEST || path.endsWith(`/${MANIFEST}`));
  const folders = manifests.map((path) => path.slice(0, -MANIFEST.length));
  const [folder] = folders.sort((one, other) => depthOf(one) - depthOf(other));
  if (folder === undefined) return { folder: '', problems: withoutManifest(paths) };
  if (folders.every((other) => other.startsWith(folder))) return { folder, problems: [] };
  const text = 'There are several packages. Drop one package.';
  return { folder: '', problems: manifests.map((path) => ({ kind: 'manifest', path, text })) };
}

/** True for a file that file managers add to a folder. @param {string} path */
export function isIgnored(path) {
  return ADDED_BY_FILE_MANAGERS.test(path);
}

/** @param {string[]} paths @returns {Finding[]} */
function withoutManifest(paths) {
  const archives = paths.filter((path) => /\.zip$/i.test(path));
  if (archives.length > 0) {
    return archives.map((path) => ({ kind: 'manifest', path, text: 'This is a ZIP. Unpack the ZIP first, then drop its folder.' }));
  }
  return [{ kind: 'manifest', path: MANIFEST, text: 'It is missing, so nothing can be checked.' }];
}

/** @param {string} folder */
function depthOf(folder) {
  return folder.split('/').length;
}
