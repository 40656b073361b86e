/* One field for a place in any form: a list of answers that the arrow keys walk. Answers come from the server. */
import { fetchJson, node } from './words.js';

const WAIT_MS = 180;
let serial = 0;

/* chosen(item): an answer was taken. */
export function search(base, query, words, chosen) {
  const own = `live-search-${serial += 1}`;
  let items = [];
  let active = -1;
  let waiting = null;
  let asked = 0;
  const list = node('ul', { role: 'listbox', id: `${own}-list`, class: 'results', 'aria-label': words.say('search.results') });
  list.hidden = true;
  const status = node('p', { class: 'search-status', role: 'status' });
  const field = node('input', {
    type: 'search', id: own, role: 'combobox', 'aria-expanded': 'false', 'aria-controls': `${own}-list`, 'aria-autocomplete': 'list',
    autocomplete: 'off', spellcheck: 'false', maxlength: '80', placeholder: words.say('search.placeholder'),
    oninput: () => { clearTimeout(waiting); waiting = setTimeout(ask, WAIT_MS); },
    onkeydown: keys,
  });

  function keys(event) {
    if (event.isComposing) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (!items.length) return;
      event.preventDefault();
      mark((active + (event.key === 'ArrowDown' ? 1 : -1) + items.length) % items.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      clearTimeout(waiting);
      if (items.length && !list.hidden) take(Math.max(0, active));
      else ask();
    } else if (event.key === 'Escape') {
      close();
    }
  }

  function mark(index) {
    active = index;
    [...list.children].forEach((option, i) => {
      option.setAttribute('aria-selected', i === index ? 'true' : 'false');
      if (i === index) option.scrollIntoView({ block: 'nearest' });
    });
    field.setAttribute('aria-activedescendant', index >= 0 ? `${own}-${index}` : '');
  }

  function close() {
    list.hidden = true;
    field.setAttribute('aria-expanded', 'false');
    mark(-1);
  }

  function take(index) {
    const item = items[index];
    close();
    status.classList.remove('listed');
    status.textContent = item.question ? words.both(item.question) : '';
    chosen(item);
  }

  async function ask() {
    const text = field.value.trim();
    asked += 1;
    const mine = asked;
    if (!text) { items = []; list.textContent = ''; status.textContent = ''; close(); return; }
    let found;
    try {
      found = await fetchJson(`${base}/search.json?${new URLSearchParams({ q: text, ...query })}`);
    } catch {
      if (mine !== asked) return;
      status.classList.remove('listed');
      status.textContent = words.say('search.failed');
      return;
    }
    if (mine !== asked) return;
    items = found.results;
    list.textContent = '';
    items.forEach((item, i) => {
      const option = node('li', { role: 'option', id: `${own}-${i}`, 'aria-selected': 'false', onmousedown: (event) => { event.preventDefault(); take(i); } }, [
        node('span', { class: 'kind', text: words.say(`search.kind_${item.kind}`) }),
        node('span', { class: 'name', text: item.name }),
        node('span', { class: 'more', text: item.question ? words.both(item.question) : item.more }),
      ]);
      list.appendChild(option);
    });
    list.hidden = !items.length;
    field.setAttribute('aria-expanded', items.length ? 'true' : 'false');
    mark(items.length ? 0 : -1);
    const told = found.hint ? words.both(found.hint) : '';
    /* A list says itself how long it is: its number is for screen readers. What goes wrong stands whole above the map. */
    status.classList.toggle('listed', items.length > 0);
    status.textContent = items.length ? words.say('search.found', { n: String(found.total) }) : (told || words.say('search.nothing'));
  }

  field.addEventListener('blur', () => setTimeout(() => { list.hidden = true; field.setAttribute('aria-expanded', 'false'); }, 120));
  return node('div', { class: 'search', role: 'search' }, [
    node('label', { for: own, text: words.say('search.label') }), node('div', { class: 'field' }, [field, list]), status,
  ]);
}
