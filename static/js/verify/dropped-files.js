// @ts-check
/** The files of a folder that a user chose or dropped, by their path in the package. */

/** Files that file managers add to a folder. */
const IGNORED = /(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini|\._[^/]*)$/i;

/** @param {Iterable<File>} files of an input with `webkitdirectory` @returns {Map<string, File>} */
export function chosenFiles(files) {
  return inPackage(new Map([...files].map((file) => [file.webkitRelativePath || file.name, file])));
}

/**
 * Chromium reads the entries of a dropped folder only on pages of a server, but the handles on pages of the disk, too;
 * other browsers have no handles.
 * @param {DataTransfer} transfer @returns {Promise<Map<string, File>>}
 */
export async function droppedFiles(transfer) {
  // The list of items is empty after the first wait.
  const items = [...transfer.items].filter((item) => item.kind === 'file');
  const handles = items.map((item) => ('getAsFileSystemHandle' in item ? /** @type {any} */ (item).getAsFileSystemHandle() : null));
  const entries = items.map((item) => item.webkitGetAsEntry());
  /** @type {Map<string, File>} */
  const found = new Map();
  for (const [index, entry] of entries.entries()) {
    const handle = await handles[index];
    if (handle) await collectHandle(handle, handle.name, found);
    else if (entry) await collect(entry, found);
  }
  return inPackage(found);
}

/** @param {any} handle a FileSystemHandle @param {string} path @param {Map<string, File>} found */
async function collectHandle(handle, path, found) {
  if (handle.kind === 'file') {
    found.set(path, await handle.getFile());
    return;
  }
  for await (const child of handle.values()) await collectHandle(child, `${path}/${child.name}`, found);
}

/** @param {FileSystemEntry} entry @param {Map<string, File>} found */
async function collect(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((done, fail) => {
      /** @type {FileSystemFileEntry} */ (entry).file(done, fail);
    });
    found.set(entry.fullPath.replace(/^\//, ''), file);
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((done, fail) => {
      reader.readEntries(done, fail);
    });
    if (some.length === 0) return; // a reader tells at most 100 at a time
    for (const child of some) await collect(child, found);
  }
}

/**
 * Paths relative to the folder that has the manifest. A package may lie in a folder of the dropped one.
 * @param {Map<string, File>} files @returns {Map<string, File>}
 */
function inPackage(files) {
  const manifests = [...files.keys()].filter((path) => /(^|\/)manifest\.json$/.test(path));
  const depth = (/** @type {string} */ path) => path.split('/').length;
  const [nearest = ''] = manifests.sort((one, other) => depth(one) - depth(other));
  const folder = nearest.slice(0, nearest.length - 'manifest.json'.length);
  const own = [...files].filter(([path]) => path.startsWith(folder) && !IGNORED.test(path));
  return new Map(own.map(([path, file]) => [path.slice(folder.length), file]));
}
