// The overview: verdict, tiles with charts, and how full the gateway is. A new tile is one entry in
// `tiles`, a new gauge one in `gauges`.

import { TimeChart } from './charts.js';
import { byId, element, setChildren, setText, showNumber } from './dom.js';
import { bytes, bytesPerSecond, count, duration, rate, span } from './format.js';
import { failures } from './history.js';
import { verdict } from './health.js';

const NOW = 5; // seconds that a rate is taken over

const counter = (name) => ({ totals }) => totals[name];

// figure: the large number, of the history. lines: what the chart draws. totals: numbers of /state.
const tiles = [
  {
    title: 'Requests',
    figure: (history) => `${rate(history.rate(counter('requests'), NOW))} /s`,
    format: rate,
    lines: [['requests per second', (history) => history.ratePoints(counter('requests'))],
      ['commands per second', (history) => history.ratePoints(counter('commands'))]],
    totals: [['requests', 'totals.requests', count], ['commands', 'totals.commands', count]],
  },
  {
    title: 'Time per command',
    figure: (history) => figureOf(history.latency(0.5, 60), duration),
    figureNote: 'median of a minute',
    format: duration,
    logarithmic: true,
    lines: [['99 % are faster than', (history) => history.latencyPoints(0.99)],
      ['median', (history) => history.latencyPoints(0.5)]],
    notes: [['99 %', (history) => figureOf(history.latency(0.99, 60), duration)]],
  },
  {
    title: 'Traffic',
    figure: (history) => bytesPerSecond(history.rate(counter('bytes_out'), NOW)),
    figureNote: 'out',
    format: bytesPerSecond,
    base: 1024,
    lines: [['out', (history) => history.ratePoints(counter('bytes_out'))],
      ['in', (history) => history.ratePoints(counter('bytes_in'))]],
    totals: [['in', 'totals.bytes_in', bytes], ['out', 'totals.bytes_out', bytes]],
  },
  {
    title: 'Failures',
    figure: (history) => `${rate(history.rate(failures, NOW))} /s`,
    format: rate,
    lines: [['failures per second', (history) => history.ratePoints(failures)]],
    totals: [['application errors', 'totals.command_errors', count],
      ['protocol errors', 'totals.protocol_errors', count], ['cut off', 'totals.aborted', count]],
  },
];

// used and most are paths into /state.
const gauges = [
  { title: 'In flight', used: 'exchanges.length', format: count },
  { title: 'Connections', used: 'connections', most: 'limits.max-connections.value', format: count },
  { title: 'Memory for exchanges', used: 'memory_bytes', most: 'memory.limit_bytes', format: bytes },
  { title: 'Workers busy', used: 'threads.workers_busy', most: 'threads.workers', format: count },
  { title: 'Waiting for a worker', used: 'worker_queue', most: 'limits.worker-queue.value', format: count },
  { title: 'Memory of the process', used: 'memory.resident_bytes', format: bytes },
];

function figureOf(value, format) {
  return value === null ? '–' : format(value);
}

/** The value at a path such as "totals.requests". */
export function valueAt(state, path) {
  return path.split('.').reduce((value, name) => value?.[name], state);
}

function makeTotal([label, key, format]) {
  const number = element('b', {});
  return { node: element('span', {}, number, ` ${label}`), show: (state) => showNumber(number, key, valueAt(state, key), format) };
}

function makeNote([label, text]) {
  const value = element('b', {});
  return { node: element('span', {}, `${label} `, value), show: (state, history) => setText(value, text(history)) };
}

function makeTile(tile, history) {
  const figure = element('p', { class: 'figure' });
  const facts = [...(tile.notes ?? []).map(makeNote), ...(tile.totals ?? []).map(makeTotal)];
  const chartBox = element('div', { class: 'chart' });
  const legend = element('p', { class: 'legend small' }, ...tile.lines.map(([label], place) =>
    element('span', { class: `series-${place + 1}` }, label)));
  const node = element('article', { class: 'panel tile' },
    element('h3', { text: tile.title }),
    element('div', { class: 'figures' }, figure, element('p', { class: 'muted small', text: tile.figureNote ?? 'now' })),
    chartBox, legend,
    element('p', { class: 'totals small' }, ...facts.map((fact) => fact.node)));
  byId('tiles').append(node);
  const chart = new TimeChart(chartBox, {
    label: `${tile.title}, up to ${span(history.seconds)}: ${tile.lines.map(([label]) => label).join(', ')}`,
    series: tile.lines.map(([label]) => label),
    format: tile.format,
    base: tile.base ?? 10,
    logarithmic: tile.logarithmic ?? false,
    seconds: history.seconds,
  });
  return (state) => {
    setText(figure, tile.figure(history));
    chart.show(tile.lines.map(([, points]) => points(history)));
    facts.forEach((fact) => fact.show(state, history));
  };
}

function makeGauge({ title, used, most, format }) {
  const number = element('b', {});
  const bound = element('span', { class: 'muted' });
  const fill = element('span', { class: 'bar-fill' });
  const bar = most ? element('span', { class: 'bar', 'aria-hidden': 'true' }, fill) : null;
  const node = element('p', { class: 'gauge' }, element('span', { class: 'muted', text: title }),
    element('span', {}, number, most ? ' of ' : null, most ? bound : null), bar);
  byId('gauges').append(node);
  return (state) => {
    const value = valueAt(state, used);
    showNumber(number, used, value, format);
    if (most) {
      const ceiling = valueAt(state, most);
      showNumber(bound, most, ceiling, format);
      const part = ceiling > 0 ? Math.min(1, value / ceiling) : 0;
      fill.style.width = `${part * 100}%`;
      fill.dataset.level = part >= 0.8 ? 'warn' : 'good';
    }
  };
}

function showVerdict(state, history) {
  const { level, word, sentence, reasons } = verdict(state, history);
  byId('verdict').dataset.level = level;
  byId('health-pill').dataset.level = level;
  setText(byId('health-word'), word);
  setText(byId('title-verdict'), sentence);
  showReasons(reasons);
}

/** Changes the list only where the reasons did, so that a link in it keeps the focus. */
function showReasons(reasons) {
  const texts = reasons.map(({ text }) => text).join('\n');
  const list = byId('reasons');
  if (list.dataset.texts !== texts) {
    list.dataset.texts = texts;
    setChildren(list, reasons.map(({ text, link, level }) => element('li', { 'data-level': level },
      text, link ? ' – ' : null, link ? element('a', { href: link, text: 'show failed exchanges' }) : null)));
  }
}

/** What was true last is not known to be true now. */
export function showNoConnection() {
  byId('verdict').dataset.level = 'bad';
  byId('health-pill').dataset.level = 'bad';
  setText(byId('health-word'), 'No connection');
  setText(byId('title-verdict'), 'The gateway does not answer. All numbers are from before.');
  showReasons([]);
}

/** Returns a function that shows a state. */
export function makeOverview(history) {
  const parts = [...tiles.map((tile) => makeTile(tile, history)), ...gauges.map(makeGauge)];
  return (state) => {
    showVerdict(state, history);
    parts.forEach((show) => show(state));
  };
}
