// The limits: those that were reached, most often first, and the others behind a fold.

import { byId, element, setText, showNumber } from './dom.js';
import { count } from './format.js';
import { Table } from './table.js';

const RECENT_SECONDS = 300;

const columns = (history) => [
  { title: 'Limit', head: true, cell: (cell, row, name) => setText(cell, name) },
  { title: 'Value', number: true, cell: (cell, { limit }, name) => showNumber(cell, `limits.${name}.value`, limit.value, count) },
  {
    title: 'Reached',
    number: true,
    hint: 'since the start; – where it is not counted',
    cell: (cell, { limit }, name) => showNumber(cell, `limits.${name}.hits`, limit.hits, count),
  },
  {
    title: 'Last 5 min',
    number: true,
    cell: (cell, { limit }, name) => {
      const hits = history.growth((digest) => digest.limits_hit[name] ?? 0, RECENT_SECONDS);
      setText(cell, limit.hits === null ? '–' : count(hits));
      cell.classList.toggle('bad', hits > 0);
    },
  },
];

export function makeLimits(history) {
  const none = element('p', { class: 'muted', text: 'No limit was reached since the start.' });
  const make = (caption) => {
    const node = element('table');
    return { node, table: new Table(node, { caption, columns: columns(history) }) };
  };
  const reached = make('Limits that were reached');
  const others = make('Limits that were not reached, or where that is not counted');
  const summary = element('summary');
  byId('limits').append(none, reached.node, element('details', {}, summary, others.node));
  return ({ limits }) => {
    const all = Object.entries(limits).map(([name, limit]) => [name, { limit }]);
    const hit = all.filter(([, { limit }]) => limit.hits > 0);
    hit.sort(([, a], [, b]) => b.limit.hits - a.limit.hits);
    none.hidden = hit.length > 0;
    reached.node.hidden = hit.length === 0;
    reached.table.show(hit);
    others.table.show(all.filter(([, { limit }]) => !(limit.hits > 0)));
    setText(summary, `${all.length - hit.length} limits that were not reached`);
  };
}
