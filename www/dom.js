// Making and changing elements. All text goes in as text: nothing here, and nothing that uses it,
// parses markup, so what a peer sent can only be read, never run.

const SVG = 'http://www.w3.org/2000/svg';

function setAttribute(node, name, value) {
  if (value === undefined || value === null || value === false) {
    return;
  }
  if (name === 'text') {
    node.textContent = value;
  } else if (name.startsWith('on')) {
    node.addEventListener(name.slice(2), value);
  } else {
    node.setAttribute(name, value === true ? '' : value);
  }
}

/** An element with attributes (`text` and `onclick` etc. as one expects) and children, nodes or strings. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    setAttribute(node, key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** The same for a drawing. */
export function drawing(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    setAttribute(node, key, value);
  }
  node.append(...children);
  return node;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Changes the text only where it differs, so that a selection and a screen reader's place stay. */
export function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

/**
 * Shows a number of the server's. The element says which (`data-key`, a path into the answer) and
 * exactly how much (`data-value`); the text may be rounded for the eye.
 */
export function showNumber(node, key, value, format) {
  const exact = value === null || value === undefined ? '' : String(value);
  if (node.dataset.key !== key) {
    node.dataset.key = key;
  }
  if (node.dataset.value !== exact) {
    node.dataset.value = exact;
  }
  const text = exact === '' ? '–' : format(value);
  setText(node, text);
  const digits = text.replace(/[^0-9]/g, '');
  const title = exact !== '' && digits !== exact ? exact : '';
  if (node.title !== title) {
    node.title = title;
  }
}

/** Makes the children of node be exactly these, moving as little as possible. */
export function setChildren(node, children) {
  let at = node.firstChild;
  for (const child of children) {
    if (child === at) {
      at = at.nextSibling;
    } else {
      node.insertBefore(child, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** Calls work once before the next picture, however often it is asked for. */
export function oncePerPicture(work) {
  let asked = false;
  return () => {
    if (!asked) {
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        work();
      });
    }
  };
}
