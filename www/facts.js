// Cards of facts beside the numbers: repository, answers and frames, process, configuration, and
// the line at the top. A new fact is one entry in a list.

import { byId, element, setChildren, setText, showNumber } from './dom.js';
import { bytes, count, dateTime, duration, span } from './format.js';
import { valueAt } from './overview.js';
import { Table } from './table.js';

const number = (title, key, format = count) => ({ title, show: (node, state) => showNumber(node, key, valueAt(state, key), format) });
const text = (title, of, attributes) => ({ title, attributes, show: (node, state) => setText(node, of(state)) });

const repository = [
  text('Path', ({ repository: { path } }) => path, { class: 'mono' }),
  text('Tip', ({ repository: { tip } }) => (tip ? `${tip.rev}:${tip.node}` : 'none: it is empty'), { class: 'mono' }),
  number('Changesets', 'repository.changesets'),
  number('Heads', 'repository.heads'),
  number('Read', 'repository.age_seconds', (age) => `${span(age)} ago`),
  number('Times read', 'repository.reads'),
  number('Last reading took', 'repository.read_last_seconds', duration),
  number('Slowest', 'repository.read_max_seconds', duration),
  text('Files', ({ repository: { error } }) => error ?? 'can be read'),
  text('Damaged', ({ repository: { damaged } }) => damaged.map(({ file, reason }) => file ?? reason).join(', ') || 'nothing known'),
  text('Requirements', (state) => state.repository.requirements.join(', ')),
];

const bundles = [
  number('Kept', 'bundles.entries'),
  number('Size of these', 'bundles.bytes', bytes),
  number('Most allowed', 'bundles.limit_bytes', (limit) => (limit > 0 ? bytes(limit) : 'none are kept')),
  number('Requests served', 'bundles.hits'),
  number('while being made', 'bundles.shared'),
  number('that had to make one', 'bundles.misses'),
  number('Being made now', 'bundles.making'),
  number('Dropped for room', 'bundles.evictions'),
  number('Could not be kept', 'bundles.failures'),
  number('Found damaged', 'bundles.damaged'),
  number('Oldest', 'bundles.oldest_seconds', (age) => (age > 0 ? `${span(age)} old` : '–')),
];

const process = [
  text('Version', (state) => state.version),
  number('Up for', 'uptime_seconds', span),
  text('Started', (state) => dateTime(state.time - state.uptime_seconds)),
  text('Listeners', ({ listeners }) =>
    listeners.map(({ name, address, tls }) => `${name} ${tls ? 'https' : 'http'}://${address}`).join('\n'), { class: 'lines' }),
  number('Threads', 'threads.process'),
  number('of these, serving', 'threads.serving'),
  number('Processor time', 'cpu_seconds', duration),
  number('Disk of pushes on their way', 'push_disk_bytes', bytes),
  number('Log lines lost', 'totals.log_lines_lost'),
  number('Most memory ever', 'memory.resident_max_bytes', bytes),
  text('Build', ({ build }) => [build.type, build.compiler, build.sanitizers].filter(Boolean).join(', ')),
  text('Libraries', ({ build }) => Object.entries(build.libraries).map(([name, version]) => `${name} ${version}`).join(', ')),
];

function makeFacts(box, facts) {
  const shown = facts.map(({ title, attributes, show }) => {
    const value = element('dd', attributes);
    box.append(element('div', {}, element('dt', { text: title }), value));
    return (state) => show(value, state);
  });
  return (state) => shown.forEach((show) => show(state));
}

function configured(value) {
  return value === null ? '–' : Array.isArray(value) ? value.join(', ') || 'none' : String(value);
}

/** Options do not change while the program runs, so they are shown once for each start. */
function showConfiguration({ configuration }) {
  const box = byId('configuration');
  const known = JSON.stringify(configuration);
  if (box.dataset.known !== known) {
    box.dataset.known = known;
    setChildren(box, Object.entries(configuration).map(([name, value]) =>
      element('div', {}, element('dt', { text: name }), element('dd', { class: 'mono', text: configured(value) }))));
  }
}

function makeCounts(caption, first, titles, keys) {
  const node = element('table');
  byId('answers').append(node);
  const table = new Table(node, {
    caption,
    columns: [
      { title: first, head: true, cell: (cell, row, name) => setText(cell, name) },
      ...keys.map((key, place) => ({
        title: titles[place],
        number: true,
        cell: (cell, { totals }, name) => showNumber(cell, `totals.${key}.${name}`, totals[key][name] ?? null, count),
      })),
    ],
  });
  return ({ totals }) => {
    const names = [...new Set(keys.flatMap((key) => Object.keys(totals[key])))].sort();
    node.hidden = names.length === 0;
    table.show(names.map((name) => [name, { totals }]));
  };
}

function showTop(state) {
  const address = state.listeners.find(({ name }) => name === 'public')?.address ?? '';
  setText(byId('facts'), `${state.version} · up ${span(state.uptime_seconds)} · serving ${address}`);
}

export function makeCards() {
  const parts = [
    makeFacts(byId('repository'), repository),
    makeFacts(byId('bundles'), bundles),
    makeFacts(byId('process'), process),
    makeCounts('Answers that were sent, by HTTP status', 'Status', ['Answers'], ['status']),
    makeCounts('Requests without an answer that was sent whole', 'Why', ['Requests'], ['aborted_by']),
    makeCounts('Frames by type', 'Frame type', ['In', 'Out'], ['frames_in_by_type', 'frames_out_by_type']),
    showConfiguration,
    showTop,
  ];
  return (state) => parts.forEach((show) => show(state));
}
