// Tables whose columns are a list: { title, cell(td, row, key), number: true if its cells are numbers,
// head: true if they name the row, wide: true for what is left of the width, makeHead() for something
// beside the title }.
// Rows are kept by key, so that an update changes text and nothing else.

import { element, setChildren } from './dom.js';

export class Table {
  constructor(node, { caption, columns }) {
    this.columns = columns;
    this.rows = new Map();
    this.body = element('tbody');
    const heads = columns.map(({ title, number, wide, hint, makeHead }) =>
      element('th', { scope: 'col', class: number ? 'number' : wide ? 'wide-cell' : null, title: hint },
        element('span', { class: makeHead ? 'unseen' : null, text: title }), makeHead?.()));
    node.append(element('caption', { class: 'unseen', text: caption }),
      element('thead', {}, element('tr', {}, ...heads)), this.body);
  }

  makeRow() {
    return element('tr', {}, ...this.columns.map(({ number, head, wide }) =>
      element(head ? 'th' : 'td', { scope: head ? 'row' : null, class: number ? 'number' : wide ? 'wide-cell' : null })));
  }

  /** items: [key, row] in the order to show. */
  show(items) {
    const rows = new Map();
    for (const [key, item] of items) {
      const row = this.rows.get(key) ?? this.makeRow();
      rows.set(key, row);
      this.columns.forEach(({ cell }, place) => cell(row.cells[place], item, key));
    }
    this.rows = rows;
    setChildren(this.body, rows.values());
  }
}
