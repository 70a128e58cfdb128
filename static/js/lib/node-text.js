// @ts-check
/** The servers that share the cameras, in words. */
import { counted } from './format.js';

/** @typedef {import('./node-types.js').Node} Node @typedef {import('./node-types.js').NodeList} NodeList */

/** @type {Record<Node['state'], {text: string, tone: 'good'|'busy'|'bad'}>} */
const STATES = {
  alive: { text: 'Alive', tone: 'good' },
  leaving: { text: 'Leaving', tone: 'busy' },
  gone: { text: 'Gone', tone: 'bad' },
};

/** @param {Node['state']} state */
export function nodeState(state) {
  return STATES[state] ?? { text: state, tone: 'bad' };
}

/** Return title and text about all servers. @param {NodeList} list @returns {{title: string, text: string}} */
export function nodesSummary({ is_alone: isAlone, nodes }) {
  if (isAlone) {
    const { cameras = 0, channels = 0 } = nodes[0] ?? {};
    return {
      title: 'One server does everything',
      text: `It has ${counted(cameras, 'camera')} with ${counted(channels, 'channel')}. If it stops, nothing takes over.`,
    };
  }
  const alive = nodes.filter(({ state }) => state !== 'gone').length;
  const takers = nodes.filter(({ state }) => state === 'alive').length;
  const title = `${counted(alive, 'server')} of ${nodes.length} ${alive === 1 ? 'works' : 'work'}`;
  if (!takers) return { title, text: 'No server takes cameras. Cameras without a server stay black until one does.' };
  if (takers === 1) return { title, text: 'Only one server takes cameras. If it stops, nothing takes over.' };
  return { title, text: 'They share the cameras. If one fails, the others take over its cameras within seconds.' };
}

/** @param {Node} node */
export function nodeLoad({ cameras, channels, capacity, streams, cpu_share: cpuShare }) {
  const most = capacity === null ? '' : ` of at most ${capacity}`;
  const running = streams === null ? '' : `, ${counted(streams, 'running stream')}`;
  const busy = cpuShare === null ? '' : `, ${Math.round(100 * cpuShare)} % of a processor core`;
  return `${counted(cameras, 'camera')}, ${counted(channels, 'channel')}${most}${running}${busy}`;
}

/** Return what the state means for the cameras; empty for a server that works. @param {Node} node */
export function nodeAdvice({ state, cameras }) {
  if (state === 'gone') {
    return cameras
      ? 'Its cameras wait for another server, or for its return.'
      : 'The others have its cameras. It comes back when it starts.';
  }
  if (state !== 'leaving') return '';
  return cameras ? 'It gives its cameras to the others.' : 'It has no camera: it can be stopped now.';
}

/** Return names and values of the facts about a server. @param {Node} node @returns {[string, string][]} */
export function nodeFacts({ address, site, version, build, lease_left_s: leftS }) {
  /** @type {[string, string][]} */
  const facts = [
    ['Address', address],
    ['Site', site],
    ['Version', build ? `${version}, build ${build}` : version],
    ['Lease', leftS === null ? '' : `${leftS.toFixed(1)} s left`],
  ];
  return facts.filter(([, value]) => value);
}

/** Return the question before a server is drained. @param {Node[]} nodes @param {string} name */
export function drainText(nodes, name) {
  const others = nodes.filter((node) => node.name !== name && node.state === 'alive');
  if (!others.length) return 'No other server takes its cameras: they stay black, and are not recorded, until one does.';
  return 'It gives all its cameras to the other servers and takes none. Viewers see a short gap. Then it can be stopped.';
}
