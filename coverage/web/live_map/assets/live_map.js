/* The live map of the page: puts map, search, panel, years and section together inside Streamlit's component.
   Streamlit calls mount() again after every rerun; a rerun with the same data changes nothing here. */
import { mapView, linked } from './map_view.js';
import { controls, legend, timeline } from './controls.js';
import { askPoint, challengeBlock, placeBlock, pointBlock, siteBlock, signalWords } from './point_panel.js';
import { search } from './search.js';
import { sectionBlock } from './section_chart.js';
import { fetchJson, known, node, speaker } from './words.js';

const held = new WeakMap();

export async function mount(component) {
  const place = component.parentElement;
  let live = held.get(place);
  if (!live) {
    live = { turn: 0, shown: '', close: null };
    held.set(place, live);
  }
  live.turn += 1;
  const turn = live.turn;
  const wanted = JSON.stringify(component.data);
  if (live.shown !== wanted) {
    live.shown = wanted;
    if (live.close) { live.close(); live.close = null; }
    const made = await build(place, component.data, () => turn === live.turn || live.shown === wanted);
    if (live.shown === wanted) live.close = made;
    else made();
  }
  return () => {
    /* A later mount of the same place owns it by now. */
    if (turn !== live.turn) return;
    live.shown = '';
    if (live.close) { live.close(); live.close = null; }
  };
}

function styles(place) {
  if (place.querySelector('link[data-live]')) return Promise.resolve();
  return Promise.all(['leaflet.css', 'live_map.css'].map((name) => new Promise((resolve) => {
    const link = node('link', { rel: 'stylesheet', href: new URL(name, import.meta.url).href, 'data-live': name });
    link.addEventListener('load', resolve);
    link.addEventListener('error', resolve);
    place.appendChild(link);
  })));
}

const NS = 'http://www.w3.org/2000/svg';
function patterns() {
  const make = (tag, attributes, children) => {
    const element = document.createElementNS(NS, tag);
    Object.entries(attributes).forEach(([k, v]) => element.setAttribute(k, v));
    (children || []).forEach((c) => element.appendChild(c));
    return element;
  };
  return make('svg', { class: 'defs', 'aria-hidden': 'true', focusable: 'false' }, [make('defs', {}, [
    make('pattern', { id: 'live-hatch', width: 8, height: 8, patternUnits: 'userSpaceOnUse' }, [
      make('path', { d: 'M0 0h8v8H0z', fill: '#eef0f2' }), make('path', { d: 'M-2 2l4-4M0 8l8-8M6 10l4-4', stroke: '#a9b1b8', 'stroke-width': 1.8 })]),
    make('pattern', { id: 'live-area', width: 6, height: 6, patternUnits: 'userSpaceOnUse' }, [
      make('path', { d: 'M0 0h6v6H0z', fill: '#c98ab9', 'fill-opacity': 0.35 }), make('path', { d: 'M-1 1l2-2M0 6l6-6M5 7l2-2', stroke: '#8d3a7b', 'stroke-width': 1.3 })]),
  ])]);
}

async function documents(side, data) {
  const query = `lang=${data.lang}`;
  const [base, outlines, sites] = await Promise.all([
    fetchJson(`${side.base}/base.json?${query}`),
    fetchJson(`${side.base}/layers.json?${query}`),
    fetchJson(`${side.base}/sites.json?${query}${data.plans ? '&plans=1' : ''}`),
  ]);
  return { base, outlines, sites };
}

/* data: lang, plans, challenges, sides: [{base, year, title, newly}], words (of an error before any document is here). */
async function build(place, data, wanted) {
  const host = place.querySelector('.live-map-place') || place;
  await styles(place);
  let found;
  try {
    found = await Promise.all(data.sides.map((side) => documents(side, data)));
  } catch (error) {
    host.replaceChildren(node('p', { role: 'alert', class: 'live-problem', text: error.told ? error.told.message || error.told.ja : data.problem }));
    return () => host.replaceChildren();
  }
  if (!wanted()) return () => {};
  const doc = found[0].base;
  const words = speaker(doc.texts, data.lang);
  const two = data.sides.length > 1;
  const root = node('div', { class: two ? 'live two' : 'live', lang: data.lang });
  host.replaceChildren(root);
  root.appendChild(patterns());

  const told = node('p', { class: 'told', role: 'status', 'aria-live': 'polite' });
  const answer = node('div', { class: 'answers' }, [node('p', { class: 'hint', text: words.say('point.hint') })]);
  const below = node('div', { class: 'below' });
  const problem = node('p', { class: 'note warn', role: 'status' });
  problem.hidden = true;

  /* ---------- maps ---------- */
  const boxes = data.sides.map((side, i) => node('div', { class: 'mapbox' }, [
    two ? node('h3', { class: 'caption', text: side.title }) : null,
    node('div', {
      class: 'map', tabindex: '0', role: 'application',
      'aria-label': words.say(two ? 'map.label_side' : 'map.label', { side: side.title || '', region: found[i].base.region }),
      'aria-describedby': 'live-keys',
    }),
    node('span', { class: 'cross', 'aria-hidden': 'true' }),
    node('span', { class: 'busy', role: 'status' }),
  ]));
  const views = [];
  let newest = 0;

  async function ask(latlng) {
    newest += 1;
    const mine = newest;
    const at = { lat: latlng.lat, lon: latlng.lng };
    views.forEach((view) => view.point([at.lat, at.lon], null));
    told.textContent = words.say('point.asking');
    showTab('point');
    let facts;
    try {
      facts = await Promise.all(views.map((view, i) => askPoint(data.sides[i].base, {
        ...at, year: found[i].base.years[view.state.year], operator: view.state.operator, plans: data.plans,
      })));
    } catch (error) {
      if (mine !== newest) return;
      told.textContent = '';
      answer.replaceChildren(node('p', { class: 'note warn', role: 'alert', text: error.told ? words.both(error.told) : words.say('point.failed') }));
      return;
    }
    if (mine !== newest) return;
    answer.replaceChildren(...facts.map((one, i) => {
      const block = pointBlock(one, found[i].base, words, views[i], { challenges: data.challenges });
      if (two) block.prepend(node('p', { class: 'side-name', text: data.sides[i].title }));
      return block;
    }));
    below.replaceChildren();
    facts.forEach((one, i) => {
      views[i].point([at.lat, at.lon], one.server && known(one.server.lat) ? [one.server.lat, one.server.lon] : null);
      if (one.section && (!two || i === facts.length - 1)) {
        const block = sectionBlock(one, words, views[i].operatorOf, () => { block.remove(); boxes[i].querySelector('.map').focus(); });
        below.appendChild(block);
      }
    });
    told.textContent = words.say('point.told', { lat: words.number(at.lat, 4), lon: words.number(at.lon, 4), signal: signalWords(facts[0].signal, doc, words) });
    root.dataset.asked = `${at.lat.toFixed(5)},${at.lon.toFixed(5)}`;
  }

  function show(block) {
    newest += 1;
    answer.replaceChildren(block);
    below.replaceChildren();
    showTab('point');
    const heading = block.querySelector('h3');
    told.textContent = heading ? heading.textContent : '';
  }

  data.sides.forEach((side, i) => {
    const view = mapView(boxes[i].querySelector('.map'), side.base, found[i].base, found[i].outlines, found[i].sites, {
      say: words.say,
      click: ask,
      site: (site) => show(siteBlock(site, found[i].sites.verdicts, found[i].base, words, view, null)),
      busy: (on) => { boxes[i].querySelector('.busy').textContent = on ? words.say('map.busy') : ''; },
      problem: (what) => { problem.hidden = false; problem.textContent = words.say(`side.problem_${what}`); },
    });
    if (known(side.year)) view.state.year = Math.max(0, found[i].base.years.indexOf(side.year));
    view.setNewly(side.newly || null);
    view.setPlanned(side.planned || []);
    views.push(view);
  });
  const lead = views[0];
  if (two) linked(views);

  /* ---------- panel ---------- */
  const legendBox = node('div', {});
  const figures = node('div', { class: 'figures' });
  const tabs = {};
  const panels = {};
  function tab(name, label, children) {
    tabs[name] = node('button', {
      type: 'button', role: 'tab', id: `live-tab-${name}`, 'aria-controls': `live-panel-${name}`, text: label,
      onclick: () => showTab(name), onkeydown: (event) => {
        if (event.key !== 'ArrowRight' && event.key !== 'ArrowLeft') return;
        const other = name === 'point' ? 'layers' : 'point';
        showTab(other);
        tabs[other].focus();
      },
    });
    panels[name] = node('div', { role: 'tabpanel', id: `live-panel-${name}`, 'aria-labelledby': `live-tab-${name}`, tabindex: '0' }, children);
  }
  function showTab(name) {
    Object.keys(tabs).forEach((one) => {
      tabs[one].setAttribute('aria-selected', one === name ? 'true' : 'false');
      tabs[one].tabIndex = one === name ? 0 : -1;
      panels[one].hidden = one !== name;
    });
  }
  tab('point', words.say('side.point'), [told, answer]);
  tab('layers', words.say('side.layers'), [
    controls(doc, words, views, data, refresh), problem, node('h3', { text: words.say('legend.title') }), legendBox,
    node('h3', { text: words.say('sources') }), node('ul', { class: 'sources' }, [...doc.credits, ...doc.model].map((text) => node('li', { text }))),
  ]);

  /* By status, so that the number in service is the one of the table below. */
  function siteCounts(counts) {
    const told = Object.entries(counts).filter(([name, n]) => n || name === 'on')
      .map(([name, n]) => `${words.say(`status.${name}`)} ${words.say('unit.sites', { n: words.whole(n) })}`);
    return told.join(' / ');
  }

  function headline() {
    const v = lead.valuesOf(doc.regionCode) || {};
    const all = doc.places[doc.regionCode].by.any[lead.state.year];
    const figure = (label, value, kind) => node('div', { class: `figure ${kind || ''}` }, [node('span', { text: label }), node('strong', { text: value })]);
    const computable = doc.computable[lead.state.operator];
    const suffix = doc.estimated ? words.say('estimated.suffix') : '';
    figures.replaceChildren(...[
      figure(words.say('headline.year'), doc.yearLabels[lead.state.year]),
      computable ? figure(words.say('headline.unserved') + suffix, words.people(v.unserved), 'main') : figure(words.say('headline.unserved'), words.say('not_computable.full'), 'warn'),
      computable ? figure(words.say('headline.coverage'), words.percent(v.coverage))
        : figure(words.say('headline.register'), `${words.say('unit.districts', { n: all.registered })}・${words.people(all.register_people)}`),
      figure(words.say('headline.sites'), siteCounts(lead.shownSites()), 'minor'),
    ]);
  }

  async function refresh() {
    problem.hidden = true;
    if (!two) headline();
    legendBox.replaceChildren(legend(doc, words, lead, { plans: data.plans, newly: data.sides.some((side) => side.newly) }));
    root.dataset.year = String(doc.years[lead.state.year]);
    root.dataset.operator = lead.state.operator;
    root.dataset.surface = lead.state.surface;
    await Promise.all(views.map((view) => view.redraw()));
  }

  /* ---------- search and focus ---------- */
  function chosen(item) {
    if (item.kind === 'municipality') {
      lead.focusPlace(item.code);
      focus.value = item.code;
      show(placeBlock(item.code, doc, words, lead));
    } else if (item.kind === 'mesh') {
      const [west, south, east, north] = item.bounds;
      lead.outline([[south, west], [north, east]]);
      lead.fit([[south, west], [north, east]]);
      told.textContent = item.name;
    } else {
      lead.go([item.lat, item.lon], item.kind === 'town' ? 13 : 14);
      const site = item.kind === 'site' ? found[0].sites.sites.find((one) => one.id === item.id) : null;
      if (site) show(siteBlock(site, found[0].sites.verdicts, doc, words, lead, null));
      else ask({ lat: item.lat, lng: item.lon });
    }
  }
  const byCode = Object.values(doc.places).filter((one) => one.code !== doc.regionCode).sort((a, b) => (a.code < b.code ? -1 : 1));
  const focus = node('select', { id: 'live-focus', onchange: () => {
    if (focus.value === doc.regionCode) { lead.whole(); show(placeBlock(doc.regionCode, doc, words, lead)); return; }
    lead.focusPlace(focus.value);
    show(placeBlock(focus.value, doc, words, lead));
  } }, [
    node('option', { value: doc.regionCode, text: words.say('focus.all', { region: doc.region }) }),
    ...byCode.map((one) => node('option', { value: one.code, text: one.name })),
  ]);
  const bar = node('div', { class: 'bar' }, [
    search(data.sides[0].base, { lang: data.lang, ...(data.plans ? { plans: '1' } : {}) }, words, chosen),
    node('div', { class: 'focus' }, [node('label', { for: 'live-focus', text: words.say('focus.label') }), focus]),
    two ? null : figures,
  ]);

  /* ---------- years ---------- */
  let years = null;
  if (!two) {
    years = timeline(doc, words, lead.state.year, (index) => { lead.state.year = index; refresh(); });
  }
  root.append(
    bar,
    node('div', { class: 'desk' }, [
      node('div', { class: 'stage' }, [node('div', { class: 'maps' }, boxes), years ? years.element : null]),
      node('aside', { class: 'side', 'aria-label': words.say('side.label') }, [
        node('div', { class: 'tabs', role: 'tablist', 'aria-label': words.say('side.label') }, [tabs.point, tabs.layers]), panels.point, panels.layers,
      ]),
    ]),
    node('p', { class: 'keys-help', id: 'live-keys', text: words.say('map.keys') }),
    below,
  );
  showTab(two ? 'layers' : 'point');
  views.forEach((view) => view.resized());
  lead.whole();
  await refresh();

  if (data.challenges) {
    fetchJson(`${data.sides[0].base}/challenges.json?lang=${data.lang}`).then((open) => {
      views.forEach((view) => view.setChallenges(open.challenges, words.say('challenge.letter'), (item) => show(challengeBlock(item, words))));
    }, () => { problem.hidden = false; problem.textContent = words.say('side.problem_challenges'); });
  }
  const watcher = new ResizeObserver(() => views.forEach((view) => view.resized()));
  boxes.forEach((box) => watcher.observe(box));
  root.dataset.ready = 'yes';
  return () => {
    watcher.disconnect();
    if (years) years.stop();
    views.forEach((view) => view.close());
    host.replaceChildren();
  };
}
