// Which view is shown. The address says it (#overview, #exchanges, #exchanges/17, …), so the
// browser's back button, bookmarks and links work. Owns the `hidden` of the views and the
// navigation's mark; a view is a <section class="view" id="view-NAME"> in index.html.

const first = 'overview';

function parse() {
  const [name, argument] = decodeURIComponent(location.hash.slice(1)).split('/');
  const known = document.getElementById(`view-${name}`) !== null;
  return { name: known ? name : first, argument: known ? argument : undefined };
}

/** Calls onView({ name, argument }) now and at each change. */
export function startRouter(onView) {
  let current = null;
  const show = () => {
    const view = parse();
    for (const section of document.querySelectorAll('.view')) {
      section.hidden = section.id !== `view-${view.name}`;
    }
    for (const link of document.querySelectorAll('nav a')) {
      if (link.hash === `#${view.name}`) {
        link.setAttribute('aria-current', 'page');
      } else {
        link.removeAttribute('aria-current');
      }
    }
    const section = document.getElementById(`view-${view.name}`);
    const title = section.querySelector('h2').textContent;
    document.title = `${title} – framegate`;
    onView(view);
    if (current !== null && current !== view.name) {
      window.scrollTo(0, 0);
      section.querySelector('h2').focus({ preventScroll: true });
    }
    current = view.name;
  };
  window.addEventListener('hashchange', show);
  show();
}
