// A list of any length of which only the rows in sight are elements. Owns the scrolling box, the
// rows' places and the keyboard; what a row shows is the caller's.
//
// To a screen reader it is a table of all rows (aria-rowcount, aria-rowindex), of which one at a
// time can be reached by Tab, and the others from there by the arrow keys.

import { element } from './dom.js';

const MARGIN = 6; // rows beyond the edges, so that a quick scroll does not show gaps

export class VirtualList {
  /**
   * box: the scrolling element, with role="grid". makeRow() returns a new row element;
   * fillRow(row, item) shows an item in it; keyOf(item) is its identity; onOpen(item) is called for
   * a click and for Enter.
   */
  constructor(box, { makeRow, fillRow, keyOf, onOpen }) {
    Object.assign(this, { box, makeRow, fillRow, keyOf, onOpen });
    this.items = [];
    this.active = null; // the key that Tab reaches
    this.rows = [];
    this.space = element('div', { class: 'list-space', role: 'rowgroup' });
    box.append(this.space);
    box.addEventListener('scroll', () => this.draw(), { passive: true });
    new ResizeObserver(() => this.measure()).observe(box);
    this.space.addEventListener('keydown', (event) => this.onKey(event));
    this.space.addEventListener('click', (event) => this.onClick(event));
    this.measure();
  }

  measure() {
    const height = parseFloat(getComputedStyle(this.box).getPropertyValue('--row-height')) || 36;
    this.rowHeight = height;
    this.draw();
  }

  /** New items; the reader's place is kept if rows came in above it. */
  setItems(items) {
    const { scrollTop } = this.box;
    if (scrollTop > 0 && this.items.length > 0) {
      const topIndex = Math.floor(scrollTop / this.rowHeight);
      const key = this.keyOf(this.items[Math.min(topIndex, this.items.length - 1)]);
      const place = items.findIndex((item) => this.keyOf(item) === key);
      this.items = items;
      this.resize();
      if (place >= 0 && place !== topIndex) {
        this.box.scrollTop = scrollTop + (place - topIndex) * this.rowHeight;
      }
    } else {
      this.items = items;
      this.resize();
    }
    this.draw();
  }

  resize() {
    this.space.style.height = `${this.items.length * this.rowHeight}px`;
    this.box.setAttribute('aria-rowcount', String(this.items.length + 1));
  }

  draw() {
    const firstRow = Math.max(0, Math.floor(this.box.scrollTop / this.rowHeight) - MARGIN);
    const seen = Math.ceil(this.box.clientHeight / this.rowHeight) + 2 * MARGIN;
    const last = Math.min(this.items.length, firstRow + seen);
    const focused = this.rows.find((row) => row === document.activeElement);
    const focusedKey = focused ? focused.key : null;
    const tabbable = this.tabbable(firstRow, last);
    const free = this.sortRows(firstRow, last);
    for (let place = firstRow; place < last; place++) {
      const item = this.items[place];
      const key = this.keyOf(item);
      let row = this.byKey.get(key);
      if (!row) {
        row = free.pop() ?? this.addRow();
        row.key = key;
      }
      this.placeRow(row, place, item, key === tabbable);
    }
    for (const row of free) {
      row.hidden = true;
      row.key = undefined;
    }
    if (focusedKey !== null && focused.key !== focusedKey) {
      this.box.focus({ preventScroll: true });
    }
  }

  /** Keeps the rows of items that stay in sight; returns those that can be used for others. */
  sortRows(firstRow, last) {
    const keys = new Set();
    for (let place = firstRow; place < last; place++) {
      keys.add(this.keyOf(this.items[place]));
    }
    this.byKey = new Map();
    const free = [];
    for (const row of this.rows) {
      if (keys.has(row.key)) {
        this.byKey.set(row.key, row);
      } else {
        free.push(row);
      }
    }
    return free;
  }

  tabbable(firstRow, last) {
    for (let place = firstRow; place < last; place++) {
      if (this.keyOf(this.items[place]) === this.active) {
        return this.active;
      }
    }
    const top = Math.min(Math.ceil(this.box.scrollTop / this.rowHeight), this.items.length - 1);
    return top >= 0 ? this.keyOf(this.items[top]) : null;
  }

  addRow() {
    const row = this.makeRow();
    this.rows.push(row);
    this.space.append(row);
    return row;
  }

  placeRow(row, place, item, tabbable) {
    row.hidden = false;
    row.style.transform = `translateY(${place * this.rowHeight}px)`;
    row.setAttribute('aria-rowindex', String(place + 2));
    row.tabIndex = tabbable ? 0 : -1;
    this.fillRow(row, item);
  }

  indexOf(key) {
    return this.items.findIndex((item) => this.keyOf(item) === key);
  }

  /** Moves the keyboard's place to an item, which comes into sight. */
  focusItem(index) {
    const item = this.items[index];
    if (!item) {
      return;
    }
    this.active = this.keyOf(item);
    const top = index * this.rowHeight;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop) {
      this.box.scrollTop = top;
    } else if (top + this.rowHeight > scrollTop + clientHeight - this.space.offsetTop) {
      this.box.scrollTop = top + this.rowHeight - clientHeight + this.space.offsetTop;
    }
    this.draw();
    this.rows.find((row) => row.key === this.active)?.focus({ preventScroll: true });
  }

  onKey(event) {
    const row = event.target.closest('[role=row]');
    const index = row ? this.indexOf(row.key) : -1;
    const page = Math.max(1, Math.floor(this.box.clientHeight / this.rowHeight) - 1);
    const moves = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      PageDown: index + page,
      PageUp: index - page,
      Home: 0,
      End: this.items.length - 1,
    };
    if (index < 0 || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      this.open(row.key);
    } else if (event.key in moves) {
      event.preventDefault();
      this.focusItem(Math.max(0, Math.min(this.items.length - 1, moves[event.key])));
    }
  }

  onClick(event) {
    const row = event.target.closest('[role=row]');
    if (row) {
      this.open(row.key);
    }
  }

  open(key) {
    this.active = key;
    const item = this.items[this.indexOf(key)];
    if (item) {
      this.onOpen(item);
    }
  }
}
