// The table of commands: how often, how much, how fast. A new column is one entry in `columns`.

import { byId, drawing, element, setText, showNumber } from './dom.js';
import { bytes, count, duration, rate } from './format.js';
import { Table } from './table.js';

const RATE_SECONDS = 10;

// The latency bar's scale: logarithmic, from 1 µs to 10 s.
const SHORTEST = 1e-6;
const LONGEST = 10;
const WIDTH = 140; // in the drawing's own units; on the page it is as wide as its column
const marks = [[1e-6, '1 µs'], [1e-3, '1 ms'], [1, '1 s']];

function place(seconds) {
  const part = Math.log(Math.max(SHORTEST, seconds) / SHORTEST) / Math.log(LONGEST / SHORTEST);
  return Math.min(1, Math.max(0, part)) * WIDTH;
}

function makeBar() {
  const bar = (name) => drawing('rect', { class: name, y: name === 'lat-all' ? 6 : 3, height: name === 'lat-all' ? 4 : 10, rx: 2 });
  const ticks = [];
  for (let seconds = SHORTEST; seconds <= LONGEST * 1.01; seconds *= 10) {
    ticks.push(drawing('line', { class: 'lat-tick', x1: place(seconds), x2: place(seconds), y1: 0, y2: 16 }));
  }
  return drawing('svg', { class: 'latency', viewBox: `0 0 ${WIDTH} 16`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    ...ticks, bar('lat-all'), bar('lat-main'), drawing('line', { class: 'lat-median', y1: 1, y2: 15 }));
}

/** The scale's marks above the bars. */
function makeScale() {
  return element('span', { class: 'latency-scale', 'aria-hidden': 'true' }, ...marks.map(([seconds, text]) => {
    const mark = element('span', { text });
    mark.style.left = `${(place(seconds) / WIDTH) * 100}%`;
    return mark;
  }));
}

function stretch(rect, from, to) {
  rect.setAttribute('x', from);
  rect.setAttribute('width', Math.max(1.5, to - from));
}

/** A thin bar from the fastest to 99 %, a thick one from the median to 90 %, a line at the median. */
function showLatency(cell, { latency }) {
  const svg = cell.firstChild ?? cell.appendChild(makeBar());
  const seen = latency.count > 0;
  svg.classList.toggle('unused', !seen);
  cell.parentNode.classList.toggle('muted', !seen);
  if (!seen) {
    return;
  }
  const fastest = latency.buckets.length > 0 ? latency.buckets[0].from_seconds : latency.p50_seconds;
  stretch(svg.querySelector('.lat-all'), place(fastest), place(latency.p99_seconds));
  stretch(svg.querySelector('.lat-main'), place(latency.p50_seconds), place(latency.p90_seconds));
  const median = svg.querySelector('.lat-median');
  median.setAttribute('x1', place(latency.p50_seconds));
  median.setAttribute('x2', place(latency.p50_seconds));
}

const number = (title, field, format, hint) => ({
  title,
  hint,
  number: true,
  cell: (cell, { command }, name) => showNumber(cell, `commands.${name}.${field}`, command[field], format),
});

const time = (title, field, hint) => ({
  title,
  hint,
  number: true,
  cell: (cell, { command }, name) =>
    showNumber(cell, `commands.${name}.latency.${field}`, command.latency[field], duration),
});

const columns = (history) => [
  { title: 'Command', head: true, cell: (cell, row, name) => setText(cell, name) },
  {
    title: 'Per second',
    number: true,
    hint: `in the last ${RATE_SECONDS} seconds`,
    cell: (cell, row, name) =>
      setText(cell, rate(history.rate((digest) => digest.commands[name]?.runs ?? 0, RATE_SECONDS))),
  },
  number('Runs', 'runs', count, 'since the start'),
  {
    ...number('Errors', 'errors', count, 'answered with an application error'),
    cell: (cell, { command }, name) => {
      showNumber(cell, `commands.${name}.errors`, command.errors, count);
      cell.classList.toggle('bad', command.errors > 0);
    },
  },
  number('In', 'bytes_in', bytes, 'bytes of requests and their data'),
  number('Out', 'bytes_out', bytes, 'bytes of replies'),
  time('Median', 'p50_seconds', 'half of the runs took no longer'),
  time('90 %', 'p90_seconds', '90 of 100 took no longer'),
  time('99 %', 'p99_seconds', '99 of 100 took no longer'),
  {
    title: 'Distribution',
    wide: true,
    hint: 'logarithmic; a line at the median, thick up to 90 %, thin from the fastest to 99 %',
    makeHead: makeScale,
    cell: (cell, { command }) => showLatency(cell, command),
  },
];

/** Returns a function that shows a state: those that ran first, most runs first. */
export function makeCommands(history) {
  const table = new Table(byId('commands'), {
    caption: 'Every command of the protocol: runs, errors, bytes and time since the start',
    columns: columns(history),
  });
  return (state) => {
    const rows = Object.entries(state.commands).map(([name, command]) => [name, { command }]);
    rows.sort(([a, { command: one }], [b, { command: other }]) => other.runs - one.runs || (a < b ? -1 : 1));
    table.show(rows);
  };
}
