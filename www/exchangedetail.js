// One exchange: what was asked, how it ended, and its frames with what the reactor made of them.
// Follows it while it is in flight.

import { getJson } from './api.js';
import { byId, element, setText } from './dom.js';
import { bytes, count, dateTime, duration } from './format.js';
import { isClassic, outcome } from './exchangelist.js';
import { FrameTable } from './frametable.js';

const FOLLOW_MS = 1000;

const facts = [
  ['Peer', ({ peer }) => peer],
  ['Start', ({ start }) => dateTime(start)],
  ['Took', (exchange) => duration((exchange.microseconds ?? exchange.age_microseconds) / 1e6)],
  ['Commands', describeCommands],
  ['Frames', (exchange) => `${count(exchange.frames_in)} in, ${count(exchange.frames_out)} out`],
  ['Bytes', (exchange) => `${bytes(exchange.bytes_in)} in, ${bytes(exchange.bytes_out)} out`],
  ['Body', ({ live, body_size: size }) => (live ? `${bytes(size)} announced` : null)],
  ['Waits for', ({ waits_for: what }) => what ?? null],
  ['Reactor', ({ reactor }) => (reactor ? describeReactor(reactor) : null), 'whole'],
];

function describeCommands({ commands, commands_count: number, command_errors: errors }) {
  if (number === 0) {
    return 'none ran';
  }
  const failed = errors > 0 ? `, ${count(errors)} answered with an error` : '';
  return `${commands} (${count(number)}${failed})`;
}

function describeReactor({ state, receiving, active, active_count: running, streams, buffered_bytes: held }) {
  const parts = [state];
  for (const { requestid, request_bytes: size, data_bytes: data, requestdone, expectingdata } of receiving) {
    const flags = [requestdone ? 'complete' : 'more to come', expectingdata ? 'expects data' : null].filter(Boolean).join(', ');
    parts.push(`receives request ${requestid}: ${bytes(size)}${data > 0 ? ` and ${bytes(data)} of data` : ''} (${flags})`);
  }
  if (running > 0) {
    parts.push(`active: ${active.join(', ')}${running > active.length ? ' …' : ''}`);
  }
  if (streams.length > 0) {
    parts.push(`open streams: ${streams.join(', ')}`);
  }
  if (held > 0) {
    parts.push(`${bytes(held)} held`);
  }
  return parts.join('\n');
}

export class ExchangeDetail {
  /** known(id) returns what the list knows of an exchange, or null. */
  constructor({ known }) {
    this.known = known;
    this.box = byId('detail');
    this.id = null;
    this.showNothing();
  }

  showNothing() {
    this.box.replaceChildren(element('p', { class: 'muted empty', text: 'Choose an exchange to see its frames.' }));
  }

  /** Shows exchange id; null for none. */
  async open(id) {
    if (id === this.id) {
      return;
    }
    this.id = id;
    this.table = null;
    clearTimeout(this.timer);
    if (id === null) {
      this.showNothing();
    } else {
      this.box.replaceChildren(element('p', { class: 'muted', text: 'Asking for it …' }));
      await this.load(true);
    }
  }

  async load(first) {
    const { id } = this;
    try {
      const answer = await getJson(`state/exchanges/${encodeURIComponent(id)}`);
      if (id === this.id) {
        this.show(answer, first);
      }
    } catch (error) {
      if (id === this.id) {
        this.showMissing(error);
      }
    }
  }

  showMissing(error) {
    const known = this.known(this.id);
    const why = error.status === 404 ? 'Its frames are no longer remembered: the gateway keeps those of the last exchanges only.' : `Its frames cannot be shown: ${error.message}`;
    this.box.replaceChildren(...(known ? this.head(known) : [this.back()]), element('p', { text: why }));
  }

  back() {
    return element('p', { class: 'back' }, element('a', { href: '#exchanges', text: '← All exchanges' }));
  }

  head(exchange) {
    const { text, level } = outcome(exchange);
    const list = element('dl', { class: 'inline' });
    for (const [title, of, width] of facts) {
      const value = of(exchange);
      if (value !== null) {
        list.append(element('div', { class: width }, element('dt', { text: title }), element('dd', { class: 'lines', text: value })));
      }
    }
    const parts = [
      this.back(),
      element('h3', { tabindex: '-1', id: 'title-detail' },
        element('span', { class: 'outcome', 'data-level': level, text }), ` Exchange ${exchange.id}`),
      element('p', { class: 'mono target', text: `${exchange.method} ${exchange.target}` }),
    ];
    if (exchange.message) {
      parts.push(element('p', { class: 'wrong-box' }, element('b', { text: 'What went wrong: ' }), element('span', { class: 'message', text: exchange.message })));
    }
    return [...parts, list];
  }

  show({ live, exchange, finished, log }, first) {
    const what = live ? { ...exchange, live: true } : finished;
    if (!this.table) {
      this.headBox = element('div');
      this.note = element('p', { class: 'muted small' });
      const tableBox = element('div');
      this.jump = element('button', { type: 'button', text: 'Show where it went wrong', onclick: () => this.table.showFailure() });
      this.box.replaceChildren(this.headBox, this.jump, this.note, tableBox);
      this.tableBox = tableBox;
      this.table = new FrameTable(tableBox, { log: true, caption: `Frames of exchange ${what.id}, in order` });
    }
    if (first || live || this.wasLive) {
      this.headBox.replaceChildren(...this.head(what));
    }
    this.wasLive = live;
    this.table.show(log.entries);
    this.tableBox.hidden = log.entries.length === 0;
    this.jump.hidden = this.table.findFailure() < 0;
    setText(this.note, describeLog(log, what));
    if (first) {
      byId('title-detail').focus({ preventScroll: true });
    }
    if (live) {
      this.timer = setTimeout(() => this.load(false), FOLLOW_MS);
    }
  }
}

function describeLog({ entries, entries_count: all, bytes_max: bound, payload_max: payload }, { live, target, method }) {
  if (entries.length === 0 && isClassic(target)) {
    return 'A request of the classic transport (?cmd=…) has no frames: its arguments are in the target, header fields and body.';
  }
  if (bound === 0) {
    return 'There is no log of frames: --frame-log is 0.';
  }
  if (entries.length === 0) {
    return live && method === 'POST' ? 'No frames yet.' : 'It had no frames.';
  }
  const dropped = all > entries.length ? `${count(entries.length)} of ${count(all)} entries, as many as --frame-log (${bytes(bound)}) keeps. ` : '';
  return `${dropped}Payloads are kept up to ${bytes(payload)}. Choose one for its tree and bytes.`;
}
