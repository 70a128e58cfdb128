// @ts-check
import './page.js';
