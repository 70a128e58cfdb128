// @ts-check
/** Dialogs of the viewer page, and its channel editor: loaded when one of them is opened. */
import { AppDialog } from '../components/app-dialog.js';
import { CameraForm } from '../components/camera-form.js';
import { ChannelEditor } from '../components/channel-editor.js';
import { ConfirmDialog } from '../components/confirm-dialog.js';
import { byId } from './page.js';

export const editor = byId('editor', ChannelEditor);
export const form = byId('camera-form', CameraForm);
export const keysDialog = byId('keys-dialog', AppDialog);
export const confirmDialog = byId('confirm', ConfirmDialog);
