// @ts-check
/** The parts of the events page that load later: one file, so that the page's own script stays one. */
export { DevicePanel } from './events-device.js';
export { EventPlayer } from './events-player.js';
export { SimilarEvents } from './events-similar.js';
