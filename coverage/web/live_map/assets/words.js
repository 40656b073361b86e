/* Elements and numbers as people read them. Text of a region, a site or a person only ever goes through textContent. */

export function node(tag, attributes, children) {
  const element = document.createElement(tag);
  Object.entries(attributes || {}).forEach(([name, value]) => {
    if (value === null || value === undefined || value === false) return;
    if (name === 'text') element.textContent = value;
    else if (name === 'class') element.className = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  });
  (children || []).forEach((child) => { if (child) element.appendChild(child); });
  return element;
}

export function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export function known(value) { return value !== null && value !== undefined; }

/* Sentences and number formats of one language. */
export function speaker(texts, lang) {
  const locale = lang === 'en' ? 'en-GB' : 'ja-JP';
  const formats = {};
  function format(value, decimals) {
    if (!formats[decimals]) {
      formats[decimals] = new Intl.NumberFormat(locale, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    }
    /* No minus before a value that rounds to nothing. */
    const rounded = Math.abs(value) < 0.5 * 10 ** -decimals ? 0 : value;
    return formats[decimals].format(rounded).replace('-', '−');
  }
  function say(name, values) {
    const sentence = texts[name];
    if (sentence === undefined) throw new Error(`no sentence ${name}`);
    return values ? fill(sentence, values) : sentence;
  }
  return {
    lang,
    say,
    has: (name) => texts[name] !== undefined,
    whole: (value) => (known(value) ? format(Math.round(value), 0) : '—'),
    number: (value, decimals) => (known(value) ? format(value, decimals) : '—'),
    people: (value) => (known(value) ? say('unit.people', { n: format(Math.round(value), 0) }) : '—'),
    dbm: (value) => (known(value) ? `${format(value, 1)} dBm` : '—'),
    /* Never round an incomplete coverage up to 100 %. */
    percent: (share) => {
      if (!known(share)) return '—';
      const hundredths = share >= 1 ? 10000 : Math.min(9999, Math.round(share * 10000));
      return `${(hundredths / 100).toFixed(2)} %`;
    },
    both: (sentences) => sentences[lang === 'en' ? 'en' : 'ja'],
  };
}

/* A two-column table of facts; rows without a value are left out. A value is text or an element. */
export function facts(rows) {
  const table = node('table', { class: 'facts' });
  rows.forEach((row) => {
    if (!row || !known(row[1]) || row[1] === '') return;
    const cell = node('td', typeof row[1] === 'string' ? { text: row[1] } : {}, typeof row[1] === 'string' ? [] : [row[1]]);
    table.appendChild(node('tr', {}, [node('th', { scope: 'row', text: row[0] }), cell]));
  });
  return table;
}

/* A table with headings; a cell is text or an element. numbers: indices of columns that hold numbers. */
export function sheet(caption, headings, rows, numbers) {
  const isNumber = new Set(numbers || []);
  const cell = (tag, value, i) => node(tag, {
    class: isNumber.has(i) ? 'n' : '',
    scope: tag === 'th' ? 'col' : null,
    text: typeof value === 'string' ? value : null,
  }, typeof value === 'string' ? [] : [value]);
  return node('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption }, [
    node('table', { class: 'sheet' }, [
      node('caption', { text: caption }),
      node('thead', {}, [node('tr', {}, headings.map((h, i) => cell('th', h, i)))]),
      node('tbody', {}, rows.map((row) => node('tr', {}, row.map((v, i) => cell('td', v, i))))),
    ]),
  ]);
}

export async function fetchJson(address, options) {
  const answer = await fetch(address, { credentials: 'same-origin', ...(options || {}) });
  const body = await answer.json();
  if (!answer.ok) {
    const error = new Error(body.error ? body.error.code : String(answer.status));
    error.told = body.error || null;
    throw error;
  }
  return body;
}
