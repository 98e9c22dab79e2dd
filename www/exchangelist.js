// The list of exchanges: those in flight on top, then those that ended, newest first. Owns which
// exchanges the page remembers, the filter and the pause. What a row shows is `cells`.

import { byId, element, oncePerPicture, setText } from './dom.js';
import { bytes, clock, count, duration, plural } from './format.js';
import { VirtualList } from './virtuallist.js';

const REMEMBERED = 10000; // exchanges that ended
const SKIPPED_MS = 5000; // for which the list says that some are missing

/** True if something went wrong in the exchange. */
export function failed(exchange) {
  return exchange.aborted || exchange.message !== '' || exchange.status >= 400 || exchange.command_errors > 0;
}

/** The outcome in a word or two, and how grave it is. */
export function outcome(exchange) {
  if (exchange.live) {
    return { text: exchange.phase, level: 'live' };
  }
  if (exchange.aborted) {
    return { text: exchange.status ? `${exchange.status} cut off` : 'cut off', level: 'bad' };
  }
  // A command's own error is answered with 200: the gateway and the protocol are fine.
  const level = exchange.command_errors > 0 && exchange.status < 400 ? 'warn' : failed(exchange) ? 'bad' : 'good';
  return { text: String(exchange.status), level };
}

function endOf({ start, microseconds }) {
  return start + microseconds / 1e6;
}

/** True for a request of the classic transport, which has no frames. */
export function isClassic(target) {
  return /[?&]cmd=/.test(target);
}

/** Why it is not over, or what went wrong. */
function reason({ live, waits_for: what, message }) {
  return live ? `waits for: ${what}` : message;
}

/** What ran; where nothing did, what was asked for, without what all commands' paths have in common. */
function subject({ commands, method, target }) {
  if (commands !== '-' && commands !== '') {
    return commands;
  }
  const command = /^\/api\/[^/]+\/(.+)$/.exec(target) ?? (isClassic(target) ? /[?&](cmd=[^&]*)/.exec(target) : null);
  return command ? command[1] : `${method} ${target}`.trim() || 'no request';
}

const cells = [
  { name: 'outcome', title: 'Outcome', show: (cell, exchange) => {
    const { text, level } = outcome(exchange);
    setText(cell, text);
    cell.dataset.level = level;
  } },
  { name: 'time', title: 'Start', show: (cell, { start }) => setText(cell, clock(start)) },
  { name: 'what', title: 'Commands or target', show: (cell, exchange) => setText(cell, subject(exchange)) },
  { name: 'why', title: 'Message', show: (cell, exchange) => setText(cell, reason(exchange)) },
  { name: 'took', title: 'Took', show: (cell, exchange) => setText(cell, duration((exchange.microseconds ?? exchange.age_microseconds) / 1e6)) },
  { name: 'frames', title: 'Frames in, out', show: (cell, exchange) => setText(cell, `${count(exchange.frames_in)} → ${count(exchange.frames_out)}`) },
  { name: 'size', title: 'Bytes in, out', show: (cell, exchange) => setText(cell, `${bytes(exchange.bytes_in)} → ${bytes(exchange.bytes_out)}`) },
  { name: 'peer', title: 'Peer', show: (cell, { peer }) => setText(cell, peer) },
];

function makeRow() {
  return element('div', { class: 'exchange', role: 'row' },
    ...cells.map(({ name }) => element('span', { class: `x-${name}`, role: 'gridcell' })));
}

function searchable(exchange) {
  return [exchange.id, subject(exchange), exchange.method, exchange.target, exchange.peer, outcome(exchange).text, reason(exchange)]
    .join(' ')
    .toLowerCase();
}

export class ExchangeList {
  constructor({ onOpen }) {
    this.fresh = []; // that ended and were not taken in yet
    this.finished = []; // newest first
    this.known = new Set(); // ids of these
    this.live = [];
    this.skippedAt = -Infinity; // when more ended than the gateway tells one by one
    this.paused = false;
    this.chosen = null;
    const box = byId('list');
    const heads = cells.map(({ name, title }) => element('span', { class: `x-${name}`, role: 'columnheader', text: title }));
    box.append(element('div', { role: 'rowgroup', class: 'list-head' }, element('div', { class: 'exchange', role: 'row', 'aria-rowindex': 1 }, ...heads)));
    this.list = new VirtualList(box, {
      makeRow,
      fillRow: (row, exchange) => this.fillRow(row, exchange),
      keyOf: (exchange) => exchange.id,
      onOpen: (exchange) => onOpen(exchange.id),
    });
    this.redraw = oncePerPicture(() => this.draw());
    byId('filter').addEventListener('input', this.redraw);
    byId('which').addEventListener('change', this.redraw);
    byId('list-tools').addEventListener('submit', (event) => event.preventDefault());
    byId('pause').addEventListener('click', () => this.setPaused(!this.paused));
  }

  fillRow(row, exchange) {
    cells.forEach(({ show }, place) => show(row.children[place], exchange));
    row.setAttribute('aria-selected', String(exchange.id === this.chosen));
  }

  setPaused(paused) {
    this.paused = paused;
    byId('pause').setAttribute('aria-pressed', String(paused));
    setText(byId('pause'), paused ? 'Resume' : 'Pause');
    this.redraw();
  }

  /** which: "all", "failed" or "live", as if chosen by hand. */
  setWhich(which) {
    byId('which').value = which;
    this.redraw();
  }

  setChosen(id) {
    this.chosen = id;
    this.list.active = id ?? this.list.active;
    this.redraw();
  }

  find(id) {
    return this.live.find((exchange) => exchange.id === id) ?? this.finished.find((exchange) => exchange.id === id) ?? null;
  }

  /** The newest exchange with this peer, or null. */
  findByPeer(peer) {
    const same = (exchange) => exchange.peer === peer;
    return this.finished.find(same) ?? this.live.find(same) ?? null;
  }

  /** One that ended. Many may come at once, so they are taken in together. */
  add(exchange) {
    this.fresh.push(exchange);
    if (this.fresh.length > REMEMBERED) {
      this.takeFresh();
    }
    this.redraw();
  }

  /** Puts those that ended in their place: newest first, by the time of their end. */
  takeFresh() {
    const fresh = this.fresh.filter(({ id }) => !this.known.has(id) && this.known.add(id));
    this.fresh = [];
    if (fresh.length === 0) {
      return;
    }
    this.finished.push(...fresh);
    this.finished.sort((a, b) => endOf(b) - endOf(a));
    for (const old of this.finished.splice(REMEMBERED)) {
      this.known.delete(old.id);
    }
    this.live = this.live.filter(({ id }) => !this.known.has(id));
  }

  /** More ended than the gateway tells one by one. */
  skip() {
    this.skippedAt = Date.now();
    this.redraw();
  }

  /** The state names what is in flight, the last that ended, and failures before these. */
  showState({ exchanges, finished, failed: older }) {
    this.fresh.push(...finished, ...older);
    this.takeFresh();
    this.live = exchanges.filter(({ id }) => !this.known.has(id)).map((exchange) => ({ ...exchange, live: true }));
    this.live.sort((a, b) => b.start - a.start);
    this.redraw();
  }

  /** A new process counts exchanges from 1 again. */
  restart() {
    this.finished = [];
    this.known.clear();
    this.live = [];
    this.fresh = [];
    this.frozen = null;
    this.redraw();
  }

  /** What is there to filter: what was there when the list was paused, or now. */
  all() {
    if (!this.paused) {
      this.frozen = null;
      return [...this.live, ...this.finished];
    }
    this.frozen ??= [...this.live, ...this.finished];
    return this.frozen;
  }

  draw() {
    if (byId('view-exchanges').hidden) {
      return;
    }
    this.takeFresh();
    const all = this.all();
    const which = byId('which').value;
    const words = byId('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = (exchange) =>
      (which === 'all' || (which === 'live' ? exchange.live : !exchange.live && failed(exchange))) &&
      (words.length === 0 || matches(searchable(exchange), words));
    const items = which === 'all' && words.length === 0 ? all : all.filter(wanted);
    this.list.setItems(items);
    this.showCount(items.length, all.length);
  }

  showCount(shown, all) {
    const parts = [shown === all ? plural(all, 'exchange') : `${count(shown)} of ${plural(all, 'exchange')}`];
    if (Date.now() - this.skippedAt < SKIPPED_MS) {
      parts.push('more end than can be told one by one: some are missing');
    }
    if (this.paused) {
      parts.push('paused: new ones wait');
    }
    setText(byId('list-count'), parts.join(' · '));
  }
}

function matches(text, words) {
  return words.every((word) => text.includes(word));
}
