// The line below the header that says what happened to the connection. A live region: used for this
// alone, so that a screen reader is not flooded.

import { element } from './dom.js';
import { clock } from './format.js';

export class Notice {
  constructor(box) {
    this.box = box;
    this.lostAt = null;
  }

  show(level, text, closable) {
    this.box.dataset.level = level;
    const close = element('button', { type: 'button', class: 'small', text: 'Close', onclick: () => this.clear() });
    this.box.replaceChildren(element('span', { text }), ...(closable ? [' ', close] : []));
  }

  clear() {
    delete this.box.dataset.level;
    this.box.replaceChildren();
  }

  lost() {
    this.lostAt = Date.now();
    this.show('bad', `No connection to the gateway since ${clock(this.lostAt / 1000).slice(0, 8)}. Numbers are from before; trying again each second.`, false);
  }

  /** Found again, or found for the first time. */
  found() {
    if (this.lostAt !== null && !this.said) {
      this.show('good', `Connected again at ${clock(Date.now() / 1000).slice(0, 8)}.`, true);
    }
    this.lostAt = null;
    this.said = false;
  }

  /** Something else to say, which outlives the news that the connection is there again. */
  say(text) {
    this.said = true;
    this.show('warn', text, true);
  }
}
