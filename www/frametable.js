// Frames in order as a table, the way a protocol analyser shows packets; what the reactor made of
// each beside it. Used for the log of an exchange, for a reply and for a decoded file. A new column
// is one entry in `columns`.

import { element } from './dom.js';
import { count, duration, plural } from './format.js';
import { payloadDetails, payloadLine } from './payload.js';

const ROWS_AT_ONCE = 200;

const directions = {
  'frame-in': ['→', 'from the peer'],
  'frame-out': ['←', 'to the peer'],
  'input-end': ['■', 'the input ended'],
  'input-error': ['✗', 'the input cannot be frames'],
};
const eventTexts = { 'input-end': 'end of the input', 'input-error': 'these bytes cannot be frames' };

const words = (names) => (names.length > 0 ? names.join(' | ') : '–');
const ofFrame = (text) => (cell, { frame }) => cell.append(frame ? text(frame) : '');

function showDirection(cell, { event }) {
  const [arrow, meaning] = directions[event];
  cell.append(element('span', { class: `way ${event}`, 'aria-hidden': 'true', text: arrow }),
    element('span', { class: 'unseen', text: meaning }));
  cell.title = meaning;
}

function showStream(cell, { frame }) {
  if (frame) {
    cell.append(count(frame.streamid));
    if (frame.streamflags.length > 0) {
      cell.append(' ', element('span', { class: 'muted', text: words(frame.streamflags) }));
    }
  }
}

function showReactor(cell, { action, state }) {
  if (action) {
    cell.append(element('span', { class: `action action-${action}`, text: action }));
  }
  if (state) {
    cell.append(action ? ' ' : '', element('span', { class: `state state-${state}` }, element('span', { class: 'muted', text: '→ ' }), state));
  }
}

// title, class of its cells, cell(td, entry); log: only where there is a log, with times and a reactor.
const columns = [
  { title: '#', name: 'number', cell: (cell, { number }) => cell.append(count(number)) },
  { title: 'Time', name: 'time', log: true, cell: (cell, entry) => cell.append(`+${duration(entry.at_microseconds / 1e6)}`) },
  { title: 'Way', name: 'direction', log: true, cell: showDirection },
  { title: 'Stream', name: 'stream', cell: showStream },
  { title: 'Request', name: 'request', cell: ofFrame((frame) => count(frame.requestid)) },
  { title: 'Type', name: 'type', cell: (cell, { frame, event }) => cell.append(frame ? String(frame.type) : eventTexts[event]) },
  { title: 'Flags', name: 'flags', cell: ofFrame((frame) => words(frame.flags)) },
  { title: 'Size', name: 'size', cell: ofFrame((frame) => count(frame.length)) },
  { title: 'Payload', name: 'payload', cell: null },
  { title: 'Reactor', name: 'reactor', log: true, cell: showReactor },
];

let tables = 0;

export class FrameTable {
  /** log: the entries are those of an exchange's log. caption says what the table is. */
  constructor(box, { log, caption }) {
    this.columns = columns.filter((column) => log || !column.log);
    this.id = `frames-${(tables += 1)}`;
    this.open = new Set();
    this.shown = ROWS_AT_ONCE;
    this.body = element('tbody', { role: 'rowgroup' });
    const heads = this.columns.map(({ title, name }) =>
      element('th', { scope: 'col', role: 'columnheader', class: `c-${name}`, text: title }));
    const table = element('table', { class: 'frames', role: 'table' },
      element('caption', { class: 'unseen', text: caption }),
      element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...heads)), this.body);
    this.more = element('button', { type: 'button', onclick: () => this.showMore(this.shown + ROWS_AT_ONCE) });
    this.box = element('div', { class: 'scroll', role: 'region', 'aria-label': caption, tabindex: 0 }, table);
    this.width = 0;
    new ResizeObserver(() => this.onResize()).observe(this.box);
    box.append(this.box, this.more);
  }

  onResize() {
    if (this.box.clientWidth !== this.width) {
      this.width = this.box.clientWidth;
      this.fit();
    }
  }

  /** A table if there is room for all columns, else frames one below the other. */
  fit() {
    this.box.classList.remove('stacked');
    this.box.classList.toggle('stacked', this.box.scrollWidth > this.box.clientWidth);
  }

  /** entries as in schema/exchange.json; those that were there before are the same. */
  show(entries) {
    const had = this.entries?.length ?? 0;
    const same = had > 0 && had <= entries.length && this.entries.at(-1).number === entries[had - 1]?.number;
    this.entries = entries;
    if (!same) {
      this.body.replaceChildren();
      this.drawn = 0;
    }
    this.draw();
  }

  draw() {
    const last = Math.min(this.entries.length, this.shown);
    for (let place = this.drawn; place < last; place++) {
      this.appendGap(this.entries[place - 1]?.number ?? 0, this.entries[place].number);
      this.appendRow(this.entries[place]);
    }
    this.drawn = last;
    const rest = this.entries.length - last;
    this.more.hidden = rest === 0;
    this.more.textContent = `${plural(rest, 'more row')}: show ${Math.min(rest, ROWS_AT_ONCE)}`;
    this.fit();
  }

  showMore(rows) {
    this.shown = Math.max(this.shown, rows);
    this.draw();
  }

  appendGap(before, number) {
    if (number > before + 1) {
      this.body.append(element('tr', { class: 'gap', role: 'row' },
        element('td', { role: 'cell', colspan: this.columns.length, text: `… ${plural(number - before - 1, 'entry').replace('entrys', 'entries')} not kept` })));
    }
  }

  appendRow(entry) {
    const row = element('tr', { role: 'row', id: `${this.id}-${entry.number}`, class: entry.message ? 'bad' : null });
    if (entry.event) {
      row.classList.add(entry.event);
    }
    for (const { name, cell, title } of this.columns) {
      const td = element('td', { role: 'cell', class: `c-${name}`, 'data-title': title });
      if (cell) {
        cell(td, entry);
      } else {
        this.fillPayload(td, row, entry);
      }
      row.append(td);
    }
    this.body.append(row);
    if (entry.message) {
      this.appendMessage(entry);
    }
    if (this.open.has(entry.number)) {
      this.toggle(row, entry, true);
    }
  }

  appendMessage(entry) {
    this.body.append(element('tr', { class: 'bad wrong', role: 'row' },
      element('td', { role: 'cell', colspan: this.columns.length },
        element('b', { text: 'Refused from here on: ' }), element('span', { class: 'message', text: entry.message }))));
  }

  fillPayload(cell, row, entry) {
    const { frame } = entry;
    if (!frame) {
      return;
    }
    if (frame.length === 0) {
      cell.append(element('span', { class: 'muted', text: 'empty' }));
      return;
    }
    const line = entry.payload_withheld ? 'not kept' : payloadLine(frame);
    cell.append(element('button', {
      type: 'button',
      class: 'payload mono',
      'aria-expanded': 'false',
      onclick: () => this.toggle(row, entry),
    }, element('span', { class: 'unseen', text: 'Details of the payload ' }), line));
  }

  /** Shows or hides the row with everything about the payload, below the frame's. */
  toggle(row, entry, open = !this.open.has(entry.number)) {
    const button = row.querySelector('button.payload');
    const id = `${row.id}-payload`;
    document.getElementById(id)?.remove();
    button?.setAttribute('aria-expanded', String(open));
    if (!open) {
      this.open.delete(entry.number);
      return;
    }
    this.open.add(entry.number);
    button?.setAttribute('aria-controls', id);
    const details = payloadDetails(entry.frame, { cut: entry.payload_cut, withheld: entry.payload_withheld });
    row.after(element('tr', { id, role: 'row', class: 'details' },
      element('td', { role: 'cell', colspan: this.columns.length }, ...details)));
  }

  /** Where the reactor refused something, else where a command was answered with an error; -1. */
  findFailure() {
    const refused = this.entries.findIndex((entry) => entry.message);
    return refused >= 0 ? refused : this.entries.findIndex(({ frame }) => frame?.type === 'error-response');
  }

  /** Brings it into sight; true if there is one. */
  showFailure() {
    const place = this.findFailure();
    if (place < 0) {
      return false;
    }
    this.showMore(place + 1);
    const row = document.getElementById(`${this.id}-${this.entries[place].number}`);
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: 'center' });
    return true;
  }
}

/** Frames alone, as entries of a table without a log. */
export function entriesOf(frames) {
  return frames.map((frame, place) => ({ number: place + 1, frame }));
}
