/* What is known about a place: a point that was asked, a site, a municipality, an open challenge. */
import { facts, fetchJson, known, node, sheet } from './words.js';
import { siteLayer } from './map_sites.js';

function chip(colour) {
  const element = node('span', { class: 'chip', 'aria-hidden': 'true' });
  element.style.backgroundColor = colour;
  return element;
}

export function askPoint(address, { lat, lon, year, operator, plans }) {
  const query = new URLSearchParams({ lat: lat.toFixed(6), lon: lon.toFixed(6), fy: String(year), operator, ...(plans ? { plans: '1' } : {}) });
  return fetchJson(`${address}/point.json?${query}`);
}

/* Signal in words: level with class, or why there is none. */
export function signalWords(signal, doc, words) {
  if (signal.state === 'no-data') return words.say('point.no_data');
  if (signal.state === 'outside-region') return words.say('point.outside_region');
  if (signal.state === 'outside-grid') return words.say('point.outside_grid');
  const name = signal.class === null ? '' : doc.classes[signal.class].name;
  if (signal.state === 'out-of-range') return words.say('point.out_of_range');
  if (signal.level_dbm === null) return name;
  return words.say('point.level', { level: words.number(signal.level_dbm, 1), name });
}

export function pointBlock(found, doc, words, view, options) {
  const operatorName = (id) => view.operatorOf(id).name;
  const signal = found.signal;
  const served = known(signal.level_dbm) && signal.level_dbm >= found.edge_dbm;
  const strong = node('span', {}, [
    signal.class !== null ? chip(doc.classes[signal.class].colour) : null,
    node('strong', { text: signalWords(signal, doc, words) }),
  ]);
  const rows = [
    [words.say('point.year'), doc.yearLabels[doc.years.indexOf(found.fiscal_year)]],
    [words.say('point.signal'), strong],
  ];
  if (found.server) {
    rows.push([words.say('point.server'), words.say('point.server_value', {
      name: found.server.name || found.server.site_id, operator: operatorName(found.server.operator),
      distance: known(found.server.distance_km) ? words.number(found.server.distance_km, 2) : '—',
    })]);
  }
  rows.push([words.say('point.municipality'), found.municipality ? found.municipality.name : words.say('point.no_municipality')]);
  if (found.people.known) {
    const size = words.say(`point.mesh_${found.people.digits}`);
    rows.push([words.say('point.people', { size }), words.people(found.people.people) + (found.people.estimated ? words.say('estimated.suffix') : '')]);
    if (known(found.people.households)) rows.push([words.say('point.households'), words.say('unit.households', { n: words.whole(found.people.households) })]);
  } else {
    rows.push([words.say('point.people', { size: words.say('point.mesh_any') }), words.both(found.people.problem)]);
  }
  Object.entries(found.mesh).filter(([digits]) => digits !== '11').forEach(([digits, code]) => {
    rows.push([words.say('point.mesh', { size: words.say(`point.mesh_${digits}`) }), code]);
  });
  rows.push([words.say('point.areas'), found.areas.length
    ? found.areas.map((a) => words.say('point.area_value', { name: a.nearest_settlement || a.area_id, people: words.people(a.people) })).join(words.say('section.comma'))
    : found.computable ? words.say('point.no_area') : words.say('not_computable.short')]);
  rows.push([words.say('point.districts'), found.districts.length
    ? found.districts.map((d) => words.say('point.district_value', { name: d.name, people: words.people(d.population) })).join(words.say('section.comma'))
    : words.say('point.no_district')]);
  const own = sheet(words.say('point.by_operator'), [words.say('point.operator'), words.say('point.signal')],
    found.by_operator.map((o) => [operatorName(o.operator), signalWords(o, doc, words)]));
  const children = [
    node('h3', { text: words.say('point.title', { lat: words.number(found.lat, 5), lon: words.number(found.lon, 5) }), tabindex: '-1' }),
    facts(rows),
  ];
  if (!found.computable && !served) children.push(node('p', { class: 'note warn', text: `${words.say('not_computable.full')} ${words.both(found.reason)}` }));
  if (found.section_problem) children.push(node('p', { class: 'note warn', text: words.both(found.section_problem) }));
  children.push(own);
  const published = found.by_operator.filter((o) => view.operatorOf(o.operator).published).map((o) => operatorName(o.operator));
  if (published.length) {
    children.push(node('p', { class: 'note', text: words.say('point.published', { names: published.join(words.say('section.comma')), edge: words.number(found.edge_dbm, 0) }) }));
  }
  if (found.others.length) {
    children.push(sheet(words.say('point.others'), [words.say('point.site'), words.say('point.signal'), words.say('point.reaches')],
      found.others.map((o) => [
        words.say(o.planned ? 'point.other_planned' : 'point.other', { name: o.name || o.site_id, operator: operatorName(o.operator), distance: words.number(o.distance_km, 1) }),
        words.dbm(o.level_dbm),
        words.say(o.serves ? 'point.serves' : 'point.serves_not'),
      ]), [1]));
    children.push(node('p', { class: 'note', text: words.say('point.others_note', { edge: words.number(found.edge_dbm, 0) }) }));
  }
  if (options.challenges) {
    const query = new URLSearchParams({ lat: found.lat.toFixed(6), lon: found.lon.toFixed(6), ...(words.lang === 'en' ? { lang: 'en' } : {}) });
    children.push(node('p', {}, [node('a', { href: `/challenges?${query}`, class: 'file', text: words.say('point.challenge') })]));
  }
  return node('div', { class: 'answer' }, children);
}

export function siteBlock(site, verdicts, doc, words, view, sign) {
  const place = doc.places[site.code];
  const rows = [
    [words.say('popup.site_id'), site.id],
    [words.say('popup.municipality'), place ? place.name : site.code],
    [words.say('popup.status'), site.status],
    ...site.operators.map((o) => [view.operatorOf(o.id).name, o.since ? words.say('popup.since', { date: o.since }) : words.say('popup.not_on_air')]),
    [words.say('popup.height'), known(site.height) ? `${site.height} m` : ''],
    [words.say('popup.planned'), site.planned || ''],
    [words.say('popup.counted'), known(site.counted) ? words.say('popup.counted_in', { year: site.countedLabel }) : ''],
  ];
  return node('div', { class: 'answer' }, [
    node('h3', { tabindex: '-1' }, [sign ? siteLayer.swatch(sign) : null, node('span', { text: site.name || site.id })]),
    facts(rows),
    node('p', { class: 'note', text: verdicts[site.verdict] || '' }),
  ]);
}

export function placeBlock(code, doc, words, view) {
  const place = doc.places[code];
  const v = view.valuesOf(code) || {};
  const all = place.by.any[view.state.year] || {};
  const computable = doc.computable[view.state.operator];
  const suffix = doc.estimated ? words.say('estimated.suffix') : '';
  const none = words.say('not_computable.short');
  return node('div', { class: 'answer' }, [
    node('h3', { text: place.name, tabindex: '-1' }),
    facts([
      [words.say('popup.year'), doc.yearLabels[view.state.year]],
      [words.say('popup.operator'), view.state.operator === 'any' ? words.say('operator.any') : view.operatorOf(view.state.operator).name],
      [words.say('popup.population'), words.people(v.population) + suffix],
      [words.say('popup.unserved'), computable ? words.people(v.unserved) + suffix : none],
      [words.say('popup.coverage'), computable ? words.percent(v.coverage) : none],
      computable && known(v.unserved_km2) ? [words.say('popup.unserved_area'), `${words.number(v.unserved_km2, 1)} km²`] : null,
      computable && known(v.shelters) ? [words.say('popup.shelters'), `${words.whole(v.unserved_shelters)} / ${words.whole(v.shelters)}`] : null,
      known(all.registered) ? [words.say('popup.registered'), `${words.say('unit.districts', { n: all.registered })}・${words.people(all.register_people)}`] : null,
      known(v.sites) ? [words.say('popup.sites'), words.say('unit.sites', { n: words.whole(v.sites) })] : null,
    ]),
    computable ? null : node('p', { class: 'note warn', text: doc.reason }),
  ]);
}

export function challengeBlock(item, words) {
  return node('div', { class: 'answer' }, [
    node('h3', { text: words.say('challenge.title', { id: item.id }), tabindex: '-1' }),
    facts([
      [words.say('popup.municipality'), item.municipality || ''],
      [words.say('challenge.district'), item.district || ''],
      [words.say('popup.operator'), item.operator || ''],
      [words.say('challenge.observed'), item.observed_on || ''],
      [words.say('challenge.note'), item.note || ''],
    ]),
    node('p', {}, [node('a', { href: `/challenges?${new URLSearchParams({ challenge: item.id, ...(words.lang === 'en' ? { lang: 'en' } : {}) })}`, class: 'file', text: words.say('challenge.open') })]),
  ]);
}
