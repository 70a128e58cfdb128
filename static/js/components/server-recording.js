// @ts-check
/** The dialogs of recording on the server, and the alerts. A page loads this file later, by its address. */
export { RecordingAlerts } from './recording-alerts.js';
export { RecordingKeepDialog } from './recording-keep-dialog.js';
export { RecordingPauseDialog } from './recording-pause-dialog.js';
export { RecordingRuleDialog } from './recording-rule-dialog.js';
export { RecordingApi } from '../lib/recording-api.js';
